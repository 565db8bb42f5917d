//! Whatever may shape a stored answer is in the key, is named by Vary, or does not reach the
//! origin; and one client's odd request leaves nothing for others.

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body_util::Full;

use crate::{
    harness::{
        cdn::one_edge,
        client::{ask, get},
        origin::{Asked, Origin, fresh},
        wait,
    },
    one_proxy::Proxy,
};

const HOST: &str = "www.example.com";

/// An origin that falls for every field that it gets: its answer is what the fields say, and fresh.
async fn gullible() -> Origin {
    Origin::start(|asked| async move {
        let mut said: Vec<String> = asked
            .headers
            .iter()
            .filter(|(name, _)| !is_expected(name.as_str()))
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        said.sort();
        fresh(said.join("\n"))
    })
    .await
}

/// What is in each request, and says the same of all who share the key.
fn is_expected(name: &str) -> bool {
    let names = [
        "host",
        "via",
        "cdn-loop",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
    ];
    names.contains(&name)
}

#[tokio::test]
async fn what_a_client_claims_does_not_reach_the_origin() {
    let origin = gullible().await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    for (n, claim) in [
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-port",
        "x-forwarded-server",
        "x-forwarded-scheme",
        "x-forwarded-prefix",
        "x-forwarded-ssl",
        "x-forwarded",
        "forwarded",
        "x-original-url",
        "x-original-host",
        "x-rewrite-url",
        "x-host",
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
        "x-real-ip",
        "true-client-ip",
        "cf-connecting-ip",
        "cf-ipcountry",
        "x-client-ip",
        "x-cluster-client-ip",
        "client-ip",
        "fastly-client-ip",
        "fastly-ssl",
        "x-wap-profile",
        "x-middleware-prefetch",
        "x-middleware-subrequest",
        "x-now-route-matches",
        "x-envoy-original-path",
        "front-end-https",
        "proxy",
        "x_forwarded_host",
        "X-Forwarded_Host",
        "accept_language",
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/{n}");
        let first = get(proxy.address, HOST, &path)
            .with(claim, "evil")
            .send()
            .await;
        assert_eq!(
            (first.status, first.text()),
            (StatusCode::OK, ""),
            "{claim}"
        );
        let second = get(proxy.address, HOST, &path).send().await;
        assert!(
            second.is_hit() && second.text().is_empty(),
            "{claim}: {second:?}"
        );
    }
    for asked in origin.asked() {
        assert_eq!(asked.field("x-forwarded-for"), "127.0.0.1");
        assert_eq!(asked.field("x-forwarded-proto"), "http");
        assert_eq!(asked.field("x-forwarded-host"), HOST);
        assert_eq!(asked.headers.get_all("x-forwarded-for").iter().count(), 1);
    }
}

/// One edge for the service `www`, with these lines in its table.
async fn edge(origin: &Origin, service: &str) -> crate::harness::cdn::OneEdge {
    let url = origin.url();
    one_edge(&format!(
        "[[pops]]\nname = \"p\"\nlatitude = 0\nlongitude = 0\n\n[[services]]\nname = \"www\"\n\
         hosts = [\"*\"]\norigins = [\"{url}\"]\n{service}"
    ))
    .await
}

#[tokio::test]
async fn an_operator_may_keep_a_field_or_list_all_that_go_on() {
    let origin = gullible().await;
    let keep = "request_fields = { keep = [\"X-Real-IP\", \"api_key\"] }\n";
    let kept = edge(&origin, keep).await;
    let answer = get(kept.address, HOST, "/keep")
        .with("x-real-ip", "1")
        .with("api_key", "2")
        .with("x-host", "3")
        .with("x-any", "4");
    assert_eq!(
        answer.send().await.text(),
        "api_key: 2\nx-any: 4\nx-real-ip: 1"
    );

    let only = "request_fields = { only = [\"Accept-Language\"] }\n";
    let strict = edge(&origin, only).await;
    let answer = get(strict.address, HOST, "/only")
        .with("accept-language", "de")
        .with("authorization", "Basic QQ==")
        .with("cookie", "a=b")
        .with("x-any", "4");
    let said = "accept-language: de\nauthorization: Basic QQ==";
    assert_eq!(answer.send().await.text(), said);
}

