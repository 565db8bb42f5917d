//! A folder as an origin. tower-http's `ServeDir` does the work; here is what a cache in front
//! needs besides: Date, If-Range, exact lengths, and no file that was not meant for the public.

mod exact;
mod files;
#[cfg(test)]
mod tests;
mod transfer;

use std::{io, path::Path, sync::Arc, time::Duration, time::SystemTime};

use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header, request::Parts,
    uri::PathAndQuery,
};
use http_body_util::Empty;
use tower_http::services::{
    ServeDir,
    fs::{DefaultServeDirFallback, ServeFileSystemResponseBody},
};

use self::{exact::Exact, files::Files, transfer::Transfer};
use crate::{Body, Limits, SendError, SendErrorKind, TargetError, admission::Permit, body};

type Served = ServeDir<DefaultServeDirFallback, Files>;

/// Answers requests out of a folder.
#[derive(Debug)]
pub(crate) struct Folder {
    // "name (folder path)"
    label: Arc<str>,
    public: Files,
    files: Served,
    body_idle_timeout: Duration,
}

impl Folder {
    pub(crate) fn new(name: &str, path: &Path, limits: &Limits) -> Result<Self, TargetError> {
        let fault = |what: &dyn std::fmt::Display| {
            TargetError(format!("origin folder {}: {what}", path.display()))
        };
        // Absolute, so that it does not follow the working directory; not resolved, so that a
        // link can be pointed at a new release.
        let base = std::path::absolute(path).map_err(|error| fault(&error))?;
        let metadata = std::fs::metadata(&base).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => fault(&"it does not exist; create it or correct the path"),
            _ => fault(&error),
        })?;
        if !metadata.is_dir() {
            return Err(fault(&"it is not a folder; give the folder it is in"));
        }
        let public = Files::new(base.clone());
        Ok(Folder {
            label: format!("{name} (folder {})", base.display()).into(),
            files: serve(&public),
            public,
            body_idle_timeout: limits.body_idle_timeout,
        })
    }

    pub(crate) async fn send(
        &self,
        request: Request<Body>,
        permit: Permit,
    ) -> Result<Response<Body>, SendError> {
        // Of what use a body would be here is undefined (RFC 9110 section 9.3.1): it is dropped.
        let (parts, _) = request.into_parts();
        let is_head = parts.method == Method::HEAD;
        let now = SystemTime::now();
        let mut response = match self.answer(parts).await? {
            Some(found) => {
                let length = content_length(&found).filter(|_| !is_head);
                found.map(|body| match length {
                    Some(length) => body::boxed(Exact::new(body, length)),
                    None => body::boxed(body),
                })
            }
            None => plain(StatusCode::NOT_FOUND, "Not found\n"),
        };
        if response.status() == StatusCode::METHOD_NOT_ALLOWED {
            response = plain(response.status(), "Only GET and HEAD here\n");
            let allow = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(header::ALLOW, allow);
        }
        set_dates(response.headers_mut(), now);
        Ok(response.map(|body| {
            let body = if is_head { body::empty() } else { body };
            let label = self.label.clone();
            body::boxed(Transfer::new(body, permit, label, self.body_idle_timeout))
        }))
    }

    /// None if there is no such file.
    async fn answer(
        &self,
        mut parts: Parts,
    ) -> Result<Option<Response<ServeFileSystemResponseBody>>, SendError> {
        parts.uri = one_leading_slash(&parts.uri);
        let if_range = parts.headers.remove(header::IF_RANGE);
        let range = byte_range(&parts);
        parts.headers.remove(header::RANGE);
        let Some(range) = range else {
            return self.look_up(parts).await;
        };
        // ServeDir does not know If-Range (RFC 9110 section 13.1.5), nor that an empty file has
        // no ranges: the part is made, and the whole after it where it turns out to be due.
        let mut ranged = parts.clone();
        ranged.headers.insert(header::RANGE, range);
        match self.look_up(ranged).await? {
            Some(part) if is_partial(&part) && !may_be_sent(&part, if_range.as_ref()) => {
                self.look_up(parts).await
            }
            found => Ok(found),
        }
    }

    async fn look_up(
        &self,
        parts: Parts,
    ) -> Result<Option<Response<ServeFileSystemResponseBody>>, SendError> {
        match self.look_into(self.files.clone(), parts.clone()).await? {
            // Without the folder it is not known which files there are: a 404 would take the place of
            // good copies in caches. It may have come back by now; so one more look, into a folder
            // that is there.
            None => match self.public.hold().await {
                Ok(held) => self.look_into(serve(&held.files), parts).await,
                Err(error) => {
                    let why = format!("the folder cannot be entered: {error}");
                    Err(self.error(SendErrorKind::Connect, &why))
                }
            },
            found => Ok(found),
        }
    }

    async fn look_into(
        &self,
        mut files: Served,
        parts: Parts,
    ) -> Result<Option<Response<ServeFileSystemResponseBody>>, SendError> {
        let request = Request::from_parts(parts, Empty::<bytes::Bytes>::new());
        match files.try_call(request).await {
            Ok(response) if response.status() == StatusCode::NOT_FOUND => Ok(None),
            Ok(response) => Ok(Some(response)),
            Err(error) if is_not_there(error.kind()) => Ok(None),
            Err(error) => Err(self.error(SendErrorKind::Broken, &error)),
        }
    }

    fn error(&self, kind: SendErrorKind, why: &dyn std::fmt::Display) -> SendError {
        let detail = format!("{}: {why}", self.label);
        SendError { kind, detail }
    }
}

