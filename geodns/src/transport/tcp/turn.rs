//! What a connection's turn does: reads what has come, answers each whole message, and writes all
//! responses in one piece (RFC 7766 sections 6.2.1.1 and 8). Never waits.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::SystemTime,
};

use tokio::io::{AsyncRead, ReadBuf};

use super::connection::Connection;
use crate::worker::{Shared, Worker};

/// The longest message, after its length.
const FRAME: usize = 2 + u16::MAX as usize;
/// What is read in one turn at most; more than the longest message.
const INPUT: usize = 2 * FRAME;
/// What is written in one turn at most.
const OUTPUT: usize = 2 * FRAME;
/// A connection keeps room for the beginning of a message up to this size.
const KEPT: usize = 4_096;

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// No message was whole.
    Waits,
    /// All whole messages are answered.
    Answered,
    /// There are more to answer once the client has taken what is unsent.
    Full,
    /// The client has ended, or sent what is not answered.
    Ends,
}

/// What the connections of a thread use in turn.
pub(super) struct Scratch(RefCell<Inner>);

struct Inner {
    worker: Worker,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Scratch {
    pub(super) fn new(shared: Shared) -> Self {
        Scratch(RefCell::new(Inner {
            worker: Worker::new(shared),
            input: vec![0; INPUT],
            output: vec![0; OUTPUT],
        }))
    }

    /// Lets go of what has been replaced.
    pub(super) fn rest(&self) {
        self.0.borrow_mut().worker.rest();
    }

    /// A turn with what comes, once it has.
    ///
    /// What is read at once ends where the socket is empty, mostly: then it is not asked again before
    /// more has come, and the others have their turns meanwhile, so that more has come for one write.
    pub(super) fn poll_turn(
        &self,
        cx: &mut Context<'_>,
        connection: &mut Connection,
    ) -> Poll<io::Result<Turn>> {
        let mut inner = self.0.borrow_mut();
        let had = connection.unread.len();
        let mut room = ReadBuf::new(&mut inner.input[had..]);
        ready!(Pin::new(&mut connection.stream).poll_read(cx, &mut room))?;
        Poll::Ready(match room.filled().len() {
            0 => Ok(Turn::Ends),
            read => inner.answer(connection, had + read),
        })
    }

    /// A turn with the messages that are left from a full one.
    pub(super) fn turn(&self, connection: &mut Connection) -> io::Result<Turn> {
        let left = connection.unread.len();
        self.0.borrow_mut().answer(connection, left)
    }
}

impl Inner {
    /// Answers what was left unread, and what has been read behind it, up to `end`.
    fn answer(&mut self, connection: &mut Connection, end: usize) -> io::Result<Turn> {
        let now = SystemTime::now();
        let had = connection.unread.len();
        self.input[..had].copy_from_slice(&connection.unread);
        let (mut at, mut written) = (0, 0);
        let mut turn = Turn::Waits;
        loop {
            if OUTPUT - written < FRAME {
                self.write(connection, written)?;
                written = 0;
                if !connection.unsent.is_empty() {
                    turn = Turn::Full;
                    break;
                }
            }
            let room = &mut self.output[written..][..FRAME];
            let (length, room) = room.split_at_mut(2);
            let asker = connection.asker;
            let response = match &mut connection.transfer {
                Some(transfer) => {
                    let part = transfer.write(room);
                    if part.is_none() {
                        connection.transfer = None;
                        continue;
                    }
                    part
                }
                None => {
                    let Some(message) = frame(&self.input[at..end]) else {
                        break;
                    };
                    at += 2 + message.len();
                    connection.transfer = self.worker.transfer(message, asker);
                    if connection.transfer.is_some() {
                        continue;
                    }
                    self.worker.respond(message, asker, now, room)
                }
            };
            let Some(response) = response.and_then(|length| u16::try_from(length).ok()) else {
                turn = Turn::Ends;
                break;
            };
            length.copy_from_slice(&response.to_be_bytes());
            written += 2 + usize::from(response);
            turn = Turn::Answered;
        }
        self.write(connection, written)?;
        keep(&mut connection.unread, &self.input[at..end]);
        Ok(turn)
    }

    /// Writes what the client takes, and keeps the rest for it.
    fn write(&self, connection: &mut Connection, written: usize) -> io::Result<()> {
        let mut output = &self.output[..written];
        while !output.is_empty() && connection.unsent.is_empty() {
            match connection.stream.try_write(output) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(sent) => output = &output[sent..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        connection.unsent.extend_from_slice(output);
        Ok(())
    }
}

/// The first message, if it is whole.
fn frame(input: &[u8]) -> Option<&[u8]> {
    let (length, rest) = input.split_first_chunk()?;
    rest.get(..u16::from_be_bytes(*length).into())
}

/// Memory grows with what has come, not with what was announced, and goes when it is not needed.
fn keep(unread: &mut Vec<u8>, rest: &[u8]) {
    if unread.capacity() > KEPT {
        *unread = Vec::new();
    }
    unread.clear();
    unread.extend_from_slice(rest);
}
