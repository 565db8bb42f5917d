//! The origin of all servers: `/SIZE/NAME` has so many bytes, may be kept for a day, and has
//! validators. `/count` tells how often anything else was asked for.

use std::{
    collections::VecDeque,
    rc::Rc,
    time::{Duration, SystemTime},
};

use super::{
    pattern,
    serving::{Piece, Respond, target_of},
};

/// The largest body.
const LARGEST: usize = 64 << 20;

pub(super) struct Origin {
    bytes: Rc<[u8]>,
    count: u64,
    date: (SystemTime, String),
}

impl Origin {
    pub(super) fn new() -> Origin {
        Origin {
            bytes: pattern::bytes(LARGEST).into(),
            count: 0,
            date: (SystemTime::UNIX_EPOCH, String::new()),
        }
    }

    /// A new one once a second.
    fn date(&mut self) -> &str {
        let now = SystemTime::now();
        if now.duration_since(self.date.0).unwrap_or_default() >= Duration::from_secs(1) {
            self.date = (now, httpdate::fmt_http_date(now));
        }
        &self.date.1
    }
}

impl Respond for Origin {
    fn respond(&mut self, request: &[u8], out: &mut VecDeque<Piece>) {
        let target = target_of(request);
        if target == b"/count" {
            let text = self.count.to_string();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}",
                text.len()
            );
            out.push_back(Piece::whole(head.into_bytes().into()));
            return;
        }
        self.count += 1;
        let Some(size) = size_of(target) else {
            let head = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
            out.push_back(Piece::whole(head.as_bytes().into()));
            return;
        };
        let head = head(target, size, self.date());
        out.push_back(Piece::whole(head.into_bytes().into()));
        out.push_back(Piece {
            bytes: self.bytes.clone(),
            from: 0,
            to: size,
        });
    }
}

/// What `/SIZE/NAME` says.
pub(super) fn size_of(target: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(target).ok()?;
    let size = text.strip_prefix('/')?.split('/').next()?.parse().ok()?;
    (size <= LARGEST).then_some(size)
}

/// The fields that a server of files sends.
pub(super) fn head(target: &[u8], size: usize, date: &str) -> String {
    let tag = target.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!(
        "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: {date}\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {size}\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\nETag: \"{tag:016x}\"\r\n\
         Cache-Control: public, max-age=86400\r\n\r\n"
    )
}
