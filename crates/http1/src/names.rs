//! The names of fields.

use http::{
    HeaderName,
    header::{self, InvalidHeaderName},
};

/// A field name as it stands in a head. Of those that nearly every message has, written as they mostly
/// are, it is known at a glance.
///
/// # Errors
/// As [`HeaderName::from_bytes`].
pub fn name_of(name: &[u8]) -> Result<HeaderName, InvalidHeaderName> {
    // By its length first: then there are few to compare it with.
    let known = match name.len() {
        4 => match name {
            b"Date" | b"date" => Some(header::DATE),
            b"ETag" | b"etag" => Some(header::ETAG),
            b"Host" | b"host" => Some(header::HOST),
            b"Vary" | b"vary" => Some(header::VARY),
            _ => None,
        },
        6 => match name {
            b"Accept" | b"accept" => Some(header::ACCEPT),
            b"Server" | b"server" => Some(header::SERVER),
            _ => None,
        },
        10 => matches!(name, b"User-Agent" | b"user-agent").then_some(header::USER_AGENT),
        12 => matches!(name, b"Content-Type" | b"content-type").then_some(header::CONTENT_TYPE),
        13 => match name {
            b"Accept-Ranges" | b"accept-ranges" => Some(header::ACCEPT_RANGES),
            b"Cache-Control" | b"cache-control" => Some(header::CACHE_CONTROL),
            b"Last-Modified" | b"last-modified" => Some(header::LAST_MODIFIED),
            _ => None,
        },
        14 => {
            matches!(name, b"Content-Length" | b"content-length").then_some(header::CONTENT_LENGTH)
        }
        15 => match name {
            b"Accept-Encoding" | b"accept-encoding" => Some(header::ACCEPT_ENCODING),
            b"Accept-Language" | b"accept-language" => Some(header::ACCEPT_LANGUAGE),
            _ => None,
        },
        _ => None,
    };
    known.map_or_else(|| HeaderName::from_bytes(name), Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_name_that_it_is() {
        for name in [
            "Date",
            "ETag",
            "Host",
            "Vary",
            "Accept",
            "Server",
            "User-Agent",
            "Content-Type",
            "Accept-Ranges",
            "Cache-Control",
            "Last-Modified",
            "Content-Length",
            "Accept-Encoding",
            "Accept-Language",
            "X-Custom",
        ] {
            for name in [name.to_owned(), name.to_lowercase(), name.to_uppercase()] {
                let known = name_of(name.as_bytes()).unwrap();
                assert_eq!(known, HeaderName::from_bytes(name.as_bytes()).unwrap());
                assert_eq!(known.as_str(), name.to_lowercase());
            }
        }
        assert!(name_of(b"a b").is_err() && name_of(b"").is_err());
    }
}