/// What the edge writes of the client is not in the key: an answer that varies by it is nobody
/// else's.
#[tokio::test]
async fn an_answer_that_varies_by_who_asks_is_not_shared() {
    let origin = Origin::start(|asked| async move {
        let mut response = fresh(asked.field("x-forwarded-for").to_owned());
        let name = asked.path.trim_start_matches('/');
        response.headers_mut().insert("vary", name.parse().unwrap());
        response
    })
    .await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    for (vary, requests) in [
        ("X-Forwarded-For", 2),
        ("accept,x-forwarded-for", 2),
        ("X-Forwarded-Proto", 1),
        ("X-Forwarded-Host", 1),
    ] {
        let path = format!("/{vary}");
        for _ in 0..2 {
            get(proxy.address, HOST, &path).send().await;
        }
        assert_eq!(origin.count(&path), requests, "{vary}");
    }
}

/// Nor does it become so by what completes a part.
#[tokio::test]
async fn a_part_is_not_completed_by_what_varies_by_who_asks() {
    let origin = Origin::start(|asked| async move {
        let (status, said, text) = match asked.field("range") {
            "bytes=0-4" => (206, "bytes 0-4/10", "01234"),
            "bytes=5-" => (206, "bytes 5-9/10", "56789"),
            _ => (200, "", "0123456789"),
        };
        let mut response = fresh(text);
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        let headers = response.headers_mut();
        headers.insert("etag", "\"a\"".parse().unwrap());
        if status == 206 {
            headers.insert("content-range", said.parse().unwrap());
        }
        if asked.field("range") != "bytes=0-4" {
            headers.insert("vary", "x-forwarded-for".parse().unwrap());
        }
        response
    })
    .await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    let front = || get(proxy.address, HOST, "/a").with("range", "bytes=0-4");
    front().send().await;
    wait::until("the part is stored", || async {
        let stored = front().with("cache-control", "only-if-cached").send().await;
        stored.is_hit().then_some(())
    })
    .await;
    for _ in 0..2 {
        let answer = get(proxy.address, HOST, "/a").send().await;
        assert_eq!(
            (answer.status, answer.text()),
            (StatusCode::OK, "0123456789")
        );
        assert!(!answer.is_hit() && !answer.cache_status().contains("stored"));
    }
    let asked: Vec<_> = origin.asked();
    let ranges: Vec<_> = asked.iter().map(|asked| asked.field("range")).collect();
    assert_eq!(ranges, ["bytes=0-4", "bytes=5-", "", ""]);
}

/// As an origin that refuses what is odd, in one of three ways, and serves the rest.
fn finicky(asked: &Asked) -> Response<Full<Bytes>> {
    let refuse = |status: u16, tag: bool| {
        let mut response = Response::builder().status(status);
        if tag {
            response = response
                .header("etag", "\"error\"")
                .header("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT");
        }
        response
            .body(Full::new(Bytes::from_static(b"error")))
            .unwrap()
    };
    let tag = asked.path.ends_with("tag");
    if asked.headers.values().any(|value| value.len() > 8_000) {
        let status = if asked.path.starts_with("/431") {
            431
        } else {
            400
        };
        return refuse(status, tag);
    }
    if asked
        .headers
        .values()
        .any(|value| value.as_bytes().contains(&b'\\'))
    {
        return refuse(400, tag);
    }
    if !asked.field("x-http-method-override").is_empty() {
        return refuse(405, tag);
    }
    if !asked.body.is_empty() {
        return refuse(403, tag);
    }
    fresh("fine")
}

