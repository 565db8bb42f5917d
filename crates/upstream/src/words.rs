//! Words for what has failed.

use std::{error::Error as StdError, io};

/// A connection has ended where something was still to come.
pub(crate) const CLOSED: &str = "the connection was closed in the middle of it";

/// The chain of causes in words, from the outermost that says something to the root.
pub(crate) fn of(error: &(dyn StdError + 'static)) -> String {
    let mut words: Vec<String> = Vec::new();
    for link in links(error) {
        let text = one_in_words(link);
        // Wrappers like to repeat what they wrap.
        if words.iter().any(|said| said.contains(&text)) {
            continue;
        }
        words.retain(|said| !text.contains(said.as_str()));
        words.push(text);
    }
    if words.is_empty() {
        return error.to_string();
    }
    words.join(": ")
}

fn one_in_words(error: &(dyn StdError + 'static)) -> String {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return format!("TLS: {error}");
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => return "connection refused".into(),
            io::ErrorKind::ConnectionReset => return "connection reset".into(),
            io::ErrorKind::BrokenPipe => return "connection closed".into(),
            _ => {}
        }
    }
    error.to_string()
}

/// An error and its causes, outermost first. `io::Error` hides what it wraps from `source`, so it
/// is asked for it.
fn links<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error.downcast_ref::<io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn StdError + 'static)),
            None => error.source(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_the_root_once() {
        let root = rustls::Error::General("bad certificate".into());
        let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, root));
        assert_eq!(of(&wrapped), "TLS: unexpected error: bad certificate");
    }

    #[test]
    fn names_common_failures_without_numbers() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(of(&refused), "connection refused");
    }
}
