//! What the requests of one connection are answered with.

use std::sync::Arc;

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CONNECTION, CONTENT_TYPE},
};

use crate::{Client, shared::Shared, state::State};

/// What the requests of one connection are answered with.
pub(crate) struct Exchange<H> {
    pub(crate) handler: Arc<H>,
    pub(crate) client: Client,
    pub(crate) shared: Arc<Shared>,
    pub(crate) state: Arc<State>,
}

/// The answer to a request that is not acceptable. An HTTP/1.1 connection is closed after it: what
/// follows on it cannot be trusted to be what it looks like.
pub(crate) fn refusal(status: StatusCode, is_head: bool) -> Response<Bytes> {
    let reason = status.canonical_reason().unwrap_or("Refused");
    let text = format!("{} {reason}\n", status.as_u16());
    let body = if is_head { Bytes::new() } else { text.into() };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
