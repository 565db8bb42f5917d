//! A body on its way from the next tier into the store.

use http_body_util::BodyExt;
use perigee_storage::Fill;
use perigee_upstream::Body as Relayed;

use crate::{flight::Lead, streaming::Finish};

/// Why a body does not come to its end.
#[derive(Debug)]
pub(crate) enum Ended {
    /// Where it comes from, it broke off.
    There(String),
    /// Nobody wants it any more, or it is not what it said it was.
    Here(String),
}

/// A body on its way from the next tier into the store.
#[derive(Debug)]
pub(crate) struct Arriving {
    body: Relayed,
    /// Whether it goes on without a reader; `None`: it does.
    finish: Option<Finish>,
    /// Where others join.
    lead: Option<Lead>,
}

impl Arriving {
    /// One that others may join: for a client as long as there are readers, or little is left; in
    /// the background whoever reads it.
    pub(crate) fn shared(body: Relayed, lead: Lead, finish: Finish) -> Self {
        Arriving {
            body,
            finish: (!lead.is_background()).then_some(finish),
            lead: Some(lead),
        }
    }

    /// One for a single client.
    pub(crate) fn for_one(body: Relayed, finish: Finish) -> Self {
        Arriving {
            body,
            finish: Some(finish),
            lead: None,
        }
    }

    /// It has broken off, and goes on with this one.
    pub(crate) fn go_on(&mut self, rest: Relayed) {
        self.body = rest;
    }

    /// Moves it into the store.
    pub(crate) async fn pour_into(&mut self, fill: &mut Fill) -> Result<(), Ended> {
        // Where it began to come for nobody.
        let mut unread_from = None;
        loop {
            let is_watched = self.finish.is_some() && unread_from.is_none();
            let frame = tokio::select! {
                biased;
                frame = self.body.frame() => match frame {
                    Some(frame) => Some(frame.map_err(|error| Ended::There(error.to_string()))?),
                    None => return Ok(()),
                },
                () = fill.unread(), if is_watched => None,
            };
            // Trailers are not kept.
            if let Some(Ok(data)) = frame.map(http_body::Frame::into_data) {
                let written = fill.write(data).await;
                written.map_err(|error| Ended::Here(error.to_string()))?;
            }
            unread_from = match fill.is_unread() {
                true => unread_from.or(Some(fill.received())),
                false => None,
            };
            if let Some(from) = unread_from
                && self.is_over(fill, from)
            {
                let why = "nobody reads it, and much is left";
                return Err(Ended::Here(why.to_owned()));
            }
        }
    }

    /// Whether it is not worth going on, now that nobody has read it since `from` bytes had come.
    fn is_over(&mut self, fill: &Fill, from: u64) -> bool {
        let (length, came) = (fill.body().length(), fill.received());
        let unread = came.saturating_sub(from);
        let goes_on = |finish: Finish| finish.goes_on(length, came, unread);
        if self.finish.is_none_or(goes_on) {
            return false;
        }
        // Nobody joins any more. Who was told of it already is about to read it.
        self.lead = None;
        fill.is_alone()
    }
}
