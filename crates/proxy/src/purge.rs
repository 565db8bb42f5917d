//! From a URL that a person writes to the keys that the store knows.

use perigee_http_cache::{CacheKey, Scheme};

use crate::url;

/// The keys of a URL: of both schemes, since who purges a page means the page.
///
/// # Errors
/// A text that says what is wrong with the URL.
pub fn purge_keys(url: &str) -> Result<[CacheKey; 2], String> {
    let (uri, host) = url::absolute(url)?;
    let target = uri.path_and_query().map_or("/", |t| t.as_str());
    Ok([Scheme::Http, Scheme::Https].map(|scheme| CacheKey::new(scheme, &host, target)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_schemes_of_an_absolute_url() {
        let keys = purge_keys("https://WWW.example.com:8080/a?b").unwrap();
        assert_eq!(keys[0].as_str(), "http://www.example.com:8080/a?b");
        assert_eq!(keys[1].as_str(), "https://www.example.com:8080/a?b");
        let keys = purge_keys("http://www.example.com:80").unwrap();
        assert_eq!(keys[0].as_str(), "http://www.example.com/");
    }

    #[test]
    fn anything_else_is_explained() {
        for wrong in [
            "/a",
            "www.example.com/a",
            "ftp://a/b",
            "http://u@a/b",
            "",
            "http://",
        ] {
            assert!(purge_keys(wrong).is_err(), "{wrong:?}");
        }
    }
}
