//! What is told while a node drains, and how it ends. Pure: what was seen and when are passed in.

use std::time::Duration;

use crate::run::{DrainOrder, DrainStatus, Phase};

/// Between two lines of one phase.
const BETWEEN_LINES: Duration = Duration::from_secs(5);
/// By how much the clocks of the two may differ over a drain, and how long a look may take.
const BLUR: f64 = 1.0;

/// What a look at the node showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Seen {
    There {
        status: DrainStatus,
        requests: Option<u64>,
    },
    /// Nobody listens there any more.
    Gone,
    /// It did not answer as it should.
    Unknown,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Good,
    Bad,
}

/// Follows one node.
#[derive(Debug)]
pub(super) struct Progress {
    order: DrainOrder,
    /// What it said last, and when.
    last: DrainStatus,
    seen_at: Duration,
    /// What was told last, and when.
    told: Option<(Phase, Duration)>,
}

impl Progress {
    /// After the node has answered this to the order.
    pub(super) fn new(order: DrainOrder, status: DrainStatus) -> Self {
        Progress {
            order,
            last: status,
            seen_at: Duration::ZERO,
            told: None,
        }
    }

    /// Takes in what was seen so long after the order; what to tell of it, and whether that is all.
    pub(super) fn take(&mut self, seen: &Seen, now: Duration) -> (Option<String>, Option<End>) {
        match *seen {
            Seen::There { status, requests } => self.there(status, requests, now),
            Seen::Gone => {
                let (line, end) = self.gone(now);
                (Some(line), Some(end))
            }
            Seen::Unknown => (None, None),
        }
    }

    fn there(
        &mut self,
        status: DrainStatus,
        requests: Option<u64>,
        now: Duration,
    ) -> (Option<String>, Option<End>) {
        if status.uptime + BLUR < now.as_secs_f64() {
            return (
                Some("has stopped, and was started again".into()),
                Some(End::Good),
            );
        }
        self.last = status;
        self.seen_at = now;
        let remaining = status.remaining.unwrap_or_default();
        let under_way = under_way(requests);
        let (line, end) = match status.phase {
            Phase::Serving => (
                "serves again: the drain was taken back".into(),
                Some(End::Bad),
            ),
            Phase::Leaving => (
                format!("leaving: takes requests for {remaining:.1} s more{under_way}"),
                None,
            ),
            Phase::Left => {
                let line = "takes nothing new by now, and keeps running: `perigee drain` stops it, \
                            with --undo it serves again";
                (line.into(), self.order.keep_running.then_some(End::Good))
            }
            Phase::Finishing => (
                format!("finishing: lets nobody in, for {remaining:.1} s at most{under_way}"),
                None,
            ),
        };
        let due = self.told.is_none_or(|(phase, at)| {
            phase != status.phase || now.saturating_sub(at) >= BETWEEN_LINES
        });
        if due {
            self.told = Some((status.phase, now));
        }
        (due.then_some(line), end)
    }

    /// It may be gone by itself, or because somebody did not wait.
    fn gone(&self, now: Duration) -> (String, End) {
        let seconds = self.last.seconds + (now.saturating_sub(self.seen_at)).as_secs_f64();
        let too_early = self.last.phase != Phase::Finishing && seconds + BLUR < self.last.grace;
        if too_early || !self.last.stops {
            let grace = self.last.grace;
            let line =
                format!("is gone after {seconds:.1} s of {grace:.1} s, before it had drained");
            return (line, End::Bad);
        }
        (format!("has stopped, after {seconds:.1} s"), End::Good)
    }
}

fn under_way(requests: Option<u64>) -> String {
    match requests {
        None => String::new(),
        Some(1) => "; 1 request is under way".into(),
        Some(requests) => format!("; {requests} requests are under way"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(phase: Phase, seconds: f64) -> DrainStatus {
        DrainStatus {
            phase,
            stops: true,
            remaining: Some(20.0 - seconds),
            seconds,
            grace: 20.0,
            deadline: 30.0,
            uptime: 1_000.0 + seconds,
        }
    }

    fn there(phase: Phase, seconds: f64) -> Seen {
        Seen::There {
            status: status(phase, seconds),
            requests: Some(3),
        }
    }

    fn progress() -> Progress {
        Progress::new(DrainOrder::default(), status(Phase::Leaving, 0.0))
    }

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn tells_each_phase_and_some_of_what_is_between() {
        let mut progress = progress();
        let mut lines = Vec::new();
        for second in 0..20u32 {
            let seen = there(Phase::Leaving, f64::from(second));
            let (line, end) = progress.take(&seen, at(second.into()));
            lines.extend(line);
            assert_eq!(end, None);
        }
        assert_eq!(lines.len(), 4, "{lines:#?}");
        assert_eq!(
            lines[1],
            "leaving: takes requests for 15.0 s more; 3 requests are under way"
        );
        let (line, _) = progress.take(&there(Phase::Finishing, 20.0), at(20));
        assert!(line.is_some_and(|line| line.starts_with("finishing")));
        assert_eq!(progress.take(&Seen::Unknown, at(21)), (None, None));
        let (line, end) = progress.take(&Seen::Gone, at(22));
        assert_eq!(line.as_deref(), Some("has stopped, after 22.0 s"));
        assert_eq!(end, Some(End::Good));
    }

    #[test]
    fn one_that_goes_too_early_has_not_drained() {
        let mut first = progress();
        let (line, end) = first.take(&Seen::Gone, at(5));
        assert_eq!(end, Some(End::Bad));
        assert!(line.is_some_and(|line| line.contains("5.0 s of 20.0 s")));
        // Not seen for a while, but long enough to have gone in order.
        assert_eq!(progress().take(&Seen::Gone, at(21)).1, Some(End::Good));
    }

    #[test]
    fn one_that_was_started_again_has_stopped() {
        let status = DrainStatus {
            uptime: 2.0,
            ..status(Phase::Serving, 0.0)
        };
        let seen = Seen::There {
            status,
            requests: None,
        };
        assert_eq!(progress().take(&seen, at(25)).1, Some(End::Good));
        let (_, end) = progress().take(&there(Phase::Serving, 0.0), at(5));
        assert_eq!(end, Some(End::Bad), "taken back");
    }

    #[test]
    fn one_that_keeps_running_is_left_when_all_know() {
        let order = DrainOrder {
            keep_running: true,
            undo: false,
        };
        let mut progress = Progress::new(order, status(Phase::Leaving, 0.0));
        assert_eq!(progress.take(&there(Phase::Leaving, 1.0), at(1)).1, None);
        let (line, end) = progress.take(&there(Phase::Left, 20.0), at(20));
        assert!(line.is_some_and(|line| line.contains("--undo")));
        assert_eq!(end, Some(End::Good));
    }
}
