//! Requests, responses and moments out of arbitrary bytes. Total: any bytes mean something, and
//! when they are used up everything is zero.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

/// Seconds around which times and dates lie.
const BASE: u64 = 1_700_000_000;

/// Bytes, taken from the front.
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Input(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::from(self.byte()) % of.len()]
    }

    fn text(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte() % 40).min(self.0.len());
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        text
    }

    /// A while to pass: mostly seconds, at times hours.
    pub(crate) fn pause(&mut self) -> Duration {
        let seconds = u64::from(self.byte());
        Duration::from_secs(if seconds < 200 {
            seconds / 4
        } else {
            seconds * 97
        })
    }

    pub(crate) fn method(&mut self) -> Method {
        let methods = [
            Method::GET,
            Method::GET,
            Method::GET,
            Method::HEAD,
            Method::POST,
        ];
        methods[usize::from(self.byte()) % methods.len()].clone()
    }

    pub(crate) fn status(&mut self) -> StatusCode {
        let number = self.pick(STATUSES);
        let number = match number {
            0 => 100 + (u16::from(self.byte()) * 4) % 500,
            number => number,
        };
        StatusCode::from_u16(number).unwrap_or(StatusCode::OK)
    }

    pub(crate) fn request(&mut self) -> HeaderMap {
        self.fields(REQUEST)
    }

    pub(crate) fn response(&mut self) -> HeaderMap {
        self.fields(RESPONSE)
    }

    fn fields(&mut self, table: &[(&'static str, &[&str])]) -> HeaderMap {
        let count = self.byte() % 7;
        let fields = (0..count).filter_map(|_| self.field(table));
        fields.collect()
    }

    /// A name of the table with a value of its kind, put together from pieces, or any value at all.
    fn field(&mut self, table: &[(&'static str, &[&str])]) -> Option<(HeaderName, HeaderValue)> {
        let (name, values) = self.pick(table);
        let kind = self.byte();
        let value = match kind % 8 {
            0 => self.text().to_vec(),
            1 | 2 => {
                let parts: Vec<_> = (0..=kind / 64).map(|_| self.value(values)).collect();
                parts.join(&b", "[..])
            }
            _ => self.value(values),
        };
        let value = HeaderValue::from_bytes(&value).ok()?;
        Some((HeaderName::from_static(name), value))
    }

    fn value(&mut self, values: &[&str]) -> Vec<u8> {
        match self.pick(values) {
            "DATE" => self.date().into_bytes(),
            value => match value.strip_suffix('#') {
                Some(value) => format!("{value}{}", self.byte() / 2).into_bytes(),
                None => value.as_bytes().to_vec(),
            },
        }
    }

    fn date(&mut self) -> String {
        let offset = u64::from(self.byte()) * 60;
        httpdate::fmt_http_date(moment(Duration::from_secs(offset)) - Duration::from_secs(7_200))
    }
}

/// This long after the beginning.
pub(crate) fn moment(since: Duration) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(BASE) + since
}

const STATUSES: &[u16] = &[
    200, 200, 200, 200, 206, 206, 304, 304, 404, 416, 500, 503, 301, 204, 410, 0,
];

const RESPONSE: &[(&str, &[&str])] = &[
    ("cache-control", CACHE_CONTROL),
    ("cache-control", CACHE_CONTROL),
    ("cdn-cache-control", CACHE_CONTROL),
    ("etag", TAGS),
    ("etag", TAGS),
    ("last-modified", &["DATE"]),
    ("date", &["DATE"]),
    ("expires", &["DATE", "0"]),
    (
        "age",
        &["#", "0", "5, 9", "99999999999999999999", "-1", "5;a"],
    ),
    ("vary", &["x-a", "x-b", "*", "accept-encoding", "x-a, x-b"]),
    (
        "content-length",
        &["10", "#", "0", "5, 5", "x", "99999999999999999999"],
    ),
    (
        "content-range",
        &[
            "bytes 0-4/10",
            "bytes 5-9/10",
            "bytes 2-7/10",
            "bytes 0-9/10",
            "bytes */10",
            "bytes 4-2/10",
            "bytes 0-4/*",
            "bytes 5-10/10",
            "x 0-4/10",
            "bytes 3-6/10",
        ],
    ),
    (
        "content-type",
        &["text/plain", "multipart/byteranges; boundary=a"],
    ),
    ("content-encoding", &["gzip"]),
    ("connection", &["x-a", "close, etag", "cache-control"]),
    ("set-cookie", &["a=b"]),
    ("pragma", &["no-cache"]),
    ("no-vary-search", &["params", "key-order", "params=(\"a\")"]),
    ("cache-groups", &["\"a\"", "\"a\", \"b\"", "a"]),
    ("warning", &["110 - x"]),
    ("x-a", &["1", "2"]),
];

const CACHE_CONTROL: &[&str] = &[
    "max-age=#",
    "max-age=#",
    "s-maxage=#",
    "max-age=99999999999999999999",
    "max-age=-1",
    "max-age=\"5\"",
    "stale-while-revalidate=#",
    "stale-if-error=#",
    "no-store",
    "no-cache",
    "no-cache=\"x-a\"",
    "private",
    "private=\"x-a, set-cookie\"",
    "public",
    "must-revalidate",
    "proxy-revalidate",
    "must-understand",
    "immutable",
    "only-if-cached",
    "NO-STORE",
];

const TAGS: &[&str] = &[
    "\"a\"", "W/\"a\"", "\"b\"", "*", "a", "\"", "\"a,b\"", "w/\"a\"",
];

const REQUEST: &[(&str, &[&str])] = &[
    (
        "cache-control",
        &[
            "max-age=#",
            "min-fresh=#",
            "max-stale=#",
            "max-stale",
            "no-cache",
            "no-store",
            "only-if-cached",
        ],
    ),
    ("if-none-match", TAGS),
    ("if-match", TAGS),
    ("if-range", &["\"a\"", "W/\"a\"", "DATE", "\"b\""]),
    ("if-modified-since", &["DATE"]),
    ("if-unmodified-since", &["DATE"]),
    (
        "range",
        &[
            "bytes=0-4",
            "bytes=5-",
            "bytes=-3",
            "bytes=0-",
            "bytes=9-2",
            "bytes=0-1,4-5",
            "bytes=999-",
            "x=1",
            "bytes=-0",
            "bytes=#-#",
            "bytes=2-3,7-",
            "bytes=3-99999999999999999999",
        ],
    ),
    (
        "range",
        &[
            "bytes=0-4",
            "bytes=5-9",
            "bytes=2-7",
            "bytes=0-9",
            "bytes=1-1",
            "bytes=6-",
        ],
    ),
    ("x-a", &["1", "2", "1,2", ""]),
    ("x-b", &["1", "2"]),
    (
        "accept-encoding",
        &["gzip", "br, gzip", "gzip;q=0", "identity", "GZIP , br"],
    ),
    ("authorization", &["x"]),
    ("cookie", &["a=b"]),
    ("content-length", &["0", "5", "x"]),
    ("pragma", &["no-cache"]),
];
