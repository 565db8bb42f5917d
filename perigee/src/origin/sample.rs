//! Answers requests for the sample site. Pure but for the count of `/serial.txt`.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hasher},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;

use super::site::{FILES, big_bin};

/// When the site was last changed: 2026-01-01T00:00:00Z.
const LAST_MODIFIED: Duration = Duration::from_secs(1_767_225_600);
const PAGES: HeaderValue = HeaderValue::from_static("max-age=60");
const ASSETS: HeaderValue = HeaderValue::from_static("max-age=3600");

/// The sample site, in memory.
pub(super) struct Sample {
    pages: HashMap<&'static str, Page>,
    /// Answers to `/serial.txt` so far.
    serial: AtomicU64,
}

#[derive(Clone)]
struct Page {
    content_type: HeaderValue,
    cache_control: HeaderValue,
    etag: HeaderValue,
    last_modified: Option<SystemTime>,
    body: Bytes,
}

impl Sample {
    pub(super) fn new() -> Self {
        let files = FILES.iter().map(|file| {
            let body = Bytes::from_static(file.body);
            (file.path, Page::new(file.content_type, body))
        });
        let big = ("/big.bin", Page::new("application/octet-stream", big_bin()));
        Sample {
            pages: files.chain([big]).collect(),
            serial: AtomicU64::new(0),
        }
    }

    pub(super) fn answer(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Response<Full<Bytes>> {
        if method != Method::GET && method != Method::HEAD {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD here.\n");
            let allowed = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(header::ALLOW, allowed);
            return response;
        }
        let path = if path == "/index.html" { "/" } else { path };
        if path == "/serial.txt" {
            return self.next_serial().answer(method, headers);
        }
        match self.pages.get(path) {
            Some(page) => page.answer(method, headers),
            None => text(StatusCode::NOT_FOUND, "There is no such page.\n"),
        }
    }

    /// A page that is another one each time it is asked for, so that it shows who answered.
    fn next_serial(&self) -> Page {
        let number = self.serial.fetch_add(1, Ordering::Relaxed) + 1;
        let mut page = Page::new("text/plain; charset=utf-8", format!("{number}\n").into());
        page.last_modified = None;
        page
    }
}

impl Page {
    fn new(content_type: &'static str, body: Bytes) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(&body);
        let etag = format!("\"{:016x}\"", hasher.finish());
        let is_page = content_type.starts_with("text/html");
        Page {
            content_type: HeaderValue::from_static(content_type),
            cache_control: if is_page { PAGES } else { ASSETS },
            etag: HeaderValue::try_from(etag).unwrap_or(HeaderValue::from_static("\"0\"")),
            last_modified: Some(UNIX_EPOCH + LAST_MODIFIED),
            body,
        }
    }

