use std::{fs, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::{
    TierClient, Trust, TrustConfig,
    test_certs::{Authority, some_day},
    test_node::node,
};

fn load(node: &str, files: &TlsFiles) -> Result<TierTls, String> {
    TierTls::load(node, files, some_day()).map_err(|error| error.0)
}

fn refusal(node: &str, files: &TlsFiles) -> String {
    load(node, files).unwrap_err()
}

#[test]
fn what_is_wrong_with_a_file_is_said_before_others_find_it() {
    let (authority, other) = (Authority::new(), Authority::new());
    let good = authority.files("fra-1");
    assert!(load("fra-1", &good).is_ok());

    let named = refusal("fra-2", &good);
    assert!(
        named.contains(r#"must name the node "fra-2" and names ["fra-1"]"#),
        "{named}"
    );
    let strange = TlsFiles {
        ca: other.files("fra-1").ca,
        ..good.clone()
    };
    let issued = refusal("fra-1", &strange);
    assert!(issued.contains("is not of the authority in"), "{issued}");
    let mixed = TlsFiles {
        key: authority.files("fra-2").key,
        ..good.clone()
    };
    let key = refusal("fra-1", &mixed);
    assert!(
        key.contains("is not the key of the certificate in"),
        "{key}"
    );
    let missing = TlsFiles {
        cert: good.cert.with_file_name("none"),
        ..good.clone()
    };
    let none = refusal("fra-1", &missing);
    assert!(none.contains("none: is not there"), "{none}");
    fs::write(&missing.cert, "no PEM").unwrap();
    let text = refusal("fra-1", &missing);
    assert!(text.contains("none: has no certificate in PEM"), "{text}");
    let odd = refusal("fra 1", &good);
    assert!(odd.contains("no certificate can name the node"), "{odd}");
}

/// Answers 200 to whoever passes its handshake.
async fn server(tls: Arc<ServerConfig>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = TlsAcceptor::from(Arc::clone(&tls));
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await.ok()?;
                let _ = stream.read(&mut [0; 4096]).await.ok()?;
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                stream.write_all(answer).await.ok()?;
                stream.shutdown().await.ok()
            });
        }
    });
    address
}

fn trust(authority: &Authority, name: &str) -> Arc<Trust> {
    let config = TrustConfig {
        node: name.into(),
        secret: None,
        tls: Some(authority.files(name)),
    };
    Trust::load(&config, None, some_day()).unwrap()
}

#[tokio::test]
async fn both_sides_must_be_of_the_authority_and_who_they_are_taken_for() {
    let (authority, other) = (Authority::new(), Authority::new());
    let fra = trust(&authority, "fra-1");
    let address = server(fra.tls().unwrap().server_config()).await;
    let ask = async |trust: Arc<Trust>, name: &str| {
        let client = TierClient::new(trust);
        client.get(&node(name, address), "/", 100).await
    };
    let (status, body) = ask(trust(&authority, "ns1"), "fra-1").await.unwrap();
    assert_eq!((status.as_u16(), &body[..]), (200, &b"ok"[..]));

    let error = ask(trust(&authority, "ns1"), "fra-2").await.unwrap_err();
    assert_eq!(error, "the certificate names another node");
    let error = ask(trust(&other, "ns1"), "fra-1").await.unwrap_err();
    assert_eq!(error, "the certificate is not of this CDN's authority");

    let error = ask(
        Trust::by_secret(b"a secret of some length", "ns1").unwrap(),
        "fra-1",
    )
    .await;
    assert!(error.is_err(), "no TLS at all");
}
