use bytes::BytesMut;
use http::{HeaderMap, header};
use proptest::{prelude::*, sample::select};

use super::*;
use crate::http1::response::{HeadLimits, HeadReader};

const FIELDS: usize = 8;

/// A usual head, with these lines behind it.
fn with(lines: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nServer: a\r\n{lines}Content-Length: 3\r\n\r\nabcHTTP").into()
}

fn text(bytes: &[u8]) -> Option<String> {
    let (whole, _) = read(bytes, FIELDS)?;
    Some(String::from_utf8_lossy(&whole.lines.text).into_owned())
}

#[test]
fn what_is_usual_is_taken_with_its_body() {
    let bytes = with(
        "Connection: Keep-Alive\r\nKeep-Alive: timeout=5\r\nX-A: b \t c\r\nETag: \"\u{e9}\"\r\n",
    );
    let (whole, length) = read(&bytes, FIELDS).unwrap();
    assert_eq!(whole.body, "abc");
    assert_eq!(&bytes[length..], b"HTTP");
    let text = "server: a\r\nx-a: b \t c\r\netag: \"\u{e9}\"\r\n";
    assert_eq!(whole.lines.text, text.as_bytes());
    assert!(whole.lines.text.capacity() >= ROOM);
    assert_eq!(whole.lines.to_map().len(), 3);
}

#[test]
fn nothing_else_is() {
    assert!(text(&with("")).is_some());
    for lines in [
        "Connection: close\r\n",
        "Connection: keep-alive, x-a\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Content-Length: 3\r\n",
        "X-A:b\r\n",
        "X-A : b\r\n",
        "X-A:  b\r\n",
        "X-A: b \r\n",
        "X-A: b\t\r\n",
        "X-A: \r\n",
        "X-A:\r\n",
        "X-A: b\n",
        "X-A: b\r\n c\r\n",
        "X-A: b\rc\r\n",
        "X-A: b\0c\r\n",
        "X-A: b\x7fc\r\n",
        "X A: b\r\n",
        ": b\r\n",
        "X\u{e9}: b\r\n",
        "a: 1\r\na: 1\r\na: 1\r\na: 1\r\na: 1\r\na: 1\r\na: 1\r\n",
    ] {
        assert_eq!(text(&with(lines)), None, "{lines:?}");
    }
    let usual = String::from_utf8(with("")).unwrap();
    for (from, to) in [
        ("1.1", "1.0"),
        ("200", "201"),
        ("HTTP", "\r\nHTTP"),
        ("OK\r\n", "OK\n"),
        (": 3", ": 03"),
        (": 3", ": +3"),
        (": 3", ": 9"),
        (": 3", ": 99999999999999999999"),
        ("Content-Length: 3\r\n", ""),
    ] {
        let changed = usual.replacen(from, to, 1);
        assert_eq!(text(changed.as_bytes()), None, "{changed}");
    }
    let long = with(&format!("x: {}\r\n", "a".repeat(MIN_MAX_HEAD)));
    assert_eq!(text(&long), None);
}

/// Bytes that are a response, or nearly one.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof![
        4 => select(&["Server", "date", "ETag", "Connection", "Keep-Alive", "Content-Length", "Upgrade", "Transfer-Encoding"][..]).prop_map(str::to_owned),
        2 => "[a-zA-Z0-9!#$%&'*+.^_`|~-]{1,9}",
        1 => "[ -~\\t]{0,4}",
    ];
    let value = prop_oneof![
        6 => "[!-~]{1,20}([ \\t][!-~]{1,9})?".prop_map(String::into_bytes),
        2 => select(&["keep-alive", "Keep-Alive", "close", "3", "03", "chunked"][..]).prop_map(|it| it.into()),
        1 => proptest::collection::vec(any::<u8>(), 0..12),
    ];
    let between = prop_oneof![9 => Just(": "), 1 => select(&[":", ":  ", ":\t", " : "][..])];
    let end = prop_oneof![12 => Just("\r\n"), 1 => select(&["\n", " \r\n", "\r\n ", "\r"][..])];
    let line = (name, between, value, end).prop_map(|(name, between, value, end)| {
        [name.as_bytes(), between.as_bytes(), &value, end.as_bytes()].concat()
    });
    let status = prop_oneof![
        9 => Just("HTTP/1.1 200 OK\r\n"),
        1 => select(&["HTTP/1.1 200 \r\n", "HTTP/1.1 200\r\n", "HTTP/1.0 200 OK\r\n", "HTTP/1.1 204 No\r\n", "HTTP/1.1 200 a\tb\r\n"][..]),
    ];
    let length = prop_oneof![9 => Just("Content-Length: 3\r\n"), 1 => Just("")];
    (status, proptest::collection::vec(line, 0..6), length).prop_map(|(status, lines, length)| {
        [
            status.as_bytes(),
            &lines.concat(),
            length.as_bytes(),
            b"\r\nabc...",
        ]
        .concat()
    })
}

/// What the other reader says of these bytes, without what is for one connection.
fn read_as_any(bytes: &[u8]) -> Option<(HeaderMap, bool, Vec<u8>)> {
    let mut buf = BytesMut::from(bytes);
    let limits = HeadLimits::new(0, FIELDS);
    let head = HeadReader::default().take(&mut buf, false, limits).ok()??;
    assert_eq!(head.status, 200);
    let length = head.framed.body.left()? as usize;
    let mut headers = head.headers;
    for name in [
        header::CONNECTION,
        header::HeaderName::from_static("keep-alive"),
    ] {
        headers.remove(name);
    }
    Some((
        headers,
        head.framed.keep,
        buf.split_off(length.min(buf.len())).to_vec(),
    ))
}

proptest! {
    #[test]
    fn what_is_read_is_what_any_response_is_read_as(bytes in nearly()) {
        if let Some((whole, length)) = read(&bytes, FIELDS) {
            let (headers, keep, rest) = read_as_any(&bytes).expect("is a response");
            prop_assert!(keep);
            prop_assert_eq!(&bytes[length..], rest);
            let response = whole.into_response();
            prop_assert_eq!(response.headers(), &headers);
        }
    }

    #[test]
    fn any_end_of_a_line_is_found(value in proptest::collection::vec(any::<u8>(), 0..40)) {
        let is_text = |byte: &u8| *byte == b'\t' || *byte >= b' ' && *byte != DEL;
        let bytes = [&value[..], b"\r\n"].concat();
        let end = value.iter().position(|byte| !is_text(byte)).unwrap_or(value.len());
        let expected = bytes[end..].starts_with(b"\r\n").then_some(end + 2);
        prop_assert_eq!(line_length(&bytes), expected);
        prop_assert_eq!(line_length(&[&bytes[..], b"longer than that"].concat()), expected);
    }

    #[test]
    fn usual_responses_are_read(names in proptest::collection::vec("[A-Za-z][a-zA-Z0-9-]{0,6}X", 0..6)) {
        let lines: String = names.iter().map(|name| format!("{name}: 1\r\n")).collect();
        prop_assert!(read(&with(&lines), FIELDS).is_some());
    }
}
