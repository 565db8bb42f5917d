//! How the rooms share connections. What comes at a time tells how busy a room is: who keeps up with what comes finds
//! little, who does not finds ever more. Pure.

/// What a room has to find at a time, on an average, to count as busy. With so much one system call is little for
/// each, and what stands behind the others has waited for some tens of microseconds.
const BUSY: u32 = 8 * ONE;

/// One completion, in averages.
const ONE: u32 = 1 << 8;

/// Turns of a busy room after each of which a connection may go elsewhere: few of them move at a time.
const TURNS: u32 = 256;

/// How busy a room is.
#[derive(Debug, Default)]
pub(super) struct Load {
    average: u32,
    turns: u32,
}

impl Load {
    /// So much was there this time. What it is on an average now, and whether somebody is to move.
    pub(super) fn found(&mut self, completions: usize) -> (u32, bool) {
        let found = u32::try_from(completions).unwrap_or(u32::MAX).min(1 << 16) * ONE;
        // A sixteenth of what is new.
        self.average = self.average - self.average / 16 + found / 16;
        self.turns = match self.average {
            BUSY.. => self.turns + 1,
            _ => 0,
        };
        let is_to_move = self.turns >= TURNS;
        if is_to_move {
            self.turns = 0;
        }
        (self.average, is_to_move)
    }
}

/// Which room somebody goes to: the first one that is not busy, or the least busy one.
pub(super) fn choose(loads: impl Iterator<Item = u32>) -> Option<usize> {
    let loads = loads.enumerate();
    let (chosen, _) = loads.min_by_key(|(at, load)| match load {
        BUSY.. => (*load, *at),
        _ => (0, *at),
    })?;
    Some(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_not_busy_is_chosen_or_the_least_busy() {
        let choose = |loads: &[u32]| choose(loads.iter().copied());
        assert_eq!(choose(&[0, 0, 0]), Some(0));
        assert_eq!(choose(&[BUSY - 1, 0]), Some(0));
        assert_eq!(choose(&[BUSY, BUSY - 1, 0]), Some(1));
        assert_eq!(choose(&[BUSY + 2, BUSY + 1, BUSY + 3]), Some(1));
        assert_eq!(choose(&[]), None);
    }

    #[test]
    fn who_does_not_keep_up_gives_connections_away_now_and_then() {
        let mut load = Load::default();
        let moved = |load: &mut Load, found, turns| {
            (0..turns).filter(|_| load.found(found).1).count() as u32
        };
        assert_eq!(moved(&mut load, 1, 10_000), 0);
        assert_eq!(moved(&mut load, 7, 10_000), 0);
        let moved_busy = moved(&mut load, 20, 10 * TURNS);
        assert!((9..=10).contains(&moved_busy), "{moved_busy}");
        // It is known soon that there is less to do.
        assert!(moved(&mut load, 1, 100) <= 1);
        assert_eq!(moved(&mut load, 1, 10_000), 0);
        assert!(load.found(1).0 < BUSY);
        assert_eq!(moved(&mut load, usize::MAX, TURNS), 1);
    }
}
