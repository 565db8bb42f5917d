//! An origin that keeps to the RFCs, so that sequences get further than chance takes them: one
//! representation of ten bytes, with a strong ETag.

use http::{HeaderMap, HeaderValue, StatusCode};

const LENGTH: u64 = 10;
const TAG: &str = "\"a\"";

/// The answer to a request with these fields; `more` are fields of it that say nothing of its body.
pub(crate) fn answer(asked: &HeaderMap, mut more: HeaderMap) -> (StatusCode, HeaderMap) {
    for name in ["content-range", "transfer-encoding", "connection", "vary"] {
        more.remove(name);
    }
    let mut set = |name, value: &str| {
        more.insert(name, HeaderValue::from_str(value).unwrap());
    };
    set("etag", TAG);
    set("content-length", &LENGTH.to_string());
    let field = |name| asked.get(name).and_then(|v: &HeaderValue| v.to_str().ok());
    if field("if-none-match") == Some(TAG) {
        return (StatusCode::NOT_MODIFIED, more);
    }
    let may_be_part = field("if-range").is_none_or(|tag| tag == TAG);
    match field("range").and_then(range).filter(|_| may_be_part) {
        Some((first, last)) => {
            set("content-range", &format!("bytes {first}-{last}/{LENGTH}"));
            set("content-length", &(last + 1 - first).to_string());
            (StatusCode::PARTIAL_CONTENT, more)
        }
        None => (StatusCode::OK, more),
    }
}

/// First and last byte of one range; other ranges are ignored.
fn range(line: &str) -> Option<(u64, u64)> {
    let (first, last) = line.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = match (first, last) {
        ("", suffix) => (LENGTH.checked_sub(suffix.parse().ok()?)?, LENGTH - 1),
        (first, "") => (first.parse().ok()?, LENGTH - 1),
        (first, last) => (first.parse().ok()?, last.parse().ok()?),
    };
    (first <= last && last < LENGTH).then_some((first, last))
}
