//! Requests that may be answered at once, where they stand in the buffer: see [`crate::at_once`].

use std::{mem::MaybeUninit, time::SystemTime};

use http::StatusCode;

use super::{encode, out::Out};
use crate::{
    Asked, Content, Handler, Reply,
    exchange::Exchange,
    guards,
    hall::{Counts, MOST_ASKED},
};

/// What became of a request at the door.
#[derive(Debug)]
pub(crate) enum Opened<B> {
    /// Its answer is in the row. So much content is in it, if it is the answer to all who ask for the same.
    Answered(Option<u64>),
    /// The head of its answer is in the row, and so many bytes of a body are to follow.
    Begun(u64, Box<B>),
}

impl<H: Handler> Exchange<H> {
    /// Puts the answer to a request in the row, if there is one at once.
    pub(crate) fn open(
        &self,
        asked: &Asked<'_>,
        now: SystemTime,
        out: &mut Out,
    ) -> Option<Opened<H::Body>> {
        // Then each answer says that it is the last one.
        if self.shared.is_leaving() || self.state.is_closing() {
            return None;
        }
        let (length, content, for_all) = out.text_if(|text| {
            let start = text.len();
            text.extend_from_slice(OK);
            let reply = Reply {
                now,
                text,
                end_head: Some(end_head),
            };
            let answer = self.handler.at_once(asked, &self.client, reply)?;
            if answer.status != StatusCode::OK {
                put_status(answer.status, start, text);
            }
            let length = answer.length;
            match &answer.content {
                Content::Written(_) => {}
                Content::Empty if length.is_none() => text.extend_from_slice(b"\r\n"),
                Content::Empty | Content::Body(_) => end_head(length?, text),
                Content::Bytes(bytes) => end_head(bytes.len() as u64, text),
            }
            Some((length, answer.content, answer.for_all))
        })?;
        let mut written = None;
        match content {
            Content::Empty => written = Some(0),
            Content::Written(length) => written = Some(length),
            Content::Bytes(bytes) => out.body(bytes),
            // Without its length it could not be delimited.
            Content::Body(body) => return Some(Opened::Begun(length?, body)),
        }
        self.state.answered_at_once();
        Some(Opened::Answered(written.filter(|_| for_all)))
    }

    /// Whether it may be answered with what others are answered.
    pub(crate) fn is_one_of_many(&self) -> bool {
        let is_public = !self.client.private && !self.client.tls;
        is_public && !self.shared.is_leaving() && !self.state.is_closing()
    }
}

impl<H: Handler> Counts for H {
    fn count(&self, request: &[u8], content: u64, times: u64) {
        // None is shorter than `a:` and CRLF.
        let mut fields = [const { MaybeUninit::uninit() }; MOST_ASKED / 4];
        let mut parser = httparse::Request::new(&mut []);
        let parsed = parser.parse_with_uninit_headers(request, &mut fields);
        // It was a request before.
        if parsed.is_ok_and(|parsed| parsed.is_complete())
            && let Some(asked) = asked(&mut parser)
        {
            self.again(&asked, content, times);
        }
    }
}

/// What stands in front of field lines, before it is known what they are for.
const OK: &[u8] = b"HTTP/1.1 200 OK\r\n";

/// Bytes of the longest status line: reasons are those of the standards.
const MOST_OF_STATUS: usize = 64;

/// Ends a head, behind which there are so many bytes.
fn end_head(length: u64, text: &mut Vec<u8>) {
    encode::content_length(length, text);
    text.extend_from_slice(b"\r\n");
}

/// Puts another status line in the place of [`OK`].
fn put_status(status: StatusCode, start: usize, text: &mut Vec<u8>) {
    let end = text.len();
    encode::status_line(status, text);
    let mut line = [0; MOST_OF_STATUS];
    let line = &mut line[..text.len() - end];
    line.copy_from_slice(&text[end..]);
    // What was written behind the lines is room enough for them to move.
    let behind = start + line.len();
    let lines = start + OK.len()..end;
    let new_end = behind + lines.len();
    text.copy_within(lines, behind);
    text[start..behind].copy_from_slice(line);
    text.truncate(new_end);
}

/// The request in these bytes, if it may be answered at once. Host is moved to the front of its fields.
pub(crate) fn asked<'a>(request: &'a mut httparse::Request<'_, '_>) -> Option<Asked<'a>> {
    let is_head = match request.method? {
        "GET" => false,
        "HEAD" => true,
        _ => return None,
    };
    let target = request.path.filter(|target| guards::is_plain(target))?;
    if request.version != Some(1) {
        return None;
    }
    let mut host = None;
    for (at, field) in request.headers.iter().enumerate() {
        match told(field.name) {
            Told::Nothing => {}
            Told::Host if host.is_none() => host = Some(at),
            Told::Connection if field.value.eq_ignore_ascii_case(b"keep-alive") => {}
            Told::Host | Told::Connection | Told::Unusual => return None,
        }
    }
    request.headers.get_mut(..=host?)?.rotate_right(1);
    let (host, fields) = request.headers.split_first()?;
    Some(Asked {
        is_head,
        host: guards::host(host.value)?,
        target,
        fields,
    })
}

enum Told {
    Nothing,
    Host,
    Connection,
    /// What needs more than an answer.
    Unusual,
}

/// What a field is about, as far as the connection goes.
fn told(name: &str) -> Told {
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    match name.len() {
        2 if is("te") => Told::Unusual,
        4 if is("host") => Told::Host,
        6 if is("expect") => Told::Unusual,
        7 if is("upgrade") || is("trailer") => Told::Unusual,
        10 if is("connection") => Told::Connection,
        14 if is("content-length") => Told::Unusual,
        17 if is("transfer-encoding") => Told::Unusual,
        _ => Told::Nothing,
    }
}

#[cfg(test)]
#[path = "door/tests.rs"]
mod tests;
