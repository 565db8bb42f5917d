//! Connections that stop being HTTP.

use std::time::Duration;

use perigee_server::{DrainReport, Limits};

use crate::support::{Raw, Running, SHORT, start};

async fn upgraded(it: &Running) -> Raw {
    let mut client = it.connect().await;
    client
        .send(
            "GET /echo HTTP/1.1\r\nhost: a.example\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n",
        )
        .await;
    let head = client.read_until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    client
}

#[tokio::test]
async fn an_upgraded_connection_outlives_the_timers_and_is_counted_until_it_ends() {
    let it = start(Limits {
        idle_timeout: SHORT,
        request_timeout: SHORT,
        head_timeout: SHORT,
        ..Limits::default()
    })
    .await;
    let mut client = upgraded(&it).await;
    client.send("one").await;
    assert_eq!(client.read_until("one").await, "one");
    // Nothing may happen when these times have passed, so they have to pass.
    tokio::time::sleep(SHORT * 3).await;
    client.send("two").await;
    assert_eq!(client.read_until("two").await, "two");
    assert_eq!(it.server.connections(), 1);
    drop(client);
    it.wait_for_connections(0).await;
}

#[tokio::test]
async fn a_drain_leaves_upgraded_connections_open_and_cuts_them_at_its_deadline() {
    let it = start(Limits::default()).await;
    let mut client = upgraded(&it).await;
    let server = it.server.clone();
    let drain = tokio::spawn(async move { server.drain(Duration::from_secs(1)).await });
    client.send("still here").await;
    assert_eq!(client.read_until("here").await, "still here");
    assert_eq!(
        drain.await.unwrap(),
        DrainReport {
            finished: 0,
            cut: 1
        }
    );
    assert!(client.is_closed().await);
    assert_eq!(it.server.connections(), 0);
}

#[tokio::test]
async fn an_upgraded_client_that_does_not_read_is_cut() {
    let it = start(Limits {
        write_timeout: SHORT,
        ..Limits::default()
    })
    .await;
    let mut client = upgraded(&it).await;
    let flood = async {
        use tokio::io::AsyncWriteExt;
        while client.0.write_all(&[b'x'; 64 << 10]).await.is_ok() {}
    };
    crate::support::soon(flood).await;
    it.wait_for_connections(0).await;
}
