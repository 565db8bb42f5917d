//! What a request fetches that has found less than there is by the time that it may, and how old what
//! comes is then.

mod slow;

use std::{
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use perigee_http_cache::{Miss, Policy, Receipt, RequestHead, ResponseHead, Times, receive};
use perigee_storage::{Memory, MemoryConfig, Purges, Revision, Store};
use perigee_upstream::Outgoing;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use self::slow::Slow;
use super::*;
use crate::{
    Disclosure, EndpointConfig, EndpointLimits, ExchangeConfig, Failover, HotCopies, Metrics,
    Origination, PoolConfig, RequestFields, ServiceConfig, Services, Streaming, Target, take_in,
};

/// The origins of the service.
struct Origins;

impl NextHop for Origins {
    fn route(&self, inbound: &Inbound) -> Route {
        Route {
            up: vec![Hop::Origin(Arc::clone(&inbound.service.origins))],
            ..Route::default()
        }
    }

    fn stamp(&self, _: &Inbound, _: &Hop, _: &mut Outgoing) {}

    fn failed(&self, _: &Hop) {}
}

fn exchange(store: Arc<dyn Store>) -> Arc<Exchange> {
    let config = ExchangeConfig {
        node: "fra-1".to_owned(),
        tier: "edge",
        cdn_id: "cdn".to_owned(),
        coalesce_wait: Duration::from_secs(30),
        max_refreshes: 1,
        max_hit_for_miss: 2,
        max_failed_keys: 2,
        max_alike_queries: 16,
        tunnel_idle_timeout: Duration::from_secs(600),
        out_of_touch: Duration::from_secs(10),
        streaming: Streaming::default(),
        failover: Failover::default(),
        copies: HotCopies::default(),
    };
    Exchange::new(config, store, Metrics::default(), None)
}

/// A GET of the service whose origin listens at `origin`.
fn get(origin: &str) -> Inbound {
    let config = ServiceConfig {
        name: "www".into(),
        hosts: vec!["*".into()],
        origins: vec![EndpointConfig {
            name: "origin".into(),
            target: Target::Url {
                base: format!("http://{origin}").parse().unwrap(),
                host: None,
                sni: None,
                ca_file: None,
            },
            limits: EndpointLimits::default(),
        }],
        pool: PoolConfig::default(),
        policy: Policy::default(),
        rules: Vec::new(),
        max_request_body: 0,
        request_fields: RequestFields::default(),
        cache_status: Disclosure::default(),
    };
    let services = Services::build(vec![config], &Metrics::default(), None).unwrap();
    let mut request = Request::new(Full::<Bytes>::default());
    *request.uri_mut() = "/film".parse().unwrap();
    let host = "www.example.com".parse().unwrap();
    request.headers_mut().insert(header::HOST, host);
    let from = Origination::of_connection([192, 0, 2, 1].into(), false);
    take_in(request, &services, from).unwrap().0
}

/// Stores the first bytes of ten, as the fetch of another one would have.
async fn store_part(store: &dyn Store, inbound: &Inbound, bytes: &'static str) {
    let length = bytes.len();
    let now = SystemTime::now();
    let content_range = format!("bytes 0-{}/10", length - 1);
    let fields = [
        (header::CACHE_CONTROL, "max-age=1000"),
        (header::ETAG, "\"a\""),
        (header::CONTENT_RANGE, &content_range),
    ];
    let fields = fields.map(|(name, value)| (name, value.parse().unwrap()));
    let headers = HeaderMap::from_iter(fields);
    let sent = HeaderMap::from_iter([(header::RANGE, "bytes=0-3".parse().unwrap())]);
    let request = RequestHead {
        method: &Method::GET,
        headers: &sent,
    };
    let response = ResponseHead {
        status: StatusCode::PARTIAL_CONTENT,
        headers: &headers,
    };
    let times = Times {
        requested: now,
        received: now,
    };
    let receipt = receive(&request, None, &sent, response, inbound.policy(), times);
    let Receipt::Store(head) = receipt else {
        panic!("is not stored: {receipt:?}");
    };
    let length = Some(length as u64);
    let mut fill = store.fill(&inbound.key, head, length, Revision::default());
    fill.write(bytes.into()).await.unwrap();
    fill.commit().unwrap();
}

/// Answers one request as the origin; gives its head, in small letters.
async fn answered(origin: &TcpListener, head: &str, body: &str) -> String {
    let (mut stream, _) = origin.accept().await.unwrap();
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut asked).await.unwrap(), 0);
    }
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {head}\r\ncache-control: max-age=1000\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
    String::from_utf8(asked).unwrap().to_ascii_lowercase()
}

