//! A restart forgets neither what is stored nor what was purged.

use http::StatusCode;
use rustix::process::Signal;

use crate::{
    disk::{NODE, body, plan, start_again, told, until_written},
    harness::{
        cdn::Cdn,
        client::get,
        origin::{Asked, Origin, fresh},
        wait,
    },
};

/// Each in a group and under a tag of its own name: `/LENGTH/NAME`.
async fn labelled() -> Origin {
    Origin::start(|asked: Asked| async move {
        let mut response = fresh(body(&asked.path));
        let name = asked.path.rsplit('/').next().unwrap();
        let headers = response.headers_mut();
        headers.insert("surrogate-key", name.parse().unwrap());
        headers.insert("cache-groups", format!("\"{name}\"").parse().unwrap());
        response
    })
    .await
}

/// Whether it is stored; the origin is not asked.
async fn is_stored(cdn: &Cdn, path: &str) -> bool {
    let answer = get(cdn.at(NODE), Cdn::HOST, path)
        .with("cache-control", "only-if-cached")
        .send()
        .await;
    if answer.status == StatusCode::GATEWAY_TIMEOUT {
        return false;
    }
    assert_eq!(answer.status, StatusCode::OK, "{path}");
    assert!(answer.body == body(path), "{path}: other bytes");
    true
}

fn purge(cdn: &Cdn, args: &[&str]) {
    let (code, out, err) = cdn.perigee(&[&["purge"], args].concat());
    assert_eq!(code, 0, "{args:?} {out}{err}");
}

/// How the node ends, and starts again.
async fn restart(cdn: &mut Cdn, signal: Signal) {
    cdn.node(NODE).signal(signal);
    cdn.node(NODE).wait();
    start_again(cdn).await;
}

#[tokio::test]
async fn what_was_purged_does_not_come_back_and_the_rest_is_served() {
    let origin = labelled().await;
    let gone = [
        ("/30000/url", &["http://www.cdn.test/30000/url"][..]),
        ("/700000/large", &["http://www.cdn.test/700000/large"]),
        ("/100/tag", &["--tag", "tag"]),
        ("/90000/tag", &["--tag", "tag"]),
        (
            "/200/pre/fix",
            &["--prefix", "http://www.cdn.test/200/pre/"],
        ),
        (
            "/100/group",
            &["--group", "group", "--host", "www.cdn.test"],
        ),
    ];
    let kept = ["/30000/kept", "/700000/kept-too", "/100/other"];
    for signal in [Signal::KILL, Signal::TERM] {
        let mut cdn = Cdn::start(plan(&origin, "cache")).await;
        let all = gone.iter().map(|(path, _)| *path).chain(kept);
        for path in all.clone() {
            assert!(cdn.get(NODE, path).await.body == body(path));
        }
        until_written(&cdn, all.clone().count() as u64).await;
        // It is in no memory when it is purged.
        restart(&mut cdn, Signal::KILL).await;
        for (_, args) in gone {
            purge(&cdn, args);
        }
        restart(&mut cdn, signal).await;
        let asked = origin.asked().len();
        for _ in 0..2 {
            for (path, _) in gone {
                assert!(!is_stored(&cdn, path).await, "{path} after {signal:?}");
            }
            for path in kept {
                assert!(is_stored(&cdn, path).await, "{path} after {signal:?}");
            }
        }
        assert_eq!(origin.asked().len(), asked, "nobody was to be asked");
        // What is stored after a purge is not what was purged.
        assert!(cdn.get(NODE, "/100/tag").await.body == body("/100/tag"));
        until_written(&cdn, kept.len() as u64 + 1).await;
        restart(&mut cdn, signal).await;
        assert!(is_stored(&cdn, "/100/tag").await);

        purge(&cdn, &["--all", "--yes"]);
        restart(&mut cdn, signal).await;
        for path in all {
            assert!(!is_stored(&cdn, path).await, "{path} after {signal:?}");
        }
    }
}

#[tokio::test]
async fn what_is_stale_by_a_purge_is_so_after_a_restart() {
    let origin = labelled().await;
    let mut cdn = Cdn::start(plan(&origin, "cache")).await;
    let paths = ["/30000/soft", "/30000/kept"];
    for path in paths {
        assert!(cdn.get(NODE, path).await.body == body(path));
    }
    until_written(&cdn, 2).await;
    purge(&cdn, &["--tag", "soft", "--soft"]);
    restart(&mut cdn, Signal::KILL).await;
    assert_eq!(told(&cdn, NODE).await["keys"], 2, "it is not gone");
    for path in paths {
        assert!(cdn.get(NODE, path).await.body == body(path));
    }
    assert_eq!(origin.count(paths[0]), 2, "it was to be validated");
    assert_eq!(origin.count(paths[1]), 1);
}

/// Whoever asks while the disk is being read is answered, rightly and at once; and once all is known,
/// all is found.
#[tokio::test]
async fn serving_does_not_wait_for_the_index() {
    let origin = labelled().await;
    let mut cdn = Cdn::start(plan(&origin, "cache")).await;
    let paths: Vec<String> = (0..300).map(|n| format!("/1000/{n}")).collect();
    for path in &paths {
        assert!(cdn.get(NODE, path).await.body == body(path));
    }
    until_written(&cdn, 300).await;
    for _ in 0..3 {
        cdn.node(NODE).kill();
        cdn.spawn(NODE);
        // As soon as it listens, ready or not.
        wait::until("it answers", || async {
            let first = get(cdn.at(NODE), Cdn::HOST, &paths[0]);
            let answer = first.with("cache-control", "only-if-cached").try_send();
            answer.await.ok()
        })
        .await;
        let mut early = 0;
        for path in &paths {
            early += u32::from(is_stored(&cdn, path).await);
        }
        println!("{early} were known before it was told that all are");
        cdn.until_ready(NODE).await;
        wait::until("the disk is known", || async {
            (told(&cdn, NODE).await["loaded"] == 1.0).then_some(())
        })
        .await;
        for path in &paths {
            assert!(is_stored(&cdn, path).await, "{path}");
        }
    }
    assert_eq!(origin.asked().len(), 300);
}
