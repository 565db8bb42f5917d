//! How text reaches the terminal: bold, dim and coloured where it shows that.

use std::{
    io::{Error, ErrorKind, IsTerminal, Write},
    sync::OnceLock,
};

/// Why something that was printed is lost, the first time.
static LOST: OnceLock<Error> = OnceLock::new();

/// Prints. Who reads may have left, as `head` does: that is no failure. Others are kept for [`lost()`].
pub(crate) fn print(text: &str) {
    try_print(text);
}

/// Prints; says whether who reads is still there.
pub(crate) fn try_print(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    let printed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match printed {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => false,
        Err(error) => {
            let _ = LOST.set(error);
            false
        }
    }
}

/// Why not all that was printed has been written, though somebody was there to read it.
pub(crate) fn lost() -> Option<&'static Error> {
    LOST.get()
}

/// Prints a line, as `println!` does, by way of [`print()`].
macro_rules! say {
    ($($arg:tt)*) => {
        $crate::style::print(&(format!($($arg)*) + "\n"))
    };
}
pub(crate) use say;

/// How text is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    on: bool,
}

impl Style {
    /// For standard output: with colour if that is a terminal and NO_COLOR is not set.
    pub(crate) fn stdout() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Style {
            on: wanted && std::io::stdout().is_terminal(),
        }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.paint("31;1", text)
    }

    pub(crate) fn name(self, text: &str) -> String {
        self.paint("36", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self.on {
            true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        }
    }
}
