//! A node that comes back is given its keys little by little.

use std::time::Duration;

use http::StatusCode;

use crate::harness::{
    cdn::{Cdn, Plan},
    client::get,
    metrics::metric,
    origin::{Origin, fresh},
    wait,
};

/// Longer than a look at all objects takes on any machine.
const SLOW_START: f64 = 15.0;
const OBJECTS: usize = 60;

async fn uptime(cdn: &Cdn, node: &str) -> f64 {
    let status = get(cdn.admin(node), "localhost", "/status").send().await;
    let status: serde_json::Value = serde_json::from_slice(&status.body).unwrap();
    status["drain"]["uptime"].as_f64().unwrap()
}

/// The objects that fra-1 asks fra-3 for.
async fn given(cdn: &Cdn) -> Vec<usize> {
    let mut given = Vec::new();
    for object in 0..OBJECTS {
        let answer = cdn.get("fra-1", &format!("/{object}")).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, "content"));
        if answer.cache_status().contains("peer fra-3") {
            given.push(object);
        }
    }
    given
}

#[tokio::test]
async fn its_keys_come_back_one_after_the_other() {
    // Nobody keeps it, so that who stood in for the owner asks the owner again.
    let origin = Origin::start(|_| async {
        let mut response = fresh("content");
        let value = http::HeaderValue::from_static("no-store");
        response.headers_mut().insert("cache-control", value);
        response
    })
    .await;
    let plan = Plan {
        pops: vec![("fra", 50.11, 8.68, 3)],
        tables: format!(
            "[health]\ninterval = \"100ms\"\ntimeout = \"10s\"\nsuspect_timeout = \"10s\"\n\
             slow_start = \"{SLOW_START}s\"\n[ring]\nhot_after = 0\n"
        ),
        ..Plan::small(origin.url())
    };
    let mut cdn = Cdn::start(plan).await;
    let all = given(&cdn).await;
    assert!(
        all.len() > 10,
        "those who start together are not slowed: {all:?}"
    );
    // Only who has been there for a while is taken for settled.
    wait::until("fra-1 has been there for a while", || async {
        (uptime(&cdn, "fra-1").await > SLOW_START + 2.0).then_some(())
    })
    .await;
    let returning = "perigee_owner_passed_over_total";
    assert_eq!(metric(&cdn, "fra-1", returning).await, 0.0);

    cdn.node("fra-3").kill();
    wait::until("fra-1 has noticed", || async {
        (!cdn.uses("fra-1", "fra-3").await).then_some(())
    })
    .await;
    assert_eq!(given(&cdn).await.len(), 0);
    cdn.spawn("fra-3");
    wait::until("fra-1 has noticed", || async {
        cdn.uses("fra-1", "fra-3").await.then_some(())
    })
    .await;
    let mut given_by_now = given(&cdn).await;
    assert!(
        given_by_now.len() < all.len(),
        "{given_by_now:?} of {all:?}"
    );
    assert!(metric(&cdn, "fra-1", returning).await > 0.0);
    // More and more of them, and none that came is taken away again, until it has all that it had.
    for _ in 0..1_000 {
        let now = given(&cdn).await;
        let kept = given_by_now.iter().all(|object| now.contains(object));
        assert!(kept, "{given_by_now:?}, then {now:?}");
        if now == all {
            return;
        }
        given_by_now = now;
        // Between two looks, not in place of one.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{given_by_now:?} of {all:?}");
}
