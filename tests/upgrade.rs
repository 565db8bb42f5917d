//! Upgraded connections pass through, both ways, through every tier.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{
    harness::cdn::{Cdn, Plan},
    one_proxy::Proxy,
};

/// An origin that switches to a protocol which echoes.
async fn echo_origin() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let head = read_head(&mut stream).await.to_ascii_lowercase();
                assert!(head.contains("\r\nupgrade: echo\r\n"), "{head}");
                assert!(head.contains("\r\nconnection: upgrade\r\n"), "{head}");
                let answer = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\nconnection: upgrade\r\n\r\n";
                stream.write_all(answer).await.unwrap();
                let (mut read, mut write) = stream.split();
                tokio::io::copy(&mut read, &mut write).await.unwrap();
            });
        }
    });
    url
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

async fn talks_both_ways(address: SocketAddr, host: &str) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let ask = format!(
        "GET /chat HTTP/1.1\r\nhost: {host}\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n"
    );
    stream.write_all(ask.as_bytes()).await.unwrap();
    let head = read_head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    for word in ["hello", "again"] {
        stream.write_all(word.as_bytes()).await.unwrap();
        let mut echo = [0; 5];
        stream.read_exact(&mut echo).await.unwrap();
        assert_eq!(echo, word.as_bytes());
    }
    stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty());
}

#[tokio::test]
async fn through_one_proxy() {
    let proxy = Proxy::start(&echo_origin().await, &[]).await;
    talks_both_ways(proxy.address, "www.example.com").await;
}

#[tokio::test]
async fn through_edge_and_shield() {
    let cdn = Cdn::start(Plan::small(echo_origin().await)).await;
    talks_both_ways(cdn.at("fra-1"), Cdn::HOST).await;
}
