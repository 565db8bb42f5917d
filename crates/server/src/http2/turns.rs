//! Streams side by side: each has its turn, and none more than one piece of content at a time.

use perigee_http2::Reason;

use super::{
    session::{EARNED_BY_PIECE, Session},
    stream::Turn,
};
use crate::Handler;

impl<H: Handler> Session<H> {
    /// Streams that wait for the client to take more may try again.
    pub(crate) fn unblock(&mut self) {
        for stream in self.streams.iter().filter(|stream| stream.is_blocked) {
            stream.is_blocked = false;
            if !stream.is_queued {
                stream.is_queued = true;
                self.ready.push_back(stream.id);
            }
        }
    }

    /// A stream has something to do.
    pub(crate) fn queue(&mut self, id: u32) {
        if let Some(stream) = self.streams.get(id)
            && !stream.is_queued
        {
            stream.is_queued = true;
            stream.is_blocked = false;
            self.ready.push_back(id);
        }
    }

    /// Lets streams do what they can, side by side, as long as there is room for it.
    pub(crate) fn work(&mut self) {
        if self.streams.is_empty() {
            // Some may have gone while they waited for their turn.
            self.ready.clear();
            return self.note_stall();
        }
        self.wakes.drain_to(&mut self.woken);
        let mut woken = std::mem::take(&mut self.woken);
        for id in woken.drain(..) {
            self.queue(id);
        }
        self.woken = woken;
        while self.has_room()
            && let Some(id) = self.ready.pop_front()
        {
            self.turn(id);
        }
        self.note_stall();
    }

    fn turn(&mut self, id: u32) {
        let Some(stream) = self.streams.get(id) else {
            return;
        };
        stream.is_queued = false;
        stream.signal.clear();
        let mut read = 0;
        if let Some(receiving) = &mut stream.receiving {
            read = receiving.go_on(id, &mut self.sender);
        }
        match stream.turn(&mut self.sender) {
            Turn::Waits => {}
            Turn::Blocked => stream.is_blocked = true,
            Turn::Again => {
                stream.is_queued = true;
                self.ready.push_back(id);
            }
            Turn::Done => self.done(id),
            Turn::Failed => self.give_up(id, Reason::Internal),
        }
        if read > 0 {
            self.dealt_with(read);
        }
    }

    /// The response is out. A client that still sends content need not (RFC 9113 section 8.1).
    fn done(&mut self, id: u32) {
        let stream = self.streams.get(id);
        let receiving = stream.and_then(|stream| stream.receiving.as_ref());
        if receiving.is_some_and(|receiving| !receiving.is_whole()) {
            return self.give_up(id, Reason::No);
        }
        self.remove(id, "the response was sent");
        self.resets.earn(1);
    }

    /// Ends a stream here.
    pub(crate) fn give_up(&mut self, id: u32, reason: Reason) {
        self.sender.reset(id, reason);
        self.remove(id, "the stream is over");
        self.streams.pass_over(id);
    }

    /// Lets go of a stream. Whether there was one.
    pub(crate) fn remove(&mut self, id: u32, why: &'static str) -> bool {
        let Some(stream) = self.streams.remove(id) else {
            return false;
        };
        if let Some(receiving) = &stream.receiving {
            let held = receiving.fail(why);
            self.dealt_with(held);
        }
        true
    }

    /// Takes note of content that waits for the client, and of that going on.
    fn note_stall(&mut self) {
        let went_on = std::mem::take(&mut self.sender.pieces);
        self.overhead.earn(went_on.saturating_mul(EARNED_BY_PIECE));
        let state = &self.exchange.state;
        let was = self.is_stalled;
        self.is_stalled = self.streams.iter().any(|stream| stream.is_blocked);
        if was && (went_on > 0 || !self.is_stalled) {
            state.taken();
        }
        if self.is_stalled && (went_on > 0 || !was) {
            state.offered();
        }
    }
}