fn serve(files: &Files) -> Served {
    ServeDir::with_backend(files.base(), files.clone()).ignore_multi_range_requests(true)
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(body::full(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CONTENT_LENGTH, text.len().into());
    response
}

/// What a client may not tell apart from a file that is not there.
fn is_not_there(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound, PermissionDenied};
    matches!(
        kind,
        NotFound | PermissionDenied | NotADirectory | InvalidFilename
    )
}

/// A path `//host/` in a Location would lead to another host (RFC 3986 section 4.2).
fn one_leading_slash(uri: &Uri) -> Uri {
    let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let path = format!("/{}", path.trim_start_matches('/'));
    path.parse().unwrap_or_default()
}

/// The Range field, if it means something here: other units are to be ignored, and so are ranges
/// of what is not GET (RFC 9110 section 14.2). Units have no case; `ServeDir` wants small letters.
fn byte_range(parts: &Parts) -> Option<HeaderValue> {
    let value = parts.headers.get(header::RANGE)?.to_str().ok()?;
    let (unit, ranges) = value.split_once('=')?;
    if parts.method != Method::GET || !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    HeaderValue::try_from(format!("bytes={ranges}")).ok()
}

fn is_partial<B>(response: &Response<B>) -> bool {
    matches!(
        response.status(),
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE
    )
}

/// Whether the condition holds, by strong comparison (a weak tag begins with W/ and so equals none
/// of ours), and there is something to send a part of.
fn may_be_sent<B>(part: &Response<B>, if_range: Option<&HeaderValue>) -> bool {
    let field = |name| part.headers().get(name);
    let is_current = if_range.is_none_or(|validator| {
        field(header::ETAG) == Some(validator) || field(header::LAST_MODIFIED) == Some(validator)
    });
    let is_empty = field(header::CONTENT_RANGE).is_some_and(|of| of.as_bytes().ends_with(b"/0"));
    is_current && !is_empty
}

fn content_length<B>(response: &Response<B>) -> Option<u64> {
    let length = response.headers().get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// States Date, and lets no Last-Modified be later (RFC 9110 section 8.8.2.1).
fn set_dates(headers: &mut HeaderMap, now: SystemTime) {
    let Ok(date) = HeaderValue::try_from(httpdate::fmt_http_date(now)) else {
        return;
    };
    let modified = headers
        .get(header::LAST_MODIFIED)
        .and_then(|value| httpdate::parse_http_date(value.to_str().ok()?).ok());
    if modified.is_some_and(|modified| modified > now) {
        headers.insert(header::LAST_MODIFIED, date.clone());
    }
    headers.insert(header::DATE, date);
}
