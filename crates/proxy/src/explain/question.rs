//! A request that is asked about.

use std::time::SystemTime;

use http::{HeaderName, HeaderValue, Method, Request, header, request};
use perigee_http_cache::Scheme;
use perigee_storage::Stored;
use serde::{Deserialize, Serialize};

use crate::url;

/// A request that is asked about, as a person writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Its absolute URL.
    pub url: String,
    /// Its method.
    #[serde(default = "get")]
    pub method: String,
    /// Its fields: names and values.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
}

fn get() -> String {
    Method::GET.as_str().to_owned()
}

impl Question {
    /// Whether it can be asked.
    ///
    /// # Errors
    /// A text that says what is wrong with the URL, the method or a field.
    pub fn check(&self) -> Result<(), String> {
        self.head().map(|_| ())
    }

    /// A GET of a URL that selects a stored response, as far as one can be made up (RFC 9111
    /// section 4.1).
    pub(crate) fn selecting(url: String, stored: &Stored, now: SystemTime) -> Self {
        let (mut headers, mut cookies) = (Vec::new(), Vec::new());
        for (name, value) in stored.head.facts(now).selecting {
            match (name.strip_prefix("cookie "), value) {
                (_, None) => {}
                (Some(cookie), Some(value)) => cookies.push(format!("{cookie}={value}")),
                (None, Some(value)) => headers.push((name, value)),
            }
        }
        if !cookies.is_empty() {
            headers.push(("cookie".to_owned(), cookies.join("; ")));
        }
        Question {
            url,
            method: get(),
            headers,
        }
    }

    /// The head of the request, and its scheme.
    pub(super) fn head(&self) -> Result<(request::Parts, Scheme), String> {
        let (uri, host) = url::absolute(&self.url)?;
        let scheme = match uri.scheme_str() {
            Some("https") => Scheme::Https,
            _ => Scheme::Http,
        };
        let method = Method::from_bytes(self.method.as_bytes())
            .map_err(|_| format!("{:?} is not a method: write GET", self.method))?;
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let request = Request::builder().method(method).uri(target);
        let request = request
            .body(())
            .map_err(|e| format!("{:?}: {e}", self.url))?;
        let (mut parts, ()) = request.into_parts();
        for (name, value) in &self.headers {
            let (name, value) = field(name, value)?;
            parts.headers.append(name, value);
        }
        if !parts.headers.contains_key(header::HOST) {
            let host = HeaderValue::try_from(host).map_err(|e| format!("{:?}: {e}", self.url))?;
            parts.headers.insert(header::HOST, host);
        }
        Ok((parts, scheme))
    }
}

fn field(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let expected = "write a field as \"Name: value\" (RFC 9110 5.1, 5.5)";
    let name = HeaderName::try_from(name.trim())
        .map_err(|_| format!("{name:?} is not a field name: {expected}"))?;
    let value = HeaderValue::try_from(value.trim())
        .map_err(|_| format!("the value {value:?} of {name} cannot be sent: {expected}"))?;
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(url: &str, method: &str, headers: &[(&str, &str)]) -> Question {
        let owned = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
        Question {
            url: url.to_owned(),
            method: method.to_owned(),
            headers: headers.iter().map(owned).collect(),
        }
    }

    #[test]
    fn a_question_is_a_request() {
        let asked = question(
            "https://A.test:8443/p?q",
            "HEAD",
            &[("Accept", " text/html")],
        );
        let (head, scheme) = asked.head().unwrap();
        assert_eq!((scheme, head.method), (Scheme::Https, Method::HEAD));
        assert_eq!(head.uri, "/p?q");
        assert_eq!(head.headers[header::HOST], "A.test:8443");
        assert_eq!(head.headers[header::ACCEPT], "text/html");
        let asked = question("http://127.0.0.1/", "GET", &[("Host", "www.a.test")]);
        assert_eq!(asked.head().unwrap().0.headers[header::HOST], "www.a.test");
    }

    #[test]
    fn what_cannot_be_asked_is_explained() {
        for (asked, says) in [
            (question("/p", "GET", &[]), "absolute URL"),
            (question("http://a.test/", "G T", &[]), "not a method"),
            (
                question("http://a.test/", "GET", &[("a b", "c")]),
                "not a field name",
            ),
            (
                question("http://a.test/", "GET", &[("a", "b\r\nc")]),
                "cannot be sent",
            ),
        ] {
            let error = asked.check().unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
