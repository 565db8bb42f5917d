use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use perigee_http1::{Decoded, Decoder};

use crate::http1::incoming::decoder as reader_of;

fn limits() -> Limits {
    Limits {
        max_head: 256,
        max_fields: 4,
        ..Limits::default()
    }
}

/// Without a door.
fn take(
    reader: &mut HeadReader,
    buf: &mut BytesMut,
    limits: &Limits,
    at_end: bool,
) -> Result<Option<Head>, Refused> {
    let taken = reader.take(buf, limits, at_end, &mut Known::default(), |_| None::<()>)?;
    Ok(taken.map(|taken| match taken {
        Taken::Head(head) => *head,
        Taken::Opened(()) => panic!("nobody opens"),
    }))
}

fn read(text: &str) -> Result<Option<Head>, Refused> {
    let mut buf = BytesMut::from(text);
    take(
        &mut HeadReader::default(),
        &mut buf,
        &Limits::default(),
        false,
    )
}

fn status(text: &str) -> u16 {
    read(text).unwrap_err().status.as_u16()
}

#[test]
fn a_head_is_taken_off_and_what_follows_stays() {
    let text =
        "POST /a?b HTTP/1.1\r\nHost: a.example\r\nX:  y \t\r\nContent-Length: 3\r\n\r\nabcGET";
    let mut buf = BytesMut::from(text);
    let head = take(
        &mut HeadReader::default(),
        &mut buf,
        &Limits::default(),
        false,
    );
    let head = head.unwrap().unwrap();
    assert_eq!(
        (head.method, head.version),
        (Method::POST, Version::HTTP_11)
    );
    assert_eq!(head.target, "/a?b");
    assert_eq!(head.headers["x"], "y");
    assert_eq!(head.framing, Framing::Length(3));
    assert_eq!(buf, "abcGET");
}

#[test]
fn a_head_that_is_not_whole_waits() {
    let text = "GET / HTTP/1.1\r\nhost: a.example\r\n\r\n";
    for length in 0..text.len() {
        assert!(read(&text[..length]).unwrap().is_none(), "{length}");
    }
    assert!(read(text).unwrap().is_some());
}

#[test]
fn one_empty_line_may_come_first() {
    let get = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    assert!(read(&format!("\r\n{get}")).unwrap().is_some());
    for bad in ["\r\n\r\n", "\n", "\r\n\n", "\rG", " "] {
        assert_eq!(status(&format!("{bad}{get}")), 400, "{bad:?}");
    }
}

#[test]
fn values_keep_no_more_than_their_head_in_memory() {
    let mut buf = BytesMut::with_capacity(64 << 10);
    buf.extend_from_slice(b"GET / HTTP/1.1\r\nhost: a.example\r\n\r\n");
    let head = take(
        &mut HeadReader::default(),
        &mut buf,
        &Limits::default(),
        false,
    );
    let _kept = head.unwrap().unwrap();
    // The whole buffer is free again.
    assert!(buf.try_reclaim(60 << 10));
}

#[test]
fn the_limits_tell_a_long_target_from_a_large_head() {
    let limit = |text: String| {
        let mut buf = BytesMut::from(&*text);
        let refused = take(&mut HeadReader::default(), &mut buf, &limits(), false);
        refused.unwrap_err().status.as_u16()
    };
    assert_eq!(limit(format!("GET /{}", "x".repeat(300))), 414);
    assert_eq!(
        limit(format!("GET / HTTP/1.1\r\nx: {}", "x".repeat(300))),
        431
    );
    assert_eq!(
        limit(format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(5))),
        431
    );
}

#[test]
fn who_asked_with_head_is_known() {
    let refused = |text| read(text).unwrap_err();
    assert!(refused("HEAD / HTTP/1.1\r\n\r\n").is_head);
    assert!(!refused("GET / HTTP/1.1\r\n\r\n").is_head);
}

