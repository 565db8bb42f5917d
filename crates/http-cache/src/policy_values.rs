//! A policy in the words of the configuration, for people.

use std::time::Duration;

use crate::{KeyPolicy, Policy, QueryRule, When};

impl Policy {
    /// Each key and its value, as they stand in the configuration.
    pub fn values(&self) -> Vec<(String, String)> {
        // Taken apart whole, so that nothing new is left out.
        let Policy {
            default_ttl,
            max_ttl,
            heuristic_fraction,
            heuristic_max,
            stale_if_error,
            stale_while_revalidate,
            stale_while_revalidate_max,
            hit_for_miss,
            obey_request_directives,
            targets,
            range_miss,
            slice,
            refetch_below,
            max_ranges,
            ttl,
            ttl_statuses,
            negative_ttl,
            negative_statuses,
            failure_ttl,
            failure_backoff_max,
            cookies,
            bypass,
            key,
            no_vary_search,
            show_tags,
        } = self;
        let values = [
            ("default_ttl", time(*default_ttl)),
            ("max_ttl", time(*max_ttl)),
            ("heuristic_fraction", heuristic_fraction.to_string()),
            ("heuristic_max", time(*heuristic_max)),
            ("stale_if_error", time(*stale_if_error)),
            ("stale_while_revalidate", time(*stale_while_revalidate)),
            (
                "stale_while_revalidate_max",
                time(*stale_while_revalidate_max),
            ),
            ("hit_for_miss", time(*hit_for_miss)),
            (
                "obey_request_directives",
                obey_request_directives.to_string(),
            ),
            ("targets", list(targets)),
            ("range_miss", format!("{:?}", range_miss.as_str())),
            ("slice", slice.map_or("none".to_owned(), size)),
            ("refetch_below", size(*refetch_below)),
            ("max_ranges", max_ranges.to_string()),
            ("ttl", ttl.map_or("none".to_owned(), time)),
            ("statuses", numbers(ttl_statuses)),
            ("negative_ttl", time(*negative_ttl)),
            ("negative_statuses", numbers(negative_statuses)),
            ("failure_ttl", time(*failure_ttl)),
            ("failure_backoff_max", time(*failure_backoff_max)),
            ("cookies", format!("{:?}", cookies.as_str())),
            ("bypass", bypass.to_string()),
            ("no_vary_search", no_vary_search.to_string()),
            ("show_tags", show_tags.to_string()),
        ];
        let owned = |(key, value): (&str, String)| (key.to_owned(), value);
        values.into_iter().chain(of_key(key)).map(owned).collect()
    }
}

impl When {
    /// The conditions that are there, as they stand in the configuration.
    pub fn in_words(&self) -> String {
        let When {
            paths,
            extensions,
            headers,
            cookies,
        } = self;
        let conditions = [
            ("paths", paths.is_empty(), list(paths)),
            ("extensions", extensions.is_empty(), list(extensions)),
            ("with_headers", headers.is_empty(), list(headers)),
            ("with_cookies", cookies.is_empty(), list(cookies)),
        ];
        let there = conditions.into_iter().filter(|(_, is_empty, _)| !is_empty);
        let there: Vec<_> = there
            .map(|(key, _, list)| format!("{key} = {list}"))
            .collect();
        match there.is_empty() {
            true => "every request".to_owned(),
            false => there.join(", "),
        }
    }
}

fn numbers(numbers: &[u16]) -> String {
    let numbers: Vec<_> = numbers.iter().map(u16::to_string).collect();
    format!("[{}]", numbers.join(", "))
}

