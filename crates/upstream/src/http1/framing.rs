//! How a response is framed (RFC 9112 section 6): what others could read in another way is refused,
//! and what is left says one thing. Pure.

use http::{HeaderMap, HeaderValue, StatusCode, Version, header};
use perigee_http1::{Chunked, Decoder};

/// What is wrong with a response, in words for the log.
pub(crate) type Fault = &'static str;

/// Where a response ends, and what is behind it.
#[derive(Debug)]
pub(crate) struct Framed {
    pub(crate) body: Decoder,
    /// Whether the connection is good for another request, as far as this response says.
    pub(crate) keep: bool,
}

/// The transfer coding of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    None,
    Chunked,
    /// A word that is no coding: the body goes on until the connection closes.
    Unknown,
}

/// Checks the framing of a response, and takes off what said it: Transfer-Encoding, since the body
/// is decoded, and all of Content-Length but one number.
///
/// # Errors
/// [`Fault`] if it could be understood in more than one way, or not at all.
pub(crate) fn settle(
    status: StatusCode,
    version: Version,
    to_head: bool,
    headers: &mut HeaderMap,
) -> Result<Framed, Fault> {
    let said = Said::of(headers);
    let coding = match said.coding {
        true => coding(headers)?,
        false => Coding::None,
    };
    let length = match said.plain {
        Some(length) => Some(length),
        None => content_length(headers)?,
    };
    if coding != Coding::None {
        if length.is_some() {
            // RFC 9112 section 6.3: it may be an attempt at response splitting, an error.
            return Err("both Transfer-Encoding and Content-Length");
        }
        if version == Version::HTTP_10 {
            // RFC 9112 section 6.1: the framing is faulty.
            return Err("Transfer-Encoding in HTTP/1.0");
        }
        headers.remove(header::TRANSFER_ENCODING);
    }
    match (status, length) {
        // RFC 9110 section 8.6: these have no content, and no Content-Length.
        (StatusCode::SWITCHING_PROTOCOLS | StatusCode::NO_CONTENT, Some(_)) => {
            headers.remove(header::CONTENT_LENGTH);
        }
        // In a 304, and to HEAD, it says what GET would bring.
        (_, Some(length)) if said.plain.is_none() => {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        _ => {}
    }
    let is_empty = to_head
        || status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let body = match (coding, length) {
        _ if is_empty => Decoder::Length(0),
        (Coding::Chunked, _) => Decoder::Chunked(Chunked::padded()),
        (Coding::None, Some(length)) => Decoder::Length(length),
        (Coding::None, None) | (Coding::Unknown, _) => Decoder::Close,
    };
    // Content was announced where there is none, and it may follow all the same.
    let is_doubtful = status == StatusCode::NO_CONTENT
        && (coding != Coding::None || length.is_some_and(|length| length > 0));
    let is_kept = match said.connection {
        true => is_kept(version, headers),
        false => version == Version::HTTP_11,
    };
    let keep = !is_doubtful && !matches!(body, Decoder::Close) && is_kept;
    Ok(Framed { body, keep })
}

/// What the fields say of the framing, found in one look: mostly a number, and nothing else.
#[derive(Debug, Default)]
struct Said {
    /// There is a Transfer-Encoding.
    coding: bool,
    /// There is a Connection.
    connection: bool,
    /// The number in the one Content-Length, written as it is written.
    plain: Option<u64>,
}

impl Said {
    fn of(headers: &HeaderMap) -> Self {
        let (mut said, mut lengths) = (Said::default(), 0);
        for (name, value) in headers {
            match *name {
                header::TRANSFER_ENCODING => said.coding = true,
                header::CONNECTION => said.connection = true,
                header::CONTENT_LENGTH => {
                    lengths += 1;
                    said.plain = plain(value.as_bytes()).filter(|_| lengths == 1);
                }
                _ => {}
            }
        }
        said
    }
}

/// A number without zeros before it.
pub(super) fn plain(text: &[u8]) -> Option<u64> {
    digits(text).filter(|_| text.len() == 1 || !text.starts_with(b"0"))
}

/// Whether the origin keeps the connection (RFC 9112 section 9.3).
fn is_kept(version: Version, headers: &HeaderMap) -> bool {
    let says = |option: &[u8]| {
        let lines = headers.get_all(header::CONNECTION).iter();
        let mut members = lines.flat_map(|line| line.as_bytes().split(|&byte| byte == b','));
        members.any(|member| member.trim_ascii().eq_ignore_ascii_case(option))
    };
    !says(b"close") && (version == Version::HTTP_11 || says(b"keep-alive"))
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

/// The coding that says where the body ends: chunked, and nothing else, since no other was asked for
/// and none is decoded (RFC 9112 sections 6.1 and 7.4).
///
/// One name that no registry has is no coding: an origin must not apply what it was not asked for
/// (section 7.4). Without chunked the body then goes on until the connection closes (section 6.3),
/// so it is delimited all the same, and nothing can hide behind it.
fn coding(headers: &HeaderMap) -> Result<Coding, Fault> {
    let mut lines = headers.get_all(header::TRANSFER_ENCODING).iter();
    let coding = match (lines.next(), lines.next()) {
        (None, _) => return Ok(Coding::None),
        (Some(coding), None) => coding.as_bytes(),
        (Some(_), Some(_)) => return Err("several Transfer-Encoding fields"),
    };
    let is_chunked = coding.eq_ignore_ascii_case(b"chunked");
    let is_word = !coding.is_empty() && coding.iter().all(u8::is_ascii_alphanumeric);
    let holds_chunked = coding
        .windows(b"chunked".len())
        .any(|part| part.eq_ignore_ascii_case(b"chunked"));
    let is_known = CODINGS
        .iter()
        .any(|known| coding.eq_ignore_ascii_case(known));
    if is_chunked {
        Ok(Coding::Chunked)
    } else if is_word && !holds_chunked && !is_known {
        Ok(Coding::Unknown)
    } else {
        Err("a transfer coding other than chunked")
    }
}

/// The number that Content-Length says, be it in one line or several: all the same one (RFC 9112
/// section 6.3).
fn content_length(headers: &HeaderMap) -> Result<Option<u64>, Fault> {
    let mut length = None;
    for line in headers.get_all(header::CONTENT_LENGTH) {
        for member in line.as_bytes().split(|&byte| byte == b',') {
            let number = digits(member.trim_ascii()).ok_or("a Content-Length that is no number")?;
            if length.is_some_and(|known| known != number) {
                return Err("two values of Content-Length");
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
    use super::*;

    fn settled(status: u16, fields: &[(&'static str, &str)]) -> Result<(Framed, HeaderMap), Fault> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        let status = StatusCode::from_u16(status).unwrap();
        let framed = settle(status, Version::HTTP_11, false, &mut headers)?;
        Ok((framed, headers))
    }

    fn get(fields: &[(&'static str, &str)]) -> Result<String, Fault> {
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
            assert_eq!(settled, Err("a Content-Length that is no number"));
        }
        let settled = get(&[("content-length", "5, 6")]);
        assert_eq!(settled, Err("two values of Content-Length"));
        let settled = get(&[("content-length", "5"), ("content-length", "6")]);
        assert_eq!(settled, Err("two values of Content-Length"));
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
        let (framed, headers) = settled(204, &length).unwrap();
        assert_eq!((framed.keep, headers.len()), (false, 0));
        assert_eq!(framed.body.left(), Some(0));
        assert!(settled(204, &[("content-length", "0")]).unwrap().0.keep);
        assert!(
            !settled(204, &[("transfer-encoding", "chunked")])
                .unwrap()
                .0
                .keep
        );
    }

    #[test]
    fn a_304_says_the_length_of_another_response() {
        let (framed, headers) = settled(304, &[("content-length", "5")]).unwrap();
        assert!(framed.keep);
        assert_eq!(framed.body.left(), Some(0));
        assert_eq!(headers[header::CONTENT_LENGTH], "5");
    }

    #[test]
    fn what_says_nothing_of_its_length_goes_on_until_the_connection_closes() {
        for fields in [&[][..], &[("transfer-encoding", "foo")]] {
            let (framed, _) = settled(200, fields).unwrap();
            assert!(matches!(framed.body, Decoder::Close));
            assert!(!framed.keep);
        }
    }

    #[test]
    fn the_version_and_connection_say_whether_it_is_kept() {
        let kept = |version, connection: &[&'static str]| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(1_u64));
            for line in connection {
                headers.append(header::CONNECTION, HeaderValue::from_static(line));
            }
            let framed = settle(StatusCode::OK, version, false, &mut headers);
            framed.unwrap().keep
        };
        assert!(kept(Version::HTTP_11, &[]));
        assert!(!kept(Version::HTTP_11, &["x, Close"]));
        assert!(!kept(Version::HTTP_11, &["keep-alive", "close"]));
        assert!(!kept(Version::HTTP_10, &[]));
        assert!(kept(Version::HTTP_10, &["Keep-Alive"]));
        let mut coded = HeaderMap::new();
        coded.insert(
            header::TRANSFER_ENCODING,
            HeaderValue::from_static("chunked"),
        );
        assert!(settle(StatusCode::OK, Version::HTTP_10, false, &mut coded).is_err());
    }
}
