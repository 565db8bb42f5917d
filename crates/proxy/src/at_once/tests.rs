//! Whatever is answered at once, `Exchange::answer` answers the same, and has the same counted and
//! logged.

use std::{sync::Mutex, time::Duration};

use http::{HeaderMap, Request, header};
use http_body_util::{BodyExt, Full};
use perigee_http_cache::{
    Cookies, Glob, KeyParts, KeyPolicy, QueryRule, RequestHead, ResponseHead, Scheme, StoredHead,
    Times, When,
};
use perigee_storage::{Memory, MemoryConfig, Purges, Revision, Store};
use perigee_upstream::Outgoing;
use proptest::{prelude::*, sample::select};

use super::*;
use crate::{
    AccessLog, AccessRecord, EndpointConfig, EndpointLimits, ExchangeConfig, Failover, Hop,
    HotCopies, Inbound, Metrics, NextHop, PoolConfig, RequestFields, Route, Streaming, Target,
    take_in,
};

#[derive(Default)]
struct Kept(Mutex<Vec<AccessRecord>>);

impl AccessLog for Kept {
    fn write(&self, record: AccessRecord) {
        self.0.lock().unwrap().push(record);
    }
}

/// Nobody is there: what is no hit is answered 502.
struct Nobody;

impl NextHop for Nobody {
    fn route(&self, _: &Inbound) -> Route {
        Route::default()
    }

    fn stamp(&self, _: &Inbound, _: &Hop, _: &mut Outgoing) {}

    fn failed(&self, _: &Hop) {}
}

type Fields = Vec<(&'static str, &'static str)>;

const LONG: usize = 200_000;

/// Fields of requests.
const ASKED: &[&[(&str, &str)]] = &[
    &[],
    &[],
    &[("Accept-Encoding", "gzip")],
    &[("accept-encoding", "br"), ("x-real-ip", "1")],
    &[("accept-encoding", "gzip"), ("accept-encoding", "br")],
    &[("x-forwarded-host", "evil")],
    &[("x-a", "1")],
    &[("x_a", "1"), ("x-a", "2")],
    &[("cookie", "a=1; b=2")],
    &[("if-none-match", "\"a\"")],
    &[("if-modified-since", "Sun, 06 Nov 2094 08:49:37 GMT")],
    &[("range", "bytes=2-4")],
    &[("range", "bytes=70000-150000")],
    &[("range", "bytes=2-4,8-9")],
    &[("cache-control", "no-cache")],
    &[("authorization", "Basic x")],
    &[("max-forwards", "0")],
    &[("te", "trailers")],
];

/// Fields of stored responses.
const STORED: &[&[(&str, &str)]] = &[
    &[
        ("etag", "\"a\""),
        ("content-type", "text/plain"),
        ("via", "1.1 shield"),
    ],
    &[
        ("vary", "accept-encoding"),
        ("surrogate-key", "a b"),
        ("etag", "\"a\""),
    ],
    &[("vary", "x-forwarded-host, x-a"), ("perigee-x", "1")],
    &[("vary", "cookie"), ("cache-tag", "c")],
    &[
        ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("set-cookie", "a=b"),
    ],
    &[
        ("cache-status", "other; hit"),
        ("age", "1"),
        ("cdn-cache-control", "max-age=1000"),
    ],
];

#[derive(Clone, Debug)]
struct Game {
    config: ServiceConfig,
    /// The fields of the request that fetched it, those of the response, its status and length.
    stored: Vec<(Fields, Fields, u16, usize)>,
    is_head: bool,
    scheme: Scheme,
    host: &'static str,
    target: &'static str,
    fields: Fields,
    is_logged: bool,
    /// Small content may stand behind the head.
    takes_content: bool,
}

fn globs(patterns: &[&str]) -> Vec<Glob> {
    patterns.iter().map(|pattern| Glob::new(pattern)).collect()
}