/// What is not as it is by default.
fn of_key(key: &KeyPolicy) -> impl Iterator<Item = (&'static str, String)> {
    let KeyPolicy {
        query,
        sort_query,
        fold_schemes,
        parts,
    } = key;
    let query = match query {
        QueryRule::All => None,
        QueryRule::Except(globs) => Some(("key.query_ignore", list(globs))),
        QueryRule::Only(globs) => Some(("key.query_keep", list(globs))),
    };
    let sorted = sort_query.then(|| ("key.query_sort", "true".to_owned()));
    let folded = fold_schemes.then(|| ("key.fold_schemes", "true".to_owned()));
    let parts = parts.iter().flat_map(|parts| {
        [
            ("key.headers", list(&parts.headers)),
            ("key.cookies", list(&parts.cookies)),
        ]
    });
    query.into_iter().chain(sorted).chain(folded).chain(parts)
}

fn list<T: AsRef<str>>(names: &[T]) -> String {
    let names: Vec<_> = names.iter().map(|n| format!("{:?}", n.as_ref())).collect();
    format!("[{}]", names.join(", "))
}

/// In the largest unit that it is whole in: `64KiB`, `10MiB`.
fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = UNITS
        .iter()
        .find(|(unit, _)| bytes > 0 && bytes.is_multiple_of(*unit));
    match unit {
        Some((unit, name)) => format!("{}{name}", bytes / unit),
        None => format!("{bytes}B"),
    }
}

/// In the largest unit that it is whole in: `90s`, `10m`, `365d`.
fn time(time: Duration) -> String {
    const UNITS: [(u128, &str); 4] = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1_000, "s"),
    ];
    let millis = time.as_millis();
    if millis == 0 {
        return "0s".to_owned();
    }
    let whole = UNITS
        .into_iter()
        .find(|(size, _)| millis.is_multiple_of(*size));
    let (size, unit) = whole.unwrap_or((1, "ms"));
    format!("{}{unit}", millis / size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_in_the_file() {
        let policy = Policy {
            default_ttl: Duration::from_secs(90),
            ..Policy::default()
        };
        let values = policy.values();
        let value = |key: &str| {
            let found = values.iter().find(|(k, _)| k == key);
            found.map(|(_, value)| value.as_str())
        };
        assert_eq!(value("default_ttl"), Some("90s"));
        assert_eq!(value("max_ttl"), Some("365d"));
        assert_eq!(value("stale_if_error"), Some("10m"));
        assert_eq!(value("stale_while_revalidate"), Some("0s"));
        assert_eq!(value("heuristic_fraction"), Some("0.1"));
        assert_eq!(value("obey_request_directives"), Some("false"));
        assert_eq!(value("key.query_sort"), None);
        let key = KeyPolicy {
            query: QueryRule::Except(vec![crate::Glob::new("utm_*")]),
            sort_query: true,
            ..KeyPolicy::default()
        };
        let told: Vec<_> = of_key(&key).collect();
        let expected = [
            ("key.query_ignore", "[\"utm_*\"]"),
            ("key.query_sort", "true"),
        ];
        assert_eq!(told, expected.map(|(k, v)| (k, v.to_owned())));
        assert_eq!(value("targets"), Some("[\"cdn-cache-control\"]"));
        assert_eq!(value("range_miss"), Some("\"part\""));
        assert_eq!(value("slice"), Some("none"));
        assert_eq!(value("refetch_below"), Some("64KiB"));
        assert_eq!(value("max_ranges"), Some("16"));
        assert_eq!(value("ttl"), Some("none"));
        assert_eq!(
            value("negative_statuses"),
            Some("[404, 405, 410, 414, 501]")
        );
        assert_eq!(value("cookies"), Some("\"explicit\""));
        assert_eq!(time(Duration::from_millis(1_500)), "1500ms");
    }

    #[test]
    fn conditions_are_written_as_in_the_file() {
        let when = When {
            paths: vec![crate::Glob::new("/a/*")],
            cookies: vec![crate::Glob::new("login")],
            ..When::default()
        };
        let words = "paths = [\"/a/*\"], with_cookies = [\"login\"]";
        assert_eq!(when.in_words(), words);
        assert_eq!(When::default().in_words(), "every request");
    }
}
