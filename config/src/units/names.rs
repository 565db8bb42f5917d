//! Names: of nodes and places, in DNS, of hosts and of environment variables.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::scalar::{Scalar, scalar};

/// The name of a node or a PoP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(pub(crate) String);

impl Scalar for Name {
    const EXPECTED: &'static str = "letters, digits, `-`, `_` and `.`, at most 63 of them";

    fn from_text(text: &str) -> Result<Self, String> {
        // Node names are tokens in Via and CDN-Loop and in Cache-Status (RFC 9110 section 5.6.2).
        let fits = (1..=63).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if !fits {
            return Err(format!(
                "{text:?} is not a name: write a letter, then {}",
                Self::EXPECTED
            ));
        }
        Ok(Name(text.to_owned()))
    }
}

/// Lower case, without the final dot; what is wrong with it if it is no host name
/// (RFC 1123 section 2.1). Underscores pass, since names with them are in use.
fn host_name(text: &str) -> Result<String, String> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    if let Some(c) = name
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && !"-_.".contains(*c))
    {
        let why = match c {
            ':' if text.contains("://") => {
                "write the host alone, without scheme and path".to_owned()
            }
            ':' => "write it without a port".to_owned(),
            '/' => "write the name alone, without scheme and path".to_owned(),
            '@' => "write the name alone".to_owned(),
            c if !c.is_ascii() => "write it in its ASCII form (xn--)".to_owned(),
            c => format!("{c:?} is not allowed in it"),
        };
        return Err(why);
    }
    if name.is_empty() || name.len() > 253 {
        return Err("it must have 1 to 253 characters".to_owned());
    }
    for label in name.split('.') {
        if label.is_empty() || label.len() > 63 {
            return Err("each label between dots must have 1 to 63 characters".to_owned());
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(format!("the label {label:?} begins or ends with a hyphen"));
        }
    }
    Ok(name)
}

/// Whether this is a host name.
pub(super) fn is_host_name(text: &str) -> bool {
    host_name(text).is_ok()
}

/// A whole name in DNS, in lower case and without the final dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DnsName(pub(crate) String);

impl Scalar for DnsName {
    const EXPECTED: &'static str = r#"a name such as "cdn.example""#;

    fn from_text(text: &str) -> Result<Self, String> {
        host_name(text)
            .map(DnsName)
            .map_err(|why| format!("{text:?} is not a DNS name: {why}"))
    }
}

/// The name of a delivery service: one or more labels before the zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServiceName(pub(crate) String);

impl Scalar for ServiceName {
    const EXPECTED: &'static str = r#"a name such as "www""#;

    fn from_text(text: &str) -> Result<Self, String> {
        host_name(text).map(ServiceName).map_err(|why| {
            format!("{text:?} is not a service name, which stands before the zone in DNS: {why}")
        })
    }
}

/// A name before the zone: labels, `*` or `*.` and labels, or `@` for the zone itself; in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ZoneName(String);

impl ZoneName {
    /// The whole name.
    pub(crate) fn below(&self, zone: &str) -> String {
        match self.0.as_str() {
            "@" => zone.to_owned(),
            name => format!("{name}.{zone}"),
        }
    }
}

impl Scalar for ZoneName {
    const EXPECTED: &'static str = r#"a name before the zone, such as "www", "*.img" or "@""#;

    fn from_text(text: &str) -> Result<Self, String> {
        if matches!(text, "@" | "*") {
            return Ok(ZoneName(text.to_owned()));
        }
        let (star, rest) = match text.strip_prefix("*.") {
            Some(rest) => ("*.", rest),
            None => ("", text),
        };
        let name =
            host_name(rest).map_err(|why| format!("{text:?} is not {}: {why}", Self::EXPECTED))?;
        Ok(ZoneName(format!("{star}{name}")))
    }
}

/// A host, `*.` and a host, or `*`; in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostPattern(pub(crate) String);

impl Scalar for HostPattern {
    const EXPECTED: &'static str = r#"a host, such as "www.example.com", "*.example.com" or "*""#;

