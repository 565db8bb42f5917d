//! An origin of one representation at a time, that does with ranges and conditions what RFC 9110
//! says, until a test makes it careless. Each byte tells its version and its position.

use std::{
    ops::Range,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;

use super::origin::{Asked, Origin};

/// What the origin has now.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    pub(crate) version: u8,
    pub(crate) length: usize,
    pub(crate) cache_control: &'static str,
    /// Whether its tags are weak.
    pub(crate) weak: bool,
    /// Whether it takes no notice of If-Range.
    pub(crate) careless: bool,
}

impl Book {
    pub(crate) fn of(length: usize) -> Self {
        Book {
            version: 1,
            length,
            cache_control: "max-age=3600",
            weak: false,
            careless: false,
        }
    }

    fn tag(&self) -> String {
        let weak = if self.weak { "W/" } else { "" };
        format!("{weak}\"v{}\"", self.version)
    }

    pub(crate) fn answer(&self, asked: &Asked) -> Response<Full<Bytes>> {
        let answer = Response::builder()
            .header("cache-control", self.cache_control)
            .header("content-type", "text/x-book")
            .header("etag", self.tag());
        if asked.field("if-none-match") == self.tag() {
            let answer = answer.status(StatusCode::NOT_MODIFIED);
            return answer.body(Full::default()).unwrap();
        }
        let holds = !asked.headers.contains_key("if-range")
            || asked.field("if-range") == self.tag() && !self.weak;
        let range = asked.field("range");
        // Of several ranges it takes no notice, either.
        if range.is_empty() || range.contains(',') || !(holds || self.careless) {
            let all = content(self.version, 0..self.length);
            return answer.body(Full::new(all)).unwrap();
        }
        let Some(range) = self.range(range) else {
            let answer = answer.status(StatusCode::RANGE_NOT_SATISFIABLE);
            let said = format!("bytes */{}", self.length);
            let answer = answer.header("content-range", said);
            return answer.body(Full::default()).unwrap();
        };
        let said = format!("bytes {}-{}/{}", range.start, range.end - 1, self.length);
        answer
            .status(StatusCode::PARTIAL_CONTENT)
            .header("content-range", said)
            .body(Full::new(content(self.version, range)))
            .unwrap()
    }

    fn range(&self, line: &str) -> Option<Range<usize>> {
        let (first, last) = line.strip_prefix("bytes=")?.split_once('-')?;
        let number = |text: &str| text.parse::<usize>().ok();
        let range = match (number(first), number(last)) {
            (Some(first), Some(last)) => first..self.length.min(last + 1),
            (Some(first), None) => first..self.length,
            (None, last) => self.length.saturating_sub(last?)..self.length,
        };
        (!range.is_empty()).then_some(range)
    }
}

/// These bytes of a version.
pub(crate) fn content(version: u8, range: Range<usize>) -> Bytes {
    let byte = |at: usize| (at ^ (at >> 8) ^ (at >> 16)) as u8 ^ version.wrapping_mul(0x55);
    range.map(byte).collect()
}

/// A running origin of a [`Book`], which a test may change.
#[derive(Debug)]
pub(crate) struct Versions {
    pub(crate) origin: Origin,
    book: Arc<Mutex<Book>>,
}

impl Versions {
    pub(crate) async fn start(book: Book) -> Self {
        let book = Arc::new(Mutex::new(book));
        let now = Arc::clone(&book);
        let origin = Origin::start(move |asked| {
            let answer = now.lock().unwrap().answer(&asked);
            async move { answer }
        })
        .await;
        Versions { origin, book }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Book)) {
        change(&mut self.book.lock().unwrap());
    }

    /// The Range, If-Range and If-None-Match of each request so far.
    pub(crate) fn asked(&self) -> Vec<(String, String, String)> {
        let field = |asked: &Asked, name| asked.field(name).to_owned();
        let of = |asked: &Asked| {
            let (range, if_range) = (field(asked, "range"), field(asked, "if-range"));
            (range, if_range, field(asked, "if-none-match"))
        };
        self.origin.asked().iter().map(of).collect()
    }

    pub(crate) fn url(&self) -> String {
        self.origin.url()
    }
}
