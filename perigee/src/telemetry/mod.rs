//! What the process tells of itself: diagnostics on standard error, and the access log.

mod access_log;
mod line;
mod query_line;
mod timestamp;

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

pub(crate) use access_log::AccessLogWriter;
pub(crate) use timestamp::Timestamp;

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

/// Libraries that tell at level WARN what clients do: a line for each bad packet.
const TELL_OF_CLIENTS: [&str; 3] = ["quinn", "hickory_net", "hickory_proto"];

/// Sends diagnostics to standard error: ours from `level` on, those of libraries from warnings
/// on. Only the first call in a process counts.
pub(crate) fn diagnostics(level: LogLevel) {
    let level = LevelFilter::from(level);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .with_target(level >= LevelFilter::DEBUG);
    let subscriber = tracing_subscriber::registry()
        .with(lines)
        .with(filter(level));
    if subscriber.try_init().is_err() {
        tracing::debug!("diagnostics are set up already");
    }
}

fn filter(level: LevelFilter) -> Targets {
    let quiet = TELL_OF_CLIENTS.map(|library| (library, level.min(LevelFilter::ERROR)));
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_targets(quiet)
        .with_target("perigee", level)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn libraries_do_not_tell_of_each_client() {
        for level in [LevelFilter::INFO, LevelFilter::TRACE] {
            let filter = filter(level);
            assert!(filter.would_enable("perigee_geodns::geodns", &Level::INFO));
            assert!(filter.would_enable("rustls::conn", &Level::WARN));
            assert!(!filter.would_enable("rustls::conn", &Level::INFO));
            for library in [
                "quinn_proto::connection",
                "hickory_net::udp",
                "hickory_proto",
            ] {
                assert!(!filter.would_enable(library, &Level::WARN), "{library}");
                assert!(filter.would_enable(library, &Level::ERROR), "{library}");
            }
        }
        let errors = filter(LevelFilter::ERROR);
        assert!(!errors.would_enable("perigee::run", &Level::WARN));
        assert!(!errors.would_enable("rustls::conn", &Level::WARN));
    }
}