/// Header oversize, meta characters, method override, content with GET: the ways to have an error
/// cached for others (CPDoS).
#[tokio::test]
async fn an_odd_request_leaves_no_error_for_others() {
    let origin = Origin::start(|asked| async move { finicky(&asked) }).await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    let large = "x".repeat(12_000);
    for (path, name, value) in [
        ("/400-large", "x-any", large.as_str()),
        ("/400-large-tag", "x-any", &large),
        ("/431-large", "x-any", &large),
        ("/431-large-tag", "x-any", &large),
        ("/meta", "x-any", "a\\r\\nb\\a"),
        ("/meta-tag", "x-any", "a\\r\\nb\\a"),
        ("/override", "x-http-method-override", "DELETE"),
        ("/override-tag", "x-http-method-override", "DELETE"),
    ] {
        let odd = get(proxy.address, HOST, path)
            .with(name, value)
            .send()
            .await;
        let overrides = path.starts_with("/override");
        assert_eq!(odd.status.is_success(), overrides, "{path}: {odd:?}");
        let even = get(proxy.address, HOST, path).send().await;
        assert_eq!(
            (even.status, even.text()),
            (StatusCode::OK, "fine"),
            "{path}"
        );
    }
    // Larger than is taken here: it does not even get to the origin.
    let asked = origin.asked().len();
    let huge = get(proxy.address, HOST, "/huge").with("x-any", &"x".repeat(40_000));
    let status = huge.send().await.status;
    assert_eq!(status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert_eq!(origin.asked().len(), asked);
}

#[tokio::test]
async fn a_get_with_content_is_neither_stored_nor_answered_from_the_store() {
    let origin = Origin::start(|asked| async move { fresh(asked.body) }).await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    let with = |content: &'static str| get(proxy.address, HOST, "/get").body(content).send();
    assert_eq!(with("evil").await.text(), "evil");
    let without = get(proxy.address, HOST, "/get").send().await;
    assert_eq!((without.text(), without.is_hit()), ("", false));
    assert_eq!(with("evil").await.text(), "evil");
    let without = get(proxy.address, HOST, "/get").send().await;
    assert_eq!((without.text(), without.is_hit()), ("", true));
}

#[tokio::test]
async fn hosts_and_services_do_not_mix() {
    let (one, two) = (
        Origin::cacheable("one").await,
        Origin::cacheable("two").await,
    );
    let file = format!(
        "[[pops]]\nname = \"p\"\nlatitude = 0\nlongitude = 0\n\n\
         [[services]]\nname = \"a\"\nhosts = [\"*.one.test\"]\norigins = [\"{}\"]\n\n\
         [[services]]\nname = \"b\"\nhosts = [\"two.test\"]\norigins = [\"{}\"]\n",
        one.url(),
        two.url()
    );
    let edge = one_edge(&file).await;
    for (host, text) in [
        ("a.one.test", "one"),
        ("b.one.test", "one"),
        ("two.test", "two"),
        ("TWO.test:80", "two"),
        ("two.test:8080", "two"),
    ] {
        let answer = get(edge.address, host, "/same").send().await;
        assert_eq!(answer.text(), text, "{host}");
        // The same authority in other letters (RFC 3986 section 6.2.2.1), and no other.
        assert_eq!(answer.is_hit(), host == "TWO.test:80", "{host}");
    }
    let stranger = get(edge.address, "three.test", "/same").send().await;
    assert_eq!(stranger.status, StatusCode::MISDIRECTED_REQUEST);
}

#[tokio::test]
async fn an_authorized_answer_is_shared_where_the_origin_says_so_and_only_there() {
    let origin = Origin::start(|asked| async move {
        let mut response = fresh(format!("for {}", asked.field("authorization")));
        let control = asked.path.trim_start_matches('/').replace('.', "=");
        response
            .headers_mut()
            .insert("cache-control", control.parse().unwrap());
        response
    })
    .await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    for (path, shared) in [
        ("/max-age.60", false),
        ("/max-age.60,proxy-revalidate", false),
        ("/private,max-age.60", false),
        ("/no-store,public", false),
        ("/max-age.60,public", true),
        ("/s-maxage.60", true),
        ("/max-age.60,must-revalidate", true),
    ] {
        let mine = get(proxy.address, HOST, path)
            .with("authorization", "me")
            .send()
            .await;
        assert_eq!(mine.text(), "for me", "{path}");
        for (name, value) in [("authorization", "you"), ("accept", "*/*")] {
            let other = get(proxy.address, HOST, path)
                .with(name, value)
                .send()
                .await;
            assert_eq!(other.text() == "for me", shared, "{path}: {other:?}");
        }
    }
}

#[tokio::test]
async fn trace_and_options_without_a_hop_left_are_answered_here() {
    let origin = Origin::cacheable("there").await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    let asking = |method: &str, path| {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        ask(method, proxy.address, HOST, path)
    };
    let trace = asking("TRACE", "/").with("cookie", "a=b").send().await;
    assert_eq!(trace.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(
        trace.field("allow").contains("GET") && !trace.text().contains("a=b"),
        "{trace:?}"
    );
    for (path, hops) in [("/", "0"), ("*", "1")] {
        let here = asking("OPTIONS", path)
            .with("max-forwards", hops)
            .send()
            .await;
        assert_eq!(
            (here.status, here.text()),
            (StatusCode::NO_CONTENT, ""),
            "{path}"
        );
        assert!(here.field("allow").contains("OPTIONS"), "{here:?}");
    }
    assert_eq!(origin.asked().len(), 0);
    let there = asking("OPTIONS", "/")
        .with("max-forwards", "2")
        .send()
        .await;
    assert_eq!(there.text(), "there");
    assert_eq!(origin.asked()[0].field("max-forwards"), "1");
}
