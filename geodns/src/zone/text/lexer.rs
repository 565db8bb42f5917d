//! Text to tokens: blanks, comments, quotes and parentheses.

/// What is wrong, and where, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::zone) struct Problem {
    pub(in crate::zone) line: usize,
    pub(in crate::zone) column: usize,
    pub(in crate::zone) what: String,
}

/// A word, or what stands between quotes. Escapes are still in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::zone) struct Token<'t> {
    pub(in crate::zone) raw: &'t str,
    pub(in crate::zone) quoted: bool,
    pub(in crate::zone) line: usize,
    pub(in crate::zone) column: usize,
}

impl<'t> Token<'t> {
    /// A word that stands alone.
    pub(in crate::zone) fn of(raw: &'t str) -> Self {
        Token {
            raw,
            quoted: false,
            line: 1,
            column: 1,
        }
    }

    pub(in crate::zone) fn problem(&self, what: impl Into<String>) -> Problem {
        Problem {
            line: self.line,
            column: self.column,
            what: what.into(),
        }
    }
}

/// What stands on one line, or on several between parentheses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::zone) struct Entry<'t> {
    /// It begins with a blank: the owner is that of the entry before.
    pub(in crate::zone) is_indented: bool,
    pub(in crate::zone) tokens: Vec<Token<'t>>,
}

/// The tokens of a text that is all one entry.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, Problem> {
    let mut lexer = Lexer::new(text);
    let mut all = Vec::new();
    while let Some(entry) = lexer.entry()? {
        all.extend(entry.tokens);
    }
    Ok(all)
}

/// Reads a text, entry by entry.
#[derive(Debug)]
pub(in crate::zone) struct Lexer<'t> {
    text: &'t str,
    at: usize,
    line: usize,
    line_start: usize,
}

impl<'t> Lexer<'t> {
    pub(in crate::zone) fn new(text: &'t str) -> Self {
        Lexer {
            text,
            at: 0,
            line: 1,
            line_start: 0,
        }
    }

    /// The next entry, which may have no tokens; `None` at the end.
    pub(in crate::zone) fn entry(&mut self) -> Result<Option<Entry<'t>>, Problem> {
        if self.peek().is_none() {
            return Ok(None);
        }
        let mut entry = Entry {
            is_indented: matches!(self.peek(), Some(b' ' | b'\t')),
            tokens: Vec::new(),
        };
        let mut opened = Vec::new();
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'\n' => {
                    self.new_line();
                    if opened.is_empty() {
                        return Ok(Some(entry));
                    }
                }
                b';' => self.skip_comment(),
                b'(' => {
                    opened.push(self.here());
                    self.at += 1;
                }
                b')' => {
                    if opened.pop().is_none() {
                        return Err(self.here().problem("this parenthesis was not opened"));
                    }
                    self.at += 1;
                }
                _ => entry.tokens.push(self.token()?),
            }
        }
        match opened.first() {
            Some(here) => Err(here.problem("this parenthesis is not closed")),
            None => Ok(Some(entry)),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn new_line(&mut self) {
        self.at += 1;
        self.line += 1;
        self.line_start = self.at;
    }

    fn skip_comment(&mut self) {
        while self.peek().is_some_and(|byte| byte != b'\n') {
            self.at += 1;
        }
    }

    /// A token without text, here.
    fn here(&self) -> Token<'t> {
        let before = self.text.get(self.line_start..self.at);
        Token {
            raw: "",
            quoted: false,
            line: self.line,
            column: before.map_or(0, |before| before.chars().count()) + 1,
        }
    }

    fn token(&mut self) -> Result<Token<'t>, Problem> {
        let here = self.here();
        let start = self.at;
        if self.peek() == Some(b'"') {
            self.quotes()?;
            let raw = self.text.get(start + 1..self.at - 1).unwrap_or_default();
            return Ok(Token {
                raw,
                quoted: true,
                ..here
            });
        }
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'(' | b')' => break,
                // As in alpn="h2,h3" (RFC 9460 section 2.1).
                b'"' => self.quotes()?,
                b'\\' => self.escape(),
                _ => self.at += 1,
            }
        }
        let raw = self.text.get(start..self.at).unwrap_or_default();
        Ok(Token { raw, ..here })
    }

    /// To behind the closing quote.
    fn quotes(&mut self) -> Result<(), Problem> {
        let here = self.here();
        self.at += 1;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\n' => break,
                b'\\' => self.escape(),
                _ => self.at += 1,
            }
        }
        Err(here.problem("this quote is not closed on its line"))
    }

    /// A backslash and what it escapes, but for the end of a line.
    fn escape(&mut self) {
        self.at += 1;
        if self
            .peek()
            .is_some_and(|byte| byte != b'\n' && byte != b'\r')
        {
            self.at += 1;
        }
    }
}
