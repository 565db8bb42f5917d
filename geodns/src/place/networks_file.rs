//! A table of networks whose place is known: `prefix,pop` or `prefix,latitude,longitude`.

use std::path::Path;

use ipnet::IpNet;

use super::{
    file::{PlaceError, read_table},
    geo::Point,
    rows::{Fields, TableError, parse},
};

const HEADERS: [&str; 2] = ["prefix,pop", "prefix,latitude,longitude"];

/// A row of the file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) line: usize,
    pub(super) network: IpNet,
    pub(super) place: RowPlace,
}

/// Where its clients are.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum RowPlace {
    Pop(String),
    Point(Point),
}

pub(super) fn read(path: &Path) -> Result<Vec<Row>, PlaceError> {
    read_table("networks", path, |text| {
        let rows = parse(text, &HEADERS, row)?;
        once(&rows)?;
        Ok(rows)
    })
}

fn row(line: usize, text: &str) -> Result<Row, TableError> {
    let count = text.split(',').count().max(2);
    let mut fields = Fields::new(line, text, count.min(3));
    let network = fields.network()?;
    let place = match count {
        2 => RowPlace::Pop(fields.next("the name of a PoP", |name| {
            (!name.is_empty()).then(|| name.to_owned())
        })?),
        _ => RowPlace::Point(fields.point()?),
    };
    Ok(Row {
        line,
        network,
        place,
    })
}

/// Each network has one place.
fn once(rows: &[Row]) -> Result<(), TableError> {
    let mut sorted: Vec<&Row> = rows.iter().collect();
    sorted.sort_by_key(|row| (row.network, row.line));
    for pair in sorted.windows(2) {
        if let [first, second] = pair
            && first.network == second.network
        {
            return Err(TableError {
                line: second.line,
                column: 1,
                message: format!("{} is already in line {}", first.network, first.line),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<Row>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("networks.csv");
        std::fs::write(&path, text).unwrap();
        let name = format!("networks {}: ", path.display());
        read(&path).map_err(|error| error.to_string().replace(&name, ""))
    }

    #[test]
    fn rows_of_both_kinds() {
        let rows =
            read_text("prefix,pop\n\n# comment\n192.0.2.0/24,fra\n2001:db8::/32, 50.5 , -8.25\n")
                .unwrap();
        let pop = RowPlace::Pop("fra".to_owned());
        assert_eq!((rows[0].line, &rows[0].place), (4, &pop));
        let point = RowPlace::Point(Point::new(50.5, -8.25).unwrap());
        assert_eq!((rows[1].line, &rows[1].place), (5, &point));
        assert_eq!(read_text("").unwrap(), []);
    }

    #[test]
    fn errors_say_where() {
        for (text, place) in [
            ("192.0.2.0/24\n", "line 1, column 13: the line ends"),
            ("192.0.2.1/24,fra\n", "line 1, column 1: \"192.0.2.1/24\""),
            ("\n192.0.2.0/24,\n", "line 2, column 14: "),
            ("192.0.2.0/24,95,1\n", "line 1, column 14: \"95\""),
            ("192.0.2.0/24,9,1,2\n", "line 1, column 16: \"1,2\""),
            (
                "10.0.0.0/8,a\n10.0.0.0/8,b\n",
                "line 2, column 1: 10.0.0.0/8 is already in line 1",
            ),
        ] {
            let error = read_text(text).unwrap_err();
            assert!(error.starts_with(place), "{text:?}: {error}");
        }
    }
}
