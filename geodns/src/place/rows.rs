//! Tables as text: a row per line, its fields between commas.

use std::fmt;

use ipnet::IpNet;

use super::geo::Point;

/// What is wrong with a table, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableError {
    /// The line, from 1; 0 if it is not about a line.
    pub line: usize,
    /// The column: the character in the line, from 1.
    pub column: usize,
    /// What was expected.
    pub message: String,
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}, column {}: {}",
            self.line, self.column, self.message
        )
    }
}

impl std::error::Error for TableError {}

/// The rows of a table. Empty lines, those that start with `#`, and these headers are skipped.
pub(super) fn parse<'t, R>(
    table: &'t str,
    headers: &[&str],
    row: impl Fn(usize, &'t str) -> Result<R, TableError>,
) -> Result<Vec<R>, TableError> {
    let mut rows = Vec::new();
    for (index, text) in table.lines().enumerate() {
        let told = text.trim();
        let skipped = told.is_empty() || told.starts_with('#') || headers.contains(&told);
        if !skipped {
            rows.push(row(index + 1, text)?);
        }
    }
    Ok(rows)
}

/// The fields of a line, from left to right.
pub(super) struct Fields<'t> {
    line: usize,
    text: &'t str,
    /// Where the next field starts, in bytes; `None` after the last one.
    next: Option<usize>,
    /// How many fields are left. The last one takes the rest of the line, commas and all.
    last: usize,
}

impl<'t> Fields<'t> {
    /// The fields of a line of so many.
    pub(super) fn new(line: usize, text: &'t str, count: usize) -> Self {
        Fields {
            line,
            text,
            next: Some(0),
            last: count,
        }
    }

    /// A network.
    pub(super) fn network(&mut self) -> Result<IpNet, TableError> {
        self.next("a prefix such as 192.0.2.0/24", |text| {
            let network: IpNet = text.parse().ok()?;
            (network.trunc() == network).then_some(network)
        })
    }

    /// A latitude and a longitude.
    pub(super) fn point(&mut self) -> Result<Point, TableError> {
        let latitude = self.next("degrees north, from -90 to 90", |text| {
            let latitude = text.parse().ok()?;
            Point::new(latitude, 0.0).map(|p| p.latitude)
        })?;
        let longitude = self.next("degrees east, from -180 to 180", |text| {
            let longitude = text.parse().ok()?;
            Point::new(0.0, longitude).map(|p| p.longitude)
        })?;
        Ok(Point {
            latitude,
            longitude,
        })
    }

    /// The next field, as `parse` understands it.
    pub(super) fn next<T>(
        &mut self,
        expected: &str,
        parse: impl FnOnce(&'t str) -> Option<T>,
    ) -> Result<T, TableError> {
        let Some(start) = self.next else {
            return Err(self.error(
                self.text.len(),
                format!("the line ends; expected {expected}"),
            ));
        };
        let rest = &self.text[start..];
        self.last -= 1;
        let end = match rest.find(',') {
            Some(comma) if self.last > 0 => comma,
            _ => rest.len(),
        };
        self.next = (end < rest.len()).then_some(start + end + 1);
        let field = rest[..end].trim();
        parse(field).ok_or_else(|| self.error(start, format!("{field:?} is not {expected}")))
    }

    fn error(&self, at: usize, message: String) -> TableError {
        TableError {
            line: self.line,
            column: self.text[..at].chars().count() + 1,
            message,
        }
    }
}
