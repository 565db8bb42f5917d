//! Frames and header blocks, over examples and over anything.

mod bodies;

use perigee_http2::{
    Fault, Fields, Frame, HEAD, Head, Reason,
    hpack::{Decoder, Encoder, Unreadable},
    read, write,
};
use proptest::prelude::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |two: &[u8]| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn list(fields: &Fields) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let line = |(name, value)| format!("{}: {}", text(name), text(value));
    fields.iter().map(line).collect()
}

/// RFC 7541 appendices C.3 and C.4: the same requests, without and with Huffman codes.
#[test]
fn the_examples_of_the_rfc() {
    let plain = [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ];
    let coded = [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ];
    for blocks in [plain, coded] {
        let (mut decoder, mut fields) = (Decoder::default(), Fields::default());
        let mut read = |block: &str| {
            decoder.decode(&hex(block), &mut fields, 1 << 20).unwrap();
            list(&fields)
        };
        let head = |scheme: &str, path: &str| {
            [
                ":method: GET".to_owned(),
                format!(":scheme: {scheme}"),
                format!(":path: {path}"),
                ":authority: www.example.com".to_owned(),
            ]
        };
        assert_eq!(read(blocks[0]), head("http", "/"));
        assert_eq!(read(blocks[1])[..4], head("http", "/"));
        let third = read(blocks[2]);
        assert_eq!(third[..4], head("https", "/index.html"));
        assert_eq!(third[4], "custom-key: custom-value");
    }
}

#[test]
fn blocks_that_make_no_sense() {
    for block in [
        // Number 0, and numbers that nothing has.
        "80",
        "be",
        "ff80ffff7f",
        "0f2f",
        // Cut off.
        "82 41",
        "00 01",
        "00 0161",
        "00 0161 02 62",
        "7f",
        "ff",
        // A size that is too large, or late.
        "3fe21f",
        "82 20",
        // Huffman codes with wrong padding, or the end.
        "00 0161 81 00",
        "00 0161 82 1fff",
        "00 0161 84 ffffffff",
    ] {
        let (mut decoder, mut fields) = (Decoder::default(), Fields::default());
        let read = decoder.decode(&hex(block), &mut fields, 1 << 20);
        assert_eq!(read, Err(Unreadable::Malformed), "{block}");
    }
}

#[test]
fn a_size_at_the_beginning_empties_the_table() {
    let (mut decoder, mut fields) = (Decoder::default(), Fields::default());
    decoder
        .decode(&hex("40 0161 0162"), &mut fields, 1_000)
        .unwrap();
    decoder.decode(&hex("be"), &mut fields, 1_000).unwrap();
    assert_eq!(list(&fields), ["a: b"]);
    decoder
        .decode(&hex("20 3f e1 1f 82"), &mut fields, 1_000)
        .unwrap();
    assert!(decoder.decode(&hex("be"), &mut fields, 1_000).is_err());
}

#[test]
fn of_too_much_the_beginning_is_kept_and_of_far_too_much_nothing_is_read() {
    let (mut decoder, mut fields) = (Decoder::default(), Fields::default());
    let put = [&hex("40 0161 7f e9 06")[..], &[b'x'; 1_000]].concat();
    decoder.decode(&put, &mut fields, 2_000).unwrap();
    assert!(!fields.is_cut());
    decoder.decode(&[0xbe; 3], &mut fields, 2_000).unwrap();
    assert!(fields.is_cut());
    assert_eq!(fields.len(), 1);
    // The table is right all the same.
    decoder.decode(&[0xbe], &mut fields, 2_000).unwrap();
    assert_eq!((fields.len(), fields.is_cut()), (1, false));
    let bomb = decoder.decode(&[0xbe; 16_000], &mut fields, 2_000);
    assert_eq!(bomb, Err(Unreadable::Bomb));
    assert!(fields.text().len() <= 2_000);
}

/// Frames as they are written, read again.
fn frames(bytes: &[u8]) -> Vec<Frame<'_>> {
    let (mut frames, mut rest) = (Vec::new(), bytes);
    while let Some(head) = Head::parse(rest) {
        let (payload, after) = rest[HEAD..].split_at(head.length);
        frames.push(read(head, payload).unwrap());
        rest = after;
    }
    assert!(rest.is_empty());
    frames
}

#[test]
fn a_block_goes_in_as_many_frames_as_it_takes() {
    for (length, count) in [(0, 1), (1, 1), (10, 1), (11, 2), (20, 2), (21, 3)] {
        let mut out = b"before".to_vec();
        let block: Vec<u8> = (0..length).collect();
        write::headers(5, true, 10, &mut out, |out| out.extend_from_slice(&block));
        let frames = frames(out.strip_prefix(b"before").unwrap());
        assert_eq!(frames.len(), count);
        let mut read = Vec::new();
        for (at, frame) in frames.iter().enumerate() {
            let last = at + 1 == count;
            match *frame {
                Frame::Headers {
                    stream: 5,
                    fragment,
                    end_stream: true,
                    end_headers,
                } if at == 0 => {
                    assert_eq!(end_headers, last);
                    read.extend_from_slice(fragment);
                }
                Frame::Continuation {
                    stream: 5,
                    fragment,
                    end_headers,
                } if at > 0 => {
                    assert_eq!(end_headers, last);
                    read.extend_from_slice(fragment);
                }
                frame => panic!("{frame:?}"),
            }
        }
        assert_eq!(read, block);
    }
}

