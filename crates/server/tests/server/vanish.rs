//! Clients that are gone before their response is, and those that are too quick for it.

use perigee_server::Limits;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Raw, Running, soon, start, until};

const NEXT: &str = "GET /next HTTP/1.1\r\nhost: a\r\n\r\n";

async fn wait_for_bytes(it: &Running, count: usize) {
    let received = || it.server.stats().bytes_received;
    until(
        || received() == count as u64,
        || format!("{} of {count}", received()),
    )
    .await;
}

fn reset(client: Raw) {
    client.0.set_zero_linger().unwrap();
}

#[tokio::test]
async fn who_resets_the_connection_is_not_waited_for() {
    let mut sent = 0;
    let it = start(Limits::default()).await;
    for behind in ["", NEXT] {
        let mut client = it.connect().await;
        let request = format!("GET /never HTTP/1.1\r\nhost: a\r\n\r\n{behind}");
        client.send(&request).await;
        sent += request.len();
        wait_for_bytes(&it, sent).await;
        reset(client);
        it.wait_for_connections(0).await;
    }
}

#[tokio::test]
async fn who_resets_it_while_a_body_stalls_is_not_waited_for() {
    let it = start(Limits::default()).await;
    let mut client = it.connect().await;
    client.get("/stalled").await;
    client.read_until("the beginning").await;
    it.wait_for_connections(1).await;
    reset(client);
    it.wait_for_connections(0).await;
}

#[tokio::test]
async fn many_pipelined_requests_wait_for_the_one_before_them() {
    let it = start(Limits::default()).await;
    let mut client = it.connect().await;
    client.get("/held").await;
    it.wait_for_held(1).await;
    const COUNT: usize = 8_000;
    let all = NEXT.repeat(COUNT);
    let (mut read, mut write) = client.0.into_split();
    let writer = tokio::spawn(async move {
        write.write_all(all.as_bytes()).await.unwrap();
        write
    });
    it.paths.release.add_permits(1);
    let (mut came, mut piece) = (0, vec![0; 64 << 10]);
    let last = b"cl=0";
    let mut tail = Vec::new();
    while came < COUNT {
        let length = soon(read.read(&mut piece)).await.unwrap();
        assert!(length > 0, "{came} answers");
        tail.extend_from_slice(&piece[..length]);
        came += tail.windows(last.len()).filter(|w| w == last).count();
        tail.drain(..tail.len().saturating_sub(last.len() - 1));
    }
    drop(writer.await.unwrap());
}
