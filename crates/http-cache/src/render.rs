//! The head of an answer out of the store (RFC 9111 section 4).

use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::{
    StoredHead,
    decide::{BodyPart, Serve},
    multipart::Multipart,
    targeted::is_targeted,
};

impl StoredHead {
    /// The status and fields to answer with. `length` is that of the stored body if known by now
    /// (it may have become known after the head was stored).
    pub fn render(&self, serve: &Serve, length: Option<u64>) -> (StatusCode, HeaderMap) {
        // Of a part, it says nothing of the whole.
        let length = length.filter(|_| self.part.is_none()).or(self.length);
        let mut headers = match (serve.status, &serve.body) {
            (_, BodyPart::Range(range)) => self.partial(range, length),
            (_, BodyPart::Multipart(parts)) => self.several(parts),
            (status, BodyPart::Whole) if status == self.status && self.part.is_some() => {
                self.repeated()
            }
            (status, _) if status == self.whole_status() => self.whole(length),
            (StatusCode::NOT_MODIFIED, _) => self.not_modified(),
            (status, _) => self.refused(status, length),
        };
        // Section 4: an answer without validation carries the current age (section 5.1).
        headers.insert(header::AGE, HeaderValue::from(serve.age));
        (serve.status, headers)
    }

    /// The same for a cache that keeps the response too: a 304 has every field then, each of which
    /// replaces what is stored there (RFC 9111 section 3.2). RFC 9110 section 15.4.5 lets a 304
    /// have what guides caches.
    pub fn render_for_cache(&self, serve: &Serve, length: Option<u64>) -> (StatusCode, HeaderMap) {
        if serve.status != StatusCode::NOT_MODIFIED || serve.status == self.whole_status() {
            return self.render(serve, length);
        }
        let mut headers = HeaderMap::clone(&self.headers);
        headers.insert(header::AGE, HeaderValue::from(serve.age));
        (serve.status, headers)
    }

    /// The fields of a response whose own were taken, as they came: see [`crate::receive_whole`].
    pub fn as_came(&self) -> HeaderMap {
        self.whole(self.length)
    }

    fn whole(&self, length: Option<u64>) -> HeaderMap {
        let mut headers = HeaderMap::clone(&self.headers);
        // RFC 9110 section 8.6: a 204 has no Content-Length.
        if self.status != StatusCode::NO_CONTENT
            && let Some(length) = length
        {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        headers
    }

    /// A part as it came.
    fn repeated(&self) -> HeaderMap {
        let mut headers = HeaderMap::clone(&self.headers);
        if let Some(said) = self.part.as_ref().and_then(|part| part.came_with()) {
            headers.insert(header::CONTENT_RANGE, said.clone());
        }
        if let Some(length) = self.body_length() {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        headers
    }

    /// RFC 9110 section 15.3.7.2: Content-Range is in the parts alone.
    fn several(&self, parts: &Multipart) -> HeaderMap {
        let mut headers = HeaderMap::clone(&self.headers);
        headers.remove(header::CONTENT_RANGE);
        if let Some(content_type) = parts.content_type() {
            headers.insert(header::CONTENT_TYPE, content_type);
        }
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(parts.length()));
        headers
    }

    /// RFC 9110 section 15.3.7.1.
    fn partial(&self, range: &std::ops::Range<u64>, length: Option<u64>) -> HeaderMap {
        let mut headers = HeaderMap::clone(&self.headers);
        let last = range.end.saturating_sub(1);
        let range_of = match length {
            Some(length) => format!("bytes {}-{last}/{length}", range.start),
            None => format!("bytes {}-{last}/*", range.start),
        };
        insert_text(&mut headers, header::CONTENT_RANGE, &range_of);
        let bytes = range.end.saturating_sub(range.start);
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
        headers
    }

    /// RFC 9110 section 15.4.5: what guides caches and no more, which targeted fields do as
    /// Cache-Control does (RFC 9213 section 2.2); Last-Modified only for want of an ETag.
    fn not_modified(&self) -> HeaderMap {
        let mut headers = self.only(&[
            header::CACHE_CONTROL,
            header::CONTENT_LOCATION,
            header::DATE,
            header::ETAG,
            header::EXPIRES,
            header::VARY,
        ]);
        if !headers.contains_key(header::ETAG) {
            for date in self.headers.get_all(header::LAST_MODIFIED) {
                headers.append(header::LAST_MODIFIED, date.clone());
            }
        }
        for (name, value) in self.headers.iter().filter(|(name, _)| is_targeted(name)) {
            headers.append(name, value.clone());
        }
        headers
    }

    /// 412 and 416: nothing of the stored response's but when it was generated, what selected it,
    /// and for 416 its length (RFC 9110 section 15.5.17).
    fn refused(&self, status: StatusCode, length: Option<u64>) -> HeaderMap {
        let mut headers = self.only(&[header::DATE, header::VARY]);
        if status == StatusCode::RANGE_NOT_SATISFIABLE
            && let Some(length) = length
        {
            insert_text(
                &mut headers,
                header::CONTENT_RANGE,
                &format!("bytes */{length}"),
            );
        }
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(0));
        headers
    }

