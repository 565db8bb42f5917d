//! How a response is framed (RFC 9112 section 6): what hyper lets through and others would read
//! in another way is refused, and what is left says one thing. Pure.

use http::{HeaderMap, HeaderValue, StatusCode, header, response::Parts};

/// What is wrong with a response head, in words for the log.
pub(crate) type Fault = &'static str;

/// What the connection is good for after a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// The next request.
    Keep,
    /// Nothing: content was announced where there is none, and it may follow all the same.
    Close,
}

/// Checks the framing of a response, and takes off what said it: Transfer-Encoding, since the body
/// is decoded, and all of Content-Length but one number.
///
/// # Errors
/// [`Fault`] if it could be understood in more than one way, or not at all.
pub(crate) fn settle(parts: &mut Parts) -> Result<After, Fault> {
    let coded = is_coded(&parts.headers)?;
    let length = content_length(&parts.headers)?;
    if coded && length.is_some() {
        // RFC 9112 section 6.3: it may be an attempt at response splitting, an error.
        return Err("not a valid response: both Transfer-Encoding and Content-Length");
    }
    parts.headers.remove(header::TRANSFER_ENCODING);
    match (parts.status, length) {
        // RFC 9110 section 8.6: these have no content, and no Content-Length.
        (StatusCode::SWITCHING_PROTOCOLS | StatusCode::NO_CONTENT, _) => {
            parts.headers.remove(header::CONTENT_LENGTH);
        }
        // In a 304, and to HEAD, it says what GET would bring.
        (_, Some(length)) => {
            let length = HeaderValue::from(length);
            parts.headers.insert(header::CONTENT_LENGTH, length);
        }
        (_, None) => {}
    }
    let announced = coded || length.is_some_and(|length| length > 0);
    Ok(match parts.status {
        StatusCode::NO_CONTENT if announced => After::Close,
        _ => After::Keep,
    })
}

/// Codings that are decoded by nobody here, and were not asked for with TE (RFC 9112 section 7).
const CODINGS: [&[u8]; 6] = [
    b"gzip",
    b"x-gzip",
    b"deflate",
    b"compress",
    b"x-compress",
    b"identity",
];

/// Whether a transfer coding says where the body ends: chunked, and nothing else, since no other
/// was asked for and none is decoded (RFC 9112 sections 6.1 and 7.4).
///
/// One name that no registry has is no coding: an origin must not apply what it was not asked for
/// (section 7.4). Without chunked the body then goes on until the connection closes (section 6.3),
/// so it is delimited all the same, and nothing can hide behind it.
fn is_coded(headers: &HeaderMap) -> Result<bool, Fault> {
    let mut lines = headers.get_all(header::TRANSFER_ENCODING).iter();
    let coding = match (lines.next(), lines.next()) {
        (None, _) => return Ok(false),
        (Some(coding), None) => coding.as_bytes(),
        (Some(_), Some(_)) => return Err("not a valid response: several Transfer-Encoding fields"),
    };
    let is_chunked = coding.eq_ignore_ascii_case(b"chunked");
    let is_word = !coding.is_empty() && coding.iter().all(u8::is_ascii_alphanumeric);
    let holds_chunked = coding
        .windows(b"chunked".len())
        .any(|part| part.eq_ignore_ascii_case(b"chunked"));
    let is_known = CODINGS
        .iter()
        .any(|known| coding.eq_ignore_ascii_case(known));
    if is_chunked || is_word && !holds_chunked && !is_known {
        Ok(true)
    } else {
        Err("not a valid response: a transfer coding other than chunked")
    }
}

/// The number that Content-Length says, be it in one line or several: all the same one (RFC 9112
/// section 6.3).
fn content_length(headers: &HeaderMap) -> Result<Option<u64>, Fault> {
    let mut length = None;
    for line in headers.get_all(header::CONTENT_LENGTH) {
        for member in line.as_bytes().split(|&byte| byte == b',') {
            let number = digits(member.trim_ascii())
                .ok_or("not a valid response: a Content-Length that is no number")?;
            if length.is_some_and(|known| known != number) {
                return Err("not a valid response: two values of Content-Length");
            }
            length = Some(number);
        }
    }
    Ok(length)
}

