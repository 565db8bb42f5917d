//! Many queries, slow ones and none, over TCP.

use super::*;

#[tokio::test]
async fn tcp_takes_several_queries_on_one_connection() {
    let geodns = start(fixture::config());
    let mut stream = TcpStream::connect(server(&geodns)).await.unwrap();
    let mut pipelined = Vec::new();
    for id in 0..3 {
        let mut packet = packet(1, None);
        packet[0] = id;
        pipelined.extend(u16::try_from(packet.len()).unwrap().to_be_bytes());
        pipelined.extend(packet);
    }
    stream.write_all(&pipelined).await.unwrap();
    for id in 0..3 {
        let length = timeout(PATIENCE, stream.read_u16()).await.unwrap().unwrap();
        let mut wire = vec![0; usize::from(length)];
        stream.read_exact(&mut wire).await.unwrap();
        assert_eq!(wire[0], id);
        assert_eq!(Message::from_vec(&wire).unwrap().answers.len(), 2);
    }
}

#[tokio::test]
async fn tcp_connections_over_the_limit_wait_for_their_turn() {
    let mut config = fixture::config();
    config.limits.max_tcp_connections = 2;
    // The idle time is shorter while all are taken.
    config.limits.tcp_idle_timeout = PATIENCE * 20;
    let geodns = start(config);
    let (mut first, mut second) = (connect(&geodns).await, connect(&geodns).await);
    assert_eq!(over(&mut first).await.answers.len(), 2);
    assert_eq!(over(&mut second).await.answers.len(), 2);
    let mut third = connect(&geodns).await;
    let early = timeout(Duration::from_millis(100), over(&mut third)).await;
    assert!(early.is_err(), "{early:?}");
    drop(first);
    let answered = timeout(PATIENCE, third.read_u16()).await.unwrap();
    assert!(answered.is_ok_and(|length| length > 12));
    // The one that was let in before goes on.
    assert_eq!(over(&mut second).await.answers.len(), 2);
}

/// More than is read or written in one piece, from a client that does not read before it has written
/// all.
#[tokio::test]
async fn tcp_answers_a_flood_of_pipelined_queries() {
    const COUNT: usize = 20_000;
    let geodns = start(fixture::config());
    let stream = connect(&geodns).await;
    let (mut read, mut write) = stream.into_split();
    let asking = tokio::spawn(async move {
        let mut all = Vec::new();
        for id in 0..COUNT {
            let mut packet = packet(1, None);
            packet[..2].copy_from_slice(&(id as u16).to_be_bytes());
            all.extend(u16::try_from(packet.len()).unwrap().to_be_bytes());
            all.extend(packet);
        }
        // In pieces that do not end where messages do.
        for piece in all.chunks(7_919) {
            write.write_all(piece).await.unwrap();
        }
        write
    });
    let mut wire = Vec::new();
    for id in 0..COUNT {
        let length = timeout(PATIENCE, read.read_u16()).await.unwrap().unwrap();
        wire.resize(length.into(), 0);
        read.read_exact(&mut wire).await.unwrap();
        assert_eq!(wire[..2], (id as u16).to_be_bytes());
    }
    drop(asking.await.unwrap());
}

/// Somebody who sends as fast as it is answered keeps neither others waiting nor the server from ending.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_without_end_over_tcp_leaves_others_their_turn() {
    let mut config = fixture::config();
    config.limits.tcp_threads = 1;
    let geodns = start(config);
    let flood = std::net::TcpStream::connect(server(&geodns)).unwrap();
    let (mut reads, mut writes) = (flood.try_clone().unwrap(), flood);
    let query = [&[0, 33][..], &packet(1, None)].concat().repeat(2_000);
    let writing =
        std::thread::spawn(
            move || {
                while std::io::Write::write_all(&mut writes, &query).is_ok() {}
            },
        );
    let mut buffer = vec![0; 1 << 20];
    let reading = std::thread::spawn(move || {
        while std::io::Read::read(&mut reads, &mut buffer).is_ok_and(|n| n > 0) {}
    });
    for _ in 0..20 {
        let mut stream = connect(&geodns).await;
        let answered = timeout(PATIENCE, over(&mut stream)).await;
        assert_eq!(answered.unwrap().answers.len(), 2);
    }
    timeout(PATIENCE, geodns.shutdown()).await.unwrap();
    writing.join().unwrap();
    reading.join().unwrap();
}

