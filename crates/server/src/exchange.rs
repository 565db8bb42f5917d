//! What the requests of one connection are answered with, and how HTTP/2 comes to it.

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
    Client, Handler, RequestBody, guards, response::Answer, response::InRequest, shared::Shared,
    state::State, stats::count,
};

/// What the requests of one connection are answered with.
pub(crate) struct Exchange<H> {
    pub(crate) handler: Arc<H>,
    pub(crate) client: Client,
    pub(crate) shared: Arc<Shared>,
    pub(crate) state: Arc<State>,
}

type Body<H> = Answer<Either<<H as Handler>::Body, Full<Bytes>>>;

/// The exchange as hyper wants it, for HTTP/2.
pub(crate) fn service<H: Handler>(
    exchange: Exchange<H>,
    max_fields: usize,
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
        async move { Ok(exchange.answer(request, max_fields, in_request).await) }
    })
}

impl<H: Handler> Exchange<H> {
    async fn answer(
        &self,
        mut request: Request<Incoming>,
        max_fields: usize,
        in_request: InRequest,
    ) -> Response<Body<H>> {
        let is_head = request.method() == Method::HEAD;
        let mut response = match guards::check_http2(&mut request, max_fields) {
            Ok(()) => self
                .handler
                .handle(request.map(RequestBody::http2), self.client.clone())
                .await
                .map(Either::Left),
            Err(status) => {
                count(&self.shared.counters.bad_requests);
                refusal(status, is_head).map(Either::Right)
            }
        };
        self.state.answered(response.extensions());
        // A response passed on may have come by another version.
        *response.version_mut() = Version::HTTP_2;
        response.map(|body| Answer::new(body, in_request))
    }
}

/// The answer to a request that is not acceptable. An HTTP/1.1 connection is closed after it: what
/// follows on it cannot be trusted to be what it looks like.
pub(crate) fn refusal(status: StatusCode, is_head: bool) -> Response<Full<Bytes>> {
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
