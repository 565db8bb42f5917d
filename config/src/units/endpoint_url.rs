//! Where a server is that is asked by HTTP, and is no origin.

use http::Uri;

use super::scalar::{Scalar, scalar};

/// An http:// or https:// URL without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EndpointUrl(pub(crate) Uri);

impl Scalar for EndpointUrl {
    const EXPECTED: &'static str = r#"a URL, such as "http://10.0.0.5:2379""#;

    fn from_text(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a server: write {}", Self::EXPECTED);
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        if uri.authority().is_some_and(|a| a.as_str().contains('@')) {
            return Err(format!(
                "{text:?} has a name or a password in it: write them as `user` and `password_env`"
            ));
        }
        let asked = matches!(uri.scheme_str(), Some("http" | "https"));
        let host = uri.authority().filter(|authority| {
            let port = authority.as_str().strip_prefix(authority.host());
            let good_port = port == Some("") || authority.port_u16().is_some_and(|port| port > 0);
            good_port && !authority.host().is_empty()
        });
        let bare = ["", "/"].contains(&uri.path()) && uri.query().is_none();
        match asked && host.is_some() && bare {
            true => Ok(EndpointUrl(uri)),
            false => Err(wrong()),
        }
    }
}

scalar!(EndpointUrl, { "type": "string", "pattern": "^https?://[^/?#]+/?$" });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read() {
        for good in [
            "http://10.0.0.5:2379",
            "https://etcd.example",
            "http://[::1]:1/",
        ] {
            assert!(EndpointUrl::from_text(good).is_ok(), "{good}");
        }
        for bad in [
            "10.0.0.5:2379",
            "unix:///run/etcd",
            "http://",
            "http://a:0",
            "http://a:x",
            "http://me:word@a",
            "http://me:word@a:2379",
            "http://a/v3",
            "http://a?b",
            "",
        ] {
            assert!(EndpointUrl::from_text(bad).is_err(), "{bad}");
        }
    }
}
