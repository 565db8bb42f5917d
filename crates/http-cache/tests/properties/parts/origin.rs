//! An origin, however it behaves.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use proptest::prelude::*;

use crate::common::{BASE, at};

/// The byte at a position of a version.
pub(super) fn byte(version: u8, position: u64) -> u8 {
    version.wrapping_mul(31).wrapping_add(position as u8)
}

/// How the origin behaves for a while.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manners {
    pub(super) version: u8,
    pub(super) length: u64,
    pub(super) validators: Validators,
    /// Ignores Range.
    pub(super) whole: bool,
    /// Ignores If-Range and If-None-Match.
    pub(super) careless: bool,
    /// Sends another range than the one asked for.
    pub(super) shifted: bool,
    /// Sends so many bytes less than Content-Range says.
    pub(super) short: u64,
    pub(super) fresh: bool,
    pub(super) says_length: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Validators {
    Strong,
    Weak,
    Date,
    None,
}

pub(super) struct Response {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Manners {
    /// Whether it does what RFC 9110 does not let it do.
    pub(super) fn is_strange(self) -> bool {
        self.shifted || self.careless || self.short > 0 || !self.says_length
    }

    pub(super) fn tag(self) -> Option<String> {
        match self.validators {
            Validators::Strong => Some(format!("\"v{}\"", self.version)),
            Validators::Weak => Some("W/\"weak\"".to_owned()),
            Validators::Date | Validators::None => None,
        }
    }

    pub(super) fn date(self) -> Option<String> {
        // One date per version, a while ago.
        let date = at(BASE - 1000 + u64::from(self.version));
        (self.validators == Validators::Date).then(|| httpdate::fmt_http_date(date))
    }

    pub(super) fn answer(self, fields: &HeaderMap) -> Response {
        let has = |name, value: &Option<String>| {
            let sent: Option<&HeaderValue> = fields.get(name);
            sent.is_some() && sent.and_then(|v| v.to_str().ok()) == value.as_deref()
        };
        let holds = has(header::IF_NONE_MATCH, &self.tag())
            || (!fields.contains_key(header::IF_NONE_MATCH)
                && has(header::IF_MODIFIED_SINCE, &self.date()));
        let mut headers = HeaderMap::new();
        let cache_control = if self.fresh {
            "max-age=1000"
        } else {
            "max-age=0"
        };
        let mut put = |name, value: String| headers.insert(name, value.try_into().unwrap());
        put(header::CACHE_CONTROL, cache_control.to_owned());
        put(header::DATE, httpdate::fmt_http_date(at(BASE)));
        if let Some(tag) = self.tag() {
            put(header::ETAG, tag);
        }
        if let Some(date) = self.date() {
            put(header::LAST_MODIFIED, date);
        }
        if holds && !self.careless {
            return Response {
                status: StatusCode::NOT_MODIFIED,
                headers,
                body: vec![],
            };
        }
        let is_strong = matches!(self.validators, Validators::Strong | Validators::Date);
        let may_be_part = self.careless
            || !fields.contains_key(header::IF_RANGE)
            || is_strong
                && (has(header::IF_RANGE, &self.tag()) || has(header::IF_RANGE, &self.date()));
        let range = fields
            .get(header::RANGE)
            .filter(|_| may_be_part && !self.whole);
        let (status, bytes) = match range.map(|range| self.range(range.to_str().unwrap())) {
            None => (StatusCode::OK, 0..self.length),
            Some(None) => (StatusCode::RANGE_NOT_SATISFIABLE, 0..0),
            Some(Some(bytes)) => (StatusCode::PARTIAL_CONTENT, bytes),
        };
        let mut end = bytes.end;
        if status == StatusCode::PARTIAL_CONTENT {
            let complete = match self.says_length {
                true => self.length.to_string(),
                false => "*".to_owned(),
            };
            put(
                header::CONTENT_RANGE,
                format!("bytes {}-{}/{complete}", bytes.start, bytes.end - 1),
            );
            end = bytes.end.saturating_sub(self.short).max(bytes.start);
        }
        put(header::CONTENT_LENGTH, (end - bytes.start).to_string());
        let body = (bytes.start..end)
            .map(|at| byte(self.version, at))
            .collect();
        Response {
            status,
            headers,
            body,
        }
    }

    pub(super) fn range(self, line: &str) -> Option<std::ops::Range<u64>> {
        let (first, last) = line.strip_prefix("bytes=")?.split_once('-')?;
        let number = |text: &str| text.parse::<u64>().ok();
        let bytes = match (number(first), number(last)) {
            (Some(first), None) => first..self.length,
            (Some(first), Some(last)) => first..self.length.min(last + 1),
            (None, last) => self.length.saturating_sub(last?)..self.length,
        };
        let shift = u64::from(self.shifted && bytes.end < self.length);
        (!bytes.is_empty()).then_some(bytes.start + shift..bytes.end + shift)
    }
}

pub(super) fn manners() -> impl Strategy<Value = Manners> {
    let validators = prop_oneof![
        4 => Just(Validators::Strong),
        1 => Just(Validators::Weak),
        2 => Just(Validators::Date),
        1 => Just(Validators::None),
    ];
    let seldom = || prop::bool::weighted(0.1);
    let often = || prop::bool::weighted(0.9);
    (
        (0..4_u8, validators, seldom(), seldom(), seldom()),
        (
            prop_oneof![9 => Just(0_u64), 1 => 1..3_u64],
            prop::bool::weighted(0.7),
            often(),
        ),
    )
        .prop_map(
            |((version, validators, whole, careless, shifted), (short, fresh, says_length))| {
                Manners {
                    version,
                    length: 20 + u64::from(version) % 2,
                    validators,
                    whole,
                    careless,
                    shifted,
                    short,
                    fresh,
                    says_length,
                }
            },
        )
}
