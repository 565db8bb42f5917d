use proptest::prelude::*;

use super::{
    bodies::{LIMITS, read},
    *,
};

fn taken(text: &[u8], limits: HeadLimits) -> Result<Option<(Head, BytesMut)>, Fault> {
    let mut buf = BytesMut::from(text);
    let head = HeadReader::default().take(&mut buf, false, limits)?;
    Ok(head.map(|head| (head, buf)))
}

fn head(text: &str) -> Head {
    let taken = taken(text.as_bytes(), LIMITS).unwrap();
    taken.expect("a whole head").0
}

#[test]
fn a_head_is_taken_off_and_what_follows_stays() {
    let text = b"HTTP/1.1 200 All right\r\nETag: \"a\"\r\ncontent-length: 05\r\n\r\nhello";
    let (head, rest) = taken(text, LIMITS).unwrap().unwrap();
    assert_eq!(head.status, 200);
    assert_eq!(head.headers["etag"], "\"a\"");
    assert_eq!(head.headers["content-length"], "5");
    assert_eq!(head.framed.body.left(), Some(5));
    assert!(head.framed.keep);
    assert_eq!(&rest[..], b"hello");
}

#[test]
fn what_a_proxy_is_to_mend_is_mended() {
    let head = head("HTTP/1.1 200\r\nx-a : 1\r\nx-b: one\r\n  two\r\n\tthree\r\n\r\n");
    assert_eq!(head.headers["x-a"], "1");
    assert_eq!(head.headers["x-b"], "one two three");
}

#[test]
fn what_is_no_response_is_told_from_one_that_is_too_large() {
    for (text, fault) in [
        ("HTTP/2 200 OK\r\n\r\n", "it does not begin as one"),
        ("SSH-2.0-OpenSSH\r\n\r\n", "it does not begin as one"),
        ("HTTP/1.1 2x0 OK\r\n\r\n", "it does not begin as one"),
        ("HTTP/1.1 099 Low\r\n\r\n", "its status is none"),
        (
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "its head is malformed",
        ),
        ("HTTP/1.1 200 OK\r\nx\0: y\r\n\r\n", "its head is malformed"),
        (
            "HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n",
            "its head is malformed",
        ),
        (
            "HTTP/1.1 200 OK\r\na: 1\r\na: 2\r\na: 3\r\na: 4\r\na: 5\r\n\r\n",
            "its head has too many fields",
        ),
        (
            "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "Transfer-Encoding in HTTP/1.0",
        ),
    ] {
        assert_eq!(
            taken(text.as_bytes(), LIMITS).unwrap_err(),
            fault,
            "{text:?}"
        );
    }
    let large = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(250));
    assert_eq!(
        taken(large.as_bytes(), LIMITS).unwrap_err(),
        "its head is too large"
    );
}

#[test]
fn interim_heads_are_told_from_final_ones() {
    for (status, is_interim) in [(100, true), (103, true), (101, false), (200, false)] {
        let head = head(&format!("HTTP/1.1 {status} X\r\n\r\n"));
        assert_eq!(head.is_interim(), is_interim, "{status}");
    }
}

#[test]
fn no_limit_on_heads_is_too_small_to_be_used() {
    assert_eq!(HeadLimits::new(1, 4).max_bytes, MIN_MAX_HEAD);
}

/// Pieces of responses, whole ones and others.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        &b"HTTP/1.1 200 OK\r\n"[..],
        b"HTTP/1.0 200 OK\r\n",
        b"HTTP/1.1 204 No Content\r\n",
        b"HTTP/1.1 103 Early Hints\r\n",
        b"content-length: 5\r\n",
        b"content-length: 0\r\n",
        b"transfer-encoding: chunked\r\n",
        b"connection: close\r\n",
        b"x: y\r\n",
        b" folded\r\n",
        b"\r\n",
        b"\n",
        b"hello",
        b"3\r\nabc\r\n",
        b"2 ;x\r\nab\r\n",
        b"0\r\n\r\n",
        b"0\r\nt: v\r\n\r\n",
    ]);
    prop_oneof![
        9 => known.prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ]
}

proptest! {
    /// However the bytes are cut, they are read alike.
    #[test]
    fn the_same_however_it_is_cut(
        fragments in prop::collection::vec(fragment(), 0..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        to_head in any::<bool>(),
    ) {
        let bytes = fragments.concat();
        let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        at.push(bytes.len());
        at.sort_unstable();
        let mut pieces = Vec::new();
        let mut start = 0;
        for end in at {
            pieces.push(&bytes[start..end]);
            start = end;
        }
        prop_assert_eq!(read(&pieces, to_head), read(&[&bytes], to_head));
    }
}
