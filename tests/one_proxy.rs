//! `perigee edge --listen ... --origin ...`: one caching reverse proxy.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use tempfile::TempDir;

use crate::harness::{
    client::{ask, get},
    net::Net,
    origin::{Origin, fresh},
    process::Process,
    wait,
};

/// A proxy in front of an origin, ready.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    pub(crate) process: Process,
    _folder: TempDir,
}

impl Proxy {
    pub(crate) async fn start(origin: &str, more: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let address = Net::new().at(1, 8080);
        let listen = address.to_string();
        let mut args = vec!["edge", "--listen", &listen, "--origin", origin];
        args.extend(more);
        let process = Process::start("edge", folder.path(), &args);
        wait::until("the proxy listens", || async move {
            tokio::net::TcpStream::connect(address).await.ok()
        })
        .await;
        Proxy {
            address,
            process,
            _folder: folder,
        }
    }
}

#[tokio::test]
async fn a_miss_then_a_hit_then_a_304() {
    let origin = Origin::cacheable("hello").await;
    let proxy = Proxy::start(&origin.url(), &[]).await;

    let first = get(proxy.address, "www.example.com", "/a").send().await;
    assert_eq!((first.status, first.text()), (StatusCode::OK, "hello"));
    assert!(first.cache_status().contains("fwd=uri-miss"), "{first:?}");
    assert!(first.cache_status().contains("stored"), "{first:?}");
    // The origin has made it for this request (RFC 9111 section 5.1).
    assert!(!first.headers.contains_key("age"), "{first:?}");

    let second = get(proxy.address, "www.example.com", "/a").send().await;
    assert!(second.is_hit(), "{second:?}");
    assert_eq!(second.text(), "hello");
    assert!(second.headers.contains_key("age"), "{second:?}");
    assert!(second.field("via").contains("1.1 "), "{second:?}");

    let tag = second.field("etag");
    let third = get(proxy.address, "www.example.com", "/a")
        .with("if-none-match", &tag)
        .send()
        .await;
    assert_eq!(third.status, StatusCode::NOT_MODIFIED);
    assert!(third.body.is_empty());
    assert_eq!(third.field("etag"), tag);
    assert_eq!(origin.count("/a"), 1);
}

#[tokio::test]
async fn ranges_are_cut_out_of_what_is_stored() {
    let origin = Origin::cacheable("0123456789").await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    for (range, status, content_range, body) in [
        ("bytes=2-4", 206, "bytes 2-4/10", "234"),
        ("bytes=-3", 206, "bytes 7-9/10", "789"),
        ("bytes=8-", 206, "bytes 8-9/10", "89"),
        ("bytes=10-", 416, "bytes */10", ""),
    ] {
        let answer = get(proxy.address, "www.example.com", "/r")
            .with("range", range)
            .send()
            .await;
        assert_eq!(answer.status.as_u16(), status, "{range}");
        assert_eq!(answer.field("content-range"), content_range, "{range}");
        assert_eq!(answer.text(), body, "{range}");
    }
    assert_eq!(origin.count("/r"), 1);
}

#[tokio::test]
async fn head_is_answered_out_of_a_stored_get() {
    let origin = Origin::cacheable("0123456789").await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    get(proxy.address, "www.example.com", "/h").send().await;
    let head = ask(Method::HEAD, proxy.address, "www.example.com", "/h")
        .send()
        .await;
    assert!(head.is_hit(), "{head:?}");
    assert_eq!(head.field("content-length"), "10");
    assert!(head.body.is_empty());
    assert_eq!(origin.asked().len(), 1);
}

#[tokio::test]
async fn variants_are_kept_apart() {
    let origin = Origin::start(|asked| async move {
        let mut response = fresh(format!("for {}", asked.field("accept-language")));
        response
            .headers_mut()
            .insert("vary", "accept-language".parse().unwrap());
        response
    })
    .await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    for _ in 0..2 {
        for language in ["de", "en"] {
            let answer = get(proxy.address, "www.example.com", "/v")
                .with("accept-language", language)
                .send()
                .await;
            assert_eq!(answer.text(), format!("for {language}"));
        }
    }
    assert_eq!(origin.count("/v"), 2);
}

