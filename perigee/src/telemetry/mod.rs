//! What the process tells of itself: diagnostics on standard error, and the access log.

mod access_log;
mod line;
mod timestamp;

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

pub(crate) use access_log::AccessLogWriter;

use crate::cli::LogLevel;

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Trace => LevelFilter::TRACE,
        }
    }
}

/// Sends diagnostics to standard error: ours from `level` on, those of libraries from warnings
/// on. Only the first call in a process counts.
pub(crate) fn diagnostics(level: LogLevel) {
    let level = LevelFilter::from(level);
    let filter = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("perigee", level);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .with_target(level >= LevelFilter::DEBUG);
    let subscriber = tracing_subscriber::registry().with(lines).with(filter);
    if subscriber.try_init().is_err() {
        tracing::debug!("diagnostics are set up already");
    }
}
