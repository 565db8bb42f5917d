//! One connection: whom it waits for, and how long.

use std::{future::poll_fn, io, pin::pin, rc::Rc, sync::Arc, time::Duration};

use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    sync::{Semaphore, watch},
    task::yield_now,
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};

use super::turn::{Scratch, Turn};
use crate::{asker::Asker, secondary::Transfer};

/// So many turns a connection may have one after the other before others of its thread get theirs.
const TURNS: u32 = 8;
/// The idle time is measured in so many ticks.
const TICKS: u32 = 10;

/// What a connection goes by.
#[derive(Clone)]
pub(super) struct Manners {
    /// How long it may be idle while there is room for others.
    pub(super) idle_timeout: Duration,
    pub(super) max_connections: usize,
    /// As many as there may be more connections.
    pub(super) permits: Arc<Semaphore>,
    /// True when it is time to stop.
    pub(super) stop: watch::Receiver<bool>,
}

impl Manners {
    fn tick(&self) -> Duration {
        (self.idle_timeout / TICKS).max(Duration::from_millis(1))
    }

    /// How many ticks a connection may be idle.
    fn patience(&self) -> u32 {
        patience(self.permits.available_permits(), self.max_connections)
    }
}

/// All ticks while no more than half of the connections are taken, down to one when all are (RFC
/// 7766 section 6.2.3).
fn patience(free: usize, all: usize) -> u32 {
    let half = (all / 2).max(1);
    let ticks = free.min(half) * TICKS as usize / half;
    u32::try_from(ticks).map_or(TICKS, |ticks| ticks.clamp(1, TICKS))
}

/// A connection, and what is left over from its last turn. While it is idle it needs no memory for
/// messages: that is in [`Scratch`], which all connections of a thread share.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) asker: Asker,
    /// The beginning of a message, or messages that wait until `unsent` is gone.
    pub(super) unread: Vec<u8>,
    /// What the client has not taken yet of its responses.
    pub(super) unsent: Vec<u8>,
    /// The zone, as far as it is not sent.
    pub(super) transfer: Option<Transfer>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, asker: Asker) -> Self {
        Connection {
            stream,
            asker,
            unread: Vec::new(),
            unsent: Vec::new(),
            transfer: None,
        }
    }

    /// Answers until the client ends, is idle, or does not read. A message that is not whole in time
    /// is idle, too.
    pub(super) async fn serve(mut self, scratch: Rc<Scratch>, manners: Manners) -> io::Result<()> {
        let mut stop = manners.stop.clone();
        let mut stop = pin!(stop.wait_for(|stop| *stop));
        let mut ticks = interval_at(Instant::now() + manners.tick(), manners.tick());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut idle, mut turns) = (0, 0);
        loop {
            let turn = tokio::select! {
                // What was received whole is answered.
                biased;
                turn = poll_fn(|cx| scratch.poll_turn(cx, &mut self)) => turn?,
                _ = &mut stop => return Ok(()),
                _ = ticks.tick() => {
                    idle += 1;
                    if idle >= manners.patience() {
                        return Ok(());
                    }
                    continue;
                }
            };
            let turn = self.go_on(turn, &scratch, manners.idle_timeout).await?;
            if turn != Turn::Waits {
                idle = 0;
            }
            turns += 1;
            if turn == Turn::Waits {
                turns = 0;
            } else if turns == TURNS {
                // It sends as fast as it is answered, and nothing above has let anybody else run.
                yield_now().await;
                turns = 0;
            }
            if turn == Turn::Ends || (turns == 0 && *manners.stop.borrow()) {
                return Ok(());
            }
        }
    }

    /// Answers what a turn has left, as fast as the client takes it.
    async fn go_on(
        &mut self,
        mut turn: Turn,
        scratch: &Scratch,
        patience: Duration,
    ) -> io::Result<Turn> {
        loop {
            if !self.unsent.is_empty() {
                timeout(patience, self.stream.write_all(&self.unsent)).await??;
                self.unsent = Vec::new();
            }
            if turn != Turn::Full {
                return Ok(turn);
            }
            turn = scratch.turn(self)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewer_connections_are_free_the_shorter_may_one_be_idle() {
        assert_eq!(patience(1_000, 1_000), TICKS);
        assert_eq!(patience(500, 1_000), TICKS);
        assert_eq!(patience(250, 1_000), TICKS / 2);
        assert_eq!(patience(0, 1_000), 1);
        assert_eq!((patience(1, 1), patience(0, 1)), (TICKS, 1));
    }
}
