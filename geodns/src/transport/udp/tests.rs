//! Packets on real sockets.

use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

use super::*;

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(10);

fn bound(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// A client that hears only whom it asks.
fn client(server: SocketAddr) -> UdpSocket {
    let any = if server.is_ipv4() {
        "127.0.0.1:0"
    } else {
        "[::1]:0"
    };
    let client = bound(any);
    client.connect(server).unwrap();
    client
}

fn port(batch: &UdpSocket) -> u16 {
    batch.local_addr().unwrap().port()
}

fn heard(client: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 65_536];
    let length = client.recv(&mut buffer).unwrap();
    buffer.truncate(length);
    buffer
}

/// Answers this many queries with what `respond` makes of them.
fn answer(batch: &mut Batch, mut count: usize, respond: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    while count > 0 {
        count -= batch.receive(true).unwrap();
        batch.answer(|query, _, out| {
            let response = respond(query)?;
            out[..response.len()].copy_from_slice(&response);
            Some(response.len())
        });
    }
}

fn echo(query: &[u8]) -> Option<Vec<u8>> {
    Some(query.to_vec())
}

#[test]
fn who_asks_any_address_of_a_machine_is_answered_from_that_one() {
    let socket = bound("0.0.0.0:0");
    let port = port(&socket);
    let mut batch = Batch::new(socket).unwrap();
    let clients: Vec<_> = (1..=20)
        .map(|host| client((Ipv4Addr::new(127, 0, 0, host), port).into()))
        .collect();
    for _round in 0..3 {
        for (number, client) in clients.iter().enumerate() {
            client.send(&vec![number as u8; number]).unwrap();
        }
        answer(&mut batch, clients.len(), echo);
        for (number, client) in clients.iter().enumerate() {
            assert_eq!(heard(client), vec![number as u8; number]);
        }
    }
}

#[test]
fn the_same_over_ipv6() {
    let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP)).unwrap();
    socket.set_only_v6(true).unwrap();
    let any: SocketAddr = "[::]:0".parse().unwrap();
    if socket.bind(&any.into()).is_err() {
        eprintln!("passed over: this machine has no IPv6");
        return;
    }
    let socket: UdpSocket = socket.into();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let client = client(format!("[::1]:{}", port(&socket)).parse().unwrap());
    let mut batch = Batch::new(socket).unwrap();
    for round in 0..3 {
        client.send(&[round]).unwrap();
        let from = client.local_addr().unwrap();
        batch.receive(true).unwrap();
        batch.answer(|query, address, out| {
            assert_eq!((address.ip(), address.port()), (from.ip(), from.port()));
            out[0] = query[0] + 1;
            Some(1)
        });
        assert_eq!(heard(&client), [round + 1]);
    }
}

#[test]
fn many_packets_each_to_whom_it_is_for() {
    let socket = bound("127.0.0.1:0");
    let server = socket.local_addr().unwrap();
    let mut batch = Batch::new(socket).unwrap();
    let clients: Vec<_> = (0..100).map(|_| client(server)).collect();
    for (number, client) in clients.iter().enumerate() {
        client.send(&[number as u8]).unwrap();
    }
    // Every fifth is not answered.
    answer(&mut batch, clients.len(), |query| {
        (query[0] % 5 != 0).then(|| vec![query[0]; usize::from(query[0])])
    });
    for (number, client) in clients.iter().enumerate() {
        if number % 5 == 0 {
            client.set_nonblocking(true).unwrap();
            assert!(client.recv(&mut [0; 1]).is_err());
        } else {
            assert_eq!(heard(client), vec![number as u8; number]);
        }
    }
}

#[test]
fn the_longest_responses_of_a_batch_are_sent_whole() {
    let socket = bound("127.0.0.1:0");
    let server = socket.local_addr().unwrap();
    let mut batch = Batch::new(socket).unwrap();
    let clients: Vec<_> = (0..10).map(|_| client(server)).collect();
    for (number, client) in clients.iter().enumerate() {
        client.send(&[number as u8]).unwrap();
    }
    answer(&mut batch, clients.len(), |query| {
        Some(vec![query[0]; 65_507])
    });
    for (number, client) in clients.iter().enumerate() {
        let heard = heard(client);
        assert_eq!(heard.len(), 65_507);
        assert!(heard.iter().all(|&octet| octet == number as u8));
    }
}

#[test]
fn a_query_longer_than_any_is_cut_off() {
    let socket = bound("127.0.0.1:0");
    let client = client(socket.local_addr().unwrap());
    let mut batch = Batch::new(socket).unwrap();
    client.send(&[7; 60_000]).unwrap();
    answer(&mut batch, 1, |query| Some(query.len().to_string().into()));
    let length: usize = String::from_utf8(heard(&client)).unwrap().parse().unwrap();
    assert!((4_096..=65_535).contains(&length), "{length}");
    // The next one is whole.
    client.send(&[8; 100]).unwrap();
    answer(&mut batch, 1, echo);
    assert_eq!(heard(&client), [8; 100]);
}

#[test]
fn nothing_to_receive_is_told() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(1)))
        .unwrap();
    let mut batch = Batch::new(socket).unwrap();
    for wait in [true, false] {
        assert!(is_passing(&batch.receive(wait).unwrap_err()));
    }
}

/// Two sockets on a port: what comes after one has left goes to the other.
#[cfg(target_os = "linux")]
#[test]
fn who_leaves_answers_what_it_has_and_leaves_the_rest_to_others() {
    let socket = |address: SocketAddr| -> UdpSocket {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
        socket.set_reuse_port(true).unwrap();
        socket.bind(&address.into()).unwrap();
        socket.into()
    };
    for address in ["127.0.0.1:0", "0.0.0.0:0"] {
        let first = socket(address.parse().unwrap());
        let second = socket(first.local_addr().unwrap());
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port(&first)));
        let clients: Vec<_> = (0..60).map(|_| client(server)).collect();
        let ask = |word: u8| {
            clients
                .iter()
                .for_each(|c| assert_eq!(c.send(&[word]).unwrap(), 1));
        };
        let (mut first, mut second) = (Batch::new(first).unwrap(), Batch::new(second).unwrap());
        let all = |batch: &mut Batch| {
            let mut count = 0;
            while let Ok(more @ 1..) = batch.receive(false) {
                batch.answer(|query, _, out| {
                    out[0] = query[0];
                    Some(1)
                });
                count += more;
            }
            count
        };
        ask(1);
        leave(first.socket()).unwrap();
        ask(2);
        let (by_first, by_second) = (all(&mut first), all(&mut second));
        assert_eq!(by_first + by_second, 120);
        // The kernel has spread the first ones.
        assert!(by_first > 0 && by_second > 60, "{by_first} and {by_second}");
        for client in &clients {
            let mut words = [heard(client), heard(client)];
            words.sort();
            assert_eq!(words, [[1], [2]]);
        }
    }
}
