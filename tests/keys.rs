//! What stored responses are known by: the same at every tier, and nothing else reaches the origin.

use http::{Method, Response};
use http_body_util::Full;

use crate::harness::{
    cdn::{Cdn, Plan, one_edge},
    client::{ask, get},
    origin::{Asked, Origin, fresh},
};

/// One PoP of two edges and a shield, whose service has these lines about its keys.
fn plan(origin: &Origin, key: &str) -> Plan {
    Plan {
        service: format!("[services.cache.key]\n{key}\n"),
        ..Plan::small(origin.url())
    }
}

/// An origin that answers with the target that it was asked for.
async fn echo() -> Origin {
    Origin::start(|asked| async move { fresh(asked.path) }).await
}

fn targets(origin: &Origin) -> Vec<String> {
    origin.asked().into_iter().map(|asked| asked.path).collect()
}

#[tokio::test]
async fn ignored_parameters_are_neither_in_the_key_nor_at_the_origin() {
    let origin = echo().await;
    let cdn = Cdn::start(plan(&origin, "query_ignore = [\"utm_*\"]")).await;
    for (n, target) in [
        "/a?utm_source=x&id=5",
        "/a?id=5",
        "/a?id=5&utm_medium=y",
        "/a?id=5&utm%5Fid=z",
    ]
    .iter()
    .enumerate()
    {
        let edge = ["fra-1", "fra-2"][n % 2];
        assert_eq!(cdn.get(edge, target).await.text(), "/a?id=5", "{target}");
    }
    assert_eq!(targets(&origin), ["/a?id=5"], "once, for both edges");
    assert_eq!(cdn.get("fra-1", "/a?id=6").await.text(), "/a?id=6");

    // A POST goes by the store: the origin sees what the client sent. It makes them all invalid.
    let posted = ask(Method::POST, cdn.at("fra-2"), Cdn::HOST, "/a?utm_x=1&id=5").send();
    assert_eq!(posted.await.text(), "/a?utm_x=1&id=5");
    cdn.get("fra-1", "/a?id=5").await;
    assert_eq!(origin.count("/a?id=5"), 2);

    // And so does a purge, whatever is ignored in its URL.
    let (code, out, err) = cdn.perigee(&["purge", "http://www.cdn.test/a?id=5&utm_z=9"]);
    assert_eq!(code, 0, "{out}{err}");
    cdn.get("fra-2", "/a?id=5").await;
    assert_eq!(origin.count("/a?id=5"), 3);
}

#[tokio::test]
async fn only_what_is_kept_counts_in_order() {
    let origin = echo().await;
    let key = "query_keep = [\"id\", \"page\"]\nquery_sort = true";
    let cdn = Cdn::start(plan(&origin, key)).await;
    for target in ["/a?page=2&id=5&x=1", "/a?id=5&page=2", "/a?y&id=5&&page=2"] {
        assert_eq!(cdn.get("fra-1", target).await.text(), "/a?id=5&page=2");
    }
    assert_eq!(cdn.get("fra-2", "/a?z=1").await.text(), "/a");
    assert_eq!(targets(&origin), ["/a?id=5&page=2", "/a"]);
}

/// Says which values it was sent.
fn told(asked: &Asked) -> Response<Full<bytes::Bytes>> {
    let (device, cookie) = (asked.field("x-device"), asked.field("cookie"));
    fresh(format!("{device} {cookie}"))
}

#[tokio::test]
async fn values_in_the_key_are_kept_apart_and_purged_together() {
    let origin = Origin::start(|asked| async move { told(&asked) }).await;
    let key = "headers = [\"X-Device\"]\ncookies = [\"lang\"]";
    let cdn = Cdn::start(plan(&origin, key)).await;
    let text = async |edge: &str, device: &str, cookie: &str| {
        let ask = get(cdn.at(edge), Cdn::HOST, "/a");
        let ask = ask.with("x-device", device).with("cookie", cookie);
        ask.send().await.text().to_owned()
    };
    for round in 0..2 {
        for edge in ["fra-1", "fra-2"] {
            assert_eq!(
                text(edge, "tv", "lang=de; sid=1").await,
                "tv lang=de; sid=1"
            );
            assert_eq!(
                text(edge, "tv", "sid=2; lang=de").await,
                "tv lang=de; sid=1"
            );
            assert_eq!(text(edge, "tv", "lang=en").await, "tv lang=en");
            assert_eq!(text(edge, "phone", "lang=de").await, "phone lang=de");
        }
        assert_eq!(origin.count("/a"), 3 * (round + 1), "three variants");
        let (code, out, err) = cdn.perigee(&["purge", "http://www.cdn.test/a"]);
        assert_eq!(code, 0, "{out}{err}");
    }
}

#[tokio::test]
async fn schemes_are_folded_only_where_that_is_said() {
    let origin = Origin::start(|asked| async move {
        fresh(format!("proto {}", asked.field("x-forwarded-proto")))
    })
    .await;
    let apart = Cdn::start(plan(&origin, "")).await;
    assert_eq!(apart.get("fra-1", "/a").await.text(), "proto http");
    let folded = Cdn::start(plan(&origin, "fold_schemes = true")).await;
    assert_eq!(folded.get("fra-1", "/a").await.text(), "proto ", "not told");
}