prop_compose! {
    fn policy()(
        query in select(vec![
            QueryRule::All,
            QueryRule::Except(globs(&["u*"])),
            QueryRule::Only(globs(&["a"])),
        ]),
        sort_query in proptest::bool::weighted(0.2),
        fold_schemes: bool,
        parts in proptest::option::weighted(0.2, Just(KeyParts {
            headers: vec![HeaderName::from_static("x-a")],
            cookies: vec![],
        })),
        cookies in select(vec![Cookies::Explicit, Cookies::Strict, Cookies::Ignore]),
        obey_request_directives: bool,
        show_tags: bool,
        bypass in proptest::bool::weighted(0.05),
    ) -> Policy {
        let key = KeyPolicy {
            query,
            sort_query,
            fold_schemes,
            parts: parts.map(Into::into),
        };
        Policy { key, cookies, obey_request_directives, show_tags, bypass, ..Policy::default() }
    }
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let when = select(vec![
        When {
            paths: globs(&["/b*"]),
            ..When::default()
        },
        When {
            extensions: vec!["css".to_owned()],
            ..When::default()
        },
        When {
            paths: globs(&["/a*"]),
            headers: vec![HeaderName::from_static("x-a")],
            ..When::default()
        },
        When {
            cookies: globs(&["a"]),
            ..When::default()
        },
    ]);
    let rule = (when, policy()).prop_map(|(when, policy)| Rule { when, policy });
    prop_oneof![2 => Just(Vec::new()), 1 => proptest::collection::vec(rule, 1..3)]
}

prop_compose! {
    fn service()(
        policy in policy(),
        rules in rules(),
        only in proptest::option::weighted(0.2, Just(vec![header::ACCEPT_ENCODING])),
        keep in select(vec![vec![], vec![HeaderName::from_static("x-forwarded-host")]]),
        cache_status in select(vec![
            Disclosure::Off, Disclosure::Brief, Disclosure::Full, Disclosure::Full, Disclosure::Debug,
        ]),
    ) -> ServiceConfig {
        ServiceConfig {
            name: "www".to_owned(),
            hosts: vec!["www.example.com".to_owned()],
            origins: vec![EndpointConfig {
                name: "folder".to_owned(),
                target: Target::Folder(".".into()),
                limits: EndpointLimits::default(),
            }],
            pool: PoolConfig::default(),
            policy,
            rules,
            max_request_body: 4,
            request_fields: RequestFields { keep, only },
            cache_status,
        }
    }
}

prop_compose! {
    fn game()(
        config in service(),
        stored in proptest::collection::vec(
            (
                select(ASKED).prop_map(<[_]>::to_vec),
                select(STORED).prop_map(<[_]>::to_vec),
                select(&[200_u16, 200, 200, 404, 301][..]),
                select(&[0, 10, 1000, LONG][..]),
            ),
            1..3,
        ),
        is_head in proptest::bool::weighted(0.2),
        scheme in select(&[Scheme::Http, Scheme::Https][..]),
        host in select(&["www.example.com", "WWW.example.com:80", "www.example.com:8080", "b.example"][..]),
        target in select(&["/a", "/a?u=1&a=2", "/a?b=1&a=1", "/b.css", "/%61", "/a?"][..]),
        (fields, as_stored) in (select(ASKED), any::<bool>()),
        (is_logged, takes_content) in any::<(bool, bool)>(),
    ) -> Game {
        let fields = if as_stored { stored[0].0.clone() } else { fields.to_vec() };
        Game { config, stored, is_head, scheme, host, target, fields, is_logged, takes_content }
    }
}

fn map(fields: &Fields) -> HeaderMap {
    let field = |&(name, value): &(&str, &'static str)| {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        (name, http::HeaderValue::from_static(value))
    };
    fields.iter().map(field).collect()
}

/// A body that is told apart by its number.
fn body(number: usize, length: usize) -> Bytes {
    (0..length)
        .map(|i| (i % 251) as u8 ^ number as u8)
        .collect()
}

/// Stores what the game says, as fetches for its request would have.
async fn fill(store: &dyn Store, game: &Game) {
    let now = SystemTime::now();
    let received = now - Duration::from_secs(3);
    let times = Times {
        requested: received,
        received,
    };
    for (number, (asked, told, status, length)) in game.stored.iter().enumerate() {
        let (inbound, _) = inbound(game, asked).unwrap();
        let mut fields = map(told);
        fields.insert(header::CACHE_CONTROL, "max-age=1000".parse().unwrap());
        fields.insert(header::CONTENT_LENGTH, (*length).into());
        let response = ResponseHead {
            status: StatusCode::from_u16(*status).unwrap(),
            headers: &fields,
        };
        let request = RequestHead {
            method: &Method::GET,
            headers: &inbound.head.headers,
        };
        let head = StoredHead::new(&request, response, inbound.policy(), times);
        let whole = Some(*length as u64);
        let mut fill = store.fill(&inbound.key, head.into(), whole, Revision::default());
        let body = body(number, *length);
        if !body.is_empty() {
            fill.write(body).await.unwrap();
        }
        fill.commit().unwrap();
    }
}

