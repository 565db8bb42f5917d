//! How text reaches the terminal: bold, dim and coloured where it shows that.

use std::io::{IsTerminal, Write};

/// Prints. Who reads may have left, as `head` does: that is no failure.
pub(crate) fn print(text: &str) {
    try_print(text);
}

/// Prints; says whether who reads is still there.
pub(crate) fn try_print(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    let printed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    printed.is_ok()
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