/// An origin whose answers do not vary with `utm`.
async fn not_varying(field: &'static str) -> Origin {
    Origin::start(move |asked| async move {
        let mut response = fresh(asked.path);
        let value = http::HeaderValue::from_static(field);
        response.headers_mut().insert("no-vary-search", value);
        response
    })
    .await
}

#[tokio::test]
async fn no_vary_search_lets_other_queries_be_answered_from_what_is_stored() {
    let origin = not_varying("params=(\"utm\"), key-order").await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    let first = cdn.get("fra-1", "/a?utm=1&id=5&x=2").await;
    assert_eq!(first.text(), "/a?utm=1&id=5&x=2");
    // Whichever edge owns them, the shield has it.
    for (edge, target) in [
        ("fra-2", "/a?utm=2&id=5&x=2"),
        ("fra-1", "/a?id=5&x=2"),
        ("fra-2", "/a?x=2&id=5&utm=3"),
        ("fra-1", "/a?x=%32&utm&id=5"),
        ("fra-2", "/a?utm=2&id=5&x=2"),
    ] {
        let answer = cdn.get(edge, target).await;
        assert!(answer.text().contains("id=5&x=2"), "{target}");
        assert_eq!(targets(&origin), ["/a?utm=1&id=5&x=2"], "{edge} {target}");
    }
    assert_eq!(cdn.get("fra-1", "/a?id=6&x=2").await.text(), "/a?id=6&x=2");
    assert_eq!(cdn.get("fra-1", "/b?id=5&x=2").await.text(), "/b?id=5&x=2");
    // A purge of any of them is one of what would have answered it.
    let (code, out, err) = cdn.perigee(&["purge", "http://www.cdn.test/a?x=2&id=5"]);
    assert_eq!(code, 0, "{out}{err}");
    let before = origin.asked().len();
    cdn.get("fra-1", "/a?id=5&x=2&utm=9").await;
    assert_eq!(origin.asked().len(), before + 1, "{:?}", targets(&origin));
}

#[tokio::test]
async fn no_vary_search_can_be_switched_off() {
    let origin = not_varying("params").await;
    let file = format!(
        "[[pops]]\nname = \"p\"\nlatitude = 0.0\nlongitude = 0.0\n\n[[services]]\nname = \"www\"\n\
         hosts = [\"*\"]\norigins = [\"{}\"]\ncache.no_vary_search = false\n",
        origin.url()
    );
    let edge = one_edge(&file).await;
    for target in ["/a?x=1", "/a?x=2", "/a?x=1"] {
        let answer = get(edge.address, "www.cdn.test", target).send().await;
        assert_eq!(answer.text(), target);
    }
    assert_eq!(targets(&origin), ["/a?x=1", "/a?x=2"]);
}

#[tokio::test]
async fn a_vary_that_names_more_does_not_let_the_older_response_leak() {
    let origin = Origin::start(|asked| async move {
        let (a, language) = (asked.field("x-a"), asked.field("accept-language"));
        let mut response = fresh(format!("{a} {language}"));
        // At first it said nothing of languages.
        let vary = match language {
            "" => "X-A",
            _ => "X-A, Accept-Language",
        };
        let vary = http::HeaderValue::from_static(vary);
        response.headers_mut().insert("vary", vary);
        response
    })
    .await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    let text = async |a: &str, language: &str| {
        let mut ask = get(cdn.at("fra-1"), Cdn::HOST, "/a").with("x-a", a);
        if !language.is_empty() {
            ask = ask.with("accept-language", language);
        }
        ask.send().await.text().to_owned()
    };
    assert_eq!(text("1", "").await, "1 ");
    assert_eq!(text("2", "de").await, "2 de");
    // What is stored for X-A: 1 is fresh, but nobody knows for which language.
    assert_eq!(text("1", "en").await, "1 en");
    assert_eq!(text("1", "en").await, "1 en");
    assert_eq!(text("2", "de").await, "2 de");
    assert_eq!(origin.count("/a"), 3);
}

#[tokio::test]
async fn tags_are_for_the_tiers() {
    let origin = Origin::start(|_| async {
        let mut response = fresh("tagged");
        let value = http::HeaderValue::from_static("one two");
        response
            .headers_mut()
            .insert("surrogate-key", value.clone());
        response.headers_mut().insert("cache-tag", value);
        response
    })
    .await;
    let hidden = Cdn::start(Plan::small(origin.url())).await;
    let shown = Cdn::start(Plan {
        service: "cache.show_tags = true".to_owned(),
        ..Plan::small(origin.url())
    })
    .await;
    for edge in ["fra-1", "fra-2", "fra-1"] {
        let answer = hidden.get(edge, "/a").await;
        assert_eq!(answer.field("surrogate-key"), "");
        assert_eq!(answer.field("cache-tag"), "");
        // Through the owner and the shield, they still come to the edge that shows them.
        let answer = shown.get(edge, "/a").await;
        assert_eq!(answer.field("surrogate-key"), "one two");
        assert_eq!(answer.field("cache-tag"), "one two");
    }
}
