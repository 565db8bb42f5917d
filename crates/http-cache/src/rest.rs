//! The rest of a body that broke off, from somewhere else: what asks for it, and whether what comes
//! is that (RFC 9110 sections 13.1.5 and 14).

use std::{ops::Range, time::SystemTime};

use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::{
    Policy, RequestHead, ResponseHead, StoredHead, Times,
    part::{Part, range_field},
};

impl StoredHead {
    /// The head of a response to a GET that is passed on, and need not be one that may be stored.
    /// None if its rest could not be fetched: it is neither a 200 nor a 206 of one range, or it has
    /// no strong validator, or does not say how long its representation is.
    pub fn passing(
        request: &RequestHead<'_>,
        response: ResponseHead<'_>,
        policy: &Policy,
        received: SystemTime,
    ) -> Option<StoredHead> {
        let times = Times {
            requested: received,
            received,
        };
        let whole = ResponseHead {
            status: StatusCode::OK,
            ..response
        };
        let head = StoredHead::new(request, whole, policy, times);
        let head = match response.status {
            StatusCode::OK => head,
            StatusCode::PARTIAL_CONTENT => {
                let nothing = HeaderValue::from_static("");
                let range = request.headers.get(header::RANGE).unwrap_or(&nothing);
                let part = Part::of(range, response.headers, head.length)?;
                head.holding(part)
            }
            _ => return None,
        };
        head.can_be_completed().then_some(head)
    }

    /// The positions in the representation of the bytes that its body has, if it is known how many:
    /// of a part in several runs, of the first one.
    pub fn span(&self) -> Option<Range<u64>> {
        match self.held() {
            Some(held) => held.runs().first().cloned(),
            None => self.length.map(|length| 0..length),
        }
    }

    /// Range and If-Range that ask for these bytes of this very version. None if there are none,
    /// or if it cannot be completed ([`StoredHead::can_be_completed`]).
    pub fn rest(&self, bytes: &Range<u64>) -> Option<HeaderMap> {
        let range = range_field(bytes, self.length?).filter(|_| !bytes.is_empty())?;
        let fields = [(header::RANGE, range), (header::IF_RANGE, self.version()?)];
        Some(HeaderMap::from_iter(fields))
    }

    /// Whether a response to [`StoredHead::rest`] goes on with this very version at the first of
    /// the bytes that were asked for: the position after the last byte that it brings, which may be
    /// fewer (RFC 9110 section 15.3.7). `request` is the one that this head was made of.
    pub fn goes_on(
        &self,
        request: &RequestHead<'_>,
        response: ResponseHead<'_>,
        wanted: &Range<u64>,
        policy: &Policy,
        received: SystemTime,
    ) -> Option<u64> {
        if response.status != StatusCode::PARTIAL_CONTENT {
            return None;
        }
        let new = StoredHead::passing(request, response, policy, received)?;
        let brings = new.span()?;
        let is_rest = brings.start == wanted.start && brings.end <= wanted.end;
        let is_same = new.length == self.length && new.is_same_version(self);
        (is_rest && is_same).then_some(brings.end)
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::stored::testing::{at, map};

    const TAG: (&str, &str) = ("etag", "\"a\"");

    type Fields<'a> = &'a [(&'static str, &'static str)];

    fn passing(status: u16, response: Fields<'_>) -> Option<StoredHead> {
        let (request, headers) = (map(&[("range", "bytes=2-8")]), map(response));
        let request = RequestHead {
            method: &Method::GET,
            headers: &request,
        };
        let response = ResponseHead {
            status: StatusCode::from_u16(status).unwrap(),
            headers: &headers,
        };
        StoredHead::passing(&request, response, &Policy::default(), at(0))
    }

    #[test]
    fn a_200_and_a_206_say_what_their_bodies_have() {
        let whole = passing(200, &[TAG, ("content-length", "10")]).unwrap();
        assert_eq!(whole.span(), Some(0..10));
        // What may not be stored is passed on all the same.
        let private = [TAG, ("content-length", "10"), ("cache-control", "no-store")];
        assert_eq!(passing(200, &private).unwrap().span(), Some(0..10));
        let part = [TAG, ("content-range", "bytes 2-8/10")];
        assert_eq!(passing(206, &part).unwrap().span(), Some(2..9));
        let shorter = [
            TAG,
            ("content-range", "bytes 2-8/10"),
            ("content-length", "3"),
        ];
        assert_eq!(passing(206, &shorter).unwrap().span(), Some(2..5));
    }

    #[test]
    fn what_is_not_sure_to_be_one_version_has_no_rest() {
        let length = ("content-length", "10");
        let several = ("content-type", "multipart/byteranges; boundary=a");
        for (status, fields) in [
            (200, &[length][..]),
            (200, &[TAG]),
            (200, &[("etag", "W/\"a\""), length]),
            (200, &[("last-modified", "Thu, 01 Jan 1970 00:00:00 GMT")]),
            (404, &[TAG, length]),
            (203, &[TAG, length]),
            (206, &[TAG, length]),
            (206, &[TAG, length, several]),
            (206, &[TAG, ("content-range", "bytes 2-8/*")]),
            (206, &[("content-range", "bytes 2-8/10")]),
        ] {
            assert!(passing(status, fields).is_none(), "{status} {fields:?}");
        }
    }

    #[test]
    fn the_rest_is_asked_for_by_range_and_if_range() {
        let head = passing(200, &[TAG, ("content-length", "10")]).unwrap();
        let asked = |bytes: Range<u64>| head.rest(&bytes);
        assert_eq!(
            asked(4..10),
            Some(map(&[("range", "bytes=4-"), ("if-range", "\"a\"")]))
        );
        assert_eq!(
            asked(4..6),
            Some(map(&[("range", "bytes=4-5"), ("if-range", "\"a\"")]))
        );
        assert_eq!(asked(10..10), None);
    }

    #[test]
    fn only_the_same_version_from_the_same_byte_goes_on() {
        let head = passing(200, &[TAG, ("content-length", "10")]).unwrap();
        let goes_on = |status, fields: Fields<'_>| {
            let (request, headers) = (map(&[("range", "bytes=2-8")]), map(fields));
            let request = RequestHead {
                method: &Method::GET,
                headers: &request,
            };
            let response = ResponseHead {
                status: StatusCode::from_u16(status).unwrap(),
                headers: &headers,
            };
            head.goes_on(&request, response, &(4..10), &Policy::default(), at(9))
        };
        let at_four = ("content-range", "bytes 4-9/10");
        assert_eq!(goes_on(206, &[TAG, at_four]), Some(10));
        assert_eq!(
            goes_on(206, &[TAG, ("content-range", "bytes 4-6/10")]),
            Some(7)
        );
        for (status, fields) in [
            (200, &[TAG, ("content-length", "10")][..]),
            (206, &[("etag", "\"b\""), at_four]),
            (206, &[("etag", "W/\"a\""), at_four]),
            (206, &[at_four]),
            (206, &[TAG, ("content-range", "bytes 4-9/11")]),
            (206, &[TAG, ("content-range", "bytes 4-9/*")]),
            (206, &[TAG, ("content-range", "bytes 5-9/10")]),
            (206, &[TAG, ("content-range", "bytes 0-9/10")]),
            (206, &[TAG, ("vary", "range"), at_four]),
            (416, &[TAG, ("content-range", "bytes */10")]),
        ] {
            assert_eq!(goes_on(status, fields), None, "{status} {fields:?}");
        }
    }
}