/// Digits and nothing else: no sign, no space (RFC 9110 section 8.6).
fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;

    fn settled(status: u16, fields: &[(&str, &str)]) -> Result<(After, HeaderMap), Fault> {
        let mut response = Response::builder().status(status);
        for (name, value) in fields {
            response = response.header(*name, *value);
        }
        let mut parts = response.body(()).unwrap().into_parts().0;
        let after = settle(&mut parts)?;
        Ok((after, parts.headers))
    }

    fn get(fields: &[(&str, &str)]) -> Result<String, Fault> {
        let (_, headers) = settled(200, fields)?;
        assert!(!headers.contains_key(header::TRANSFER_ENCODING));
        let values = headers.get_all(header::CONTENT_LENGTH).iter();
        let values: Vec<_> = values.map(|value| value.to_str().unwrap()).collect();
        Ok(values.join(" and "))
    }

    #[test]
    fn equal_lengths_are_one() {
        let twice = [("content-length", "5"), ("content-length", "005")];
        assert_eq!(get(&twice), Ok("5".into()));
        assert_eq!(get(&[("content-length", "5, 5")]), Ok("5".into()));
        assert_eq!(get(&[]), Ok(String::new()));
    }

    #[test]
    fn a_length_is_a_number_and_one() {
        for length in [
            "-5",
            "+5",
            "5 5",
            "0x5",
            "5;",
            "5,",
            "",
            "18446744073709551616",
        ] {
            let settled = get(&[("content-length", length)]);
            assert_eq!(
                settled,
                Err("not a valid response: a Content-Length that is no number")
            );
        }
        let settled = get(&[("content-length", "5, 6")]);
        assert_eq!(
            settled,
            Err("not a valid response: two values of Content-Length")
        );
        let settled = get(&[("content-length", "5"), ("content-length", "6")]);
        assert_eq!(
            settled,
            Err("not a valid response: two values of Content-Length")
        );
    }

    #[test]
    fn chunked_is_the_only_coding_and_stands_alone() {
        assert_eq!(get(&[("transfer-encoding", "Chunked")]), Ok(String::new()));
        for coding in [
            "gzip",
            "gzip, chunked",
            "chunked, chunked",
            "foo, chunked",
            "chunked foo",
            "deflate",
            "identity",
            "xchunked",
            "chunked;q=1",
            "",
        ] {
            assert!(get(&[("transfer-encoding", coding)]).is_err(), "{coding}");
        }
        // No coding at all: until the connection closes.
        for word in ["foo", "Foo2"] {
            assert_eq!(get(&[("transfer-encoding", word)]), Ok(String::new()));
            let both = [("transfer-encoding", word), ("content-length", "5")];
            assert!(get(&both).is_err());
        }
        let twice = [
            ("transfer-encoding", "chunked"),
            ("transfer-encoding", "chunked"),
        ];
        assert!(get(&twice).is_err());
        let both = [("transfer-encoding", "chunked"), ("content-length", "5")];
        assert!(get(&both).is_err());
    }

    #[test]
    fn what_follows_a_204_is_not_waited_for() {
        let length = [("content-length", "5")];
        let (after, headers) = settled(204, &length).unwrap();
        assert_eq!((after, headers.len()), (After::Close, 0));
        let none = [("content-length", "0")];
        assert_eq!(settled(204, &none).unwrap().0, After::Keep);
        let chunked = [("transfer-encoding", "chunked")];
        assert_eq!(settled(204, &chunked).unwrap().0, After::Close);
    }

    #[test]
    fn a_304_says_the_length_of_another_response() {
        let (after, headers) = settled(304, &[("content-length", "5")]).unwrap();
        assert_eq!(after, After::Keep);
        assert_eq!(headers[header::CONTENT_LENGTH], "5");
    }
}
