//! What is not shown of a line: problems end up in logs. Every character keeps its column.

use std::ops::Range;

use crate::suggest::nearest;

/// What keys that hold secrets are named, and others in part.
const SECRETS: [&str; 3] = ["secret", "token", "password"];

/// Whether a key holds a secret, or was meant to: typos count. What names an environment variable
/// holds none.
pub(crate) fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let names_one = SECRETS.iter().any(|word| key.contains(word));
    !key.ends_with("_env") && (names_one || nearest(&key, SECRETS).is_some())
}

/// The line without what such keys are set to.
pub(super) fn secrets(line: &str) -> String {
    match value_of_secret(line) {
        Some(value) => format!("{}{}", &line[..value], starred(&line[value..])),
        None => line.to_owned(),
    }
}

/// Words about a line without the secrets that it sets.
pub(super) fn secrets_of(line: &str, words: String) -> String {
    let value = value_of_secret(line).map_or("", |value| &line[value..]);
    let texts = value.split(['"', '\'']).filter(|text| text.len() >= 4);
    texts.fold(words, |words, text| words.replace(text, "***"))
}

/// Where the value of the first key begins that holds a secret: all behind it is hidden.
fn value_of_secret(line: &str) -> Option<usize> {
    let assigned = line.match_indices(['=', ':']).find(|(at, _)| {
        let before = line[..*at].trim_end_matches([' ', '\t', '"', '\'']);
        let mut key = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_' && c != '-');
        key.next().is_some_and(is_secret)
    });
    assigned.map(|(at, _)| at + 1)
}

/// The text without what the key at `key` is set to, as far as its line goes.
pub(crate) fn value(text: &str, key: &Range<usize>) -> String {
    let rest = text.get(key.end..).unwrap_or_default();
    let line = rest.split('\n').next().unwrap_or_default();
    let (from, to) = (
        text.len() - rest.len(),
        text.len() - rest.len() + line.len(),
    );
    let from = from + line.find('=').map_or(0, |at| at + 1);
    format!(
        "{}{}{}",
        &text[..from],
        starred(&text[from..to]),
        &text[to..]
    )
}

/// Text without the passwords of the URLs in it.
pub(super) fn passwords(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(scheme) = rest.find("://") {
        let (before, url) = rest.split_at(scheme + 3);
        let (url, behind) = url.split_at(end_of_url(url));
        shown.push_str(before);
        // A name and its password, which may have a slash in it, or a token without a name.
        let host = url.rfind('@').filter(|host| {
            let user = &url[..*host];
            user.contains(':') || !user.contains('/')
        });
        let (user, host) = url.split_at(host.unwrap_or(0));
        let (name, password) = user.split_at(user.find(':').map_or(0, |colon| colon + 1));
        shown.extend([name, &starred(password), host]);
        rest = behind;
    }
    shown.push_str(rest);
    shown
}

/// A URL in text ends with white space or a quote that no backslash precedes.
fn end_of_url(url: &str) -> usize {
    let mut is_escaped = false;
    let end = url.find(|c: char| {
        let ends = !is_escaped && (c.is_whitespace() || "\"'`".contains(c));
        is_escaped = c == '\\' && !is_escaped;
        ends
    });
    end.unwrap_or(url.len())
}

fn starred(text: &str) -> String {
    let star = |c: char| match c.is_whitespace() || c.is_control() {
        true => c,
        false => '*',
    };
    text.chars().map(star).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_secrets_are_hidden_however_they_are_spelled() {
        for line in [
            "secrt = \"hunter2hunter2\"",
            "tokn='hunter2'",
            "Secret = \"hunter2\"",
            "cdn.passwrd = \"hunter2\"",
            "secret: hunter2",
            "membership = { password = \"hunter2\" }",
        ] {
            let shown = secrets(line);
            assert!(!shown.contains("hunter2"), "{shown}");
            assert_eq!(shown.chars().count(), line.chars().count());
        }
        let line = "secrt_env = \"PERIGEE_SECRET\"";
        assert_eq!(secrets(line), line);
    }

    #[test]
    fn words_do_not_tell_them_either() {
        let said = secrets_of("secrets = \"hunter2\"", "write [\"hunter2\"]".to_owned());
        assert_eq!(said, "write [\"***\"]");
    }

    #[test]
    fn passwords_of_urls_are_hidden() {
        for (url, shown) in [
            ("[\"http://me:word@a:1\"]", "[\"http://me:****@a:1\"]"),
            ("'http://me:w/o@d@a/x', 2", "'http://me:*****@a/x', 2"),
            ("http://token@a/b", "http://*****@a/b"),
            ("\"http://me:w\\\"d@a\"", "\"http://me:****@a\""),
            ("http://a/b@c x@y", "http://a/b@c x@y"),
            ("http://a, https://b:c@d", "http://a, https://b:*@d"),
        ] {
            assert_eq!(passwords(url), shown);
        }
    }

    #[test]
    fn the_value_of_a_key_is_hidden_in_its_line_alone() {
        assert_eq!(
            value("a = 1\nfoo = \"ö\"\nb = 2", &(6..9)),
            "a = 1\nfoo = ***\nb = 2"
        );
        assert_eq!(value("foo", &(0..3)), "foo");
        assert_eq!(value("foo", &(9..12)), "foo");
    }
}
