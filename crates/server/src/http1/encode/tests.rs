use http::{HeaderName, Response};

use super::*;

const GET: Terms = Terms {
    version: Version::HTTP_11,
    is_head: false,
    takes_trailers: false,
    keep: true,
};

const HEAD: Terms = Terms {
    is_head: true,
    ..GET
};

const OLD: Terms = Terms {
    version: Version::HTTP_10,
    ..GET
};

/// The head of a response with these fields and a Date, and what is found out about it.
fn encoded(
    status: u16,
    fields: &[(&str, &str)],
    length: Option<u64>,
    terms: &Terms,
) -> (Delimit, bool, String) {
    let mut response = Response::builder().status(status).header("date", "now");
    for (name, value) in fields {
        response = response.header(*name, *value);
    }
    let (parts, ()) = response.body(()).unwrap().into_parts();
    let hint = length.map_or_else(SizeHint::default, SizeHint::with_exact);
    let mut out = Vec::new();
    let (delimit, keep) = head(
        &parts,
        &[],
        &hint,
        terms,
        &mut DateText::default(),
        &mut out,
    );
    let text = String::from_utf8(out).unwrap();
    let text = text.replace("date: now\r\n", "");
    (delimit, keep, text)
}

#[test]
fn the_length_is_what_the_handler_says_or_what_the_body_knows() {
    let chunked = Delimit::Chunked { trailers: false };
    for (fields, hint, delimit, line) in [
        (
            &[][..],
            Some(3),
            Delimit::Length(3),
            "content-length: 3\r\n",
        ),
        (
            &[("content-length", "3")],
            None,
            Delimit::Length(3),
            "content-length: 3\r\n",
        ),
        (&[], None, chunked, "transfer-encoding: chunked\r\n"),
        // What is not the server's own is not believed.
        (
            &[("transfer-encoding", "gzip")],
            None,
            chunked,
            "transfer-encoding: chunked\r\n",
        ),
        (
            &[("content-length", "3, 3")],
            None,
            chunked,
            "transfer-encoding: chunked\r\n",
        ),
        (
            &[("content-length", "x")],
            Some(2),
            Delimit::Length(2),
            "content-length: 2\r\n",
        ),
    ] {
        let text = format!("HTTP/1.1 200 OK\r\n{line}\r\n");
        assert_eq!(encoded(200, fields, hint, &GET), (delimit, true, text));
    }
}

#[test]
fn some_responses_have_no_content() {
    let length = &[("content-length", "3")][..];
    let line = "content-length: 3\r\n";
    for (status, terms, line) in [
        (200, &HEAD, line),
        (304, &GET, line),
        (304, &HEAD, line),
        (204, &GET, ""),
        (204, &HEAD, ""),
    ] {
        let (delimit, keep, text) = encoded(status, length, Some(3), terms);
        assert_eq!((delimit, keep), (Delimit::Nothing, true), "{status}");
        assert_eq!(text.contains("content-length"), !line.is_empty(), "{text}");
        assert!(text.ends_with(&format!("\r\n{line}\r\n")), "{text}");
    }
    // Nothing is said that is not known.
    assert_eq!(
        encoded(200, &[], Some(0), &HEAD).2,
        "HTTP/1.1 200 OK\r\n\r\n"
    );
}

#[test]
fn the_connection_is_kept_if_both_want_it() {
    let fields = &[("connection", "x, Close")][..];
    let (_, keep, text) = encoded(200, fields, Some(0), &GET);
    assert!(
        !keep && text.contains("\r\nconnection: close\r\n"),
        "{text}"
    );
    let gone = Terms { keep: false, ..GET };
    let (_, keep, text) = encoded(200, &[], Some(0), &gone);
    assert!(
        !keep && text.contains("\r\nconnection: close\r\n"),
        "{text}"
    );
}

#[test]
fn http_1_0_has_no_chunks_and_hears_that_the_connection_is_kept() {
    let (delimit, keep, text) = encoded(200, &[], Some(1), &OLD);
    assert_eq!((delimit, keep), (Delimit::Length(1), true));
    assert!(text.contains("\r\nconnection: keep-alive\r\n"), "{text}");
    let (delimit, keep, text) = encoded(200, &[], None, &OLD);
    assert_eq!((delimit, keep), (Delimit::Close, false));
    assert!(text.contains("\r\nconnection: close\r\n"), "{text}");
}

#[test]
fn trailers_are_announced_only_where_they_are_sent() {
    let takes = Terms {
        takes_trailers: true,
        ..GET
    };
    let announced = |hint, terms| {
        let (_, _, text) = encoded(200, &[("trailer", "x")], hint, terms);
        text.contains("trailer: x")
    };
    assert!(announced(None, &takes));
    assert!(!announced(Some(3), &takes));
    assert!(!announced(None, &GET));

    let mut trailers = HeaderMap::new();
    trailers.insert("x", HeaderValue::from_static("1"));
    trailers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("1"));
    let mut out = Vec::new();
    last_chunk(&trailers, &mut out);
    assert_eq!(out, b"0\r\nx: 1\r\n\r\n");
}

#[test]
fn a_switch_of_protocols_keeps_its_fields() {
    let fields = [("connection", "upgrade"), ("upgrade", "echo")];
    let (delimit, keep, text) = encoded(101, &fields, None, &GET);
    assert_eq!((delimit, keep), (Delimit::Nothing, false));
    assert_eq!(
        text,
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n"
    );
}

#[test]
fn interim_responses_have_no_framing() {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("link", "</a.css>"),
        ("content-length", "3"),
        ("connection", "x"),
    ] {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    let mut out = Vec::new();
    interim(StatusCode::EARLY_HINTS, &headers, &mut out);
    assert_eq!(out, b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n");
}
