//! One request: checked, handed to the handler, its response sent on its way.

use std::{convert::Infallible, future::Future, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{CONNECTION, CONTENT_TYPE},
};
use http_body_util::{Either, Full};
use hyper::{
    body::Incoming,
    service::{HttpService, service_fn},
};

use crate::{
    Client, Handler, guards, response::Answer, response::InRequest, shared::Shared, state::State,
    stats::count, timers::Stage,
};

/// What the requests of one connection are answered with.
pub(crate) struct Exchange<H> {
    pub(crate) handler: Arc<H>,
    pub(crate) client: Client,
    pub(crate) max_fields: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) state: Arc<State>,
}

type Body<H> = Answer<Either<<H as Handler>::Body, Full<Bytes>>>;

/// The exchange as hyper wants it.
pub(crate) fn service<H: Handler>(
    exchange: Exchange<H>,
) -> impl HttpService<
    Incoming,
    ResBody = Body<H>,
    Error = Infallible,
    Future: Future<Output = Result<Response<Body<H>>, Infallible>> + Send + 'static,
> {
    let exchange = Arc::new(exchange);
    service_fn(move |request: Request<Incoming>| {
        let exchange = Arc::clone(&exchange);
        // From here on, not from when the future is first polled, the connection is in use.
        let in_request = InRequest::begin(&exchange.state, request.version());
        async move { Ok(exchange.answer(request, in_request).await) }
    })
}

impl<H: Handler> Exchange<H> {
    async fn answer(
        &self,
        mut request: Request<Incoming>,
        in_request: InRequest,
    ) -> Response<Body<H>> {
        let is_head = request.method() == Method::HEAD;
        let checked = guards::check(&request, self.max_fields);
        let mut response = match checked.and_then(|()| guards::settle_host(&mut request)) {
            Ok(()) => self
                .handler
                .handle(request, self.client)
                .await
                .map(Either::Left),
            Err(status) => {
                count(&self.shared.counters.bad_requests);
                refusal(status, is_head).map(Either::Right)
            }
        };
        // A response passed on may have come by another version: hyper writes what it says here.
        *response.version_mut() = Version::HTTP_11;
        if self.state.stage() == Stage::Http1 {
            self.settle_connection(&mut response);
        }
        response.map(|body| Answer::new(body, in_request))
    }

    /// What becomes of an HTTP/1.1 connection after this response.
    fn settle_connection<B>(&self, response: &mut Response<B>) {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            self.state.enter(Stage::Upgraded);
        } else if self.shared.is_leaving() {
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// The answer to a request that is not acceptable. The connection is closed after it: what follows
/// on it cannot be trusted to be what it looks like.
fn refusal(status: StatusCode, is_head: bool) -> Response<Full<Bytes>> {
    let reason = status.canonical_reason().unwrap_or("Refused");
    let text = format!("{} {reason}\n", status.as_u16());
    // hyper would send it to HEAD too, over HTTP/2.
    let body = if is_head { Bytes::new() } else { text.into() };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
