//! What an unsafe request makes invalid (RFC 9111 section 4.4, RFC 9875), on each tier that it
//! passes.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;

use crate::harness::{
    cdn::{Cdn, Plan},
    client::{Answer, ask, get},
    origin::{Asked, Origin, fresh},
    wait,
};

type Whole = Response<Full<bytes::Bytes>>;

fn with(mut response: Whole, fields: &[(&'static str, &str)]) -> Whole {
    for (name, value) in fields {
        let value = HeaderValue::from_str(value).unwrap();
        let name = HeaderName::from_static(name);
        response.headers_mut().insert(name, value);
    }
    response
}

/// An origin that counts its answers to GET in their text, and answers anything else with the
/// status and the fields that the request carries in `x-status` and `x-FIELD`.
async fn obedient() -> Origin {
    let count = Arc::new(AtomicUsize::new(0));
    Origin::start(move |asked| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        async move {
            if asked.method == Method::GET {
                let groups = asked.field("x-groups").to_owned();
                return with(fresh(format!("{number}")), &[("cache-groups", &groups)]);
            }
            ordered(&asked)
        }
    })
    .await
}

fn ordered(asked: &Asked) -> Whole {
    let mut response = fresh("done");
    let status = asked.field("x-status").parse().unwrap_or(200);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for name in ["location", "content-location", "cache-group-invalidation"] {
        let value = asked.field(&format!("x-{name}"));
        if !value.is_empty() {
            response = with(response, &[(name, value)]);
        }
    }
    response
}

async fn order(cdn: &Cdn, edge: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
    let mut order = ask(Method::POST, cdn.at(edge), Cdn::HOST, path).body("x");
    for (name, value) in fields {
        order = order.with(name, value);
    }
    order.send().await
}

/// One edge and one shield: there is one way, so what is said of it can be counted.
fn one_way(origin: &Origin) -> Plan {
    Plan {
        pops: vec![("fra", 50.11, 8.68, 1)],
        ..Plan::small(origin.url())
    }
}

#[tokio::test]
async fn the_target_and_what_the_answer_names_of_its_origin_are_fetched_anew() {
    let origin = obedient().await;
    let cdn = Cdn::start(one_way(&origin)).await;
    let paths = ["/b/item", "/b/new", "/list?page=1", "/other"];
    for path in paths {
        cdn.get("fra-1", path).await;
    }
    let fields = [
        ("x-status", "201"),
        ("x-location", "./x/../new#top"),
        ("x-content-location", "http://WWW.cdn.test:8080/list?page=1"),
    ];
    order(&cdn, "fra-1", "/b/item", &fields).await;
    for path in paths {
        cdn.get("fra-1", path).await;
    }
    // The Content-Location is of another port, so of another origin.
    let counts = paths.map(|path| origin.count(path));
    assert_eq!(counts, [3, 2, 1, 1], "GET, POST, GET of the first");

    let here = [("x-content-location", "http://www.CDN.test/list?page=1")];
    order(&cdn, "fra-1", "/b/item", &here).await;
    cdn.get("fra-1", "/list?page=1").await;
    assert_eq!(origin.count("/list?page=1"), 2);
}

#[tokio::test]
async fn an_error_or_a_safe_method_makes_nothing_invalid() {
    let origin = obedient().await;
    let cdn = Cdn::start(one_way(&origin)).await;
    cdn.get("fra-1", "/a").await;
    let fields = [
        ("x-location", "/a"),
        ("x-cache-group-invalidation", "\"g\""),
    ];
    for status in ["400", "404", "500", "503"] {
        let fields = [fields[0], fields[1], ("x-status", status)];
        order(&cdn, "fra-1", "/a", &fields).await;
    }
    for method in [Method::OPTIONS, Method::from_bytes(b"QUERY").unwrap()] {
        ask(method, cdn.at("fra-1"), Cdn::HOST, "/a").send().await;
    }
    assert!(cdn.get("fra-1", "/a").await.is_hit());
}

#[tokio::test]
async fn a_group_is_made_invalid_at_edge_and_shield_and_at_no_other_origin() {
    let origin = obedient().await;
    let plan = Plan {
        service: "hosts = [\"www.cdn.test\", \"other.cdn.test\"]".to_owned(),
        ..one_way(&origin)
    };
    let cdn = Cdn::start(plan).await;
    let grouped = async |host: &str, path: &str, groups: &str| {
        let ask = get(cdn.at("fra-1"), host, path).with("x-groups", groups);
        ask.send().await.text().to_owned()
    };
    let asked = [
        (Cdn::HOST, "/a", "\"news\", \"home\""),
        (Cdn::HOST, "/b", "\"news\""),
        (Cdn::HOST, "/c", "\"newspaper\""),
        ("other.cdn.test", "/a", "\"news\""),
    ];
    let mut before = Vec::new();
    for (host, path, groups) in asked {
        before.push(grouped(host, path, groups).await);
    }
    let news = [("x-cache-group-invalidation", "\"news\"")];
    order(&cdn, "fra-1", "/publish", &news).await;
    let mut same = Vec::new();
    for ((host, path, groups), before) in asked.into_iter().zip(before) {
        same.push(grouped(host, path, groups).await == before);
    }
    assert_eq!(same, [false, false, true, true]);
}

#[tokio::test]
async fn what_was_asked_for_before_its_group_was_made_invalid_is_not_kept() {
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let (waits, first) = (Arc::clone(&gate), Arc::new(AtomicUsize::new(0)));
    let origin = Origin::start(move |asked| {
        let is_first = asked.method == Method::GET && first.fetch_add(1, Ordering::SeqCst) == 0;
        let waits = Arc::clone(&waits);
        async move {
            if asked.method != Method::GET {
                return with(fresh("done"), &[("cache-group-invalidation", "\"news\"")]);
            }
            if is_first {
                waits.acquire().await.unwrap().forget();
            }
            let text = if is_first { "old" } else { "new" };
            with(fresh(text), &[("cache-groups", "\"news\"")])
        }
    })
    .await;
    let cdn = Cdn::start(one_way(&origin)).await;
    let old = tokio::spawn(get(cdn.at("fra-1"), Cdn::HOST, "/a").send());
    wait::until("the origin is asked", || async {
        (origin.count("/a") > 0).then_some(())
    })
    .await;
    order(&cdn, "fra-1", "/publish", &[]).await;
    // Who asks from now on does not wait for what was asked for before.
    assert_eq!(cdn.get("fra-1", "/a").await.text(), "new");
    gate.add_permits(1);
    assert_eq!(old.await.unwrap().text(), "old");
    assert_eq!(cdn.get("fra-1", "/a").await.text(), "new");
    assert_eq!(origin.count("/a"), 2);
}

/// Answers POST with what it was sent, as the representation of the URI that it was sent to.
async fn echoing(further: &'static [(&'static str, &'static str)]) -> Origin {
    let content = Arc::new(Mutex::new(bytes::Bytes::from("first")));
    Origin::start(move |asked| {
        let content = Arc::clone(&content);
        async move {
            let mut fields: Vec<(&str, &str)> = Vec::new();
            if asked.method == Method::POST {
                *content.lock().unwrap() = asked.body.clone();
                fields.push(("content-location", &asked.path));
                fields.extend(further);
            }
            let text = content.lock().unwrap().clone();
            with(fresh(text), &fields)
        }
    })
    .await
}

#[tokio::test]
async fn the_answer_to_a_post_that_is_the_representation_answers_gets() {
    let origin = echoing(&[]).await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    for path in ["/a?b", "/c"] {
        assert_eq!(cdn.get("fra-1", path).await.text(), "first");
    }
    for (n, edge) in ["fra-1", "fra-2"].iter().enumerate() {
        let text = format!("content {n}");
        let post = ask(Method::POST, cdn.at(edge), Cdn::HOST, "/a?b").body(text.clone());
        assert_eq!(post.send().await.text(), text);
        for edge in ["fra-1", "fra-2"] {
            let answer = cdn.get(edge, "/a?b").await;
            assert_eq!(answer.text(), text);
            assert_eq!(answer.field("content-location"), "/a?b");
        }
        assert_eq!(origin.count("/a?b"), 2 + n, "a GET, and the POSTs");
    }
    assert_eq!(cdn.get("fra-2", "/c").await.text(), "first");
}

#[tokio::test]
async fn what_is_not_for_all_is_not_kept_of_a_post() {
    let origin = echoing(&[("set-cookie", "a=b")]).await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    let post = ask(Method::POST, cdn.at("fra-1"), Cdn::HOST, "/a").body("mine");
    assert_eq!(post.send().await.text(), "mine");
    cdn.get("fra-1", "/a").await;
    assert_eq!(origin.count("/a"), 2);

    let origin = echoing(&[]).await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    for (n, (name, value)) in [("authorization", "Basic eA=="), ("cookie", "a=b")]
        .into_iter()
        .enumerate()
    {
        let path = format!("/{n}");
        let post = ask(Method::POST, cdn.at("fra-1"), Cdn::HOST, &path).with(name, value);
        post.body("mine").send().await;
        cdn.get("fra-1", &path).await;
        assert_eq!(origin.count(&path), 2, "{name}");
    }
}

#[tokio::test]
async fn what_a_post_was_shaped_by_beside_its_key_is_not_kept() {
    let origin = echoing(&[]).await;
    let plan = Plan {
        service: "[services.cache.key]\nquery_ignore = [\"utm_*\"]\n".to_owned(),
        ..Plan::small(origin.url())
    };
    let cdn = Cdn::start(plan).await;
    let post = |path| ask(Method::POST, cdn.at("fra-1"), Cdn::HOST, path).body("mine");
    post("/a?utm_x=mine").send().await;
    assert_eq!(origin.count("/a?utm_x=mine"), 1, "as it came");
    cdn.get("fra-1", "/a").await;
    assert_eq!(origin.count("/a"), 1, "the GET");
    post("/b")
        .with("x-http-method-override", "PATCH")
        .send()
        .await;
    cdn.get("fra-1", "/b").await;
    assert_eq!(origin.count("/b"), 2);
}

/// Fields of a response that nobody asked to be changed.
#[tokio::test]
async fn the_answer_to_a_post_comes_as_it_is() {
    let origin = echoing(&[("x-other", "1"), ("cache-groups", "\"g\"")]).await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    let post = ask(Method::POST, cdn.at("fra-1"), Cdn::HOST, "/a").body("x".repeat(300_000));
    let answer = post.send().await;
    assert_eq!(answer.body.len(), 300_000);
    let of = |headers: &HeaderMap, name: &str| headers.get(name).cloned();
    assert_eq!(of(&answer.headers, "x-other").unwrap(), "1");
    assert_eq!(of(&answer.headers, "content-length").unwrap(), "300000");
    assert_eq!(of(&answer.headers, "cache-groups").unwrap(), "\"g\"");
    assert!(answer.cache_status().contains("fwd=method"), "{answer:?}");
    assert_eq!(cdn.get("fra-2", "/a").await.body.len(), 300_000);
    assert_eq!(origin.count("/a"), 1);
}
