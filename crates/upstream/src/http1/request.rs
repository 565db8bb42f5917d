//! Request heads into bytes (RFC 9112 section 3).

use std::io::Write;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header, uri::Authority};
use http_body::Body as _;

use crate::{Body, FieldLines, Outgoing};

/// Where requests go, as far as they say it.
#[derive(Debug)]
pub(crate) struct Address {
    pub(crate) authority: Authority,
    /// Put before each path: without a slash at its end; empty for none.
    pub(crate) prefix: String,
    /// Sent as Host in place of the client's.
    pub(crate) host: Option<HeaderValue>,
}

/// How the end of a request body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is none.
    Nothing,
    /// By the number of bytes.
    Length(u64),
    Chunked,
}

impl Framing {
    /// By what is known of the length; if nothing is, in chunks.
    pub(crate) fn of(fields: &FieldLines, body: &Body) -> Self {
        if body.is_end_stream() {
            return Framing::Nothing;
        }
        match body.size_hint().exact().or_else(|| declared(fields)) {
            Some(length) => Framing::Length(length),
            None => Framing::Chunked,
        }
    }
}

fn declared(fields: &FieldLines) -> Option<u64> {
    let length = fields.get(&header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// Writes a head. The fields of framing are those of `framing`, whatever the request says.
pub(crate) fn head(request: &Outgoing, framing: Framing, to: &Address, out: &mut Vec<u8>) {
    out.extend_from_slice(request.method.as_str().as_bytes());
    out.push(b' ');
    target(request, &to.prefix, out);
    out.extend_from_slice(b" HTTP/1.1\r\nhost: ");
    let clients = || request.fields.get(&header::HOST);
    let host = to.host.as_ref().or_else(clients);
    let host = host.map_or(to.authority.as_str().as_bytes(), HeaderValue::as_bytes);
    out.extend_from_slice(host);
    out.extend_from_slice(b"\r\n");
    for (name, value) in request.fields.iter() {
        if !is_ours(name) {
            field(name.as_str().as_bytes(), value, out);
        }
    }
    match framing {
        Framing::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Framing::Length(length) => content_length(length, out),
        Framing::Nothing if says_that_it_is_empty(request) => content_length(0, out),
        Framing::Nothing => {}
    }
    out.extend_from_slice(b"\r\n");
}

/// What is written apart from the other fields.
fn is_ours(name: &HeaderName) -> bool {
    matches!(
        *name,
        header::HOST | header::CONTENT_LENGTH | header::TRANSFER_ENCODING
    )
}

/// Origin form, or `*` (RFC 9112 section 3.2).
fn target(request: &Outgoing, prefix: &str, out: &mut Vec<u8>) {
    let target = request
        .uri
        .path_and_query()
        .map_or("/", |asked| asked.as_str());
    if target != "*" {
        out.extend_from_slice(prefix.as_bytes());
        if !target.starts_with('/') {
            out.push(b'/');
        }
    }
    out.extend_from_slice(target.as_bytes());
}

/// RFC 9110 section 8.6: methods for which content has a meaning say that there is none.
fn says_that_it_is_empty(request: &Outgoing) -> bool {
    let expects = [Method::POST, Method::PUT, Method::PATCH];
    expects.contains(&request.method) || request.fields.has(&header::CONTENT_LENGTH)
}

/// The size of a chunk that follows (RFC 9112 section 7.1).
pub(crate) fn chunk(size: usize, out: &mut Vec<u8>) {
    // Writing to a `Vec` does not fail.
    let _ = write!(out, "{size:x}\r\n");
}

/// The last chunk, and the trailer section.
pub(crate) fn last_chunk(trailers: &HeaderMap, out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers {
        if perigee_http1::trailers::may_be(name) {
            field(name.as_str().as_bytes(), value, out);
        }
    }
    out.extend_from_slice(b"\r\n");
}

fn field(name: &[u8], value: &HeaderValue, out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn content_length(length: u64, out: &mut Vec<u8>) {
    let _ = write!(out, "content-length: {length}\r\n");
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::body;

    fn written(request: Request<Body>, prefix: &str, host: Option<&'static str>) -> String {
        let to = Address {
            authority: Authority::from_static("10.0.0.1:8080"),
            prefix: prefix.to_owned(),
            host: host.map(HeaderValue::from_static),
        };
        let (parts, body) = request.into_parts();
        let (request, mut out) = (Outgoing::from(parts), Vec::new());
        let framing = Framing::of(&request.fields, &body);
        head(&request, framing, &to, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn get(target: &str) -> Request<Body> {
        Request::get(target).body(body::empty()).unwrap()
    }

    #[test]
    fn targets_are_in_origin_form_below_the_prefix() {
        for (asked, prefix, target) in [
            ("/a?b=c", "", "/a?b=c"),
            ("http://www.example/a?b", "", "/a?b"),
            ("http://www.example", "/app", "/app/"),
            ("http://www.example?b", "/app", "/app/?b"),
            ("/a", "/app", "/app/a"),
            ("*", "/app", "*"),
        ] {
            let head = written(get(asked), prefix, None);
            let line = format!("GET {target} HTTP/1.1\r\n");
            assert!(head.starts_with(&line), "{asked}: {head}");
        }
    }

    #[test]
    fn host_is_one_line_and_the_first() {
        let mut request = get("/");
        let hosts = |request, host| written(request, "", host);
        assert!(hosts(get("/"), None).ends_with("\r\nhost: 10.0.0.1:8080\r\n\r\n"));
        let headers = request.headers_mut();
        headers.insert("accept", HeaderValue::from_static("*/*"));
        headers.insert("host", HeaderValue::from_static("www.example"));
        let head = hosts(request, Some("app.example"));
        assert_eq!(
            head,
            "GET / HTTP/1.1\r\nhost: app.example\r\naccept: */*\r\n\r\n"
        );
    }

    #[test]
    fn framing_is_said_once_and_as_it_is() {
        let post = |fields: &[(&str, &str)], body| {
            let mut request = Request::post("/");
            for (name, value) in fields {
                request = request.header(*name, *value);
            }
            let head = written(request.body(body).unwrap(), "", Some("h"));
            head["POST / HTTP/1.1\r\nhost: h\r\n".len()..].to_owned()
        };
        let both = [("content-length", "9"), ("transfer-encoding", "chunked")];
        assert_eq!(post(&both, body::full("abc")), "content-length: 3\r\n\r\n");
        assert_eq!(post(&both, body::empty()), "content-length: 0\r\n\r\n");
        let unknown = || {
            body::boxed(http_body_util::StreamBody::new(
                futures_util::stream::pending::<
                    Result<http_body::Frame<bytes::Bytes>, std::io::Error>,
                >(),
            ))
        };
        assert_eq!(post(&[], unknown()), "transfer-encoding: chunked\r\n\r\n");
        assert_eq!(post(&both[..1], unknown()), "content-length: 9\r\n\r\n");
        assert_eq!(
            written(get("/"), "", Some("h")),
            "GET / HTTP/1.1\r\nhost: h\r\n\r\n"
        );
    }
}
