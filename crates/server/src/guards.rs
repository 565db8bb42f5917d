//! Which requests are fit to be handled, in HTTP/1.1 and HTTP/2. Pure.
//!
//! What fields say of the request itself is noted as they are read, one by one, so that nobody
//! has to look for them again: see [`Facts`].

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Version, header::HOST,
    uri::Uri,
};

/// How long the content of a request is (RFC 9112 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is none, or it is empty.
    Empty,
    /// So many bytes, at least one.
    Length(u64),
    /// Until the last chunk.
    Chunked,
}

/// What the fields of one request say about it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    hosts: usize,
    host_fits: bool,
    lengths: usize,
    length: Option<u64>,
    codings: Codings,
    /// `Connection: close`.
    pub(crate) close: bool,
    /// `Connection: keep-alive`.
    pub(crate) keep_alive: bool,
    /// `Expect: 100-continue`.
    pub(crate) expects_continue: bool,
    /// `TE: trailers`.
    pub(crate) takes_trailers: bool,
}

/// The transfer codings of a request.
#[derive(Clone, Debug, Default)]
struct Codings {
    fields: usize,
    chunked: usize,
    others: usize,
    ends_chunked: bool,
}

impl Facts {
    /// The facts of a whole head.
    fn of(headers: &HeaderMap) -> Self {
        let mut facts = Facts::default();
        for (name, value) in headers {
            facts.note(name, value);
        }
        facts
    }

    /// Takes note of one field.
    pub(crate) fn note(&mut self, name: &HeaderName, value: &HeaderValue) {
        let value = value.as_bytes();
        match name.as_str() {
            "host" => {
                self.hosts += 1;
                self.host_fits = is_host(value);
            }
            "content-length" => {
                self.lengths += 1;
                self.length = length(value);
            }
            "transfer-encoding" => self.codings.note(value),
            "connection" => {
                self.close |= has_member(value, b"close");
                self.keep_alive |= has_member(value, b"keep-alive");
            }
            "expect" => self.expects_continue |= has_member(value, b"100-continue"),
            "te" => self.takes_trailers |= has_member(value, b"trailers"),
            _ => {}
        }
    }

    /// How the content of an HTTP/1 request is framed: in exactly one way, or not at all.
    ///
    /// # Errors
    /// The status it is to be refused with: 501 for a transfer coding that is not understood
    /// (RFC 9112 section 6.1), 400 for what leaves open where the request ends (section 6.3).
    pub(crate) fn framing(&self, version: Version) -> Result<Framing, StatusCode> {
        if self.codings.fields == 0 {
            return match (self.lengths, self.length) {
                (0, _) => Ok(Framing::Empty),
                (1, Some(0)) => Ok(Framing::Empty),
                (1, Some(length)) => Ok(Framing::Length(length)),
                // RFC 9110 section 8.6 allows to take `5, 5` for 5; who sends it is up to no good.
                _ => Err(StatusCode::BAD_REQUEST),
            };
        }
        let ambiguous = version == Version::HTTP_10 || self.lengths > 0;
        if ambiguous || !self.codings.ends_chunked {
            return Err(StatusCode::BAD_REQUEST);
        }
        match (self.codings.chunked, self.codings.others) {
            (1, 0) => Ok(Framing::Chunked),
            _ => Err(StatusCode::NOT_IMPLEMENTED),
        }
    }

    /// Whether a request may be handled.
    ///
    /// # Errors
    /// The status it is to be refused with.
    pub(crate) fn check(
        &self,
        method: &Method,
        target: &Uri,
        version: Version,
        headers: &HeaderMap,
    ) -> Result<(), StatusCode> {
        if *method == Method::CONNECT {
            return Err(StatusCode::NOT_IMPLEMENTED);
        }
        check_target(method, target)?;
        self.check_host(target, version, headers)
    }

    /// One Host, and a valid one (RFC 9112 section 3.2), which says what the authority of the
    /// target says, if that has one (RFC 9113 section 8.3.1 too). HTTP/1.0 may have none; HTTP/2
    /// has `:authority` in its place.
    fn check_host(
        &self,
        target: &Uri,
        version: Version,
        headers: &HeaderMap,
    ) -> Result<(), StatusCode> {
        let fits = match self.hosts {
            0 => match version {
                Version::HTTP_11 => false,
                Version::HTTP_2 => target.authority().is_some(),
                _ => true,
            },
            1 => self.host_fits && says_the_same(target, headers),
            _ => false,
        };
        if fits {
            Ok(())
        } else {
            Err(StatusCode::BAD_REQUEST)
        }
    }
}

impl Codings {
    fn note(&mut self, value: &[u8]) {
        self.fields += 1;
        self.ends_chunked = false;
        for coding in members(value) {
            self.ends_chunked = coding.eq_ignore_ascii_case(b"chunked");
            match self.ends_chunked {
                true => self.chunked += 1,
                false => self.others += 1,
            }
        }
    }
}