    fn from_text(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(HostPattern(text.to_owned()));
        }
        let (star, rest) = match text.strip_prefix("*.") {
            Some(rest) => ("*.", rest),
            None => ("", text),
        };
        let name = host_name(rest)
            .map_err(|why| format!("{text:?} is not a host: {why}; expected {}", Self::EXPECTED))?;
        Ok(HostPattern(format!("{star}{name}")))
    }
}

/// A mailbox as SOA has it: the `@` written as a dot, dots before it escaped
/// (RFC 1035 section 8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contact(pub(crate) String);

impl Scalar for Contact {
    const EXPECTED: &'static str = r#"a mailbox, such as "hostmaster@cdn.example""#;

    fn from_text(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| {
            format!(
                "{text:?} is not a mailbox: {why}; expected {}",
                Self::EXPECTED
            )
        };
        let Some((user, host)) = text.split_once('@') else {
            return host_name(text).map(Contact).map_err(|why| wrong(&why));
        };
        let fits = (1..=63).contains(&user.len())
            && user
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.+".contains(&b));
        if !fits {
            return Err(wrong("before the @ stand letters, digits and `-_.+`"));
        }
        let host = host_name(host).map_err(|why| wrong(&why))?;
        Ok(Contact(format!("{}.{host}", user.replace('.', "\\."))))
    }
}

/// The name of an environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EnvName(pub(crate) String);

impl Scalar for EnvName {
    const EXPECTED: &'static str =
        r#"the name of an environment variable, such as "PERIGEE_SECRET""#;

    fn from_text(text: &str) -> Result<Self, String> {
        let fits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !fits {
            return Err(format!("this is not {}", Self::EXPECTED));
        }
        Ok(EnvName(text.to_owned()))
    }
}

/// By what nodes know each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum TrustName {
    /// The shared secret.
    Secret,
    /// Certificates, and the secret too if there is one.
    Mtls,
}

scalar!(Name, { "type": "string", "pattern": "^[A-Za-z][A-Za-z0-9._-]{0,62}$" });
scalar!(DnsName, { "type": "string", "maxLength": 254 });
scalar!(ServiceName, { "type": "string", "maxLength": 253 });
scalar!(ZoneName, { "type": "string", "maxLength": 253 });
scalar!(HostPattern, { "type": "string", "maxLength": 255 });
scalar!(Contact, { "type": "string" });
scalar!(EnvName, { "type": "string", "pattern": "^[A-Za-z0-9_]+$" });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for (text, expected) in [
            ("WWW.Example.com.", "www.example.com"),
            ("*.Example.com", "*.example.com"),
            ("*", "*"),
            ("127.0.0.1", "127.0.0.1"),
        ] {
            assert_eq!(
                HostPattern::from_text(text).map(|h| h.0),
                Ok(expected.to_owned())
            );
        }
        for (text, why) in [
            ("example.com:80", "without a port"),
            ("http://example.com/", "without scheme and path"),
            ("example.com/a", "without scheme"),
            ("a..b", "each label"),
            ("-a.b", "hyphen"),
            ("a.*.b", "'*' is not allowed"),
            ("*.", "1 to 253"),
            ("bücher.example", "xn--"),
        ] {
            let error = HostPattern::from_text(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn contacts() {
        for (text, expected) in [
            ("hostmaster.cdn.example", "hostmaster.cdn.example"),
            ("hostmaster@cdn.example", "hostmaster.cdn.example"),
            ("jane.doe@cdn.example", "jane\\.doe.cdn.example"),
        ] {
            assert_eq!(
                Contact::from_text(text).map(|c| c.0),
                Ok(expected.to_owned())
            );
        }
        assert!(Contact::from_text("a b@c").is_err());
        assert!(Contact::from_text("@c").is_err());
    }

    #[test]
    fn names_are_tokens() {
        assert!(Name::from_text("fra-1").is_ok());
        for text in ["", "fra 1", "1fra", "fra\"", "fra/1", "münchen"] {
            assert!(Name::from_text(text).is_err(), "{text}");
        }
    }
}
