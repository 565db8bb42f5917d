//! Changes as etcd tells them: a stream of JSON objects, one in a line.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

use super::{
    Entry, EtcdError,
    error::Fault,
    transport::{MAX_BYTES, root_cause},
    wire::{EventKind, Streamed, WatchAnswer},
};

/// A change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key, and what is there now: empty if it was deleted.
    pub entry: Entry,
    /// Whether it was deleted, or its lease ended.
    pub deleted: bool,
}

/// The changes of keys, from a revision on. Dropped, it ends.
pub struct Watch {
    lines: Lines,
}

impl Watch {
    pub(super) fn new(body: Incoming) -> Self {
        Watch {
            lines: Lines {
                body,
                buffer: BytesMut::new(),
            },
        }
    }

    /// The next changes, in their order; it may take as long as there are none.
    /// May be dropped while it waits: nothing is lost by that.
    ///
    /// # Errors
    /// [`EtcdError::Compacted`] if they are not there any more; else the watch is over.
    pub async fn next(&mut self) -> Result<Vec<Change>, EtcdError> {
        loop {
            let answer: WatchAnswer = self.lines.next().await?;
            if answer.compact_revision.0 > 0 {
                return Err(EtcdError::Compacted);
            }
            if answer.canceled {
                let why = format!("the watch was cancelled: {}", answer.cancel_reason);
                return Err(EtcdError::Unreachable(why));
            }
            if !answer.events.is_empty() {
                let events = answer.events.into_iter();
                return Ok(events
                    .map(|event| Change {
                        deleted: event.kind == EventKind::Delete,
                        entry: event.kv.into(),
                    })
                    .collect());
            }
        }
    }
}

/// Objects in lines.
struct Lines {
    body: Incoming,
    buffer: BytesMut,
}

impl Lines {
    async fn next<T: DeserializeOwned>(&mut self) -> Result<T, EtcdError> {
        let over = |why: String| EtcdError::Unreachable(format!("the watch broke off: {why}"));
        loop {
            if let Some(line) = self.take_line() {
                return match serde_json::from_slice(&line) {
                    Ok(Streamed::Result(result)) => Ok(result),
                    Ok(Streamed::Error(refusal)) => match Fault::of_refusal(&refusal) {
                        Fault::Away(why) | Fault::Unauthenticated(why) => Err(over(why)),
                        Fault::Refused(why) => Err(EtcdError::Refused(why)),
                    },
                    Err(error) => Err(over(format!("it does not parse: {error}"))),
                };
            }
            if self.buffer.len() > MAX_BYTES {
                return Err(over(format!("a message is longer than {MAX_BYTES} bytes")));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Err(over(root_cause(&error))),
                None => return Err(over("it ended".to_owned())),
            }
        }
    }

    fn take_line(&mut self) -> Option<Bytes> {
        let end = self.buffer.iter().position(|byte| *byte == b'\n')?;
        Some(self.buffer.split_to(end + 1).freeze())
    }
}
