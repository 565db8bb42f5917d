//! What stays on its hop, and what each hop adds, from client to origin and back through a CDN of
//! edge, peer and shield.

use http::Method;

use crate::harness::{
    cdn::{Cdn, Plan},
    client::{ask, get},
    origin::{Origin, fresh},
};

#[tokio::test]
async fn what_is_for_one_hop_goes_no_further_in_either_direction() {
    let origin = Origin::start(|_| async {
        let mut response = fresh("content");
        let headers = response.headers_mut();
        for (name, value) in [
            ("connection", "x-of-the-origin, content-type, etag"),
            ("x-of-the-origin", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-authenticate", "Basic"),
            ("x-end-to-end", "1"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        response
    })
    .await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    // By the node that owns it and by the one that asks its peer.
    for name in ["fra-1", "fra-2"] {
        let path = format!("/{name}");
        for time in 0..2 {
            let answer = get(cdn.at(name), Cdn::HOST, &path)
                .with(
                    "connection",
                    "x-of-the-client, host, content-length, cookie",
                )
                .with("x-of-the-client", "1")
                .with("cookie", "a=b")
                .with("te", "gzip")
                .with("proxy-authorization", "Basic QQ==")
                .send()
                .await;
            assert_eq!(answer.text(), "content", "{name}");
            for gone in [
                "x-of-the-origin",
                "keep-alive",
                "proxy-authenticate",
                "connection",
            ] {
                assert_eq!(answer.field(gone), "", "{name}, time {time}: {gone}");
            }
            for kept in ["x-end-to-end", "content-type", "etag", "cache-control"] {
                assert_ne!(answer.field(kept), "", "{name}, time {time}: {kept}");
            }
        }
    }
    for asked in origin.asked() {
        for gone in [
            "x-of-the-client",
            "proxy-authorization",
            "perigee-auth",
            "perigee-via",
        ] {
            assert_eq!(asked.field(gone), "", "{gone}");
        }
        assert!(!asked.field("te").contains("gzip"), "{asked:?}");
        assert_eq!(
            (asked.field("host"), asked.field("cookie")),
            (Cdn::HOST, "a=b")
        );
    }
}

#[tokio::test]
async fn each_hop_adds_itself_to_via_and_to_cache_status() {
    let origin = Origin::start(|_| async {
        let mut response = fresh("content");
        let via = "1.0 behind (an old one)".parse().unwrap();
        response.headers_mut().insert("via", via);
        response
    })
    .await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    let path = cdn.path_owned_by("fra-2", "via").await;
    let before = origin.asked().len();
    let path = format!("{path}?new");
    let answer = get(cdn.at("fra-1"), Cdn::HOST, &path)
        .with("via", "1.1 in-front")
        .with("cdn-loop", "other.example; a=\"b, c\"")
        .send()
        .await;
    // A query makes it another key, so either edge may own it.
    let through: Vec<String> = match answer.cache_status().contains("fra-2") {
        true => ["shield-1", "fra-2", "fra-1"].map(str::to_owned).to_vec(),
        false => ["shield-1", "fra-1"].map(str::to_owned).to_vec(),
    };
    let via = format!("1.0 behind (an old one), 1.1 {}", through.join(", 1.1 "));
    assert_eq!(answer.field("via"), via);
    let entries = answer.cache_status();
    let names: Vec<&str> = entries
        .split(", ")
        .map(|entry| entry.split(';').next().unwrap())
        .collect();
    assert_eq!(names, through, "{entries}");

    let asked = &origin.asked()[before];
    let values = |name: &str| -> Vec<String> {
        let lines = asked.headers.get_all(name).iter();
        lines
            .map(|line| line.to_str().unwrap().to_owned())
            .collect()
    };
    let back: Vec<_> = through.into_iter().rev().collect();
    assert_eq!(
        values("via").join(", "),
        format!("1.1 in-front, 1.1 {}", back.join(", 1.1 "))
    );
    // Once for the whole CDN (RFC 8586 section 2).
    assert_eq!(
        values("cdn-loop"),
        ["other.example; a=\"b, c\"", "cdn.test"]
    );
}

#[tokio::test]
async fn each_hop_takes_one_off_max_forwards() {
    let origin = Origin::cacheable("content").await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    let options = |hops: &str| {
        ask(Method::OPTIONS, cdn.at("fra-1"), Cdn::HOST, "/o").with("max-forwards", hops)
    };
    let answer = options("9").send().await;
    let through = answer.cache_status().split(", ").count();
    assert_eq!(
        origin.asked()[0].field("max-forwards"),
        (9 - through).to_string()
    );
    for hops in 0..through {
        let answer = options(&hops.to_string()).send().await;
        assert_eq!(answer.status.as_u16(), 204, "{hops}: {answer:?}");
        assert_eq!(answer.cache_status().split(", ").count(), hops + 1);
    }
    assert_eq!(origin.asked().len(), 1);
}

#[tokio::test]
async fn a_request_that_comes_back_is_refused() {
    let origin = Origin::cacheable("content").await;
    let cdn = Cdn::start(Plan::small(origin.url())).await;
    for (loops, status) in [
        ("cdn.test", 508),
        ("other.example, CDN.test; a=b", 508),
        ("other.example; a=\"b, c\", cdn.test", 508),
        ("other.example; a=\"x, cdn.test\"", 200),
        ("other.example, another.example", 200),
        ("a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p", 200),
        ("a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", 508),
    ] {
        let answer = get(cdn.at("fra-1"), Cdn::HOST, "/loop").with("cdn-loop", loops);
        assert_eq!(answer.send().await.status.as_u16(), status, "{loops}");
    }
}

#[tokio::test]
async fn clients_are_told_as_much_as_the_service_says() {
    for (service, entries, has_ttl, has_key) in [
        ("cache_status = \"off\"", 0, false, false),
        ("cache_status = \"brief\"", 1, false, false),
        ("", 2, true, false),
        ("cache_status = \"debug\"", 2, true, true),
    ] {
        let origin = Origin::cacheable("content").await;
        let plan = Plan {
            pops: vec![("fra", 50.0, 8.0, 1)],
            service: format!("{service}\n"),
            ..Plan::small(origin.url())
        };
        let cdn = Cdn::start(plan).await;
        let miss = cdn.get("fra-1", "/told?q=%22").await.cache_status();
        let told = if miss.is_empty() {
            0
        } else {
            miss.matches("fwd=").count()
        };
        assert_eq!(told, entries, "{service}: {miss}");
        let key = format!("key=\"http://{}/told?q=%22\"", Cdn::HOST);
        let keys = if has_key { entries } else { 0 };
        assert_eq!(miss.matches(&key).count(), keys, "{service}: {miss}");
        let hit = cdn.get("fra-1", "/told?q=%22").await;
        assert_eq!(
            hit.cache_status().contains("; ttl="),
            has_ttl,
            "{service}: {hit:?}"
        );
        assert_eq!(hit.is_hit(), entries > 0, "{service}: {hit:?}");
        assert!(hit.field("via").contains("fra-1"), "{service}: {hit:?}");
    }
}