    fn answer(&self, method: &Method, headers: &HeaderMap) -> Response<Full<Bytes>> {
        let not_modified = self.is_current(headers);
        let body = match not_modified || method == Method::HEAD {
            true => Bytes::new(),
            false => self.body.clone(),
        };
        let mut response = Response::new(Full::new(body));
        let fields = response.headers_mut();
        fields.insert(header::ETAG, self.etag.clone());
        fields.insert(header::CACHE_CONTROL, self.cache_control.clone());
        if let Some(time) = self.last_modified {
            let date = HeaderValue::try_from(httpdate::fmt_http_date(time));
            fields.extend(date.map(|date| (header::LAST_MODIFIED, date)));
        }
        if not_modified {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        fields.insert(header::CONTENT_TYPE, self.content_type.clone());
        fields.insert(header::CONTENT_LENGTH, self.body.len().into());
        response
    }

    /// Whether the client's copy is this one (RFC 9110 section 13.2.2: If-Modified-Since counts
    /// only without If-None-Match).
    fn is_current(&self, headers: &HeaderMap) -> bool {
        let mut tags = headers.get_all(header::IF_NONE_MATCH).iter().peekable();
        if tags.peek().is_some() {
            return tags.any(|field| self.is_named_by(field));
        }
        let since = headers.get(header::IF_MODIFIED_SINCE);
        let since = since.and_then(|v| httpdate::parse_http_date(v.to_str().ok()?).ok());
        matches!((self.last_modified, since), (Some(last), Some(since)) if last <= since)
    }

    /// Whether a list of entity tags names this page, by weak comparison.
    fn is_named_by(&self, field: &HeaderValue) -> bool {
        let Ok(field) = field.to_str() else {
            return false;
        };
        let mine = self.etag.as_bytes();
        field
            .split(',')
            .map(str::trim)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == mine)
    }
}

fn text(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::{super::site::BIG_BYTES, *};

    fn ask(
        site: &Sample,
        path: &str,
        fields: &[(http::HeaderName, &str)],
    ) -> Response<Full<Bytes>> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, HeaderValue::from_str(value).expect("a value"));
        }
        site.answer(&Method::GET, path, &headers)
    }

    async fn body(response: Response<Full<Bytes>>) -> Bytes {
        response
            .into_body()
            .collect()
            .await
            .expect("in memory")
            .to_bytes()
    }

    #[tokio::test]
    async fn pages_and_assets_say_how_long_they_are_fresh() {
        let site = Sample::new();
        for (path, lifetime) in [("/", "max-age=60"), ("/style.css", "max-age=3600")] {
            let response = ask(&site, path, &[]);
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()[header::CACHE_CONTROL], lifetime);
            for field in [header::ETAG, header::LAST_MODIFIED, header::CONTENT_TYPE] {
                assert!(response.headers().contains_key(&field), "{path} {field}");
            }
            assert!(!body(response).await.is_empty());
        }
        assert_eq!(body(ask(&site, "/big.bin", &[])).await.len(), BIG_BYTES);
        assert_eq!(ask(&site, "/nothing", &[]).status(), 404);
    }

    #[tokio::test]
    async fn all_that_a_page_links_to_is_there() {
        let site = Sample::new();
        for page in ["/", "/about.html"] {
            let html = body(ask(&site, page, &[])).await;
            let html = String::from_utf8(html.to_vec()).expect("text");
            for part in html.split(['"']).filter(|part| part.starts_with('/')) {
                assert_eq!(
                    ask(&site, part, &[]).status(),
                    200,
                    "{page} links to {part}"
                );
            }
        }
    }

    #[test]
    fn a_copy_that_is_current_is_answered_304() {
        let site = Sample::new();
        let first = ask(&site, "/", &[]);
        let tag = first.headers()[header::ETAG]
            .to_str()
            .expect("text")
            .to_owned();
        let date = first.headers()[header::LAST_MODIFIED]
            .to_str()
            .expect("text")
            .to_owned();
        let status =
            |fields: &[(http::HeaderName, &str)]| ask(&site, "/", fields).status().as_u16();
        assert_eq!(status(&[(header::IF_NONE_MATCH, &tag)]), 304);
        assert_eq!(
            status(&[(header::IF_NONE_MATCH, &format!("\"x\", W/{tag}"))]),
            304
        );
        assert_eq!(status(&[(header::IF_NONE_MATCH, "*")]), 304);
        assert_eq!(status(&[(header::IF_MODIFIED_SINCE, &date)]), 304);
        assert_eq!(status(&[(header::IF_NONE_MATCH, "\"x\"")]), 200);
        let both = [
            (header::IF_NONE_MATCH, "\"x\""),
            (header::IF_MODIFIED_SINCE, &*date),
        ];
        assert_eq!(status(&both), 200);
        assert_eq!(status(&[(header::IF_MODIFIED_SINCE, "yesterday")]), 200);
    }

    #[tokio::test]
    async fn the_serial_counts_answers() {
        let site = Sample::new();
        assert_eq!(body(ask(&site, "/serial.txt", &[])).await, "1\n");
        assert_eq!(body(ask(&site, "/serial.txt", &[])).await, "2\n");
    }

    #[test]
    fn only_reading_is_allowed() {
        let site = Sample::new();
        let response = site.answer(&Method::POST, "/", &HeaderMap::new());
        assert_eq!(response.status(), 405);
        assert_eq!(response.headers()[header::ALLOW], "GET, HEAD");
    }
}
