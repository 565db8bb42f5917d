use std::time::Duration;

use super::*;

#[test]
fn a_packet_that_cannot_be_sent_does_not_hold_up_the_others() {
    let timeout = Some(Duration::from_secs(10));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(timeout).unwrap();
    let server = socket.local_addr().unwrap();
    let mut batch = Batch::new(socket).unwrap();
    let clients: Vec<_> = (0..10)
        .map(|_| UdpSocket::bind("127.0.0.1:0").unwrap())
        .collect();
    for (number, client) in clients.iter().enumerate() {
        client.send_to(&[number as u8], server).unwrap();
    }
    let mut seen = 0;
    while seen < clients.len() {
        let count = batch.receive(true).unwrap();
        for index in 0..count {
            // As if it had come from port 0, to which nothing can be sent.
            if batch.queries[index * QUERY].is_multiple_of(3) {
                batch.addresses[index].v4.sin_port = 0;
            }
        }
        batch.answer(|query, _, out| {
            out[0] = query[0];
            Some(1)
        });
        seen += count;
    }
    for (number, client) in clients.iter().enumerate() {
        client.set_read_timeout(timeout).unwrap();
        if number % 3 != 0 {
            assert_eq!(client.recv(&mut [0; 1]).unwrap(), 1, "{number}");
        }
    }
}

#[test]
fn a_response_too_large_for_the_network_goes_in_fragments() {
    let timeout = Some(Duration::from_secs(10));
    let Ok(socket) = UdpSocket::bind("[::1]:0") else {
        eprintln!("passed over: this machine has no IPv6");
        return;
    };
    socket.set_read_timeout(timeout).unwrap();
    // As if the network at hand took no more.
    let mtu = SocketOption {
        level: libc::IPPROTO_IPV6,
        name: libc::IPV6_MTU,
    };
    mtu.set(&socket, 1_280).unwrap();
    let server = socket.local_addr().unwrap();
    let mut batch = Batch::new(socket).unwrap();
    let client = UdpSocket::bind("[::1]:0").unwrap();
    client.set_read_timeout(timeout).unwrap();
    for (length, fragments) in [(1_232, false), (1_233, true), (4_000, true), (9, true)] {
        client.send_to(&[7], server).unwrap();
        assert_eq!(batch.receive(true).unwrap(), 1);
        batch.answer(|_, _, _| Some(length));
        assert_eq!(client.recv(&mut [0; 5_000]).unwrap(), length);
        assert_eq!(batch.fragments, fragments, "{length}");
    }
}
