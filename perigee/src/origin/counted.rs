//! What stands behind the origin's listener, and the count of what it was asked.

use std::{error::Error, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use perigee_edge::{Client, Endpoint, Handler, RequestBody};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use super::sample::Sample;

pub(super) type Body = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// Where the content is.
pub(super) enum Content {
    Sample(Sample),
    Folder(Arc<Endpoint>),
}

/// Answers, and counts.
pub(super) struct Counted {
    content: Content,
    counts: Counts,
}

/// What was asked, by the status of the answer.
#[derive(Clone, Default)]
pub(super) struct Counts(Family<StatusLabel, Counter>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabel {
    status: u16,
}

impl Counts {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let counts = Counts::default();
        registry.register(
            "perigee_origin_requests",
            "Requests that reached the origin, by the status of the answer",
            counts.0.clone(),
        );
        counts
    }

    fn add(&self, status: StatusCode) {
        let label = StatusLabel {
            status: status.as_u16(),
        };
        self.0.get_or_create(&label).inc();
    }

    /// Requests answered with this status.
    pub(super) fn of(&self, status: StatusCode) -> u64 {
        let label = StatusLabel {
            status: status.as_u16(),
        };
        self.0.get(&label).map_or(0, |counter| counter.get())
    }

    /// Requests answered.
    pub(super) fn total(&self) -> u64 {
        (100..600)
            .filter_map(|code| StatusCode::from_u16(code).ok())
            .map(|status| self.of(status))
            .sum()
    }
}

impl Counted {
    pub(super) fn new(content: Content, counts: Counts) -> Self {
        Counted { content, counts }
    }

    async fn answer(&self, request: Request<RequestBody>) -> Response<Body> {
        match &self.content {
            Content::Sample(sample) => {
                let path = request.uri().path();
                sample
                    .answer(request.method(), path, request.headers())
                    .map(|body| body.map_err(|never| match never {}).boxed_unsync())
            }
            Content::Folder(folder) => {
                let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
                match folder.send(request).await {
                    Ok(mut response) => {
                        // Who edits a file in the folder wants to see it soon.
                        let soon = HeaderValue::from_static("max-age=10");
                        response.headers_mut().insert(header::CACHE_CONTROL, soon);
                        response
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the folder cannot be served");
                        let mut response = Response::new(plain("The folder cannot be served.\n"));
                        *response.status_mut() = StatusCode::BAD_GATEWAY;
                        response
                    }
                }
            }
        }
    }
}

fn plain(text: &'static str) -> Body {
    let body = Full::new(Bytes::from_static(text.as_bytes()));
    body.map_err(|never| match never {}).boxed_unsync()
}

impl Handler for Counted {
    type Body = Body;

    async fn handle(&self, request: Request<RequestBody>, _client: Client) -> Response<Body> {
        let response = self.answer(request).await;
        self.counts.add(response.status());
        response
    }
}
