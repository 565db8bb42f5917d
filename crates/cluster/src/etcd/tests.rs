//! The client before a real etcd; skipped where none is installed.

use rustix::process::Signal;

use super::*;
use crate::test_etcd::EtcdServer;

/// Until a test gives up.
const DEADLINE: Duration = Duration::from_secs(30);

fn client(server: &EtcdServer) -> Etcd {
    let endpoints = server.urls();
    Etcd::new(EtcdConfig {
        endpoints: endpoints
            .iter()
            .map(|url| url.parse().expect("a URL"))
            .collect(),
        user: None,
        ca: None,
        timeout: Duration::from_secs(2),
    })
    .expect("a client")
}

async fn next(watch: &mut Watch) -> Result<Vec<Change>, EtcdError> {
    let next = tokio::time::timeout(DEADLINE, watch.next()).await;
    next.expect("something is told")
}

#[tokio::test]
async fn keys_are_written_read_and_watched() {
    let Some(server) = EtcdServer::start() else {
        return;
    };
    let etcd = client(&server);
    let first = etcd.put("/p/a", b"one", 0).await.expect("writes");
    let mut watch = etcd.watch("/p/", first).await.expect("watches");
    etcd.put("/q/a", b"not ours", 0).await.expect("writes");
    assert_eq!(
        etcd.put_if("/p/b", b"two", 0, 0).await,
        Ok(Written::Done(first + 2))
    );
    let Ok(Written::Otherwise(Some(there))) = etcd.put_if("/p/b", b"three", 0, first).await else {
        panic!("overwrites");
    };
    assert_eq!(
        (&there.value[..], there.mod_revision),
        (&b"two"[..], first + 2)
    );
    assert_eq!(etcd.get("/p/none").await.expect("reads").1, None);

    let all = etcd.list_all(&["/p/", "/q/"]).await.expect("reads");
    let keys: Vec<_> = all.entries.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(keys, ["/p/a", "/p/b", "/q/a"]);
    assert_eq!(all.revision, first + 2);
    let later = etcd.list_range("/p/b", "/p/c", 10).await.expect("reads");
    assert_eq!(later.entries, [there]);
    etcd.delete_range("/p/a", "/p/b").await.expect("deletes");
    assert_eq!(
        etcd.list_all(&["/p/"]).await.expect("reads").entries.len(),
        1
    );

    let mut told = Vec::new();
    while told.len() < 3 {
        let changes = next(&mut watch).await.expect("is told").into_iter();
        told.extend(changes.map(|c| (c.entry.key, c.deleted)));
    }
    let expected = [("/p/a", false), ("/p/b", false), ("/p/a", true)];
    assert_eq!(
        told,
        expected.map(|(key, deleted)| (key.to_owned(), deleted))
    );
}

#[tokio::test]
async fn a_lease_that_is_not_kept_takes_its_keys_along() {
    let Some(server) = EtcdServer::start() else {
        return;
    };
    let etcd = client(&server);
    let (kept, _) = etcd.grant(Duration::from_secs(60)).await.expect("grants");
    let (left, _) = etcd.grant(Duration::from_secs(1)).await.expect("grants");
    assert_ne!(kept, left);
    etcd.put("/p/kept", b"", kept).await.expect("writes");
    let revision = etcd.put("/p/left", b"", left).await.expect("writes");
    assert_eq!(etcd.keep_alive(kept).await, Ok(true));
    let mut watch = etcd.watch("/p/", revision + 1).await.expect("watches");
    let gone = next(&mut watch).await.expect("is told");
    assert!(gone[0].deleted && gone[0].entry.key == "/p/left");
    assert_eq!(etcd.keep_alive(left).await, Ok(false));
    assert!(matches!(
        etcd.put("/p/left", b"", left).await,
        Err(EtcdError::Refused(_))
    ));
    etcd.revoke(kept).await.expect("revokes");
    assert!(next(&mut watch).await.expect("is told")[0].deleted);
    assert_eq!(etcd.keep_alive(kept).await, Ok(false));
}

#[tokio::test]
async fn what_is_compacted_cannot_be_watched() {
    let Some(server) = EtcdServer::start() else {
        return;
    };
    let etcd = client(&server);
    let first = etcd.put("/p/a", b"1", 0).await.expect("writes");
    etcd.put("/p/a", b"2", 0).await.expect("writes");
    server.compact();
    let mut watch = etcd.watch("/p/", first).await.expect("is opened");
    assert_eq!(next(&mut watch).await, Err(EtcdError::Compacted));
}

#[tokio::test]
async fn another_member_is_asked_when_one_is_away_or_frozen() {
    let Some(mut server) = EtcdServer::of(3) else {
        return;
    };
    let etcd = client(&server);
    etcd.put("/p/a", b"1", 0).await.expect("writes");
    server.signal(0, Signal::STOP);
    // The two others may have to choose a leader first.
    let written = async { while etcd.put("/p/a", b"2", 0).await.is_err() {} };
    tokio::time::timeout(DEADLINE, written)
        .await
        .expect("the others answer");
    server.signal(0, Signal::CONT);
    server.kill(1);
    let read = async {
        loop {
            if let Ok((_, Some(entry))) = etcd.get("/p/a").await {
                return entry;
            }
        }
    };
    let entry = tokio::time::timeout(DEADLINE, read)
        .await
        .expect("the others answer");
    assert_eq!(&entry.value[..], b"2");
}

#[tokio::test]
async fn nobody_there_is_said_for_each_endpoint() {
    let Some(mut server) = EtcdServer::start() else {
        return;
    };
    let etcd = client(&server);
    let mut watch = etcd.watch("/p/", 1).await.expect("watches");
    server.kill(0);
    let Err(EtcdError::Unreachable(why)) = etcd.get("/p/a").await else {
        panic!("who answers?");
    };
    assert!(
        why.contains(&server.urls()[0]) && why.contains("refused"),
        "{why}"
    );
    assert!(matches!(
        next(&mut watch).await,
        Err(EtcdError::Unreachable(_))
    ));
}

#[tokio::test]
async fn a_name_and_password_open() {
    let Some(server) = EtcdServer::start() else {
        return;
    };
    let anybody = client(&server);
    for (path, body) in [
        (
            "/v3/auth/user/add",
            json!({ "name": "root", "password": "a password" }),
        ),
        ("/v3/auth/role/add", json!({ "name": "root" })),
        (
            "/v3/auth/user/grant",
            json!({ "user": "root", "role": "root" }),
        ),
        ("/v3/auth/enable", json!({})),
    ] {
        let _: Value = anybody.call(path, &body).await.expect(path);
    }
    assert!(matches!(
        anybody.get("/p/a").await,
        Err(EtcdError::Refused(_))
    ));
    let with = |password: &str| {
        let user = Some(("root".to_owned(), password.to_owned()));
        let config = EtcdConfig {
            user,
            ..client(&server).config
        };
        Etcd::new(config).expect("a client")
    };
    assert!(matches!(
        with("a guess").get("/p/a").await,
        Err(EtcdError::Refused(_))
    ));
    let known = with("a password");
    known.put("/p/a", b"1", 0).await.expect("writes");
    // A token that etcd does not know any more is replaced.
    known.set_token(Some("stale.1".to_owned()));
    assert!(known.get("/p/a").await.expect("reads").1.is_some());
    assert!(!format!("{known:?}").contains("a password"));
}