fn from(game: &Game) -> Origination {
    Origination::of_connection([192, 0, 2, 1].into(), game.scheme == Scheme::Https)
}

fn inbound(game: &Game, fields: &Fields) -> Option<(Inbound, perigee_upstream::Body)> {
    let services = Services::build(vec![game.config.clone()], &Metrics::default(), None).unwrap();
    let mut request = Request::new(Full::<Bytes>::default());
    *request.method_mut() = if game.is_head {
        Method::HEAD
    } else {
        Method::GET
    };
    *request.uri_mut() = game.target.parse().unwrap();
    *request.headers_mut() = map(fields);
    request
        .headers_mut()
        .insert(header::HOST, game.host.parse().unwrap());
    take_in(request, &services, from(game)).ok()
}

fn exchange(store: Arc<dyn Store>, log: Option<Arc<Kept>>) -> Arc<Exchange> {
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
    let log = log.map(|log| log as Arc<dyn AccessLog>);
    Exchange::new(config, store, Metrics::default(), log)
}

/// Head and body as they go out: fields between nodes left out, in the order of names.
type Told = (u16, Vec<(String, String)>, Bytes);

fn sorted<'a>(fields: impl Iterator<Item = (&'a str, &'a [u8])>) -> Vec<(String, String)> {
    let fields = fields.filter(|(name, _)| !name.starts_with("perigee-"));
    // A second may have gone by in between.
    let aged = |name: &str, value: &[u8]| match name {
        "age" => "some seconds".to_owned(),
        _ => {
            let text = value.escape_ascii().to_string();
            text.split("ttl=").next().unwrap_or_default().to_owned()
        }
    };
    let mut all: Vec<_> = fields.map(|(n, v)| (n.to_owned(), aged(n, v))).collect();
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    all
}

fn asked(
    game: &Game,
) -> Asked<'static, impl IntoIterator<Item = (&'static str, &'static [u8])> + Clone> {
    let fields = game.fields.clone().into_iter();
    Asked {
        is_head: game.is_head,
        host: game.host,
        target: game.target,
        fields: fields.map(|(name, value)| (name, value.as_bytes())),
    }
}

async fn at_once_told(exchange: &Exchange, services: &Services, game: &Game) -> Option<Told> {
    let asked = asked(game);
    let mut lines = Vec::new();
    let under_way = Arc::default();
    let enter = || InFlight::enter(&under_way, 1);
    let end_head: EndHead = |length, text| {
        let end = format!("content-length: {length}\r\n\r\n");
        text.extend_from_slice(end.as_bytes());
    };
    let end_head = game.takes_content.then_some(end_head);
    let reply = Reply {
        now: SystemTime::now(),
        text: &mut lines,
        end_head,
    };
    let found = exchange.at_once(&asked, services, from(game), enter, reply)?;
    // A line of the log is written for each, and what is no text is sent by whoever asked for it.
    let is_text = matches!(found.content, Content::Empty | Content::Written(_));
    assert_eq!(found.for_all, is_text && !game.is_logged);
    let mut written = Bytes::new();
    if let Content::Written(length) = found.content {
        assert!(game.takes_content);
        written = lines.split_off(lines.len() - length as usize).into();
        lines.truncate(lines.len() - 2);
    } else if let Some(length) = found.length {
        lines.extend_from_slice(format!("content-length: {length}\r\n").as_bytes());
    }
    let text = String::from_utf8(lines).unwrap();
    let lines = text
        .split_terminator("\r\n")
        .map(|line| line.split_once(": ").unwrap());
    let fields = sorted(lines.map(|(name, value)| (name, value.as_bytes())));
    let body = match found.content {
        Content::Empty => Bytes::new(),
        Content::Written(_) => written,
        Content::Bytes(bytes) => bytes,
        Content::Body(body) => {
            assert_eq!(under_way.load(std::sync::atomic::Ordering::Relaxed), 1);
            body.collect().await.unwrap().to_bytes()
        }
    };
    assert_eq!(under_way.load(std::sync::atomic::Ordering::Relaxed), 0);
    Some((found.status.as_u16(), fields, body))
}

