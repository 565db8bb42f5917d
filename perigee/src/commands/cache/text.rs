//! What is stored, for people. Pure.

use std::fmt::Write;

use perigee_edge::{
    CacheStats, DiskCounts, Listed, Listing, Shown, ShownEntry, StoredResponse, Use,
};

use crate::table::{Table, bytes};

/// The head of a listing: its columns are as wide on every page.
pub(super) fn listing_head() -> String {
    line("age", "ttl", "size", "tier", "hits", "status", "key")
}

/// A page: one line for each stored response.
pub(super) fn listing(page: &Listing) -> String {
    page.entries.iter().map(entry).collect()
}

fn entry(entry: &Listed) -> String {
    let tiers = entry.tiers.join("+");
    let of = |(number, stored): (usize, &StoredResponse)| {
        // Lookups are of the key: they stand beside its first response.
        let hits = entry.hits.filter(|_| number == 0);
        let mut name = entry.key.clone();
        for (field, value) in &stored.selected_by {
            let value = value.as_deref().unwrap_or("(none)");
            // Writing to a text does not fail.
            let _ = write!(name, "  {field}: {value}");
        }
        line(
            &time(i64::try_from(stored.age).unwrap_or(i64::MAX)),
            &time(stored.ttl),
            &size(stored, "/"),
            &tiers,
            &hits.map(|hits| hits.to_string()).unwrap_or_default(),
            &stored.status.to_string(),
            &name,
        )
    };
    entry.variants.iter().enumerate().map(of).collect()
}

fn line(
    age: &str,
    ttl: &str,
    size: &str,
    tier: &str,
    hits: &str,
    status: &str,
    name: &str,
) -> String {
    format!("{age:>6}  {ttl:>6}  {size:>21}  {tier:<11}  {hits:>7}  {status:>6}  {name}\n")
}

/// Seconds, in the largest unit of which there are two: `-90s`, `5m`.
fn time(seconds: i64) -> String {
    let (sign, seconds) = (if seconds < 0 { "-" } else { "" }, seconds.unsigned_abs());
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    let unit = units.into_iter().find(|(unit, _)| seconds >= 2 * unit);
    let (unit, name) = unit.unwrap_or((1, "s"));
    format!("{sign}{}{name}", seconds / unit)
}

/// What is stored of the body; of a part, of how much.
fn size(stored: &StoredResponse, of: &str) -> String {
    let held = stored.length.map_or_else(|| "?".to_owned(), bytes);
    match (&stored.part, stored.complete) {
        (None, _) => held,
        (Some(_), Some(complete)) => format!("{held}{of}{}", bytes(complete)),
        (Some(_), None) => format!("{held}{of}?"),
    }
}

/// All that is stored under a URL.
pub(super) fn shown(shown: &Shown) -> String {
    shown.entries.iter().map(shown_entry).collect()
}

fn shown_entry(shown: &ShownEntry) -> String {
    let Listed {
        key,
        tiers,
        hits,
        variants,
    } = &shown.listed;
    let place = |tier: &String| match tier.as_str() {
        "disk" => "on disk".to_owned(),
        tier => format!("in {tier}"),
    };
    let places: Vec<_> = tiers.iter().map(place).collect();
    let mut text = format!("{key}\n  {}", places.join(" and "));
    if let Some(hits) = hits {
        let plural = if *hits == 1 { "" } else { "s" };
        let _ = write!(
            text,
            ", looked up {hits} time{plural} since it came into memory"
        );
    }
    text += "\n";
    for (stored, used) in variants.iter().zip(&shown.uses) {
        text += "\n";
        for row in rows(stored, used).lines().iter().skip(1) {
            let _ = writeln!(text, "  {row}");
        }
    }
    text + "\n"
}