/// Looks at an HTTP/2 request, and puts its authority in the place of Host.
///
/// # Errors
/// The status it is to be refused with.
pub(crate) fn check_http2<B>(
    request: &mut Request<B>,
    max_fields: usize,
) -> Result<(), StatusCode> {
    if request.headers().len() > max_fields {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    let (method, version) = (request.method(), request.version());
    let facts = Facts::of(request.headers());
    facts.check(method, request.uri(), version, request.headers())?;
    let target = request.uri().clone();
    settle_host(&target, request.headers_mut())
}

/// Request targets (RFC 9112 section 3.2): `/path`, `http://host/path`, and `*` for OPTIONS.
/// Authority form is for CONNECT alone, which is not for this server.
fn check_target(method: &Method, target: &Uri) -> Result<(), StatusCode> {
    let fits = match (target.scheme_str(), target.authority()) {
        (Some(scheme), Some(authority)) => {
            matches!(scheme, "http" | "https") && is_host(authority.as_str().as_bytes())
        }
        (None, None) => true,
        _ => false,
    };
    // HTTP/2 has a scheme and an authority with `*` too (RFC 9113 section 8.3.1).
    let path = match target.path() {
        "*" => method == Method::OPTIONS,
        path => path.starts_with('/'),
    };
    // URIs are ASCII (RFC 3986 section 2); clients write everything else with percent signs.
    let ascii = target
        .path_and_query()
        .is_none_or(|path| path.as_str().is_ascii());
    if fits && path && ascii {
        Ok(())
    } else {
        Err(StatusCode::BAD_REQUEST)
    }
}

/// Whether this is a target in origin-form (RFC 9112 section 3.2.1) of such characters only as every
/// reader takes.
pub(crate) fn is_plain(target: &str) -> bool {
    target.starts_with('/') && target.bytes().all(|b| PLAIN[usize::from(b)])
}

/// What [`is_plain`] takes: a table, since each request is looked at byte by byte.
static PLAIN: [bool; 256] = {
    let (mut plain, mut byte) = ([false; 256], 0_u8);
    while byte < 0x80 {
        let is_other = matches!(
            byte,
            b'"' | b'#' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}'
        );
        plain[byte as usize] = byte.is_ascii_graphic() && !is_other;
        byte += 1;
    }
    plain
};

fn says_the_same(target: &Uri, headers: &HeaderMap) -> bool {
    target.authority().is_none_or(|authority| {
        let authority = authority.as_str().as_bytes();
        let host = headers.get(HOST).map(HeaderValue::as_bytes);
        host.is_some_and(|host| host.eq_ignore_ascii_case(authority))
    })
}

/// Puts the authority of the target, if it has one, in the place of Host (RFC 9112 section 3.2.2),
/// so that Host is what was asked for in every version and form. The target stays as it came.
///
/// # Errors
/// The status to refuse the request with.
pub(crate) fn settle_host(target: &Uri, headers: &mut HeaderMap) -> Result<(), StatusCode> {
    let Some(authority) = target.authority() else {
        return Ok(());
    };
    let same = |host: &HeaderValue| host.as_bytes() == authority.as_str().as_bytes();
    if !headers.get(HOST).is_some_and(same) {
        let host =
            HeaderValue::from_str(authority.as_str()).map_err(|_| StatusCode::BAD_REQUEST)?;
        headers.insert(HOST, host);
    }
    Ok(())
}

/// A Content-Length: digits only, and a number that can be counted to (RFC 9110 section 8.6).
pub(crate) fn length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// The members of a list (RFC 9110 section 5.6.1), parameters and all; empty ones are left out.
pub(crate) fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let pieces = value.split(|&b| b == b',');
    pieces.map(<[u8]>::trim_ascii).filter(|m| !m.is_empty())
}

/// Whether a list has this member, in any case.
pub(crate) fn has_member(value: &[u8], member: &[u8]) -> bool {
    members(value).any(|m| m.eq_ignore_ascii_case(member))
}

/// Whether this is `host [":" port]` (RFC 3986 section 3.2), without user information. Of a name
/// only what names in use consist of is allowed, so that it means the same to everyone.
fn is_host(value: &[u8]) -> bool {
    let named = |b: &u8| NAMED[usize::from(*b)];
    // A name without a port, as most are.
    if value.iter().all(named) {
        return !value.is_empty();
    }
    let (host, port) = split_port(value);
    let literal = |b: &u8| b.is_ascii_hexdigit() || matches!(b, b':' | b'.');
    let fits = match host.strip_prefix(b"[") {
        Some(rest) => rest
            .strip_suffix(b"]")
            .is_some_and(|address| !address.is_empty() && address.iter().all(literal)),
        None => !host.is_empty() && host.iter().all(named),
    };
    fits && port.len() <= 5 && port.iter().all(u8::is_ascii_digit)
}

/// What names of hosts consist of.
static NAMED: [bool; 256] = {
    let (mut named, mut byte) = ([false; 256], 0_u8);
    while byte < 0x80 {
        let is_mark = matches!(byte, b'-' | b'.' | b'_' | b'~');
        named[byte as usize] = byte.is_ascii_alphanumeric() || is_mark;
        byte += 1;
    }
    named
};

/// The host in this value of Host, if it is one.
pub(crate) fn host(value: &[u8]) -> Option<&str> {
    is_host(value).then(|| std::str::from_utf8(value).ok())?
}

fn split_port(value: &[u8]) -> (&[u8], &[u8]) {
    let after_literal = value.iter().rposition(|&b| b == b']').unwrap_or(0);
    match value.iter().rposition(|&b| b == b':') {
        Some(colon) if colon >= after_literal => (&value[..colon], &value[colon + 1..]),
        _ => (value, b""),
    }
}

#[cfg(test)]
#[path = "guards/tests.rs"]
mod tests;