    fn only(&self, names: &[http::HeaderName]) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(names.len() + 2);
        for name in names {
            for value in self.headers.get_all(name) {
                headers.append(name, value.clone());
            }
        }
        headers
    }
}

fn insert_text(headers: &mut HeaderMap, name: http::HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::testing::{head, map, part};

    const DATE: (&str, &str) = ("date", "Sun, 09 Sep 2001 01:46:40 GMT");

    fn serve(status: StatusCode, body: BodyPart) -> Serve {
        Serve {
            variant: 0,
            status,
            body,
            age: 7,
            ttl: 1,
        }
    }

    #[test]
    fn a_whole_answer_has_all_fields_its_age_and_its_length_if_known() {
        let stored = head(&[DATE, ("x-a", "1"), ("x-a", "2"), ("content-length", "10")]);
        let (status, headers) = stored.render(&serve(StatusCode::OK, BodyPart::Whole), None);
        assert_eq!(status, StatusCode::OK);
        let full = [
            DATE,
            ("x-a", "1"),
            ("x-a", "2"),
            ("content-length", "10"),
            ("age", "7"),
        ];
        assert_eq!(headers, map(&full));

        let stored = head(&[DATE]);
        let (_, headers) = stored.render(&serve(StatusCode::OK, BodyPart::Whole), None);
        assert_eq!(headers, map(&[DATE, ("age", "7")]));
        let (_, headers) = stored.render(&serve(StatusCode::OK, BodyPart::None), Some(3));
        assert_eq!(headers, map(&[DATE, ("age", "7"), ("content-length", "3")]));
    }

    #[test]
    fn two_lines_that_say_the_same_are_both_told() {
        const MODIFIED: (&str, &str) = ("last-modified", "Sun, 09 Sep 2001 01:00:00 GMT");
        let fields = [DATE, MODIFIED, MODIFIED];
        let serve = serve(StatusCode::NOT_MODIFIED, BodyPart::None);
        let (_, mut headers) = head(&fields).render(&serve, None);
        headers.remove(header::AGE);
        assert_eq!(headers, map(&fields));
    }

    #[test]
    fn a_part_says_which() {
        let stored = head(&[DATE, ("content-length", "10")]);
        let part = serve(StatusCode::PARTIAL_CONTENT, BodyPart::Range(2..5));
        let (status, headers) = stored.render(&part, None);
        assert_eq!(status, StatusCode::PARTIAL_CONTENT);
        let range = ("content-range", "bytes 2-4/10");
        assert_eq!(
            headers,
            map(&[DATE, range, ("content-length", "3"), ("age", "7")])
        );
    }

    #[test]
    fn a_stored_part_says_which_and_is_repeated_as_it_came() {
        let stored = part(&[DATE], "bytes 4-9/10", 5);
        let of = |status, body| stored.render(&serve(status, body), Some(5)).1;
        let answer = |range, length| {
            map(&[
                DATE,
                ("content-range", range),
                ("content-length", length),
                ("age", "7"),
            ])
        };
        let partial = StatusCode::PARTIAL_CONTENT;
        assert_eq!(
            of(partial, BodyPart::Range(6..8)),
            answer("bytes 6-7/10", "2")
        );
        assert_eq!(of(partial, BodyPart::Whole), answer("bytes 4-9/10", "5"));
        let unsatisfiable = of(StatusCode::RANGE_NOT_SATISFIABLE, BodyPart::None);
        assert_eq!(unsatisfiable, answer("bytes */10", "0"));
        // The answer to a HEAD.
        let whole = of(StatusCode::OK, BodyPart::None);
        assert_eq!(whole, map(&[DATE, ("content-length", "10"), ("age", "7")]));
        let unknown = part(&[DATE], "bytes 4-9/*", 6);
        let body = serve(partial, BodyPart::Range(6..8));
        assert_eq!(unknown.render(&body, Some(6)).1, answer("bytes 6-7/*", "2"));
    }

    #[test]
    fn several_parts_have_a_type_and_an_exact_length() {
        let stored = head(&[DATE, ("content-type", "text/a"), ("content-length", "10")]);
        let parts = Multipart::new(vec![0..1, 4..6], 10, None, b"");
        let length = parts.length().to_string();
        let content_type = parts.content_type().unwrap();
        let body = BodyPart::Multipart(Box::new(parts));
        let (_, headers) = stored.render(&serve(StatusCode::PARTIAL_CONTENT, body), Some(10));
        assert_eq!(headers.get("content-type"), Some(&content_type));
        assert_eq!(headers.get("content-length").unwrap(), &length);
        assert!(!headers.contains_key("content-range"));
    }

    #[test]
    fn a_304_has_what_guides_caches_and_no_more() {
        let guide = [
            DATE,
            ("cache-control", "max-age=9"),
            ("cdn-cache-control", "max-age=99"),
            ("content-location", "/a"),
            ("etag", "\"a\""),
            ("expires", "0"),
            ("vary", "b"),
        ];
        let modified = ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT");
        let others = [
            modified,
            ("content-type", "text/plain"),
            ("set-cookie", "a=b"),
        ];
        let stored = head(&[&guide[..], &others].concat());
        let not_modified = serve(StatusCode::NOT_MODIFIED, BodyPart::None);
        let (_, headers) = stored.render(&not_modified, Some(10));
        assert_eq!(headers, map(&[&guide[..], &[("age", "7")]].concat()));

        let (_, headers) = head(&[DATE, modified]).render(&not_modified, None);
        assert_eq!(headers, map(&[DATE, modified, ("age", "7")]));
    }

    #[test]
    fn a_304_for_a_cache_has_every_field() {
        let fields = [
            DATE,
            ("etag", "\"a\""),
            ("content-type", "text/plain"),
            ("x-a", "1"),
        ];
        let stored = head(&fields);
        let not_modified = serve(StatusCode::NOT_MODIFIED, BodyPart::None);
        let (status, headers) = stored.render_for_cache(&not_modified, Some(10));
        assert_eq!(status, StatusCode::NOT_MODIFIED);
        assert_eq!(headers, map(&[&fields[..], &[("age", "7")]].concat()));
        let whole = serve(StatusCode::OK, BodyPart::Whole);
        let [here, there] = [
            stored.render_for_cache(&whole, None),
            stored.render(&whole, None),
        ];
        assert_eq!(here, there);
    }

    #[test]
    fn a_416_says_the_length_and_nothing_of_the_representation() {
        let stored = head(&[DATE, ("etag", "\"a\""), ("cache-control", "max-age=9")]);
        let refused = serve(StatusCode::RANGE_NOT_SATISFIABLE, BodyPart::None);
        let (_, headers) = stored.render(&refused, Some(10));
        let range = ("content-range", "bytes */10");
        assert_eq!(
            headers,
            map(&[DATE, range, ("content-length", "0"), ("age", "7")])
        );

        let (_, headers) = stored.render(
            &serve(StatusCode::PRECONDITION_FAILED, BodyPart::None),
            None,
        );
        assert_eq!(headers, map(&[DATE, ("content-length", "0"), ("age", "7")]));
    }

    #[test]
    fn a_stored_refusal_is_answered_as_it_is() {
        let mut stored = head(&[DATE, ("x-a", "1"), ("content-length", "4")]);
        stored.status = StatusCode::PRECONDITION_FAILED;
        let (_, headers) = stored.render(&serve(stored.status, BodyPart::Whole), None);
        assert_eq!(
            headers,
            map(&[DATE, ("x-a", "1"), ("content-length", "4"), ("age", "7")])
        );
    }
}