#[tokio::test]
async fn what_is_there_in_part_by_now_is_not_fetched_again() {
    let origin = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let purges = Arc::new(Purges::new(16));
    let store: Arc<dyn Store> = Arc::new(Memory::new(MemoryConfig::default(), purges));
    let exchange = exchange(Arc::clone(&store));
    let mut inbound = get(&origin.local_addr().unwrap().to_string());
    // It has looked before the fetch of another one landed, and found nothing.
    inbound.landings = exchange.flights.landings().wrapping_sub(1);
    store_part(&*store, &inbound, "0123").await;

    let rest = "206 Partial Content\r\ncontent-range: bytes 4-9/10\r\netag: \"a\"";
    let answered = answered(&origin, rest, "456789");
    let fetch = exchange.fetch(
        Arc::new(inbound),
        Arc::new(Origins),
        Miss::Uri,
        Wanted::default(),
    );
    let (answer, asked) = tokio::join!(fetch, answered);
    assert!(asked.contains("\r\nrange: bytes=4-"), "{asked}");
    assert!(asked.contains("\r\nif-range: \"a\"\r\n"), "{asked}");
    assert_eq!(answer.response.status(), StatusCode::OK);
    let body = answer.response.into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes(), "0123456789");
}

#[tokio::test]
async fn who_waits_for_nothing_waits_for_the_next_one() {
    let origin = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let purges = Arc::new(Purges::new(16));
    let store: Arc<dyn Store> = Arc::new(Memory::new(MemoryConfig::default(), purges));
    let exchange = exchange(store);
    let inbound = get(&origin.local_addr().unwrap().to_string());
    let (key, wanted) = (inbound.key.clone(), Wanted::default());
    let trip = Trip {
        inbound: Arc::new(inbound),
        next: Arc::new(Origins),
        hops: Vec::new(),
        wanted,
        copy: None,
    };
    // One that fetches, and after it more than may be tried that find they need not.
    let (mut begun, mut ids) = (Vec::new(), Vec::new());
    while begun.len() <= MAX_TRIED + 1 {
        let joined = exchange
            .flights
            .join(&key, trip.sought(), &ids, Instant::now());
        let Joined::Lead(lead) = joined else {
            panic!("one that is not to be joined was");
        };
        ids.push(lead.id);
        begun.push(lead);
    }
    let waits = exchange.fetch(
        Arc::clone(&trip.inbound),
        Arc::clone(&trip.next),
        Miss::Uri,
        Wanted::default(),
    );
    let mut waits = Box::pin(waits);
    let mut unwoken = Context::from_waker(Waker::noop());
    while begun.len() > 1 {
        assert!(waits.as_mut().poll(&mut unwoken).is_pending());
        begun.pop();
    }
    assert!(waits.as_mut().poll(&mut unwoken).is_pending());
    begun.remove(0).tell(Progress::Failed(Failure::Timeout));
    let answer = waits.await;
    assert!(answer.handling.collapsed, "it has fetched for itself");
}

/// A response is no older for what the store took to say that it has none.
#[tokio::test]
async fn what_the_store_took_is_no_part_of_an_age() {
    let origin = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let memory = Memory::new(MemoryConfig::default(), Arc::new(Purges::new(16)));
    let exchange = exchange(Arc::new(Slow(memory)));
    let address = origin.local_addr().unwrap().to_string();
    let ask = |inbound: Inbound| {
        let under_way = InFlight::enter(&Arc::default(), 1).unwrap();
        let nothing = perigee_upstream::body::empty();
        exchange.answer(Arc::new(inbound), nothing, Arc::new(Origins), under_way)
    };
    let mut late = get(&address);
    late.at -= Duration::from_secs(100);
    let (first, _) = tokio::join!(ask(late), answered(&origin, "200 OK", "all"));
    assert_eq!(first.into_body().collect().await.unwrap().to_bytes(), "all");
    while exchange.flights.landings() == 0 {
        tokio::task::yield_now().await;
    }
    let second = ask(get(&address)).await;
    let age = second.headers()[header::AGE].to_str().unwrap();
    assert!(age.parse::<u64>().unwrap() < 100, "{age}");
}
