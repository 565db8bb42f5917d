//! Reads Cache-Status (RFC 9211). Pure.

/// What one cache says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The cache.
    pub(super) node: String,
    /// Its parameters.
    pub(super) parameters: Vec<String>,
}

impl Entry {
    /// Whether it had the response.
    pub(super) fn is_hit(&self) -> bool {
        self.parameters.iter().any(|parameter| parameter == "hit")
    }
}

/// The entries, the cache nearest to the origin first. What does not parse is left out.
pub(super) fn parse(field: &str) -> Vec<Entry> {
    split(field, ',')
        .into_iter()
        .filter_map(|entry| {
            let mut parts = split(&entry, ';').into_iter();
            let node = parts.next()?.trim_matches('"').to_owned();
            (!node.is_empty()).then(|| Entry {
                node,
                parameters: parts.collect(),
            })
        })
        .collect()
}

/// The parts between separators that stand outside of strings.
fn split(text: &str, separator: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut in_string, mut escaped) = (false, false);
    for c in text.chars() {
        if c == separator && !in_string {
            parts.push(String::new());
            continue;
        }
        if c == '"' && !escaped {
            in_string = !in_string;
        }
        escaped = c == '\\' && !escaped;
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts.iter().map(|part| part.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_keep_their_order() {
        let entries = parse("shield-1; fwd=uri-miss; key=\"a,b;c\\\"\", \"eu-1\"; hit; ttl=58");
        let names: Vec<_> = entries.iter().map(|entry| entry.node.as_str()).collect();
        assert_eq!(names, ["shield-1", "eu-1"]);
        assert_eq!(entries[0].parameters, ["fwd=uri-miss", "key=\"a,b;c\\\"\""]);
        assert!(!entries[0].is_hit() && entries[1].is_hit());
        assert_eq!(parse(""), []);
    }
}
