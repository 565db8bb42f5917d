//! HTTP/2, section by section of RFC 9113, by frames.

use perigee_server::Limits;

use crate::{
    http2_raw::{
        CONTINUATION, DATA, END_HEADERS, END_STREAM, ENDS, Frames, GOAWAY, HEADERS, PING, PREFACE,
        PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame, get, head, post,
    },
    support::{BIG, Running, start},
};

const PROTOCOL: u32 = 1;
const FLOW_CONTROL: u32 = 3;
const STREAM_CLOSED: u32 = 5;
const FRAME_SIZE: u32 = 6;
const REFUSED: u32 = 7;
const COMPRESSION: u32 = 9;

/// Of the static table.
const OK: u8 = 0x88;

fn setting(id: u16, value: u32) -> Vec<u8> {
    [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()
}

async fn ends(it: &Running, bytes: &[&[u8]], code: u32) {
    let mut client = Frames::connect(it, &[]).await;
    client.send(&bytes.concat()).await;
    assert_eq!(client.error().await, Some(code), "{bytes:?}");
}

#[tokio::test]
async fn errors_that_end_the_connection() {
    let it = start(Limits::default()).await;
    let held = get(1, "/held");
    let done = get(1, "/");
    let window = (1_u32 << 31) - 1;
    let cases: &[(&[&[u8]], u32)] = &[
        // 4.2: a frame that is too long. 4.3: a block that makes no sense.
        (&[&frame(DATA, 0, 1, &[0; 16_385])], FRAME_SIZE),
        (&[&frame(HEADERS, ENDS, 1, &[0x80])], COMPRESSION),
        // 5.1: idle and closed streams.
        (&[&frame(DATA, 0, 1, b"x")], PROTOCOL),
        (&[&frame(RST_STREAM, 0, 1, &[0; 4])], PROTOCOL),
        (&[&frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1])], PROTOCOL),
        (&[&done, &done], STREAM_CLOSED),
        // 5.1.1: numbers of streams.
        (&[&get(2, "/")], PROTOCOL),
        (&[&get(5, "/"), &get(3, "/")], PROTOCOL),
        // 6.2 and 6.10: nothing comes within a header block.
        (
            &[
                &frame(HEADERS, END_STREAM, 1, &head("GET", "/", &[])),
                &get(3, "/"),
            ],
            PROTOCOL,
        ),
        (
            &[
                &frame(HEADERS, END_STREAM, 1, &head("GET", "/", &[])),
                &frame(CONTINUATION, END_HEADERS, 3, &[]),
            ],
            PROTOCOL,
        ),
        (
            &[&held, &frame(CONTINUATION, END_HEADERS, 1, &[])],
            PROTOCOL,
        ),
        // 6.5: settings.
        (
            &[&frame(SETTINGS, 0, 0, &setting(4, window + 1))],
            FLOW_CONTROL,
        ),
        (&[&frame(SETTINGS, 0, 0, &setting(5, 1))], PROTOCOL),
        (
            &[&frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2])],
            PROTOCOL,
        ),
        (&[&frame(PING, 0, 0, &[0; 7])], FRAME_SIZE),
        (&[&frame(GOAWAY, 0, 1, &[0; 8])], PROTOCOL),
        // 6.9.1: a window that is too large.
        (
            &[&frame(WINDOW_UPDATE, 0, 0, &window.to_be_bytes())],
            FLOW_CONTROL,
        ),
        (&[&frame(WINDOW_UPDATE, 0, 0, &[0; 4])], PROTOCOL),
        // 6.9.2: the same by a setting.
        (
            &[
                &held,
                &frame(WINDOW_UPDATE, 0, 1, &(window - 65_535).to_be_bytes()),
                &frame(SETTINGS, 0, 0, &setting(4, 65_536)),
            ],
            FLOW_CONTROL,
        ),
    ];
    for (bytes, code) in cases {
        ends(&it, bytes, *code).await;
    }
    it.wait_for_connections(0).await;
}

