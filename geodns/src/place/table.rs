//! A geolocation database in MaxMind's format, built from a small table.

use std::net::IpAddr;

use ipnet::IpNet;
use maxminddb_writer::{Database, metadata::IpVersion};
use serde::Serialize;

use super::rows::{self, Fields, TableError};
use crate::place::{CONTINENTS, Point, Subdivision};

/// The first line of a table; it may be left out.
const HEADER: &str = "prefix,latitude,longitude,continent,country,name";

/// A row of the table.
#[derive(Debug)]
struct Row<'t> {
    line: usize,
    network: IpNet,
    point: Point,
    continent: &'t str,
    country: &'t str,
    subdivision: Option<&'t str>,
    name: &'t str,
}

/// A record, as GeoLite2-City lays it out.
#[derive(Serialize)]
struct Record<'t> {
    city: City<'t>,
    continent: Continent<'t>,
    country: Country<'t>,
    location: Point,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subdivisions: Vec<Country<'t>>,
}

#[derive(Serialize)]
struct City<'t> {
    names: Names<'t>,
}

#[derive(Serialize)]
struct Names<'t> {
    en: &'t str,
}

#[derive(Serialize)]
struct Continent<'t> {
    code: &'t str,
}

#[derive(Serialize)]
struct Country<'t> {
    iso_code: &'t str,
}

/// Builds a database from a table of the columns `prefix,latitude,longitude,continent,country,name`:
/// degrees north and east, a two-letter continent code (AF, AN, AS, EU, NA, OC, SA), an ISO 3166
/// country code (or that of a part of it, such as `US-CA`), and the rest of the line as the name. Empty lines and lines that start with `#`
/// are skipped. Of nested prefixes the longer one wins, in whatever order they come.
///
/// # Errors
/// [`TableError`] says which line and column is wrong, and what was expected.
pub fn build_database(table: &str) -> Result<Vec<u8>, TableError> {
    let mut rows = parse(table)?;
    // The writer lets a later prefix replace the longer ones inside it.
    rows.sort_by_key(|row| (row.network.prefix_len(), row.network));
    for pair in rows.windows(2) {
        if let [first, second] = pair
            && first.network == second.network
        {
            let (line, earlier) = (second.line.max(first.line), second.line.min(first.line));
            let message = format!("{} is already in line {earlier}", first.network);
            return Err(TableError {
                line,
                column: 1,
                message,
            });
        }
    }
    write(&rows).map_err(|error| TableError {
        line: 0,
        column: 0,
        message: format!("the database cannot be written: {error}"),
    })
}

fn write(rows: &[Row<'_>]) -> Result<Vec<u8>, maxminddb_writer::Error> {
    let mut database = Database::default();
    let metadata = &mut database.metadata;
    metadata.ip_version = IpVersion::V6;
    metadata.binary_format_major_version = 2;
    metadata.database_type = "Perigee-City".to_owned();
    metadata.languages = vec!["en".to_owned()];
    let description = "Built by Perigee from a table".to_owned();
    metadata.description.insert("en".to_owned(), description);
    for row in rows {
        let record = database.insert_value(Record {
            city: City {
                names: Names { en: row.name },
            },
            continent: Continent {
                code: row.continent,
            },
            country: Country {
                iso_code: row.country,
            },
            location: row.point,
            subdivisions: row
                .subdivision
                .map(|iso_code| Country { iso_code })
                .into_iter()
                .collect(),
        })?;
        database.insert_node(path(row.network), record);
    }
    database.write_to(Vec::new())
}

/// The way through the tree. IPv4 is at `::/96`, as in MaxMind's own databases.
fn path(network: IpNet) -> impl Iterator<Item = bool> {
    let (bits, length) = match network.addr() {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 96 + network.prefix_len()),
        IpAddr::V6(v6) => (v6.to_bits(), network.prefix_len()),
    };
    (0..length).map(move |depth| (bits << depth) >> 127 == 1)
}

fn parse(table: &str) -> Result<Vec<Row<'_>>, TableError> {
    let rows = rows::parse(table, &[HEADER], parse_row)?;
    if rows.is_empty() {
        return Err(TableError {
            line: 1,
            column: 1,
            message: format!("no rows; expected {HEADER}"),
        });
    }
    Ok(rows)
}

fn parse_row(line: usize, text: &str) -> Result<Row<'_>, TableError> {
    let mut fields = Fields::new(line, text, 6);
    let network = fields.network()?;
    let point = fields.point()?;
    let continent = fields.next("one of AF AN AS EU NA OC SA", |text| {
        CONTINENTS.contains(&text).then_some(text)
    })?;
    let (country, subdivision) = fields.next("a code of ISO 3166: DE or US-CA", region)?;
    let name = fields.next("a name", |text| (!text.is_empty()).then_some(text))?;
    Ok(Row {
        line,
        network,
        point,
        continent,
        country,
        subdivision,
        name,
    })
}

/// A country, and perhaps what it is divided into.
fn region(text: &str) -> Option<(&str, Option<&str>)> {
    let (country, subdivision) = match text.split_once('-') {
        Some((country, subdivision)) => (country, Some(subdivision)),
        None => (text, None),
    };
    let is_country = country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase());
    let is_code = subdivision.is_none_or(|code| Subdivision::new(code).is_some());
    (is_country && is_code).then_some((country, subdivision))
}

#[cfg(test)]
mod tests;
