//! What an error of the HTTP client means, and its words.

use std::{error::Error as StdError, io};

use hyper_util::client::legacy;

use crate::SendErrorKind;

/// The kind of a failed exchange.
pub(crate) fn kind(error: &legacy::Error) -> SendErrorKind {
    if error.is_connect() {
        return SendErrorKind::Connect;
    }
    match links(error).find_map(|link| link.downcast_ref::<hyper::Error>()) {
        Some(error) if error.is_parse() => SendErrorKind::Invalid,
        Some(error) if error.is_user() => SendErrorKind::Request,
        _ => SendErrorKind::Broken,
    }
}

/// The chain of causes in words, from the outermost that says something to the root.
pub(crate) fn in_words(error: &(dyn StdError + 'static)) -> String {
    let mut words: Vec<String> = Vec::new();
    for link in links(error).filter(|link| !link.is::<legacy::Error>()) {
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
    let http = error.downcast_ref::<hyper::Error>();
    if http.is_some_and(hyper::Error::is_incomplete_message) {
        return "the connection was closed in the middle of it".into();
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
        assert_eq!(in_words(&wrapped), "TLS: unexpected error: bad certificate");
    }

    #[test]
    fn names_common_failures_without_numbers() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(in_words(&refused), "connection refused");
    }
}
