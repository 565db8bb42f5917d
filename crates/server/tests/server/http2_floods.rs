//! Clients that ask for work that is no use to them: each connection ends, and the server goes on.

use perigee_server::Limits;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::{
    http2_raw::{
        CONTINUATION, DATA, END_HEADERS, Frames, GOAWAY, HEADERS, PING, PRIORITY, RST_STREAM,
        SETTINGS, WINDOW_UPDATE, frame, get, head, post,
    },
    support::{PATIENCE, Running, SHORT, soon, start},
};

const CALM: u32 = 11;

/// More than any limit allows.
const MANY: u32 = 100_000;

/// Sends one after the other, until the connection ends for it.
async fn flood(it: &Running, bytes: impl Fn(u32) -> Vec<u8>) {
    let mut client = Frames::connect(it, &[]).await;
    let (mut read, mut write) = client.0.split();
    let writes = async {
        for batch in 0..MANY / 10 {
            let frames: Vec<_> = (batch * 10..batch * 10 + 10).map(&bytes).collect();
            if write.write_all(&frames.concat()).await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await;
    };
    // The answers are read meanwhile: this is no slow reader.
    let mut all = Vec::new();
    soon(async {
        tokio::select! {
            _ = read.read_to_end(&mut all) => {}
            () = writes => {}
        }
    })
    .await;
    assert_eq!(code(&all), Some(CALM), "{} bytes came", all.len());
    let mut other = Frames::connect(it, &[]).await;
    other.send(&get(1, "/after")).await;
    other.response(1).await;
}

/// The code of the GOAWAY among these frames.
fn code(mut frames: &[u8]) -> Option<u32> {
    while let Some((head, rest)) = frames.split_first_chunk::<9>() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let payload = rest.get(..length)?;
        if head[3] == GOAWAY {
            return Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
        }
        frames = &rest[length..];
    }
    None
}

fn odd(at: u32) -> u32 {
    2 * at + 1
}

/// CVE-2023-44487: requests that are reset as soon as they are sent.
#[tokio::test]
async fn rapid_resets() {
    let it = start(Limits::default()).await;
    flood(&it, |at| {
        let reset = frame(RST_STREAM, 0, odd(at), &[0, 0, 0, 8]);
        [get(odd(at), "/held"), reset].concat()
    })
    .await;
}

/// CVE-2025-8671: requests that the server has to reset.
#[tokio::test]
async fn resets_that_are_made() {
    let it = start(Limits::default()).await;
    flood(&it, |at| {
        let wrong = frame(WINDOW_UPDATE, 0, odd(at), &[0; 4]);
        [get(odd(at), "/held"), wrong].concat()
    })
    .await;
    flood(&it, |at| {
        frame(HEADERS, 5, odd(at), &head("GET", "/", &[("A", "b")]))
    })
    .await;
}

/// CVE-2019-9512, 9515, 9513 and 9518, and windows that nobody needs.
#[tokio::test]
async fn frames_for_nothing() {
    let it = start(Limits::default()).await;
    flood(&it, |_| frame(PING, 0, 0, &[0; 8])).await;
    flood(&it, |_| frame(SETTINGS, 0, 0, &[])).await;
    flood(&it, |_| frame(SETTINGS, 1, 0, &[])).await;
    flood(&it, |at| frame(PRIORITY, 0, odd(at), &[0, 0, 0, 0, 1])).await;
    flood(&it, |_| frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])).await;
    flood(&it, |_| frame(0xfa, 0, 0, &[])).await;
    flood(&it, |at| match at {
        0 => post(1, "/never", &[]),
        _ => frame(DATA, 0, 1, &[]),
    })
    .await;
}

/// More PINGs than the default allows are answered where the limit says so, and fewer are not.
#[tokio::test]
async fn the_limits_are_those_that_were_given() {
    let limits = |per_second| Limits {
        max_resets_per_second: per_second,
        max_overhead_per_second: per_second,
        ..Limits::default()
    };
    let pings = frame(PING, 0, 0, &[0; 8]).repeat(2_000);
    for (per_second, are_answered) in [(1, false), (1_000, true)] {
        let it = start(limits(per_second)).await;
        let mut client = Frames::connect(&it, &[]).await;
        client.send(&pings).await;
        client.send(&get(1, "/")).await;
        let end = client.wait(|came| came.kind == GOAWAY || came.ends()).await;
        assert_eq!(end.unwrap().kind != GOAWAY, are_answered);

        let mut client = Frames::connect(&it, &[]).await;
        let resets = (0..200).map(|at| {
            let reset = frame(RST_STREAM, 0, odd(at), &[0, 0, 0, 8]);
            [get(odd(at), "/held"), reset].concat()
        });
        client.send(&resets.collect::<Vec<_>>().concat()).await;
        client.send(&get(odd(200), "/")).await;
        let end = client.wait(|came| came.kind == GOAWAY || came.ends()).await;
        assert_eq!(end.unwrap().kind != GOAWAY, are_answered);
    }
}

/// CVE-2024-27316: a header block without an end, in pieces of any size.
#[tokio::test]
async fn header_blocks_without_an_end() {
    let it = start(Limits::default()).await;
    for length in [0, 1, 1_000] {
        flood(&it, |at| match at {
            0 => frame(HEADERS, 1, 1, &head("GET", "/", &[])),
            _ => frame(CONTINUATION, 0, 1, &vec![0x82; length]),
        })
        .await;
    }
}

/// A few bytes of a block that stand for a lot of fields.
#[tokio::test]
async fn header_bombs() {
    let it = start(Limits::default()).await;
    let long = [&[0x40, 1, b'a', 0x7f, 0xa1, 0x1e][..], &[b'x'; 4_000]].concat();
    flood(&it, |at| {
        let block = if at == 0 {
            long.clone()
        } else {
            vec![0xbe; 10_000]
        };
        frame(HEADERS, 1 | END_HEADERS, odd(at), &block)
    })
    .await;
}

/// A client that sends and does not read is not read from for ever, and is cut.
#[tokio::test]
async fn answers_that_nobody_reads() {
    let it = start(Limits {
        write_timeout: SHORT,
        ..Limits::default()
    })
    .await;
    let mut client = Frames::connect(&it, &[]).await;
    let window = frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0, 0, 0]);
    client.send(&window).await;
    // Buffers of the system take megabytes of answers.
    for batch in 0..MANY {
        let asked = (batch * 100..batch * 100 + 100).map(|at| get(odd(at), "/dated"));
        let asked: Vec<_> = asked.collect();
        match timeout(PATIENCE, client.0.write_all(&asked.concat())).await {
            Ok(Ok(())) => assert!(batch < MANY - 1, "all of it was taken"),
            Ok(Err(_)) => break,
            Err(_) => panic!("it is neither read nor closed"),
        }
    }
    it.wait_for_connections(0).await;
}