/// RFC 9113 section 3.4.
#[tokio::test]
async fn the_preface_is_settings_first() {
    let it = start(Limits::default()).await;
    let mut client = Frames(it.connect().await.0);
    client.send(PREFACE).await;
    client.send(&frame(PING, 0, 0, &[0; 8])).await;
    assert_eq!(client.error().await, Some(PROTOCOL));
}

#[tokio::test]
async fn errors_that_end_a_stream_alone() {
    let it = start(Limits::default()).await;
    let mut client = Frames::connect(&it, &[]).await;
    let window = (1_u32 << 31) - 1;
    let five: &[_] = &[("content-length", "5")];
    let cases: &[(Vec<u8>, Vec<u8>, u32)] = &[
        // 6.3, 5.3.1 of RFC 7540, 6.9: by what they say.
        (
            post(1, "/held", &[]),
            frame(PRIORITY, 0, 1, &[0; 4]),
            FRAME_SIZE,
        ),
        (
            post(3, "/held", &[]),
            frame(PRIORITY, 0, 3, &[0, 0, 0, 3, 1]),
            PROTOCOL,
        ),
        (
            post(5, "/held", &[]),
            frame(WINDOW_UPDATE, 0, 5, &[0; 4]),
            PROTOCOL,
        ),
        (
            post(7, "/held", &[]),
            frame(WINDOW_UPDATE, 0, 7, &window.to_be_bytes()),
            FLOW_CONTROL,
        ),
        // 5.1: what comes on a stream that the client has closed.
        (get(9, "/held"), frame(DATA, 0, 9, b"x"), STREAM_CLOSED),
        (get(11, "/held"), get(11, "/held"), STREAM_CLOSED),
        // 8.1: trailers end the request, and have no pseudo-fields.
        (post(13, "/held", &[]), post(13, "/held", &[]), PROTOCOL),
        (post(15, "/held", &[]), get(15, "/held"), PROTOCOL),
        // 8.1.1: the length is that of the content.
        (
            post(17, "/held", five),
            frame(DATA, 0, 17, b"123456"),
            PROTOCOL,
        ),
        (
            post(19, "/held", five),
            frame(DATA, END_STREAM, 19, b"1234"),
            PROTOCOL,
        ),
        (
            frame(HEADERS, ENDS, 21, &head("POST", "/", five)),
            Vec::new(),
            PROTOCOL,
        ),
        // 8.2 and 8.3.
        (
            frame(HEADERS, ENDS, 23, &head("GET", "/", &[("A", "b")])),
            Vec::new(),
            PROTOCOL,
        ),
        (
            frame(HEADERS, ENDS, 25, &head("GET", "", &[])),
            Vec::new(),
            PROTOCOL,
        ),
        (
            frame(HEADERS, ENDS, 27, &head("GET", "/a#b", &[])),
            Vec::new(),
            PROTOCOL,
        ),
    ];
    for (at, (open, wrong, code)) in cases.iter().enumerate() {
        let stream = 2 * u32::try_from(at).unwrap() + 1;
        client.send(open).await;
        client.send(wrong).await;
        let reset = |kind: u8| kind == RST_STREAM || kind == GOAWAY;
        let came = client.wait(|came| reset(came.kind)).await.unwrap();
        assert_eq!((came.kind, came.stream), (RST_STREAM, stream), "{came:?}");
        assert_eq!(came.code(), *code, "{stream}");
    }
    client.send(&get(101, "/other")).await;
    let (status, text) = client.response(101).await;
    assert_eq!((status, &text[..6]), (OK, &b"/other"[..]), "others go on");
}

