//! Tells the steps, and keeps count of what did not hold.

use crate::style::{Style, say};

/// Tells, and counts.
pub(super) struct Teller {
    style: Style,
    steps: usize,
    checks: usize,
    failures: Vec<String>,
    measured: Vec<(String, String)>,
    title: String,
}

impl Teller {
    pub(super) fn new(style: Style) -> Self {
        Teller {
            style,
            steps: 0,
            checks: 0,
            failures: Vec::new(),
            measured: Vec::new(),
            title: String::new(),
        }
    }

    /// Begins a step.
    pub(super) fn step(&mut self, title: &str) {
        self.steps += 1;
        title.clone_into(&mut self.title);
        say!("\n{}", self.style.bold(&format!("{}. {title}", self.steps)));
    }

    /// What is asked.
    pub(super) fn asks(&self, what: &str) {
        say!("   {} {what}", self.style.name("?"));
    }

    /// What came back.
    pub(super) fn got(&self, what: &str) {
        say!("   {} {what}", self.style.dim("<"));
    }

    /// Whether it is what it should be.
    pub(super) fn check(&mut self, holds: bool, what: &str) {
        self.checks += 1;
        if holds {
            say!("   {} {what}", self.style.good("✓"));
        } else {
            say!("   {} {what}", self.style.bad("✗ not so:"));
            self.failures.push(format!("{}: {what}", self.title));
        }
    }

    /// A figure for the summary.
    pub(super) fn measure(&mut self, what: &str, figure: &str) {
        self.measured.push((what.to_owned(), figure.to_owned()));
    }

    /// A step that could not be taken to its end.
    pub(super) fn broke(&mut self, why: &str) {
        say!("   {} {why}", self.style.bad("✗ broke off:"));
        self.failures
            .push(format!("{}: broke off: {why}", self.title));
    }

    /// Tells how it went; returns how many failures there were.
    pub(super) fn summary(&self) -> usize {
        say!("\n{}", self.style.bold("Summary"));
        let width = self
            .measured
            .iter()
            .map(|(what, _)| what.chars().count())
            .max();
        for (what, figure) in &self.measured {
            let space = " ".repeat(width.unwrap_or(0).saturating_sub(what.chars().count()));
            say!("   {what}{space}  {figure}");
        }
        let failures = self.failures.len();
        if failures == 0 {
            let all = format!("All {} checks of {} steps hold.", self.checks, self.steps);
            say!("   {}", self.style.good(&all));
        }
        for failure in &self.failures {
            say!("   {} {failure}", self.style.bad("✗"));
        }
        failures
    }
}