/// A stored response: a row for each thing that there is to say.
fn rows(stored: &StoredResponse, used: &Use) -> Table {
    let mut table = Table::new(&["", ""]);
    let mut row = |name: &str, value: String| {
        if !value.is_empty() {
            table.row([name.to_owned(), value]);
        }
    };
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let seconds = |value: Option<u64>| value.map(|s| format!("{s} s")).unwrap_or_default();
    row("status", stored.status.to_string());
    row("type", text(&stored.content_type));
    row("stored", size(stored, " of "));
    row("held", held(stored));
    row("age", format!("{} s", stored.age));
    let ttl = stored.ttl;
    let fresh = if ttl > 0 { "fresh for" } else { "stale since" };
    row(
        "freshness",
        format!(
            "{fresh} {} s, by {}",
            ttl.unsigned_abs(),
            stored.lifetime_by
        ),
    );
    row("vary", selected_by(stored));
    row("etag", text(&stored.etag));
    row("modified", text(&stored.last_modified));
    row("tags", stored.tags.join(", "));
    row("groups", stored.groups.join(", "));
    row("while stale", seconds(stored.stale_while_revalidate));
    row("on errors", seconds(stored.stale_if_error));
    let obeys = [
        (stored.always_validate, "no-cache"),
        (stored.never_stale, "must-revalidate"),
    ];
    let obeys = obeys.iter().filter(|(is, _)| *is).map(|(_, name)| *name);
    row("obeys", obeys.collect::<Vec<_>>().join(", "));
    let outcome = used.outcome.as_deref().unwrap_or("not used");
    row("a GET now", format!("{outcome}: {}", used.because));
    table
}

fn held(stored: &StoredResponse) -> String {
    let runs = stored.held.iter();
    let runs: Vec<_> = runs
        .map(|[first, last]| format!("{first}-{last}"))
        .collect();
    match runs.is_empty() {
        true => String::new(),
        false => format!("bytes {}", runs.join(", ")),
    }
}

fn selected_by(stored: &StoredResponse) -> String {
    let fields = stored.selected_by.iter().map(|(name, value)| match value {
        Some(value) => format!("{name}: {value}"),
        None => format!("no {name}"),
    });
    fields.collect::<Vec<_>>().join("; ")
}

/// How a store does.
pub(super) fn stats(stats: &CacheStats) -> String {
    let memory = &stats.memory;
    let mut table = Table::new(&["tier", ">keys", ">bytes", ">capacity", ">hits", ">evicted"]);
    table.row([
        "memory".to_owned(),
        memory.keys.to_string(),
        bytes(memory.bytes),
        bytes(memory.capacity),
        memory.hits.to_string(),
        memory.evicted.to_string(),
    ]);
    if let Some(disk) = &stats.disk {
        table.row([
            "disk".to_owned(),
            disk.keys.to_string(),
            bytes(disk.bytes),
            bytes(disk.capacity),
            disk.hits.to_string(),
            format!("{} segments", disk.segments_evicted),
        ]);
    }
    let disk = stats.disk.as_ref().map(disk_stats);
    let purges = &stats.purges;
    let purges = format!(
        "\npurges remembered {}, forgotten for want of room {}\n",
        purges.known, purges.lost
    );
    table.to_string() + &disk.unwrap_or_default() + &purges
}

fn disk_stats(disk: &DiskCounts) -> String {
    let mut table = Table::new(&["", ""]);
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    if let Some(why) = &disk.unusable {
        row("unusable", why.clone());
    }
    let loaded = format!("{:.0} % loaded", disk.loaded * 100.0);
    row("index", format!("{}, {loaded}", bytes(disk.index_bytes)));
    let (queued, room) = (bytes(disk.queued), bytes(disk.queue_capacity));
    row("queue", format!("{queued} of {room}"));
    let (written, anew) = (bytes(disk.written), bytes(disk.readmitted));
    row("written", format!("{written}, {anew} of that anew"));
    row("shed", disk.shed.to_string());
    row("failed", disk.write_errors.to_string());
    row("damaged", disk.damaged.to_string());
    let lines = table.lines();
    lines
        .iter()
        .skip(1)
        .fold(String::from("\n"), |text, line| text + line + "\n")
}

#[cfg(test)]
mod tests;
