//! Fields as bytes: first all names, each with the length of its value, then all values in a row.
//! When read, the values are slices of one copy of that row, which no more than these fields hold.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{Coded, Input};

/// Stands in place of the number of a name, before one that has none.
const SPELT_OUT: usize = 0;

pub(super) fn encode(headers: &HeaderMap, out: &mut Vec<u8>) {
    headers.len().encode(out);
    for (name, value) in headers {
        match COMMON.iter().position(|common| common == name) {
            Some(at) => (at + 1).encode(out),
            None => {
                SPELT_OUT.encode(out);
                name.encode(out);
            }
        }
        value.len().encode(out);
    }
    for value in headers.values() {
        out.extend_from_slice(value.as_bytes());
    }
}

/// Takes all that is left of the input.
pub(super) fn decode(input: &mut Input<'_>) -> Option<HeaderMap> {
    let count = usize::decode(input)?;
    // A field takes two bytes at least.
    if count > input.left() / 2 {
        return None;
    }
    // The first pass finds where the values begin.
    let mut names = *input;
    for _ in 0..count {
        if usize::decode(input)? == SPELT_OUT {
            input.run()?;
        }
        usize::decode(input)?;
    }
    let mut values = Bytes::copy_from_slice(input.take(input.left())?);
    let mut headers = HeaderMap::try_with_capacity(count).ok()?;
    for _ in 0..count {
        let name = name(&mut names)?;
        let length = usize::decode(&mut names)?;
        if length > values.len() {
            return None;
        }
        let value = HeaderValue::from_maybe_shared(values.split_to(length)).ok()?;
        headers.try_append(name, value).ok()?;
    }
    values.is_empty().then_some(headers)
}

fn name(input: &mut Input<'_>) -> Option<HeaderName> {
    match usize::decode(input)? {
        SPELT_OUT => HeaderName::decode(input),
        number => COMMON.get(number - 1).cloned(),
    }
}

/// Names that are common in responses: their number, counted from one, is written in their place.
/// New ones go to the end, for what is stored has the numbers.
static COMMON: [HeaderName; 80] = [
    header::DATE,
    header::CONTENT_TYPE,
    header::CACHE_CONTROL,
    header::ETAG,
    header::LAST_MODIFIED,
    header::EXPIRES,
    header::VARY,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LOCATION,
    header::CONTENT_DISPOSITION,
    header::CONTENT_RANGE,
    header::ACCEPT_RANGES,
    header::AGE,
    header::ALLOW,
    header::ALT_SVC,
    header::LINK,
    header::LOCATION,
    header::PRAGMA,
    header::REFERRER_POLICY,
    header::REFRESH,
    header::RETRY_AFTER,
    header::SERVER,
    header::SET_COOKIE,
    header::STRICT_TRANSPORT_SECURITY,
    header::VIA,
    header::WARNING,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
    header::CACHE_STATUS,
    header::CDN_CACHE_CONTROL,
    header::CONTENT_SECURITY_POLICY,
    header::CONTENT_SECURITY_POLICY_REPORT_ONLY,
    header::PUBLIC_KEY_PINS,
    header::X_CONTENT_TYPE_OPTIONS,
    header::X_DNS_PREFETCH_CONTROL,
    header::X_FRAME_OPTIONS,
    header::X_XSS_PROTECTION,
    HeaderName::from_static("accept-ch"),
    HeaderName::from_static("cache-groups"),
    HeaderName::from_static("cache-tag"),
    HeaderName::from_static("surrogate-control"),
    HeaderName::from_static("surrogate-key"),
    HeaderName::from_static("no-vary-search"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("cross-origin-embedder-policy"),
    HeaderName::from_static("cross-origin-opener-policy"),
    HeaderName::from_static("cross-origin-resource-policy"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("last-event-id"),
    HeaderName::from_static("nel"),
    HeaderName::from_static("origin-agent-cluster"),
    HeaderName::from_static("p3p"),
    HeaderName::from_static("permissions-policy"),
    HeaderName::from_static("report-to"),
    HeaderName::from_static("reporting-endpoints"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("server-timing"),
    HeaderName::from_static("sourcemap"),
    HeaderName::from_static("timing-allow-origin"),
    HeaderName::from_static("x-amz-id-2"),
    HeaderName::from_static("x-amz-request-id"),
    HeaderName::from_static("x-amz-server-side-encryption"),
    HeaderName::from_static("x-amz-version-id"),
    HeaderName::from_static("x-cache"),
    HeaderName::from_static("x-cache-hits"),
    HeaderName::from_static("x-download-options"),
    HeaderName::from_static("x-goog-generation"),
    HeaderName::from_static("x-goog-hash"),
    HeaderName::from_static("x-permitted-cross-domain-policies"),
    HeaderName::from_static("x-powered-by"),
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("x-robots-tag"),
    HeaderName::from_static("x-served-by"),
    HeaderName::from_static("x-ua-compatible"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_names_are_there_once() {
        for (at, name) in COMMON.iter().enumerate() {
            let first = COMMON.iter().position(|other| other == name);
            assert_eq!(first, Some(at), "{name}");
        }
    }

    #[test]
    fn what_is_stored_has_these_numbers_for_ever() {
        let text: Vec<&str> = COMMON.iter().map(HeaderName::as_str).collect();
        assert_eq!(
            crate::key::stable_hash(text.join(",").as_bytes()),
            3_108_387_995_958_322_794
        );
    }
}
