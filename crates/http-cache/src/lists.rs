//! Comma-separated lists (RFC 9110 section 5.6.1), aware of quoted strings (section 5.6.4).

use http::header::{GetAll, HeaderValue};

/// The non-empty members of a list field over all its lines, without white space around them.
pub(crate) fn members<'a>(lines: GetAll<'a, HeaderValue>) -> impl Iterator<Item = &'a [u8]> {
    lines.into_iter().flat_map(|line| split(line.as_bytes()))
}

/// The non-empty members of one line.
pub(crate) fn split(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    Members {
        rest: line,
        quotes: true,
    }
    .map(<[u8]>::trim_ascii)
    .filter(|member| !member.is_empty())
}

struct Members<'a> {
    rest: &'a [u8],
    /// Whether a quote still begins a quoted string. An unclosed one does not, nor does any
    /// after it: what a broken sender meant as directives must not hide behind a quote.
    quotes: bool,
}

impl<'a> Iterator for Members<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        // What nothing hangs on is passed over at once.
        let mark = self
            .rest
            .iter()
            .position(|byte| matches!(byte, b',' | b'"'));
        let mut at = mark.unwrap_or(self.rest.len());
        while let Some(byte) = self.rest.get(at) {
            match byte {
                b',' => break,
                b'"' if self.quotes => match closing_quote(self.rest, at) {
                    Some(end) => at = end,
                    None => self.quotes = false,
                },
                _ => {}
            }
            at += 1;
        }
        let (member, rest) = self.rest.split_at(at.min(self.rest.len()));
        self.rest = rest.get(1..).unwrap_or_default();
        Some(member)
    }
}

/// Where the quoted string that begins at `open` ends.
fn closing_quote(line: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        match line.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// The inside of a quoted string, or the value itself if it is not one. Escapes stay as they
/// are: nothing that this crate reads needs any.
pub(crate) fn unquote(value: &[u8]) -> &[u8] {
    value
        .strip_prefix(b"\"")
        .and_then(|v| v.strip_suffix(b"\""))
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<&str> {
        split(line.as_bytes())
            .map(|m| std::str::from_utf8(m).unwrap())
            .collect()
    }

    #[test]
    fn splits_at_commas_outside_of_quotes() {
        assert_eq!(texts("a , b=\"c, d\",, e"), ["a", "b=\"c, d\"", "e"]);
        assert_eq!(texts(r#"a="x\", y", b"#), [r#"a="x\", y""#, "b"]);
        assert_eq!(texts(" , ,"), Vec::<&str>::new());
    }

    #[test]
    fn an_unclosed_quote_hides_nothing() {
        assert_eq!(texts("a=\"b, no-store"), ["a=\"b", "no-store"]);
        assert_eq!(texts("a=\"b\", c=\"d, e"), ["a=\"b\"", "c=\"d", "e"]);
        assert_eq!(texts("\"\\"), ["\"\\"]);
    }

    #[test]
    fn a_long_run_of_escaped_quotes_takes_linear_time() {
        let line = "\"".to_owned() + &"\\\"".repeat(200_000);
        assert_eq!(split(line.as_bytes()).count(), 1);
    }

    #[test]
    fn unquotes_whole_quoted_strings_only() {
        assert_eq!(unquote(b"\"a\""), b"a");
        assert_eq!(unquote(b"\"a"), b"\"a");
        assert_eq!(unquote(b"\""), b"\"");
    }
}
