//! Where content comes from: `"http://10.0.0.5:3000"`, `"./public"`, or a table with more.

use std::fmt;

use http::{HeaderValue, Uri};
use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::names::is_host_name;

const EXPECTED: &str = r#"a URL such as "http://10.0.0.5:3000", a folder such as "./public", or a table such as { url = "https://app.example", host = "www.example.com" }"#;

/// An origin, and the name it has in logs and metrics.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Origin {
    /// As it is written in the file.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) target: OriginTarget,
}

/// Where an origin is. Paths are as written, so far relative to the file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum OriginTarget {
    /// A folder.
    Folder(String),
    /// A URL.
    Url {
        base: Uri,
        host: Option<HeaderValue>,
        sni: Option<String>,
        ca: Option<String>,
    },
}

/// An origin that is asked over HTTP.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct OriginTable {
    /// Its URL: `http://` or `https://`, a host, a port if it is not the usual one, and a path that
    /// is put before that of each request.
    url: String,
    /// What is sent as Host in place of the client's.
    host: Option<String>,
    /// The server name for SNI and verification in place of the URL's host.
    sni: Option<String>,
    /// A PEM file of certificate authorities to trust in place of the system's.
    ca: Option<String>,
}

impl Origin {
    fn from_text(text: &str) -> Result<Self, String> {
        if looks_like_folder(text) {
            return Ok(Origin {
                name: text.to_owned(),
                target: OriginTarget::Folder(text.to_owned()),
            });
        }
        if let Some(hint) = hint(text) {
            return Err(hint);
        }
        Ok(Origin {
            name: text.to_owned(),
            target: OriginTarget::Url {
                base: base_url(text)?,
                host: None,
                sni: None,
                ca: None,
            },
        })
    }

    fn from_table(table: OriginTable) -> Result<Self, String> {
        let base = base_url(&table.url)?;
        let is_https = base.scheme_str() == Some("https");
        if !is_https && (table.sni.is_some() || table.ca.is_some()) {
            return Err(
                "`sni` and `ca` are for https:// origins, and this one is http://".to_owned(),
            );
        }
        if let Some(sni) = &table.sni
            && !is_host_name(sni)
        {
            return Err(format!(
                "{sni:?} is not a server name: write a host name alone"
            ));
        }
        let host = table
            .host
            .map(|host| match host.parse::<http::uri::Authority>() {
                Ok(authority) if !host.contains('@') => HeaderValue::from_str(authority.as_str())
                    .map_err(|_| format!("{host:?} cannot be sent as Host")),
                _ => Err(format!(
                    "{host:?} is not a host: write a name, with a port if it has one"
                )),
            })
            .transpose()?;
        Ok(Origin {
            name: table.url,
            target: OriginTarget::Url {
                base,
                host,
                sni: table.sni,
                ca: table.ca,
            },
        })
    }
}

fn looks_like_folder(text: &str) -> bool {
    text.starts_with('/')
        || [".", ".."].contains(&text)
        || text.starts_with("./")
        || text.starts_with("../")
}

/// What to write in place of text that is neither a URL nor marked as a folder.
pub(crate) fn hint(text: &str) -> Option<String> {
    let is_clear = looks_like_folder(text) || text.contains("://");
    (!is_clear).then(|| {
        format!(
            "{text:?} is not an origin: write \"http://{text}\" if it is a host, \"./{text}\" if it is a folder"
        )
    })
}

/// Checks that requests can be sent to this URL.
fn base_url(text: &str) -> Result<Uri, String> {
    let wrong = |why: &str| format!("{text:?} cannot be an origin: {why}");
    let uri: Uri = text.parse().map_err(|e| wrong(&format!("{e}")))?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(wrong("write http:// or https://, and a host"));
    };
    if !["http", "https"].contains(&scheme) {
        return Err(wrong("only http:// and https:// can be asked"));
    }
    if authority.as_str().contains('@') {
        return Err(wrong("user names and passwords in it are not supported"));
    }
    if authority.host().is_empty() || authority.port_u16() == Some(0) {
        return Err(wrong("it has no host, or port 0"));
    }
    let port = authority.as_str().strip_prefix(authority.host());
    if port.is_some_and(|port| !port.is_empty()) && authority.port_u16().is_none() {
        return Err(wrong("its port is not a number from 1 to 65535"));
    }
    if uri.query().is_some() || text.contains('#') {
        return Err(wrong("write it without a query and a fragment"));
    }
    Ok(uri)
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OriginVisitor)
    }
}

struct OriginVisitor;

impl<'de> Visitor<'de> for OriginVisitor {
    type Value = Origin;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Origin, E> {
        Origin::from_text(text).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Origin, A::Error> {
        let table = OriginTable::deserialize(MapAccessDeserializer::new(map))?;
        Origin::from_table(table).map_err(A::Error::custom)
    }
}

impl JsonSchema for Origin {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Origin".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let table = generator.subschema_for::<OriginTable>();
        schemars::json_schema!({
            "description": "An origin: a URL, a folder that begins with `./`, `../` or `/`, or a table.",
            "anyOf": [{ "type": "string" }, table],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_urls() {
        for text in ["./public", "../x", "/srv/www", "."] {
            let origin = Origin::from_text(text);
            assert_eq!(
                origin.map(|o| o.target),
                Ok(OriginTarget::Folder(text.into()))
            );
        }
        for text in [
            "http://10.0.0.5:3000",
            "https://app.example/base",
            "http://[::1]:80",
        ] {
            assert!(Origin::from_text(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn says_what_to_write_instead() {
        for (text, why) in [
            ("localhost:3000", "write \"http://localhost:3000\""),
            ("ftp://a", "only http://"),
            ("http://", "cannot be an origin"),
            ("http://u:p@a", "user names"),
            ("http://a?b", "without a query"),
            ("http://a#b", "without a query"),
            ("http://a:99999", "port"),
            ("http://a b", "cannot be an origin"),
        ] {
            let error = Origin::from_text(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
