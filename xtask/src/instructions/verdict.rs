//! What a count means beside the recorded one.

/// By how much a count may grow.
pub(super) const MOST_PERCENT: f64 = 3.0;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Within the limit.
    Same,
    /// More than the limit allows.
    Grown,
    /// Less by as much: it could grow back unseen.
    Shrunk,
    /// Nothing is recorded.
    New,
}

impl Verdict {
    pub(super) fn of(before: Option<u64>, now: u64) -> Self {
        let Some(before) = before else {
            return Verdict::New;
        };
        match change(before, now) {
            change if change > MOST_PERCENT => Verdict::Grown,
            change if change < -MOST_PERCENT => Verdict::Shrunk,
            _ => Verdict::Same,
        }
    }

    pub(super) fn fails(self) -> bool {
        matches!(self, Verdict::Grown | Verdict::New)
    }

    /// One line of the table.
    pub(super) fn line(self, name: &str, before: Option<u64>, now: u64) -> String {
        let change = before.map_or(String::new(), |it| format!("{:+.2} %", change(it, now)));
        let before = before.map_or("-".to_owned(), |it| it.to_string());
        let remark = match self {
            Verdict::Same => "",
            Verdict::Grown => "  too much",
            Verdict::Shrunk => "  record it, so that it does not grow back unseen",
            Verdict::New => "  not recorded",
        };
        format!("{name:<20} {before:>9} {now:>9} {change:>8}{remark}")
    }
}

/// In per cent.
fn change(before: u64, now: u64) -> f64 {
    (now as f64 - before as f64) * 100.0 / before.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_by_more_than_the_limit_fails() {
        for (before, now, verdict) in [
            (Some(1_000), 1_000, Verdict::Same),
            (Some(1_000), 1_030, Verdict::Same),
            (Some(1_000), 1_031, Verdict::Grown),
            (Some(1_000), 970, Verdict::Same),
            (Some(1_000), 969, Verdict::Shrunk),
            (Some(0), 1, Verdict::Grown),
            (None, 1_000, Verdict::New),
        ] {
            assert_eq!(Verdict::of(before, now), verdict, "{before:?} {now}");
        }
        assert!(Verdict::Grown.fails() && Verdict::New.fails());
        assert!(!Verdict::Same.fails() && !Verdict::Shrunk.fails());
    }

    #[test]
    fn the_table_says_what_to_do() {
        let line = Verdict::Grown.line("hit", Some(1_000), 1_100);
        assert_eq!(
            line,
            "hit                       1000      1100 +10.00 %  too much"
        );
        let line = Verdict::New.line("hit", None, 1_100);
        assert_eq!(
            line,
            "hit                          -      1100           not recorded"
        );
    }
}
