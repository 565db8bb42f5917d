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
    Ok(match name {
        b"Date" | b"date" => header::DATE,
        b"ETag" | b"etag" => header::ETAG,
        b"Host" | b"host" => header::HOST,
        b"Vary" | b"vary" => header::VARY,
        b"Accept" | b"accept" => header::ACCEPT,
        b"Server" | b"server" => header::SERVER,
        b"User-Agent" | b"user-agent" => header::USER_AGENT,
        b"Content-Type" | b"content-type" => header::CONTENT_TYPE,
        b"Accept-Ranges" | b"accept-ranges" => header::ACCEPT_RANGES,
        b"Cache-Control" | b"cache-control" => header::CACHE_CONTROL,
        b"Last-Modified" | b"last-modified" => header::LAST_MODIFIED,
        b"Content-Length" | b"content-length" => header::CONTENT_LENGTH,
        b"Accept-Encoding" | b"accept-encoding" => header::ACCEPT_ENCODING,
        b"Accept-Language" | b"accept-language" => header::ACCEPT_LANGUAGE,
        other => return HeaderName::from_bytes(other),
    })
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