/// What was on its way when a stream was reset means nothing any more (section 5.1).
#[tokio::test]
async fn what_still_comes_on_a_stream_that_was_reset_is_passed_over() {
    let it = start(Limits::default()).await;
    let mut client = Frames::connect(&it, &[]).await;
    client
        .send(&post(1, "/held", &[("content-length", "1")]))
        .await;
    for _ in 0..200 {
        client.send(&frame(DATA, 0, 1, &[0; 16_000])).await;
        client
            .send(&frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]))
            .await;
    }
    client
        .send(&frame(HEADERS, ENDS, 1, &[0x40, 1, b'a', 1, b'b']))
        .await;
    // The table has the field of the trailers all the same.
    let fields = [&head("GET", "/after", &[])[..], &[0xbe]].concat();
    client.send(&frame(HEADERS, ENDS, 3, &fields)).await;
    let reset = client.wait(|came| came.kind == RST_STREAM).await.unwrap();
    assert_eq!((reset.stream, reset.code()), (1, PROTOCOL));
    assert_eq!(client.response(3).await.0, OK);
}

#[tokio::test]
async fn settings_and_pings_are_answered_and_what_is_unknown_is_ignored() {
    let it = start(Limits::default()).await;
    let mut client = Frames::connect(&it, &setting(0xf0f0, 7)).await;
    let ack = client
        .wait(|came| came.kind == SETTINGS && came.flags == 1)
        .await;
    assert_eq!(ack.unwrap().payload, b"");
    client.send(&frame(0xfa, 0xff, 9, b"unknown")).await;
    client.send(&frame(PRIORITY, 0, 7, &[0, 0, 0, 1, 1])).await;
    client.send(&frame(PING, 0, 0, b"12345678")).await;
    let pong = client.wait(|came| came.kind == PING).await.unwrap();
    assert_eq!((pong.flags, &pong.payload[..]), (1, &b"12345678"[..]));
    // A block in pieces, padded, with a priority, is a request like others.
    let block = head("GET", "/x", &[]);
    let first = [&[2, 0, 0, 0, 9, 1][..], &block[..10], &[0, 0]].concat();
    client
        .send(&frame(HEADERS, END_STREAM | 8 | 0x20, 1, &first))
        .await;
    client
        .send(&frame(CONTINUATION, 0, 1, &block[10..20]))
        .await;
    client
        .send(&frame(CONTINUATION, END_HEADERS, 1, &block[20..]))
        .await;
    assert_eq!(client.response(1).await.0, OK);
}

/// Section 6.9: nothing is sent that the client has no room for, whichever way it says so.
#[tokio::test]
async fn content_is_sent_as_far_as_the_windows_go() {
    let it = start(Limits::default()).await;
    for path in ["/length", "/pieces", "/one"] {
        let mut client = Frames::connect(&it, &setting(4, 0)).await;
        client.send(&get(1, path)).await;
        client.wait(|came| came.kind == HEADERS).await.unwrap();
        client.send(&frame(PING, 0, 0, &[0; 8])).await;
        let came = client
            .wait(|came| came.kind == DATA || came.kind == PING)
            .await;
        assert_eq!(came.unwrap().kind, PING, "{path}");
        client
            .send(&frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 2]))
            .await;
        let came = client.wait(|came| came.kind == DATA).await.unwrap();
        assert_eq!((came.payload.len(), came.ends()), (2, false), "{path}");
        client.send(&frame(SETTINGS, 0, 0, &setting(4, 1))).await;
        let came = client.wait(|came| came.kind == DATA).await.unwrap();
        assert_eq!(came.payload.len(), 1, "{path}");
        client.send(&frame(SETTINGS, 0, 0, &setting(4, 0))).await;
        client
            .send(&frame(WINDOW_UPDATE, 0, 1, &[0, 0, 1, 0]))
            .await;
        assert!(client.response(1).await.1.len() < 257, "{path}");
    }
}

