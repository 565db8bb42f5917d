//! Going away without losing a request.

use std::io::Write;

use perigee_server::{DrainReport, Limits};
use tokio::{net::TcpStream, time::Instant};

use crate::support::{PATIENCE, Raw, SHORT, http2, request, soon, start, text, until};

const CLIENTS: usize = 30;

#[tokio::test]
async fn a_drain_loses_no_request_under_way() {
    let it = start(Limits::default()).await;
    let mut raw = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = it.connect().await;
        client.get("/held").await;
        raw.push(client);
    }
    let (send, connection) = http2(it.connect().await.0).await;
    let streams: Vec<_> = (0..CLIENTS)
        .map(|_| tokio::spawn(send.clone().send_request(request("http://a.example/held"))))
        .collect();
    let mut idle = it.connect().await;
    idle.get("/").await;
    idle.read_until("cl=0").await;
    it.wait_for_held(2 * CLIENTS).await;

    let server = it.server.clone();
    let drain = tokio::spawn(async move { server.drain(PATIENCE).await });
    assert!(
        idle.is_closed().await,
        "an idle connection is closed at once"
    );
    let refused = async { while TcpStream::connect(it.address).await.is_ok() {} };
    soon(refused).await;

    it.paths.release.add_permits(2 * CLIENTS);
    for mut client in raw {
        let response = client.read_to_end().await.unwrap();
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
        assert!(response.contains("connection: close\r\n"), "{response}");
        assert!(response.ends_with("second\r\n0\r\n\r\n"), "{response}");
    }
    for stream in streams {
        let response = soon(stream).await.unwrap().unwrap();
        assert_eq!(text(response).await.unwrap(), "first second");
    }
    soon(connection).await.unwrap().unwrap();
    drop(idle);
    let report = soon(drain).await.unwrap();
    assert_eq!(
        report,
        DrainReport {
            finished: CLIENTS + 2,
            cut: 0
        }
    );
}

#[tokio::test]
async fn a_drain_loses_no_request_that_is_just_coming_in() {
    let it = start(Limits::default()).await;
    let mut halfway = it.connect().await;
    halfway.get("/").await;
    halfway.read_until("cl=0").await;
    let before = it.server.stats().bytes_received;
    let half = "GET /halfway HTTP/1.1\r\n";
    halfway.send(half).await;
    let sent = before + half.len() as u64;
    let mut fresh = it.connect().await;
    it.wait_for_connections(2).await;
    // The first half of the head has to be there, not only sent.
    let there = || it.server.stats().bytes_received == sent;
    until(there, || format!("{:?}", it.server.stats())).await;

    let server = it.server.clone();
    let drain = tokio::spawn(async move { server.drain(PATIENCE).await });
    let refused = async { while TcpStream::connect(it.address).await.is_ok() {} };
    soon(refused).await;
    halfway.send("host: a.example\r\n\r\n").await;
    fresh.get("/fresh").await;
    for (client, path) in [(&mut halfway, "/halfway"), (&mut fresh, "/fresh")] {
        let response = client.read_to_end().await.unwrap();
        assert!(response.contains(path), "{response}");
        assert!(response.contains("connection: close\r\n"), "{response}");
    }
    drop((halfway, fresh));
    assert_eq!(soon(drain).await.unwrap().cut, 0);
}

#[tokio::test]
async fn a_drain_takes_what_waits_in_the_backlog() {
    let it = start(Limits::default()).await;
    // One thread runs these tests: nothing is accepted between these lines.
    let mut clients = Vec::new();
    for n in 0..20 {
        let mut stream = std::net::TcpStream::connect(it.address).unwrap();
        write!(stream, "GET /{n} HTTP/1.1\r\nhost: a.example\r\n\r\n").unwrap();
        stream.set_nonblocking(true).unwrap();
        let stream = TcpStream::from_std(stream).unwrap();
        clients.push(Raw(stream));
    }
    let server = it.server.clone();
    let drain = tokio::spawn(async move { server.drain(PATIENCE).await });
    for (n, client) in clients.iter_mut().enumerate() {
        let response = client.read_to_end().await.unwrap();
        assert!(response.contains(&format!("/{n} host=")), "{response}");
    }
    drop(clients);
    assert_eq!(soon(drain).await.unwrap().cut, 0);
}

#[tokio::test]
async fn a_drain_cuts_what_is_left_at_its_deadline() {
    let it = start(Limits::default()).await;
    let mut never = it.connect().await;
    never.get("/never").await;
    let mut endless = it.connect().await;
    endless.get("/endless").await;
    endless.read_until("x").await;
    let (mut send, _connection) = http2(it.connect().await.0).await;
    let stream = tokio::spawn(send.send_request(request("http://a.example/held")));
    it.wait_for_held(1).await;

    let began = Instant::now();
    let report = it.server.drain(SHORT).await;
    assert_eq!(
        report,
        DrainReport {
            finished: 0,
            cut: 3
        }
    );
    assert!(began.elapsed() < PATIENCE);
    assert_eq!(it.server.connections(), 0);
    assert!(never.is_closed().await);
    let end = endless.read_to_end().await.unwrap_or_default();
    assert!(!end.ends_with("0\r\n\r\n"), "{end}");
    assert!(soon(stream).await.unwrap().is_err());
}

#[tokio::test]
async fn clients_that_are_turned_away_are_told_and_new_ones_are_still_served() {
    let it = start(Limits::default()).await;
    let mut kept = it.connect().await;
    kept.get("/").await;
    kept.read_until("cl=0").await;
    let (mut send, connection) = http2(it.connect().await.0).await;
    let stream = tokio::spawn(send.send_request(request("http://a.example/held")));
    it.wait_for_held(1).await;

    it.server.turn_away();

    kept.get("/").await;
    let response = kept.read_to_end().await.unwrap();
    assert!(response.contains("connection: close\r\n"), "{response}");

    it.paths.release.add_permits(1);
    let response = soon(stream).await.unwrap().unwrap();
    assert_eq!(text(response).await.unwrap(), "first second");
    soon(connection).await.unwrap().unwrap();

    let mut new = it.connect().await;
    new.get("/new").await;
    let response = new.read_to_end().await.unwrap();
    assert!(response.contains("/new host="), "{response}");
    let (mut send, connection) = http2(it.connect().await.0).await;
    let response = soon(send.send_request(request("http://a.example/new")))
        .await
        .unwrap();
    assert!(text(response).await.unwrap().contains("/new host="));
    soon(connection).await.unwrap().unwrap();
}
