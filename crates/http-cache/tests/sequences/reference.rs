//! What must not be stored and must not be served, said a second time and in another way than the
//! crate does: by reading the fields as they came, with no more than the RFCs' words.

use http::{HeaderMap, Method, StatusCode};

/// An exchange, as it was.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) method: Method,
    pub(crate) request: HeaderMap,
    pub(crate) status: StatusCode,
    pub(crate) response: HeaderMap,
}

/// The field that governs: CDN-Cache-Control, if it is a structured field (RFC 9213 section 2.1),
/// or else Cache-Control. None if this reader is not sure how to read it.
pub(crate) struct Directives(Vec<String>);

impl Directives {
    pub(crate) fn governing(response: &HeaderMap) -> Option<Self> {
        if response.contains_key("cdn-cache-control") {
            // Whether it counts depends on the grammar of structured fields: only the plainest
            // is judged here.
            let lines = response.get_all("cdn-cache-control").iter();
            let lines: Vec<_> = lines
                .map(|line| line.to_str())
                .collect::<Result<_, _>>()
                .ok()?;
            let joined = lines.join(",");
            let members: Vec<_> = joined.split(',').map(|m| m.trim().to_owned()).collect();
            let is_plain = |member: &String| {
                let (name, value) = member.split_once('=').unwrap_or((member, "0"));
                let is_name =
                    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
                let is_number = !value.is_empty()
                    && value.len() < 15
                    && value.bytes().all(|b| b.is_ascii_digit());
                is_name && is_number && !name.starts_with('-')
            };
            return (!members.is_empty() && members.iter().all(is_plain))
                .then_some(Directives(members));
        }
        let members = members(response, "cache-control")?;
        Some(Directives(
            members.iter().map(|m| m.to_ascii_lowercase()).collect(),
        ))
    }

    /// A directive without a value.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|member| member == name)
    }

    /// A directive, whatever its value.
    pub(crate) fn names(&self, name: &str) -> bool {
        let own = |member: &String| member.split('=').next().map(str::trim).map(str::to_owned);
        self.0
            .iter()
            .any(|member| own(member).as_deref() == Some(name))
    }
}

/// The members of a list, of which quoted strings are parts. None if a quote is left open or
/// something is not text.
pub(crate) fn members(headers: &HeaderMap, name: &str) -> Option<Vec<String>> {
    let mut members = Vec::new();
    for line in headers.get_all(name) {
        let (mut member, mut quoted, mut escaped) = (String::new(), false, false);
        for c in line.to_str().ok()?.chars() {
            match c {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                ',' if !quoted => {
                    members.push(std::mem::take(&mut member));
                    continue;
                }
                _ => {}
            }
            member.push(c);
        }
        if quoted {
            return None;
        }
        members.push(member);
    }
    let trimmed = members.iter().map(|m| m.trim().to_owned());
    Some(trimmed.filter(|m| !m.is_empty()).collect())
}

/// Why an exchange must not have been stored by a shared cache, if it must not.
pub(crate) fn must_not_store(exchange: &Exchange) -> Option<&'static str> {
    if exchange.method != Method::GET {
        return Some("RFC 9111 section 3: the method");
    }
    let vary = members(&exchange.response, "vary").unwrap_or_default();
    if vary.iter().any(|name| name == "*") {
        return Some("RFC 9111 section 4.1: Vary: *");
    }
    if exchange.status.is_informational() || exchange.status == 304 || exchange.status == 416 {
        return Some("RFC 9111 section 3: not final, or of no use alone");
    }
    let directives = Directives::governing(&exchange.response)?;
    if directives.has("private") {
        return Some("RFC 9111 section 5.2.2.7: private");
    }
    if directives.has("no-store") && !directives.has("must-understand") {
        return Some("RFC 9111 section 5.2.2.5: no-store");
    }
    let is_allowed = ["public", "must-revalidate", "s-maxage"];
    if exchange.request.contains_key("authorization")
        && !is_allowed.iter().any(|d| directives.names(d))
    {
        return Some("RFC 9111 section 3.5: an authorized request");
    }
    None
}

/// Whether nothing may be served of it without the origin's word.
pub(crate) fn must_validate(response: &HeaderMap) -> bool {
    Directives::governing(response).is_some_and(|directives| directives.has("no-cache"))
}

/// Whether it must not be served stale, whatever happens (RFC 9111 section 4.2.4).
pub(crate) fn must_not_be_stale(response: &HeaderMap) -> bool {
    let never = ["must-revalidate", "proxy-revalidate", "no-cache"];
    Directives::governing(response).is_some_and(|d| never.iter().any(|name| d.has(name)))
}

/// Whether two requests have the same values of the simple fields that Vary names: those that no
/// cache normalises.
pub(crate) fn same_selection(vary: &HeaderMap, one: &HeaderMap, other: &HeaderMap) -> bool {
    let vary = members(vary, "vary").unwrap_or_default();
    let simple = vary
        .iter()
        .map(|name| name.to_ascii_lowercase())
        .filter(|n| n == "x-a" || n == "x-b");
    let mut simple = simple.collect::<Vec<_>>().into_iter();
    simple.all(|name| members(one, &name) == members(other, &name))
}

/// Whether a 304 may be told to who asked so, of a response with these fields (RFC 9110 section
/// 13.1.2): only for a condition that could match.
pub(crate) fn condition_may_match(request: &HeaderMap, stored: &HeaderMap) -> bool {
    if !request.contains_key("if-none-match") {
        return request.contains_key("if-modified-since");
    }
    let tag = stored.get("etag").map(|tag| tag.as_bytes());
    let opaque = tag.map(|tag| tag.strip_prefix(b"W/").unwrap_or(tag));
    request.get_all("if-none-match").iter().any(|line| {
        let line = line.as_bytes();
        let has = |part: &[u8]| !part.is_empty() && line.windows(part.len()).any(|w| w == part);
        has(b"*") || opaque.is_some_and(has)
    })
}