#[tokio::test]
async fn a_large_body_takes_the_window_of_the_connection_and_others_wait() {
    let it = start(Limits::default()).await;
    let mut client = Frames::connect(&it, &setting(4, 1 << 30)).await;
    client.send(&get(1, "/big")).await;
    let mut content = 0;
    while content < 65_535 {
        let came = client.wait(|came| came.kind == DATA).await.unwrap();
        assert!(came.payload.len() <= 16_384);
        content += came.payload.len();
    }
    assert_eq!(content, 65_535);
    client.send(&get(3, "/one")).await;
    client
        .wait(|came| came.kind == HEADERS && came.stream == 3)
        .await
        .unwrap();
    client
        .send(&frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0, 0, 0]))
        .await;
    // The small one does not wait for the end of the large one.
    let mut small = false;
    while content < BIG {
        let came = client.wait(|came| came.kind == DATA).await.unwrap();
        match came.stream {
            1 => content += came.payload.len(),
            _ => small = content < BIG / 2,
        }
    }
    assert!(small && content == BIG);
}

/// A request body waits in the client as long as nobody reads it.
#[tokio::test]
async fn content_beyond_the_window_is_an_error() {
    let it = start(Limits::default()).await;
    let mut client = Frames::connect(&it, &[]).await;
    client.send(&post(1, "/never", &[])).await;
    for _ in 0..16 {
        client.send(&frame(DATA, 0, 1, &[0; 16_384])).await;
    }
    client.send(&frame(PING, 0, 0, &[0; 8])).await;
    let told = |kind| [RST_STREAM, GOAWAY, PING].contains(&kind);
    let came = client.wait(|came| told(came.kind)).await.unwrap();
    assert_eq!(came.kind, PING, "all that is within the window");
    client.send(&frame(DATA, 0, 1, b"x")).await;
    let came = client.wait(|came| told(came.kind)).await.unwrap();
    assert_eq!((came.kind, came.code()), (RST_STREAM, FLOW_CONTROL));
}

#[tokio::test]
async fn a_long_body_is_taken_as_it_is_read_and_comes_back() {
    const PIECES: usize = 400;
    let it = start(Limits::default()).await;
    let mut client = Frames::connect(&it, &setting(4, (1 << 31) - 1)).await;
    client
        .send(&frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0, 0, 0]))
        .await;
    client.send(&post(1, "/mirror", &[])).await;
    let (mut stream, mut connection) = (256_usize << 10, 1_usize << 20);
    let (mut sent, mut came) = (0, 0);
    loop {
        while sent < PIECES && stream.min(connection) >= 10_001 {
            let last = u8::from(sent + 1 == PIECES);
            // One byte of it says that nothing is padding.
            let piece = [&[0], &[sent as u8; 10_000][..]].concat();
            client.send(&frame(DATA, last | 8, 1, &piece)).await;
            (stream, connection, sent) = (stream - 10_001, connection - 10_001, sent + 1);
        }
        let next = client.next().await.unwrap();
        match next.kind {
            WINDOW_UPDATE => {
                let by = u32::from_be_bytes(next.payload[..].try_into().unwrap()) as usize;
                match next.stream {
                    // The first one of the connection is what it has from the start.
                    0 if by == (1 << 20) - 65_535 => {}
                    0 => connection += by,
                    _ => stream += by,
                }
            }
            DATA => {
                for byte in &next.payload {
                    assert_eq!(*byte, (came / 10_000) as u8);
                    came += 1;
                }
                if next.ends() {
                    break;
                }
            }
            RST_STREAM | GOAWAY => panic!("{next:?}"),
            _ => {}
        }
    }
    assert_eq!(came, PIECES * 10_000);
}

/// RFC 9113 section 8.1: a client need not go on sending what nobody reads.
#[tokio::test]
async fn an_early_answer_ends_the_request() {
    let it = start(Limits::default()).await;
    let mut client = Frames::connect(&it, &[]).await;
    client.send(&post(1, "/unread", &[])).await;
    client.wait(|came| came.ends()).await.unwrap();
    let reset = client.next().await.unwrap();
    assert_eq!((reset.kind, reset.stream, reset.code()), (RST_STREAM, 1, 0));
    client.send(&frame(DATA, END_STREAM, 1, b"too late")).await;
    client.send(&get(3, "/x")).await;
    assert_eq!(client.response(3).await.0, OK);
}

