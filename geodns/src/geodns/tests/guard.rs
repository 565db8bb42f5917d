//! Response rate limiting and cookies, by real packets.

use hickory_proto::{
    op::{Edns, Message, MessageType, OpCode, Query, ResponseCode},
    rr::{
        Name, RecordType,
        rdata::opt::{EdnsCode, EdnsOption},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

use super::*;
use crate::{
    CookieUse, RateLimit,
    dnssec::{Algorithm, DnssecConfig, KeyFolder, Timing},
};

const COOKIE: u16 = 10;

/// Five answers at once, and then none for a long time; of what is limited, all slips.
fn limited() -> Config {
    let mut config = fixture::config();
    config.guard.rate_limit = Some(RateLimit {
        answers: 5,
        errors: 5,
        slip: 1,
        window: Duration::from_secs(3_600),
        exempt: Vec::new(),
        ..RateLimit::default()
    });
    config
}

/// A query, with this cookie if it is not empty.
fn message(name: &str, cookie: &[u8]) -> Vec<u8> {
    let mut message = Message::new(9, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), RecordType::A));
    let mut edns = Edns::new();
    edns.set_max_payload(1_232);
    if !cookie.is_empty() {
        let option = EdnsOption::Unknown(COOKIE, cookie.to_vec());
        edns.options_mut().insert(option);
    }
    message.edns = Some(edns);
    message.to_vec().unwrap()
}

/// Somebody who asks over UDP from one port.
struct Asks {
    socket: UdpSocket,
}

impl Asks {
    async fn of(geodns: &GeoDns) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(server(geodns)).await.unwrap();
        Asks { socket }
    }

    async fn octets(&self, query: &[u8]) -> Vec<u8> {
        self.socket.send(query).await.unwrap();
        let mut buffer = vec![0; 2_000];
        let received = timeout(PATIENCE, self.socket.recv(&mut buffer)).await;
        buffer.truncate(received.unwrap().unwrap());
        buffer
    }

    async fn ask(&self, name: &str, cookie: &[u8]) -> Message {
        Message::from_vec(&self.octets(&message(name, cookie)).await).unwrap()
    }
}

