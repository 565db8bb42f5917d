//! No query costs an allocation or waits for a lock: with limits, cookies and counters, too.

use super::{
    wire::{opt, packet, subnet_option},
    *,
};
use crate::{
    asker::{Asker, Transport},
    counting::allocations,
    worker::Worker,
};

#[tokio::test]
async fn a_worker_allocates_nothing() {
    let geodns = start(fixture::config());
    let shared = worker::Shared {
        snapshot: Arc::clone(&geodns.shared.snapshot),
        guard: Arc::clone(&geodns.shared.guard),
        copy: Arc::clone(&geodns.shared.copy),
        metrics: Metrics::register(&mut Registry::default()),
        log: None,
    };
    let cookie = [&[0, 10, 0, 8][..], &[7; 8]].concat();
    let mut queries = vec![
        packet(1, None),
        packet(0, None),
        packet(1, Some(&opt(1, 512, &[]))),
    ];
    for options in [subnet_option(&[0, 1, 24, 0, 10, 49, 7]), cookie] {
        queries.push(packet(1, Some(&opt(0, 1_232, &options))));
    }
    let mut missing = packet(1, None);
    missing[13] = b'x';
    queries.push(missing);
    let mut out = [0; 1_232];
    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
        let asker = Asker {
            address: ([10, 49, 0, 1], 5_353).into(),
            transport,
        };
        let mut worker = Worker::new(shared.clone());
        for round in 0..3 {
            for query in &queries {
                let now = SystemTime::now();
                let (count, length) = allocations(|| worker.respond(query, asker, now, &mut out));
                assert!(length.is_some(), "{transport:?} {query:?}");
                // In the first round the worker takes its room.
                assert!(
                    count == 0 || round == 0,
                    "{transport:?}: {count} for {query:?}"
                );
            }
        }
    }
}