/// RFC 9110 section 10.1.1: who waits to be told is told once the body is asked for.
#[tokio::test]
async fn the_client_is_told_to_go_on_when_the_body_is_wanted() {
    let it = start(Limits::default()).await;
    let mut client = Frames::connect(&it, &[]).await;
    let expect: &[_] = &[("expect", "100-continue")];
    client.send(&post(1, "/late", expect)).await;
    it.wait_for_held(1).await;
    it.paths.release.add_permits(1);
    let interim = client.wait(|came| came.kind == HEADERS).await.unwrap();
    assert!(
        !interim.ends() && interim.payload.ends_with(b"100"),
        "{interim:?}"
    );
    client.send(&frame(DATA, END_STREAM, 1, b"here")).await;
    assert_eq!(client.response(1).await, (OK, b"read b\"here\"".to_vec()));
}

#[tokio::test]
async fn trailers_go_both_ways_but_for_those_that_must_not() {
    let it = start(Limits::default()).await;
    let mut client = Frames::connect(&it, &[]).await;
    client
        .send(&post(1, "/trailers", &[("te", "trailers")]))
        .await;
    client.send(&frame(DATA, 0, 1, b"x")).await;
    let trailers = crate::http2_raw::block(&[("x-a", "1"), ("host", "b"), ("x-b", "2")]);
    client.send(&frame(HEADERS, ENDS, 1, &trailers)).await;
    let data = client.wait(|came| came.kind == DATA).await.unwrap();
    assert_eq!(data.payload, b"came=x-a,x-b.");
    let trailers = client.wait(|came| came.kind == HEADERS).await.unwrap();
    assert!(trailers.ends(), "{trailers:?}");
    assert_eq!(trailers.payload, b"\0\x05x-sum\x017");
}

#[tokio::test]
async fn one_stream_more_than_allowed_is_refused() {
    let it = start(Limits {
        max_streams: 2,
        ..Limits::default()
    })
    .await;
    let mut client = Frames::connect(&it, &[]).await;
    for stream in [1, 3, 5] {
        client.send(&get(stream, "/held")).await;
    }
    let reset = client.wait(|came| came.kind == RST_STREAM).await.unwrap();
    assert_eq!((reset.stream, reset.code()), (5, REFUSED));
    it.wait_for_held(2).await;
    it.paths.release.add_permits(3);
    client.response(1).await;
    client.response(3).await;
    client.send(&get(7, "/held")).await;
    client.response(7).await;
}

/// What the door answers, and what it does not, on one connection; to HEAD, too.
#[tokio::test]
async fn what_is_answered_at_once_is_what_is_answered_else() {
    let it = start(Limits::default()).await;
    for path in [
        "/dated", "/none", "/same", "/length", "/one", "/two", "/7", "/other",
    ] {
        for method in ["GET", "HEAD"] {
            let mut client = Frames::connect(&it, &[]).await;
            let plain = frame(HEADERS, ENDS, 1, &head(method, path, &[]));
            // With this one nothing is answered at once.
            let other = head(method, path, &[("te", "trailers")]);
            client.send(&plain).await;
            client.send(&frame(HEADERS, ENDS, 3, &other)).await;
            let at_once = client.response(1).await;
            assert_eq!(at_once, client.response(3).await, "{method} {path}");
            assert!(method == "GET" || at_once.1.is_empty());
        }
    }
}

/// RFC 7541 section 4.2: it is acknowledged at the beginning of the next block, once.
#[tokio::test]
async fn a_smaller_table_is_acknowledged() {
    let it = start(Limits::default()).await;
    for (size, first) in [(0, 0x20), (4_095, 0x20), (4_096, OK), (65_536, OK)] {
        let mut client = Frames::connect(&it, &setting(1, size)).await;
        for (stream, expected) in [(1, first), (3, OK)] {
            client.send(&get(stream, "/one")).await;
            let came = client.wait(|came| came.kind == HEADERS).await.unwrap();
            assert_eq!(came.payload[0], expected, "{size}");
        }
    }
}