fn cookie_of(response: &Message) -> Vec<u8> {
    let edns = response.edns.as_ref().unwrap();
    match edns.option(EdnsCode::Cookie) {
        Some(EdnsOption::Unknown(_, octets)) => octets.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_network_that_asks_too_much_is_sent_to_tcp_or_shows_a_cookie() {
    let geodns = start(limited());
    let asks = Asks::of(&geodns).await;
    let query = message("www.cdn.example.", b"");
    let mut whole = 0;
    let truncated = loop {
        let response = asks.octets(&query).await;
        let message = Message::from_vec(&response).unwrap();
        if message.metadata.truncation {
            assert!(message.answers.is_empty());
            break response;
        }
        whole += 1;
    };
    assert!(whole >= 5, "{whole}");
    assert!(truncated.len() <= query.len(), "{}", truncated.len());

    // Over TCP nobody can pretend to be another one.
    let mut stream = TcpStream::connect(server(&geodns)).await.unwrap();
    stream.write_u16(query.len() as u16).await.unwrap();
    stream.write_all(&query).await.unwrap();
    let length = stream.read_u16().await.unwrap();
    let mut response = vec![0; length.into()];
    stream.read_exact(&mut response).await.unwrap();
    assert!(!Message::from_vec(&response).unwrap().answers.is_empty());

    // Nor with a cookie that was sent to the address.
    let refused = asks.ask("www.cdn.example.", b"client's").await;
    assert_eq!(refused.metadata.response_code, ResponseCode::BADCOOKIE);
    let cookie = cookie_of(&refused);
    assert_eq!((&cookie[..8], cookie.len()), (&b"client's"[..], 24));
    for _ in 0..20 {
        let answer = asks.ask("www.cdn.example.", &cookie).await;
        assert!(!answer.answers.is_empty());
        assert_eq!(cookie_of(&answer), cookie);
    }
    let mut forged = cookie;
    forged[23] ^= 1;
    let refused = asks.ask("www.cdn.example.", &forged).await;
    assert_eq!(refused.metadata.response_code, ResponseCode::BADCOOKIE);
}

#[tokio::test]
async fn what_a_network_has_used_up_for_one_kind_is_there_for_others() {
    let geodns = start(limited());
    let asks = Asks::of(&geodns).await;
    while !asks.ask("no.cdn.example.", b"").await.metadata.truncation {}
    assert!(
        asks.ask("other.cdn.example.", b"")
            .await
            .metadata
            .truncation
    );
    assert!(!asks.ask("www.cdn.example.", b"").await.answers.is_empty());
    // Errors are as short as their questions: nothing is gained by sending less.
    for _ in 0..10 {
        let refused = asks.ask("elsewhere.test.", b"").await;
        assert!(refused.answers.is_empty());
    }
    assert!(!asks.ask("www.cdn.example.", b"").await.answers.is_empty());
}

#[tokio::test]
async fn limits_are_reloaded_and_what_was_counted_is_kept() {
    let config = limited();
    let geodns = start(config.clone());
    let asks = Asks::of(&geodns).await;
    while !asks.ask("www.cdn.example.", b"").await.metadata.truncation {}
    reload(&geodns, config.clone()).unwrap();
    assert!(asks.ask("www.cdn.example.", b"").await.metadata.truncation);
    let mut without = config;
    without.guard.rate_limit = None;
    reload(&geodns, without).unwrap();
    assert!(!asks.ask("www.cdn.example.", b"").await.metadata.truncation);
}

#[tokio::test]
async fn by_default_who_has_a_cookie_gets_one_and_nobody_needs_one() {
    let geodns = start(fixture::config());
    let asks = Asks::of(&geodns).await;
    let answer = asks.ask("www.cdn.example.", b"client's").await;
    assert_eq!((answer.answers.len(), cookie_of(&answer).len()), (2, 24));
    let answer = asks.ask("www.cdn.example.", b"").await;
    assert_eq!(answer.answers.len(), 2);
    assert!(answer.edns.unwrap().option(EdnsCode::Cookie).is_none());
    // RFC 7873 section 5.2.2: of a wrong length.
    let refused = asks.ask("www.cdn.example.", b"123").await;
    assert_eq!(refused.metadata.response_code, ResponseCode::FormErr);
}

#[tokio::test]
async fn nodes_with_the_same_secret_take_each_others_cookies() {
    let mut config = fixture::config();
    config.guard.cookies = CookieUse::Require;
    config.guard.derived_from = b"the secret of the CDN".to_vec();
    let nodes = [start(config.clone()), start(config.clone())];
    let asks = [Asks::of(&nodes[0]).await, Asks::of(&nodes[1]).await];
    let refused = asks[0].ask("www.cdn.example.", b"client's").await;
    assert_eq!(refused.metadata.response_code, ResponseCode::BADCOOKIE);
    let cookie = cookie_of(&refused);
    assert_eq!(
        asks[1].ask("www.cdn.example.", &cookie).await.answers.len(),
        2
    );
    assert_eq!(asks[1].ask("www.cdn.example.", b"").await.answers.len(), 2);

    config.guard.derived_from = b"another".to_vec();
    reload(&nodes[1], config).unwrap();
    let refused = asks[1].ask("www.cdn.example.", &cookie).await;
    assert_eq!(refused.metadata.response_code, ResponseCode::BADCOOKIE);
}

#[tokio::test]
async fn cookies_that_are_off_are_an_option_like_any_other() {
    let mut config = fixture::config();
    config.guard.cookies = CookieUse::Off;
    let geodns = start(config);
    let asks = Asks::of(&geodns).await;
    let answer = asks.ask("www.cdn.example.", b"client's").await;
    assert_eq!(answer.answers.len(), 2);
    assert!(answer.edns.unwrap().option(EdnsCode::Cookie).is_none());
}

/// The other half of the signatures of a second is for those who have shown where they are.
#[tokio::test]
async fn a_flood_of_names_leaves_signatures_to_who_brings_a_cookie() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = fixture::config();
    let keys = KeyFolder::new(folder.path(), &config.zone).unwrap();
    keys.create(Algorithm::Ed25519, true, Timing::default())
        .unwrap();
    config.dnssec = Some(DnssecConfig {
        keys: folder.path().to_owned(),
        max_signatures_per_second: 2,
        ..DnssecConfig::default()
    });
    let geodns = start(config);
    let asks = Asks::of(&geodns).await;
    let cookie = cookie_of(&asks.ask("www.cdn.example.", b"client's").await);
    let missing = |n: u32, cookie: &[u8]| {
        let mut query = message(&format!("x{n}.cdn.example."), cookie);
        // DO stands before the length of the options.
        let cookie = if cookie.is_empty() {
            0
        } else {
            4 + cookie.len()
        };
        let flags = query.len() - cookie - 4;
        query[flags] |= 0x80;
        query
    };
    let mut n = 0;
    loop {
        let response = Message::from_vec(&asks.octets(&missing(n, b"")).await).unwrap();
        if response.metadata.truncation {
            break;
        }
        n += 1;
    }
    let response = asks.octets(&missing(n, &cookie)).await;
    let response = Message::from_vec(&response).unwrap();
    assert!(!response.metadata.truncation, "{response:?}");
    assert_eq!(response.metadata.response_code, ResponseCode::NoError);
    let types = response
        .authorities
        .iter()
        .map(|record| record.record_type());
    assert!(
        types.into_iter().any(|is| is == RecordType::NSEC),
        "{response:?}"
    );
}
