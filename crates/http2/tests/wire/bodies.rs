//! What must hold of any bytes. The fuzz targets run the same.

use perigee_http2::{Fields, HEAD, Head, hpack::Decoder, read};

const MAX: usize = 1_000;

/// As one frame after the other: each is read or refused, and what it says is a part of it.
pub(crate) fn frames(bytes: &[u8]) {
    let mut rest = bytes;
    while let Some(head) = Head::parse(rest) {
        let Some(payload) = rest.get(HEAD..HEAD + head.length) else {
            return;
        };
        if let Ok(perigee_http2::Frame::Data { data, flow, .. }) = read(head, payload) {
            assert!(data.len() <= flow && flow == head.length);
        }
        rest = &rest[HEAD + head.length..];
    }
}

/// As header blocks of one connection, each behind its length: they are read or refused, what is
/// kept is bounded, and a list that is a request can be sent on as lines of text.
pub(crate) fn blocks(bytes: &[u8]) {
    let (mut decoder, mut fields) = (Decoder::default(), Fields::default());
    let mut rest = bytes;
    while let Some((&length, after)) = rest.split_first() {
        let (block, after) = after.split_at(after.len().min(usize::from(length)));
        if decoder.decode(block, &mut fields, MAX).is_err() {
            return;
        }
        let size: usize = fields.iter().map(|(n, v)| n.len() + v.len() + 32).sum();
        assert!(size <= MAX && fields.text().len() <= MAX);
        if let Ok(request) = fields.request() {
            assert!(request.method.is_ascii() && request.path != Some(""));
            for (name, value) in request.fields() {
                assert!(!name.is_empty() && !name.iter().any(u8::is_ascii_uppercase));
                let breaks = |b: &u8| matches!(b, b'\r' | b'\n' | 0);
                assert!(!name.iter().any(|b| *b == b':' || breaks(b)));
                assert!(!value.iter().any(breaks));
            }
        }
        rest = after;
    }
}
