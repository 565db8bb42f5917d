//! Responses out of any bytes. The fuzz target `responses` has this file, too.

use bytes::BytesMut;
use perigee_http1::{Bounds, Decoded, Decoder};

use super::{Head, HeadLimits, HeadReader};

pub(crate) const LIMITS: HeadLimits = HeadLimits {
    max_bytes: 256,
    max_fields: 4,
};

const BOUNDS: Bounds = Bounds {
    max_bytes: 256,
    max_fields: 4,
};

/// The same is read of bytes however they are cut: whole, in two, and one by one.
#[cfg_attr(test, expect(dead_code, reason = "tests cut them at more places"))]
pub(crate) fn cut(bytes: &[u8]) {
    let Some((&first, bytes)) = bytes.split_first() else {
        return;
    };
    let to_head = first & 1 == 1;
    let whole = read(&[bytes], to_head);
    let (front, back) = bytes.split_at(usize::from(first >> 1).min(bytes.len()));
    assert_eq!(read(&[front, back], to_head), whole);
    let singles: Vec<_> = bytes.chunks(1).collect();
    assert_eq!(read(&singles, to_head), whole);
}

/// What is read of some bytes that come in these pieces, in words.
pub(crate) fn read(pieces: &[&[u8]], to_head: bool) -> Vec<String> {
    let (mut buf, mut said) = (BytesMut::new(), Vec::new());
    let mut content = Vec::new();
    let mut reader = HeadReader::default();
    let mut body: Option<Decoder> = None;
    'pieces: for piece in pieces {
        buf.extend_from_slice(piece);
        loop {
            let Some(decoder) = &mut body else {
                match reader.take(&mut buf, to_head, LIMITS) {
                    Ok(None) => break,
                    Ok(Some(head)) => {
                        let Head {
                            status,
                            headers,
                            framed,
                        } = head;
                        said.push(format!("{status} {headers:?} {}", framed.keep));
                        body = Some(framed.body);
                        continue;
                    }
                    Err(fault) => {
                        said.push(fault.to_owned());
                        break 'pieces;
                    }
                }
            };
            match decoder.decode(&mut buf, BOUNDS) {
                Ok(Decoded::More) => break,
                Ok(Decoded::Data(data)) => content.extend_from_slice(&data),
                Ok(Decoded::Trailers(trailers)) => said.push(format!("{trailers:?}")),
                Ok(Decoded::End) => {
                    said.push(String::from_utf8_lossy(&content).into_owned());
                    content.clear();
                    body = None;
                }
                Err(bad) => {
                    said.push(bad.to_string());
                    break 'pieces;
                }
            }
        }
    }
    if body.is_none() {
        // What is no response is seen at the latest when the end of the head has come.
        let last = HeadReader::default().take(&mut buf, to_head, LIMITS).err();
        if said.last().map(String::as_str) != last {
            said.extend(last.map(str::to_owned));
        }
    }
    said.push(String::from_utf8_lossy(&content).into_owned());
    said
}