async fn answer_told(exchange: &Arc<Exchange>, services: &Services, game: &Game) -> Told {
    let (mut inbound, relayed) = inbound(game, &game.fields).unwrap();
    inbound.service = Arc::clone(services.find(game.host).unwrap());
    let under_way = InFlight::enter(&Arc::default(), 1).unwrap();
    let response = exchange
        .answer(Arc::new(inbound), relayed, Arc::new(Nobody), under_way)
        .await;
    let (head, body) = response.into_parts();
    let fields = head.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes()));
    let fields = sorted(fields);
    (
        head.status.as_u16(),
        fields,
        body.collect().await.unwrap().to_bytes(),
    )
}

/// Both answers, if there is one at once, and what was logged of them.
fn play(game: &Game) -> Option<(Told, Told)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let purges = Arc::new(Purges::new(16));
        let memory = Arc::new(Memory::new(MemoryConfig::default(), purges));
        let store: Arc<dyn Store> = Arc::clone(&memory) as Arc<dyn Store>;
        let services =
            Services::build(vec![game.config.clone()], &Metrics::default(), None).unwrap();
        services.find(game.host)?;
        fill(&*store, game).await;
        let log = game.is_logged.then(Arc::<Kept>::default);
        let exchange = exchange(store, log.clone());
        let told = at_once_told(&exchange, &services, game).await?;
        let metrics = &services.find(game.host)?.metrics;
        let one = metrics.hits_and_bytes();
        assert_eq!(one, (1, told.2.len() as u64));
        let other = answer_told(&exchange, &services, game).await;
        assert_eq!(metrics.hits_and_bytes(), (2, 2 * one.1));
        let found = memory.stats().hits;
        let scheme = from(game).scheme;
        exchange.again(&asked(game), &services, scheme, (3, one.1));
        assert_eq!(metrics.hits_and_bytes(), (5, 5 * one.1));
        assert_eq!(memory.stats().hits, found + 3);
        if let Some(log) = log {
            let records = std::mem::take(&mut *log.0.lock().unwrap());
            let said = |record: &AccessRecord| {
                let at = SystemTime::UNIX_EPOCH;
                let cache = record.cache.split("ttl=").next().unwrap().to_owned();
                let (first_byte, total) = (Duration::ZERO, Duration::ZERO);
                AccessRecord {
                    at,
                    cache,
                    first_byte,
                    total,
                    ..record.clone()
                }
            };
            assert_eq!(records.len(), 2);
            assert_eq!(said(&records[0]), said(&records[1]));
        }
        Some((told, other))
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1024,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_answered_at_once_is_what_is_answered_else(game in game()) {
        if let Some((told, other)) = play(&game) {
            prop_assert_eq!((told.0, told.1), (other.0, other.1));
            prop_assert!(told.2 == other.2, "{} {}", told.2.len(), other.2.len());
        }
    }
}

fn usual() -> Game {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let mut game = game().new_tree(&mut runner).unwrap().current();
    game.config.policy = Policy::default();
    game.config.rules.clear();
    game.config.request_fields = RequestFields::default();
    game.config.cache_status = Disclosure::Full;
    game.stored = vec![(Vec::new(), STORED[0].to_vec(), 200, 10)];
    Game {
        is_head: false,
        host: "www.example.com",
        fields: Vec::new(),
        ..game
    }
}

#[test]
fn hits_of_the_usual_kind_are_answered_at_once() {
    let status = |game: &Game| play(game).map(|(told, _)| (told.0, told.2.len()));
    let get = usual();
    assert_eq!(status(&get), Some((200, 10)));
    assert_eq!(
        status(&Game {
            is_head: true,
            ..get.clone()
        }),
        Some((200, 0))
    );
    let with = |fields: &[(&'static str, &'static str)]| Game {
        fields: fields.to_vec(),
        ..get.clone()
    };
    assert_eq!(status(&with(&[("if-none-match", "\"a\"")])), Some((304, 0)));
    assert_eq!(status(&with(&[("range", "bytes=2-4")])), Some((206, 3)));
    assert_eq!(status(&with(&[("cookie", "a=1")])), Some((200, 10)));
    assert_eq!(status(&with(&[("authorization", "Basic x")])), None);
    let long = vec![(Vec::new(), STORED[0].to_vec(), 200, LONG)];
    assert_eq!(
        status(&Game {
            stored: long,
            ..get.clone()
        }),
        Some((200, LONG))
    );
    let varies = vec![(ASKED[2].to_vec(), STORED[1].to_vec(), 200, 10)];
    let gzip = Game {
        stored: varies,
        fields: ASKED[2].to_vec(),
        ..get
    };
    assert_eq!(status(&gzip), Some((200, 10)));
}