/// What is read of a frame with these parts: a type, flags, a stream, a payload.
fn fault(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Option<Fault> {
    let length = u8::try_from(payload.len()).unwrap();
    let head = [0, 0, length, kind, flags, 0, 0, 0, stream];
    read(Head::parse(&head).unwrap(), payload).err()
}

/// RFC 9113 section 6, frame by frame.
#[test]
fn frames_that_cannot_be() {
    use Reason::{FrameSize, Protocol};
    let connection = |reason| move |it| matches!(it, Fault::Connection(r, _) if r == reason);
    let ends = |kind, flags, stream, payload: &[u8], reason| {
        let fault = fault(kind, flags, stream, payload);
        assert!(fault.is_some_and(connection(reason)), "{kind} {fault:?}");
    };
    ends(0, 0, 0, b"x", Protocol);
    ends(0, 8, 1, b"", FrameSize);
    ends(0, 8, 1, b"\x03ab", Protocol);
    ends(1, 4, 0, b"", Protocol);
    ends(1, 12, 1, b"\x02a", Protocol);
    ends(1, 0x24, 1, b"1234", FrameSize);
    ends(1, 0x24, 1, b"\0\0\0\x01\0", Protocol);
    ends(2, 0, 0, b"12345", Protocol);
    ends(3, 0, 0, b"1234", Protocol);
    ends(3, 0, 1, b"123", FrameSize);
    ends(4, 0, 1, b"", Protocol);
    ends(4, 1, 0, b"123456", FrameSize);
    ends(4, 0, 0, b"12345", FrameSize);
    ends(5, 4, 1, b"1234", Protocol);
    ends(6, 0, 1, b"12345678", Protocol);
    ends(6, 0, 0, b"1234567", FrameSize);
    ends(7, 0, 1, b"12345678", Protocol);
    ends(7, 0, 0, b"1234567", FrameSize);
    ends(8, 0, 0, b"123", FrameSize);
    ends(8, 0, 0, b"\x80\0\0\0", Protocol);
    ends(9, 4, 0, b"", Protocol);
    let stream = |kind, payload: &[u8], reason| {
        assert_eq!(fault(kind, 0, 1, payload), Some(Fault::Stream(1, reason)));
    };
    stream(2, b"1234", FrameSize);
    stream(2, b"\x80\0\0\x01x", Protocol);
    stream(8, b"\0\0\0\0", Protocol);
    assert_eq!(fault(0xfa, 0xff, 9, b"whatever"), None, "unknown, ignored");
}

#[test]
fn padding_is_taken_off_and_counted() {
    let head = [0, 0, 6, 0, 9, 0x80, 0, 0, 1];
    let frame = read(Head::parse(&head).unwrap(), b"\x03ab\0\0\0").unwrap();
    let expected = Frame::Data {
        stream: 1,
        data: b"ab",
        flow: 6,
        end: true,
    };
    assert_eq!(frame, expected);
}

fn request(lines: &[(&str, &str)]) -> Result<(), perigee_http2::Malformed> {
    let mut block = Vec::new();
    for (name, value) in lines {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend_from_slice(text.as_bytes());
        }
    }
    let mut fields = Fields::default();
    Decoder::default()
        .decode(&block, &mut fields, 9_999)
        .unwrap();
    fields.request().map(|_| ())
}

/// RFC 9113 sections 8.2 and 8.3.
#[test]
fn lists_that_are_no_request() {
    const GET: [(&str, &str); 4] = [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "a"),
        (":path", "/"),
    ];
    assert_eq!(request(&GET), Ok(()));
    assert_eq!(
        request(&[(":method", "CONNECT"), (":authority", "a:1")]),
        Ok(())
    );
    for left_out in [0, 1, 3] {
        let some: Vec<_> = (0..4)
            .filter(|at| *at != left_out)
            .map(|at| GET[at])
            .collect();
        assert!(request(&some).is_err(), "{some:?}");
    }
    for more in [
        (":method", "GET"),
        (":path", "/"),
        (":protocol", "websocket"),
        (":status", "200"),
        ("", "x"),
        ("A", "x"),
        ("a b", "x"),
        ("a:", "x"),
        ("é", "x"),
        ("a", " x"),
        ("a", "x\t"),
        ("a", "x\ry"),
        ("a", "x\0"),
        ("a", "\x7f"),
        ("connection", "close"),
        ("keep-alive", "x"),
        ("proxy-connection", "x"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "x"),
        ("te", "gzip"),
        ("content-length", "x"),
        ("content-length", "+1"),
        ("content-length", ""),
        ("content-length", "99999999999999999999"),
    ] {
        assert!(request(&[&GET[..], &[more]].concat()).is_err(), "{more:?}");
    }
    for more in [
        ("te", "trailers"),
        ("a", ""),
        ("a", "x\ty"),
        ("content-length", "7"),
    ] {
        assert_eq!(request(&[&GET[..], &[more]].concat()), Ok(()), "{more:?}");
    }
    let late = [GET[0], GET[1], GET[2], ("a", "b"), GET[3]];
    assert!(request(&late).is_err());
    let twice = [
        &GET[..],
        &[("content-length", "1"), ("content-length", "1")],
    ]
    .concat();
    assert!(request(&twice).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        bodies::frames(&bytes);
        bodies::blocks(&bytes);
    }

    #[test]
    fn what_is_written_is_read(
        status in 100_u16..1_000,
        lines in proptest::collection::vec(("[a-z0-9-]{1,200}", "[ -~]{0,300}"), 0..30),
    ) {
        let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
        let mut fields = Fields::default();
        for _ in 0..2 {
            let mut block = Vec::new();
            encoder.status(status, &mut block);
            for (name, value) in &lines {
                encoder.field(name.as_bytes(), value.as_bytes(), &mut block);
            }
            decoder.decode(&block, &mut fields, 1 << 20).unwrap();
            let mut expected = vec![format!(":status: {status}")];
            expected.extend(lines.iter().map(|(name, value)| format!("{name}: {value}")));
            prop_assert_eq!(list(&fields), expected);
        }
    }
}
