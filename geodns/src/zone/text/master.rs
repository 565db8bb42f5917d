//! Master files (RFC 1035 section 5, RFC 2308 section 4).

use perigee_dns_wire::{Name, rtype};

use super::{
    lexer::{Entry, Lexer, Problem, Token},
    rdata::Fields,
    types,
    words::{name, ttl},
};
use crate::zone::{
    ZoneError,
    record::{Record, Source},
};

/// The records of a master file, in its order.
pub(in crate::zone) fn parse(text: &str, apex: &Name) -> Result<Vec<Record>, ZoneError> {
    let refuse =
        |problem: Problem| ZoneError::new(Source::File(problem.line, problem.column), problem.what);
    let mut lexer = Lexer::new(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut file = File {
        origin: apex.clone(),
        owner: None,
        default_ttl: None,
        last_ttl: None,
        records: Vec::new(),
    };
    while let Some(entry) = lexer.entry().map_err(refuse)? {
        file.entry(&entry).map_err(refuse)?;
    }
    Ok(file.records)
}

/// A file, as far as it is read.
struct File {
    origin: Name,
    owner: Option<Name>,
    /// Of `$TTL`.
    default_ttl: Option<u32>,
    /// Of the record before, where `$TTL` does not say.
    last_ttl: Option<u32>,
    records: Vec<Record>,
}

impl File {
    fn entry(&mut self, entry: &Entry<'_>) -> Result<(), Problem> {
        let Some((first, rest)) = entry.tokens.split_first() else {
            return Ok(());
        };
        if !entry.is_indented && first.raw.starts_with('$') {
            return self.directive(first, rest);
        }
        if entry.is_indented {
            return self.record(first, &entry.tokens);
        }
        self.owner = Some(name(first, &self.origin)?);
        self.record(first, rest)
    }

    fn directive(&mut self, directive: &Token<'_>, rest: &[Token<'_>]) -> Result<(), Problem> {
        let [value] = rest else {
            return Err(directive.problem(format!(
                "{:?} is followed by one value, as in $ORIGIN cdn.example. or $TTL 1h",
                directive.raw
            )));
        };
        match directive.raw.to_ascii_uppercase().as_str() {
            "$ORIGIN" => self.origin = name(value, &self.origin)?,
            "$TTL" => self.default_ttl = Some(seconds(value)?),
            _ => {
                return Err(directive.problem(format!(
                    "{:?} is not supported; $ORIGIN and $TTL are",
                    directive.raw
                )));
            }
        }
        Ok(())
    }

    /// TTL and class in either order, then type and data.
    fn record(&mut self, first: &Token<'_>, tokens: &[Token<'_>]) -> Result<(), Problem> {
        let owner = self.owner.clone().ok_or_else(|| {
            first.problem("the first record has no name; a line that begins with a blank has that of the one before")
        })?;
        let (mut explicit, mut has_class) = (None, false);
        let mut tokens = tokens.iter();
        let rtype = loop {
            let token = tokens
                .next()
                .ok_or_else(|| first.problem("the type is missing here"))?;
            let starts_with_digit = token.raw.starts_with(|c: char| c.is_ascii_digit());
            match token.raw.to_ascii_uppercase().as_str() {
                "IN" if !has_class => has_class = true,
                "CH" | "HS" | "CS" => {
                    let what = "the zone is of the class IN; other classes have no place in it";
                    return Err(token.problem(what));
                }
                _ if starts_with_digit && explicit.is_none() => explicit = Some(seconds(token)?),
                _ => break token,
            }
        };
        let number = types::number(rtype)?;
        let data = tokens.as_slice();
        let rdata = Fields::new(data, &self.origin)
            .after(*rtype)
            .rdata(number)?;
        let ttl = explicit.or(self.default_ttl).or(self.last_ttl);
        // RFC 1035 section 5.1: a SOA record without one has its own minimum.
        let minimum = || match number {
            rtype::SOA => rdata.last_chunk().map(|octets| u32::from_be_bytes(*octets)),
            _ => None,
        };
        let ttl = ttl.or_else(minimum).ok_or_else(|| {
            first.problem("this record has no TTL; write one, or $TTL 1h at the top of the file")
        })?;
        self.last_ttl = Some(ttl);
        self.records.push(Record {
            name: owner,
            rtype: number,
            ttl,
            rdata,
            from: Source::File(first.line, first.column),
        });
        Ok(())
    }
}

fn seconds(token: &Token<'_>) -> Result<u32, Problem> {
    ttl(token).ok_or_else(|| {
        token.problem(format!(
            "{:?} is not a TTL, such as 3600 or 1h, of at most 2147483647 seconds",
            token.raw
        ))
    })
}
