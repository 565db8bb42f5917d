//! Timers and caps.

use std::time::Duration;

use perigee_server::{Limits, ServerConfig};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::sleep,
};

use crate::support::{BIG, SHORT, http2, listen, request, soon, start, start_with};

#[tokio::test]
async fn a_head_that_comes_too_slowly_is_cut() {
    let it = start(Limits {
        head_timeout: SHORT,
        ..Limits::default()
    })
    .await;
    for beginning in ["P", "GET / HTTP/1.1\r\nhost: a.exa", "PRI * HTTP/2.0\r\n"] {
        let mut client = it.connect().await;
        client.send(beginning).await;
        assert!(client.is_closed().await, "{beginning:?}");
    }
    it.wait_for_connections(0).await;
}

#[tokio::test]
async fn a_trickle_does_not_extend_the_time_for_a_head() {
    let it = start(Limits {
        head_timeout: SHORT,
        ..Limits::default()
    })
    .await;
    let mut client = it.connect().await;
    client.get("/").await;
    client.read_until("cl=0").await;
    let trickle = async {
        while client.0.write_all(b"G").await.is_ok() && client.0.try_read(&mut [0]).is_err() {
            sleep(SHORT / 10).await;
        }
    };
    soon(trickle).await;
}

#[tokio::test]
async fn the_time_for_a_head_does_not_count_between_requests() {
    let it = start(Limits {
        head_timeout: SHORT,
        ..Limits::default()
    })
    .await;
    let mut client = it.connect().await;
    for _ in 0..2 {
        client.get("/").await;
        client.read_until("cl=0").await;
        sleep(SHORT * 2).await;
    }
    client.get("/").await;
    client.read_until("cl=0").await;
}

#[tokio::test]
async fn a_silent_connection_is_closed_before_and_after_requests() {
    let it = start(Limits {
        idle_timeout: SHORT,
        ..Limits::default()
    })
    .await;
    let mut silent = it.connect().await;
    assert!(silent.is_closed().await);

    let mut kept = it.connect().await;
    kept.get("/").await;
    kept.read_until("cl=0").await;
    assert!(kept.is_closed().await);

    let io = it.connect().await.0;
    let (mut send, connection) = http2(io).await;
    soon(send.send_request(request("http://a.example/")))
        .await
        .unwrap();
    soon(connection).await.unwrap().unwrap();
    drop((silent, kept));
    it.wait_for_connections(0).await;
}

#[tokio::test]
async fn a_connection_in_use_is_not_idle() {
    let it = start(Limits {
        idle_timeout: SHORT,
        ..Limits::default()
    })
    .await;
    let mut client = it.connect().await;
    client.get("/held").await;
    let (mut send, _connection) = http2(it.connect().await.0).await;
    let held = tokio::spawn(send.send_request(request("http://a.example/held")));
    it.wait_for_held(2).await;
    sleep(SHORT * 3).await;
    it.paths.release.add_permits(2);
    assert!(client.read_until("0\r\n\r\n").await.contains("second"));
    assert!(soon(held).await.unwrap().is_ok());
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let it = start(Limits {
        write_timeout: SHORT,
        ..Limits::default()
    })
    .await;
    let mut client = it.connect().await;
    client.get("/big").await;
    it.wait_for_connections(1).await;
    it.wait_for_connections(0).await;
    let mut received = Vec::new();
    let end = soon(client.0.read_to_end(&mut received)).await;
    assert!(
        end.is_err() || received.len() < BIG,
        "it did not get everything"
    );
}

#[tokio::test]
async fn a_stream_that_is_not_read_is_cut() {
    let it = start(Limits {
        write_timeout: SHORT,
        ..Limits::default()
    })
    .await;
    let (mut send, connection) = http2(it.connect().await.0).await;
    // The client's window fills up, while its connection goes on being read.
    let _response = soon(send.send_request(request("http://a.example/big")))
        .await
        .unwrap();
    let _ = soon(connection).await;
    it.wait_for_connections(0).await;
}

