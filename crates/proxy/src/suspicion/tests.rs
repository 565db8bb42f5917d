use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::{BodyExt, StreamBody};
use perigee_upstream::Outgoing;
use perigee_upstream::{Endpoint, EndpointConfig, Limits, Target};
use tokio::sync::{mpsc, watch};

use super::*;
use crate::{Inbound, Lost, Route};

/// Says a hop is down once the test does, and counts how often it is suspected.
struct Doubts {
    down: watch::Sender<bool>,
    suspected: AtomicUsize,
}

impl NextHop for Doubts {
    fn route(&self, _inbound: &Inbound) -> Route {
        Route::default()
    }

    fn stamp(&self, _inbound: &Inbound, _hop: &Hop, _request: &mut Outgoing) {}

    fn failed(&self, _hop: &Hop) {}

    fn suspect(&self, _hop: &Hop) {
        self.suspected.fetch_add(1, Ordering::SeqCst);
    }

    fn lost<'a>(&'a self, _hop: &'a Hop) -> Lost<'a> {
        let mut down = self.down.subscribe();
        Box::pin(async move {
            let _ = down.wait_for(|down| *down).await;
        })
    }
}

const PAUSE: Duration = Duration::from_millis(200);

type Pieces = mpsc::UnboundedSender<Result<&'static str, &'static str>>;

/// A body that sends what the test gives, from a peer that the test looks after.
fn watched() -> (Pieces, Suspected, Arc<Doubts>) {
    let (pieces, mut receiver) = mpsc::unbounded_channel::<Result<&str, &str>>();
    let frames = futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx));
    let frames = futures_util::StreamExt::map(frames, |piece| match piece {
        Ok(text) => Ok(Frame::data(Bytes::from(text))),
        Err(why) => Err(BodyError::from(why)),
    });
    let body = perigee_upstream::body::boxed(StreamBody::new(frames));
    let endpoint = Endpoint::new(EndpointConfig {
        name: "fra-2".into(),
        target: Target::Url {
            base: "http://127.0.0.1:1".parse().unwrap(),
            host: None,
            sni: None,
            ca_file: None,
        },
        limits: Limits::default(),
    });
    let doubts = Arc::new(Doubts {
        down: watch::Sender::new(false),
        suspected: AtomicUsize::new(0),
    });
    let next: Arc<dyn NextHop> = doubts.clone();
    let suspected = Suspected::new(body, &Hop::Peer(endpoint.unwrap()), &next, PAUSE);
    (pieces, suspected, doubts)
}

async fn text(body: &mut Suspected) -> Option<Result<Bytes, String>> {
    let frame = body.frame().await?;
    Some(
        frame
            .map(|f| f.into_data().unwrap())
            .map_err(|e| e.to_string()),
    )
}

#[tokio::test(start_paused = true)]
async fn a_body_that_flows_is_not_suspected() {
    let (pieces, mut body, doubts) = watched();
    for _ in 0..20 {
        let next = text(&mut body);
        let send = async {
            sleep(PAUSE / 2).await;
            pieces.send(Ok("ab")).unwrap();
        };
        assert_eq!(tokio::join!(next, send).0, Some(Ok(Bytes::from("ab"))));
    }
    drop(pieces);
    assert_eq!(text(&mut body).await, None);
    assert_eq!(doubts.suspected.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn silence_is_suspected_and_forgiven_when_it_ends() {
    let (pieces, mut body, doubts) = watched();
    for times in 1..4 {
        let next = text(&mut body);
        let send = async {
            sleep(PAUSE + PAUSE / 2).await;
            pieces.send(Ok("ab")).unwrap();
        };
        assert_eq!(tokio::join!(next, send).0, Some(Ok(Bytes::from("ab"))));
        assert_eq!(doubts.suspected.load(Ordering::SeqCst), times);
    }
    // For as long as it may be: the limit on a body's silence is another one's.
    let long = tokio::time::timeout(PAUSE * 1000, text(&mut body)).await;
    assert!(long.is_err());
    let suspected = doubts.suspected.load(Ordering::SeqCst);
    assert!((10..20).contains(&suspected), "{suspected}");
}

#[tokio::test(start_paused = true)]
async fn a_body_is_cut_once_its_node_is_down() {
    let (pieces, mut body, doubts) = watched();
    pieces.send(Ok("ab")).unwrap();
    assert_eq!(text(&mut body).await, Some(Ok(Bytes::from("ab"))));
    let cut = async {
        sleep(PAUSE * 3).await;
        doubts.down.send_replace(true);
    };
    let (last, ()) = tokio::join!(text(&mut body), cut);
    let said = last.unwrap().unwrap_err();
    assert_eq!(said, "fra-2 went down while it sent the response body");
    assert_eq!(text(&mut body).await, None);
    assert!(body.is_end_stream());
}

#[tokio::test(start_paused = true)]
async fn what_has_come_is_given_before_the_cut() {
    let (pieces, mut body, doubts) = watched();
    doubts.down.send_replace(true);
    pieces.send(Ok("ab")).unwrap();
    assert_eq!(text(&mut body).await, Some(Ok(Bytes::from("ab"))));
    assert!(text(&mut body).await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_off_makes_its_node_suspect() {
    let (pieces, mut body, doubts) = watched();
    pieces.send(Err("reset")).unwrap();
    assert_eq!(text(&mut body).await, Some(Err("reset".to_owned())));
    assert_eq!(doubts.suspected.load(Ordering::SeqCst), 1);
    assert_eq!(text(&mut body).await, None);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_head_suspects_again_and_again_and_goes_when_it_is_down() {
    let (_pieces, body, doubts) = watched();
    let waits = until_lost(&body.hop, &*body.next, PAUSE);
    let falls = async {
        sleep(PAUSE / 2).await;
        assert_eq!(doubts.suspected.load(Ordering::SeqCst), 0);
        sleep(PAUSE).await;
        assert_eq!(doubts.suspected.load(Ordering::SeqCst), 1);
        sleep(PAUSE * 2).await;
        assert_eq!(doubts.suspected.load(Ordering::SeqCst), 2);
        doubts.down.send_replace(true);
    };
    tokio::join!(waits, falls);
}
