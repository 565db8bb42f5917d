//! The concurrency cap, its queue, and how long a permit is held.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use http::{Request, Response, StatusCode, header};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Semaphore,
};

use crate::{
    Endpoint, Limits, SendErrorKind, body,
    testing::{endpoint_with, get, read_head, scripted, serve, text, until, url_target},
};

/// An origin that answers when told to, and the most requests it had at once.
struct Gate {
    endpoint: Arc<Endpoint>,
    gate: Arc<Semaphore>,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Gate {
    async fn new(limits: Limits) -> Self {
        let gate = Arc::new(Semaphore::new(0));
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let shared = (gate.clone(), now.clone(), most.clone());
        let addr = serve(move |_| {
            let (gate, now, most) = shared.clone();
            async move {
                most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                gate.acquire().await.unwrap().forget();
                now.fetch_sub(1, SeqCst);
                Response::new(body::full("done"))
            }
        })
        .await;
        let endpoint = endpoint_with(url_target(&format!("http://{addr}")), limits);
        Gate {
            endpoint,
            gate,
            now,
            most,
        }
    }

    fn send(&self) -> tokio::task::JoinHandle<Result<String, SendErrorKind>> {
        let endpoint = self.endpoint.clone();
        tokio::spawn(async move {
            match endpoint.send(get("/")).await {
                Ok(response) => Ok(text(response).await),
                Err(error) => Err(error.kind),
            }
        })
    }
}

#[tokio::test]
async fn five_at_a_cap_of_two() {
    let origin = Gate::new(Limits {
        max_concurrent: 2,
        ..Limits::default()
    })
    .await;
    let sent: Vec<_> = (0..5).map(|_| origin.send()).collect();
    until("two at the origin", || origin.now.load(SeqCst) == 2).await;
    until("five in flight", || origin.endpoint.in_flight() == 5).await;
    origin.gate.add_permits(5);
    for task in sent {
        assert_eq!(task.await.unwrap().unwrap(), "done");
    }
    assert_eq!(origin.most.load(SeqCst), 2);
    assert_eq!(origin.endpoint.in_flight(), 0);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let origin = Gate::new(Limits {
        max_concurrent: 1,
        max_queued: 1,
        ..Limits::default()
    })
    .await;
    let (first, second) = (origin.send(), origin.send());
    until("two in flight", || origin.endpoint.in_flight() == 2).await;
    let error = origin.endpoint.send(get("/")).await.unwrap_err();
    assert_eq!(error.kind, SendErrorKind::Overloaded);
    assert!(error.kind.nothing_was_sent());
    assert!(
        error.detail.contains("1 requests under way and 1 waiting"),
        "{error}"
    );
    origin.gate.add_permits(2);
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_queue_too_slow_refuses() {
    let origin = Gate::new(Limits {
        max_concurrent: 1,
        queue_timeout: Duration::from_millis(50),
        ..Limits::default()
    })
    .await;
    let first = origin.send();
    until("one at the origin", || origin.now.load(SeqCst) == 1).await;
    assert_eq!(origin.send().await.unwrap(), Err(SendErrorKind::Overloaded));
    origin.gate.add_permits(1);
    first.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_body_dropped_half_way_gives_the_permit_back() {
    let (addr, _) = scripted(|mut stream, _| async move {
        read_head(&mut stream).await;
        let half = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345";
        stream.write_all(half).await.unwrap();
        let _ = stream.read_u8().await;
    })
    .await;
    let endpoint = endpoint_with(url_target(&format!("http://{addr}")), Limits::default());
    let response = endpoint.send(get("/")).await.unwrap();
    assert_eq!(endpoint.in_flight(), 1);
    drop(response);
    assert_eq!(endpoint.in_flight(), 0);
}

#[tokio::test]
async fn an_upgraded_connection_holds_its_permit_until_it_is_dropped() {
    let (addr, _) = scripted(|mut stream, _| async move {
        let head = read_head(&mut stream).await.to_ascii_lowercase();
        assert!(head.contains("upgrade: echo\r\n"), "{head}");
        assert!(head.contains("connection: upgrade\r\n"), "{head}");
        let switch =
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nhi ";
        stream.write_all(switch).await.unwrap();
        let (mut reader, mut writer) = stream.split();
        let _ = tokio::io::copy(&mut reader, &mut writer).await;
    })
    .await;
    let endpoint = endpoint_with(url_target(&format!("http://{addr}")), Limits::default());
    let request = Request::get("/")
        .header(header::UPGRADE, "echo")
        .header(header::CONNECTION, "upgrade")
        .body(body::empty());
    let mut response = endpoint.send(request.unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    let mut upgraded = crate::upgraded(&mut response).unwrap();
    assert!(crate::upgraded(&mut response).is_none(), "once");
    drop(response);
    upgraded.write_all(b"there").await.unwrap();
    let mut echoed = [0; 8];
    upgraded.read_exact(&mut echoed).await.unwrap();
    assert_eq!(&echoed, b"hi there");
    assert_eq!(endpoint.in_flight(), 1);
    drop(upgraded);
    assert_eq!(endpoint.in_flight(), 0);
}