#[tokio::test]
async fn a_slow_reader_gets_everything() {
    let it = start(Limits {
        write_timeout: SHORT,
        idle_timeout: SHORT,
        ..Limits::default()
    })
    .await;
    let mut client = it.connect().await;
    client.get("/big").await;
    let mut received = 0;
    let mut piece = vec![0; 4 << 20];
    while received < BIG {
        let length = soon(client.0.read(&mut piece)).await.unwrap();
        assert!(length > 0, "closed after {received} bytes");
        received += length;
        sleep(SHORT / 30).await;
    }
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_cut() {
    let it = start(Limits {
        request_timeout: SHORT,
        ..Limits::default()
    })
    .await;
    for path in ["/never", "/endless"] {
        let mut client = it.connect().await;
        client.get(path).await;
        let end = client.read_to_end().await.unwrap_or_default();
        assert!(!end.ends_with("\r\n0\r\n\r\n"), "{path}: {end}");

        let (mut send, _connection) = http2(it.connect().await.0).await;
        let uri = format!("http://a.example{path}");
        let failed = match soon(send.send_request(request(&uri))).await {
            Ok(response) => crate::support::text(response).await.is_err(),
            Err(_) => true,
        };
        assert!(failed, "{path}");
        let other = soon(send.send_request(request("http://a.example/"))).await;
        assert!(other.is_ok(), "only the stream is reset: {other:?}");
    }
}

#[tokio::test]
async fn more_connections_than_allowed_wait_until_one_is_closed() {
    let it = start(Limits {
        max_connections: 2,
        ..Limits::default()
    })
    .await;
    let mut first = it.connect().await;
    let mut second = it.connect().await;
    for client in [&mut first, &mut second] {
        client.get("/").await;
        client.read_until("cl=0").await;
    }
    let mut third = it.connect().await;
    third.get("/").await;
    let answer = tokio::time::timeout(SHORT, third.0.readable()).await;
    assert!(answer.is_err(), "it is not served yet");
    assert_eq!(it.server.connections(), 2);
    drop(first);
    third.read_until("cl=0").await;

    it.server.reload(
        None,
        None,
        Limits {
            max_connections: 3,
            ..Limits::default()
        },
    );
    let mut fourth = it.connect().await;
    fourth.get("/").await;
    fourth.read_until("cl=0").await;
    assert_eq!(it.server.connections(), 3);
}

#[tokio::test]
async fn one_client_cannot_take_more_than_its_share() {
    let it = start(Limits {
        max_connections_per_client: 1,
        ..Limits::default()
    })
    .await;
    let mut first = it.connect().await;
    first.get("/").await;
    first.read_until("cl=0").await;
    assert!(it.connect().await.is_closed().await);
    assert_eq!(it.server.stats().refused, 1);

    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = crate::support::Raw(socket.connect(it.address).await.unwrap());
    other.get("/").await;
    other.read_until("cl=0").await;

    drop(first);
    it.wait_for_connections(1).await;
    let mut again = it.connect().await;
    again.get("/").await;
    again.read_until("cl=0").await;
}

#[tokio::test]
async fn each_of_several_listeners_gets_connections_when_places_are_few() {
    let it = start_with(ServerConfig {
        gauge: None,
        pages: None,
        http: vec![listen().await, listen().await],
        private: Vec::new(),
        private_tls: None,
        https: Vec::new(),
        certs: None,
        limits: Limits {
            max_connections: 1,
            ..Limits::default()
        },
    });
    for address in it.server.addresses() {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let mut client = crate::support::Raw(stream);
        client.get("/").await;
        client.read_until("cl=0").await;
    }
}

#[tokio::test]
async fn limits_of_zero_seconds_kill_nothing_but_their_connections() {
    let zero = Duration::ZERO;
    let it = start(Limits {
        idle_timeout: zero,
        head_timeout: zero,
        ..Limits::default()
    })
    .await;
    assert!(it.connect().await.is_closed().await);
    it.server.reload(None, None, Limits::default());
    let mut client = it.connect().await;
    client.get("/").await;
    client.read_until("cl=0").await;
}