#[tokio::test]
async fn what_is_stale_is_validated_and_goes_on() {
    let origin = Origin::start(|asked| async move {
        let mut response = fresh("same");
        let headers = response.headers_mut();
        headers.insert("cache-control", "max-age=0".parse().unwrap());
        let tag = headers["etag"].clone();
        if asked.field("if-none-match") == tag {
            let mut unchanged = Response::new(Full::new(Bytes::new()));
            *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
            unchanged.headers_mut().insert("etag", tag);
            return unchanged;
        }
        response
    })
    .await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    get(proxy.address, "www.example.com", "/s").send().await;
    let second = get(proxy.address, "www.example.com", "/s").send().await;
    assert_eq!((second.status, second.text()), (StatusCode::OK, "same"));
    let status = second.cache_status();
    assert!(status.contains("fwd=stale; fwd-status=304"), "{status}");
    // The origin has validated it for this request (RFC 9111 section 5.1).
    assert!(!second.headers.contains_key("age"), "{second:?}");
    assert_eq!(
        origin.asked()[1].field("if-none-match"),
        second.field("etag")
    );

    // A HEAD freshens it for all (RFC 9111 section 4.3.5), by a GET that can bring what is new.
    let head = ask(Method::HEAD, proxy.address, "www.example.com", "/s");
    let head = head.send().await;
    assert_eq!((head.status, head.text()), (StatusCode::OK, ""));
    assert_eq!(head.field("content-length"), "4");
    let asked = origin.asked();
    assert_eq!(asked[2].method, Method::GET);
    assert_eq!(asked[2].field("if-none-match"), second.field("etag"));
}

