//! Text in columns. Pure.

/// Rows of cells under a head; columns as wide as their widest cell.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    right: Vec<bool>,
}

impl Table {
    /// A table with these columns; one whose title starts with `>` stands to the right.
    pub(crate) fn new(columns: &[&str]) -> Self {
        let title = |c: &&str| c.trim_start_matches('>').to_owned();
        Table {
            rows: vec![columns.iter().map(title).collect()],
            right: columns.iter().map(|c| c.starts_with('>')).collect(),
        }
    }

    /// Adds a row; missing cells stay empty.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The lines, head first, without spaces at their ends.
    pub(crate) fn lines(&self) -> Vec<String> {
        let widths: Vec<usize> = (0..self.right.len()).map(|c| self.width(c)).collect();
        self.rows
            .iter()
            .map(|row| self.line(row, &widths))
            .collect()
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for ((cell, width), right) in row.iter().zip(widths).zip(&self.right) {
            let space = " ".repeat(width.saturating_sub(cell.chars().count()));
            match right {
                true => line.extend([&space, cell.as_str(), "  "]),
                false => line.extend([cell, space.as_str(), "  "]),
            }
        }
        line.trim_end().to_owned()
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.lines()
            .iter()
            .try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// A number of bytes, short: `512 B`, `4.0 MiB`.
pub(crate) fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if number < 1024 {
        return format!("{number} B");
    }
    let mut value = number as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["node", ">keys", "state"]);
        table.row(["frankfurt".into(), "7".into(), "up".into()]);
        table.row(["é".into(), "12345".into(), String::new()]);
        assert_eq!(
            table.to_string(),
            "node        keys  state\nfrankfurt      7  up\né          12345\n"
        );
    }

    #[test]
    fn bytes_are_short() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(256 << 20), "256.0 MiB");
        assert_eq!(bytes(u64::MAX), "16384.0 PiB");
    }
}