/// RFC 7766 section 8: the length and the message may come in any pieces.
#[tokio::test]
async fn a_query_over_tcp_may_come_octet_by_octet() {
    let geodns = start(fixture::config());
    let mut stream = connect(&geodns).await;
    stream.set_nodelay(true).unwrap();
    let query = [&[0, 33][..], &packet(1, None)].concat();
    for octet in &query[..query.len() - 1] {
        stream.write_all(&[*octet]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert!(stream.try_read(&mut [0; 1]).is_err());
    stream.write_all(&query[query.len() - 1..]).await.unwrap();
    let length = timeout(PATIENCE, stream.read_u16()).await.unwrap();
    assert!(length.unwrap() > 12);
}

#[tokio::test]
async fn a_client_has_no_more_tcp_connections_than_it_may() {
    let mut config = fixture::config();
    config.limits.max_tcp_connections_per_client = 2;
    let geodns = start(config);
    let (mut first, mut second) = (connect(&geodns).await, connect(&geodns).await);
    assert_eq!(over(&mut first).await.answers.len(), 2);
    assert_eq!(over(&mut second).await.answers.len(), 2);
    let mut third = connect(&geodns).await;
    let closed = timeout(PATIENCE, third.read(&mut [0; 1])).await.unwrap();
    assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
    // Another client is not concerned, and the first is let in again when one has ended.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.7:0".parse().unwrap()).unwrap();
    let mut other = socket.connect(server(&geodns)).await.unwrap();
    assert_eq!(over(&mut other).await.answers.len(), 2);
    drop(second);
    let again = async {
        loop {
            let mut stream = connect(&geodns).await;
            if exchange_over(&mut stream, &packet(1, None)).await.is_ok() {
                return;
            }
        }
    };
    timeout(PATIENCE, again).await.unwrap();
    assert_eq!(over(&mut first).await.answers.len(), 2);
}

/// Those who hold connections and say nothing make room for those who ask.
#[tokio::test]
async fn connections_that_say_nothing_are_closed_sooner_when_they_are_many() {
    let mut config = fixture::config();
    config.limits.max_tcp_connections = 4;
    config.limits.tcp_idle_timeout = Duration::from_secs(5);
    let geodns = start(config);
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(connect(&geodns).await);
    }
    let mut late = connect(&geodns).await;
    let answered = timeout(PATIENCE * 4, over(&mut late)).await;
    assert_eq!(answered.unwrap().answers.len(), 2);
}

#[tokio::test]
async fn what_is_malformed_over_tcp_is_answered_or_closed() {
    let geodns = start(fixture::config());
    let mut stream = connect(&geodns).await;
    for malformed in [&packet(1, None)[..20], &packet(2, None), &packet(0, None)] {
        let response = exchange_over(&mut stream, malformed).await.unwrap();
        assert_eq!(response.metadata.id, 0xABCD);
        assert_eq!(response.metadata.response_code, ResponseCode::FormErr);
    }
    let mut response = packet(1, None);
    response[2] |= 0x80;
    for silent in [&[][..], &[0xAB], &response] {
        let mut stream = connect(&geodns).await;
        assert!(exchange_over(&mut stream, silent).await.is_err());
    }
    assert_eq!(over(&mut stream).await.answers.len(), 2);
}

#[tokio::test]
async fn a_client_that_takes_no_answers_is_closed() {
    let mut config = many_addresses(200);
    config.limits.tcp_idle_timeout = Duration::from_millis(100);
    let geodns = start(config);
    let mut stream = connect(&geodns).await;
    let query = [&[0, 33][..], &packet(1, None)].concat();
    let endless = async { while stream.write_all(&query).await.is_ok() {} };
    timeout(PATIENCE, endless).await.unwrap();
}

/// Asks the plain query.
async fn over(stream: &mut TcpStream) -> Message {
    exchange_over(stream, &packet(1, None)).await.unwrap()
}

async fn exchange_over(stream: &mut TcpStream, packet: &[u8]) -> std::io::Result<Message> {
    let length = u16::try_from(packet.len()).unwrap();
    let framed = [&length.to_be_bytes(), packet].concat();
    stream.write_all(&framed).await?;
    let length = stream.read_u16().await?;
    let mut wire = vec![0; usize::from(length)];
    stream.read_exact(&mut wire).await?;
    Ok(Message::from_vec(&wire).unwrap())
}

#[tokio::test]
async fn an_idle_tcp_connection_is_closed() {
    let mut config = fixture::config();
    config.limits.tcp_idle_timeout = Duration::from_millis(100);
    let geodns = start(config);
    let mut stream = TcpStream::connect(server(&geodns)).await.unwrap();
    // Half a message is idle, too.
    stream.write_all(&[0, 50, 1]).await.unwrap();
    let mut buffer = [0; 1];
    let closed = timeout(PATIENCE, stream.read(&mut buffer)).await.unwrap();
    assert!(matches!(closed, Ok(0) | Err(_)));
}