#[tokio::test]
async fn what_is_stale_is_served_when_the_origin_fails() {
    let down = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_down = std::sync::Arc::clone(&down);
    let origin = Origin::start(move |_| {
        let down = is_down.load(std::sync::atomic::Ordering::Relaxed);
        async move {
            let mut response = fresh("old but good");
            let headers = response.headers_mut();
            headers.insert("cache-control", "max-age=0".parse().unwrap());
            if down {
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            }
            response
        }
    })
    .await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    get(proxy.address, "www.example.com", "/e").send().await;

    down.store(true, std::sync::atomic::Ordering::Relaxed);
    let answer = get(proxy.address, "www.example.com", "/e").send().await;
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::OK, "old but good")
    );
    let status = answer.cache_status();
    assert!(status.contains("detail=stale-if-error"), "{status}");

    let (address, gone) = (proxy.address, origin.address);
    drop(origin);
    wait::until("the origin is gone", || async move {
        tokio::net::TcpStream::connect(gone)
            .await
            .is_err()
            .then_some(())
    })
    .await;
    let answer = get(address, "www.example.com", "/e").send().await;
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::OK, "old but good")
    );
    let other = get(address, "www.example.com", "/never-seen").send().await;
    assert_eq!(other.status, StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn what_may_not_be_stored_is_not() {
    let origin = Origin::start(|asked| async move {
        let mut response = fresh("mine");
        let value = asked.path.trim_start_matches('/').replace('.', "=");
        let headers = response.headers_mut();
        headers.insert("cache-control", value.parse().unwrap());
        response
    })
    .await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    for path in ["/No-Store", "/private", "/PRIVATE,max-age.60"] {
        for _ in 0..2 {
            let answer = get(proxy.address, "www.example.com", path).send().await;
            assert!(!answer.is_hit(), "{path}");
        }
        assert_eq!(origin.count(path), 2, "{path}");
    }
}

#[tokio::test]
async fn hosts_do_not_share_what_is_stored() {
    let origin = Origin::start(|asked| async move { fresh(asked.field("host").to_owned()) }).await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    for host in ["a.example", "b.example", "a.example:81"] {
        let answer = get(proxy.address, host, "/").send().await;
        assert_eq!(answer.text(), host);
    }
    assert_eq!(origin.count("/"), 3);
}

#[tokio::test]
async fn hop_by_hop_fields_stay_on_their_hop() {
    let origin = Origin::start(|_| async move {
        let mut response = fresh("x");
        let headers = response.headers_mut();
        headers.insert("connection", "x-secret".parse().unwrap());
        headers.insert("x-secret", "1".parse().unwrap());
        headers.insert("proxy-authenticate", "Basic".parse().unwrap());
        response
    })
    .await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    let answer = get(proxy.address, "www.example.com", "/hop")
        .with("connection", "x-mine")
        .with("x-mine", "1")
        .with("te", "gzip")
        .with("x-forwarded-for", "6.6.6.6")
        .with("perigee-auth", "v1;t=0;n=evil;s=00")
        .send()
        .await;
    assert!(!answer.headers.contains_key("x-secret"), "{answer:?}");
    assert!(
        !answer.headers.contains_key("proxy-authenticate"),
        "{answer:?}"
    );
    let asked = &origin.asked()[0];
    for gone in ["x-mine", "te", "perigee-auth"] {
        assert_eq!(asked.field(gone), "", "{gone}");
    }
    assert_eq!(asked.field("x-forwarded-for"), "127.0.0.1");
    assert!(asked.field("via").contains("1.1 "), "{asked:?}");
    assert!(!asked.field("cdn-loop").is_empty(), "{asked:?}");
}

#[tokio::test]
async fn an_unsafe_request_makes_what_is_stored_go() {
    let origin = Origin::cacheable("v").await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    get(proxy.address, "www.example.com", "/u").send().await;
    let posted = ask(Method::POST, proxy.address, "www.example.com", "/u")
        .body("new")
        .send()
        .await;
    assert!(posted.cache_status().contains("fwd=method"), "{posted:?}");
    assert_eq!(origin.asked()[1].body, "new");
    let after = get(proxy.address, "www.example.com", "/u").send().await;
    assert!(!after.is_hit(), "{after:?}");
}

#[tokio::test]
async fn fields_for_one_client_are_given_to_that_one_only() {
    let origin = Origin::start(|_| async move {
        let mut response = fresh("x");
        let headers = response.headers_mut();
        let control = "max-age=60, no-cache=\"x-once\"";
        headers.insert("cache-control", control.parse().unwrap());
        headers.insert("x-once", "1".parse().unwrap());
        response
    })
    .await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    let first = get(proxy.address, "www.example.com", "/f").send().await;
    assert_eq!(first.field("x-once"), "1");
    let second = get(proxy.address, "www.example.com", "/f").send().await;
    assert!(
        second.is_hit() && second.field("x-once").is_empty(),
        "{second:?}"
    );
}

#[tokio::test]
async fn the_access_log_has_a_line_of_json_per_request() {
    let origin = Origin::cacheable("hello").await;
    let proxy = Proxy::start(&origin.url(), &[]).await;
    for _ in 0..2 {
        get(proxy.address, "www.example.com", "/log?a=1")
            .send()
            .await;
    }
    let lines = wait::until("two lines are written", || {
        let said = proxy.process.stdout();
        async move { (said.lines().count() >= 2).then_some(said) }
    })
    .await;
    let lines: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["tier"], "edge");
    assert_eq!(lines[0]["url"], "http://www.example.com/log?a=1");
    assert_eq!(lines[0]["status"], 200);
    assert!(lines[0]["cache"].as_str().unwrap().contains("fwd=uri-miss"));
    assert!(lines[1]["cache"].as_str().unwrap().contains("hit"));
    assert_eq!(
        (&lines[1]["bytes"], &lines[1]["complete"]),
        (&5.into(), &true.into())
    );
}
