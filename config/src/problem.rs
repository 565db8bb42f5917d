//! What is wrong with the file, where, and what to do.

pub(crate) mod blot;

use std::{fmt, ops::Range, path::PathBuf};

use blot::{passwords, secrets, secrets_of};

/// Columns of a line that are shown around a problem.
const SHOWN: usize = 120;

/// Something wrong in the file. Displays as compilers do: place, message, the line, a caret, help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as it was named.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do, if there is more to say than the message does.
    pub help: Option<String>,
    /// The line, and under it carets at what is wrong. Secrets are blotted out.
    pub snippet: String,
}

impl Problem {
    /// A problem with what stands at `span` (in bytes) of `text`.
    pub(crate) fn new(
        file: PathBuf,
        text: &str,
        span: &Range<usize>,
        message: String,
        help: Option<String>,
    ) -> Self {
        let start = floor(text, span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..]
            .find('\n')
            .map_or(text.len(), |newline| start + newline);
        let line = text[..line_start].matches('\n').count() + 1;
        let column = text[line_start..start].chars().count();
        let end = floor(text, span.end).clamp(start, line_end);
        let width = text[start..end].trim_end().chars().count().max(1);
        let whole = text[line_start..line_end].trim_end();
        let shown = passwords(&secrets(whole));
        let said = |words: String| passwords(&secrets_of(whole, words));
        Problem {
            file,
            line,
            column: column + 1,
            message: said(message),
            help: help.map(said),
            snippet: snippet(line, &shown, column, width),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        writeln!(
            f,
            "{file}:{}:{}: error: {}",
            self.line, self.column, self.message
        )?;
        f.write_str(&self.snippet)?;
        if let Some(help) = &self.help {
            let gutter = " ".repeat(self.line.to_string().len());
            write!(f, "\n{gutter} = help: {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

/// The nearest boundary between characters at or before a byte position.
fn floor(text: &str, position: usize) -> usize {
    let mut position = position.min(text.len());
    while !text.is_char_boundary(position) {
        position -= 1;
    }
    position
}

/// The line with its number, and a second line with carets; a long line only around them.
fn snippet(number: usize, line: &str, column: usize, width: usize) -> String {
    let skipped = if column > SHOWN - 20 { column - 20 } else { 0 };
    let shown: String = line
        .chars()
        .skip(skipped)
        .take(SHOWN)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let padding = " ".repeat(column - skipped);
    let carets = "^".repeat(width.min(SHOWN));
    let number = number.to_string();
    let gutter = " ".repeat(number.len());
    format!("{gutter} |\n{number} | {shown}\n{gutter} | {padding}{carets}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str, span: Range<usize>) -> Problem {
        Problem::new(
            "cdn.toml".into(),
            text,
            &span,
            "wrong".into(),
            Some("do this".into()),
        )
    }

    #[test]
    fn displays_like_a_compiler() {
        let text = "[cdn]\nfoo = 3\n";
        assert_eq!(
            problem(text, 6..9).to_string(),
            "cdn.toml:2:1: error: wrong\n  |\n2 | foo = 3\n  | ^^^\n  = help: do this"
        );
    }

    #[test]
    fn counts_columns_in_characters() {
        let text = "ä = \"ö\" # x";
        let at = text.find('#').unwrap_or_default();
        assert_eq!(problem(text, at..at + 1).column, 9);
    }

    #[test]
    fn stands_any_span() {
        for text in ["", "ä", "\n\n", "a\r\nb"] {
            for start in 0..6 {
                for end in 0..6 {
                    let _ = problem(text, start..end).to_string();
                }
            }
        }
    }

    #[test]
    fn shows_the_part_of_a_long_line_that_matters() {
        let text = format!("{}X", "a".repeat(5_000));
        let snippet = problem(&text, 5_000..5_001).snippet;
        assert!(snippet.contains('X') && snippet.len() < 300, "{snippet}");
    }

    #[test]
    fn blots_secrets_out() {
        for line in [
            "secret = \"hunter2hunter2\"",
            "token='hunter2'",
            "cdn = { secret = \"hunter2\" }",
            "\"secret\" = 'hunter2",
            "secrets = \"hunter2\"",
        ] {
            let shown = problem(line, 0..1).snippet;
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        let shown = problem("secret_env = \"PERIGEE_SECRET\"", 0..1).snippet;
        assert!(shown.contains("PERIGEE_SECRET"), "{shown}");
    }

    #[test]
    fn terminal_control_characters_are_not_shown() {
        assert!(!problem("a\u{1b}[31m", 0..1).snippet.contains('\u{1b}'));
    }
}