/// All that a connection reads, in words, up to what it cannot go on after.
fn outcome(pieces: &[&[u8]]) -> Vec<String> {
    let limits = limits();
    let mut said: Vec<String> = Vec::new();
    let mut content = Vec::new();
    let mut buf = BytesMut::new();
    let mut reader = HeadReader::default();
    let mut decoder: Option<Decoder> = None;
    for (n, piece) in pieces.iter().enumerate() {
        buf.extend_from_slice(piece);
        let at_end = n + 1 == pieces.len();
        loop {
            let Some(body) = &mut decoder else {
                match take(&mut reader, &mut buf, &limits, at_end) {
                    Ok(None) => break,
                    Ok(Some(head)) => {
                        let Head {
                            method,
                            target,
                            headers,
                            framing,
                            ..
                        } = head;
                        said.push(format!("{method} {target} {headers:?} {framing:?}"));
                        decoder = Some(reader_of(framing));
                        reader = HeadReader::default();
                    }
                    Err(refused) => {
                        said.push(format!("{refused:?}"));
                        return said;
                    }
                }
                continue;
            };
            match body.decode(&mut buf, limits.bounds()) {
                Ok(Decoded::More) => break,
                Ok(Decoded::Data(data)) => content.extend_from_slice(&data),
                Ok(Decoded::Trailers(trailers)) => said.push(format!("{trailers:?}")),
                Ok(Decoded::End) => {
                    said.push(format!("{:?}", std::mem::take(&mut content)));
                    decoder = None;
                }
                Err(bad) => {
                    said.push(format!("{content:?} {bad}"));
                    return said;
                }
            }
        }
    }
    said
}

fn cut<'b>(bytes: &'b [u8], cuts: &[usize]) -> Vec<&'b [u8]> {
    let mut at: Vec<_> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    let pieces = at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
    pieces.collect()
}

/// Pieces of messages, good and bad, in any order.
fn messages() -> impl Strategy<Value = Vec<u8>> {
    let parts: Vec<&'static [u8]> = vec![
        b"GET / HTTP/1.1\r\n",
        b"POST /a?b HTTP/1.1\r\n",
        b"GET http://a/ HTTP/1.0\r\n",
        b"HEAD * HTTP/1.1\r\n",
        b"host: a\r\n",
        b"x: y \r\n",
        b"content-length: 3\r\n",
        b"transfer-encoding: chunked\r\n",
        b"connection: close\r\n",
        b"\r\n",
        b"\r\n",
        b"abc",
        b"3\r\nabc\r\n",
        b"1;x=y\r\n.\r\n",
        b"0\r\n",
        b"0\r\n\r\n",
        b"\n",
        b"\r",
        b" ",
        b"\0",
        b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ];
    vec(select(parts), 0..24).prop_map(|parts| parts.concat())
}

/// Requests that are right, one behind the other.
fn requests() -> impl Strategy<Value = Vec<u8>> {
    let all: Vec<&'static [u8]> = vec![
        b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2;e\r\nab\r\n0\r\nt: v\r\n\r\n",
        b"\r\nGET /x HTTP/1.0\r\n\r\n",
    ];
    vec(select(all), 1..6).prop_map(|all| all.concat())
}

proptest! {
    #[test]
    fn bytes_are_no_trouble(bytes in vec(any::<u8>(), 0..600), cuts in vec(any::<usize>(), 0..8)) {
        prop_assert_eq!(outcome(&cut(&bytes, &cuts)), outcome(&[&bytes]));
    }

    #[test]
    fn however_messages_are_cut_the_outcome_is_the_same(
        bytes in messages(),
        cuts in vec(any::<usize>(), 0..12),
    ) {
        prop_assert_eq!(outcome(&cut(&bytes, &cuts)), outcome(&[&bytes]));
    }

    #[test]
    fn requests_are_found_byte_by_byte(bytes in requests()) {
        let single: Vec<_> = bytes.chunks(1).collect();
        let all = outcome(&[&bytes]);
        prop_assert!(!all.iter().any(|said| said.contains("Refused")), "{:?}", all);
        prop_assert_eq!(outcome(&single), all);
    }
}
