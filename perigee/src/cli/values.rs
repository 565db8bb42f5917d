//! The values that options take, each with an error that says what was expected.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::ValueEnum;
use http::{HeaderName, HeaderValue, Uri};
use ipnet::IpNet;
use perigee_config::AccessLog;
use perigee_edge::PurgeOrder;

/// What is told on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// Where content comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Url(Uri),
    Folder(PathBuf),
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains("://") {
            parse_origin_url(text).map(Origin::Url)
        } else {
            match perigee_config::value::origin_hint(text) {
                // A folder that is there needs no mark that it is one.
                Some(hint) if !Path::new(text).is_dir() => Err(hint),
                _ => Ok(Origin::Folder(text.into())),
            }
        }
    }
}

/// A URL of an origin: http or https, with a host.
pub(crate) fn parse_origin_url(text: &str) -> Result<Uri, String> {
    let expected = "expected http://HOST[:PORT] or https://HOST[:PORT]";
    let uri: Uri = text.parse().map_err(|e| format!("{e}; {expected}"))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http" | "https"), Some(host)) if !host.is_empty() => {}
        _ => return Err(expected.into()),
    }
    if uri.authority().is_some_and(|a| a.as_str().contains('@')) {
        return Err(format!("user names and passwords are not sent; {expected}"));
    }
    match uri.query() {
        Some(_) => Err(format!("an origin has no query; {expected}")),
        None => Ok(uri),
    }
}

/// A URL of what is cached: http or https, with a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HttpUrl(pub(crate) String);

impl FromStr for HttpUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected http://HOST/PATH";
        let uri: Uri = text.parse().map_err(|e| format!("{e}; {expected}"))?;
        match (uri.scheme_str(), uri.host()) {
            (Some("http" | "https"), Some(host)) if !host.is_empty() => Ok(HttpUrl(text.into())),
            _ => Err(expected.into()),
        }
    }
}

/// A host of what is cached, as it stands in URLs.
pub(super) fn parse_host(text: &str) -> Result<String, String> {
    let Some((_, rest)) = text.split_once("://") else {
        return Ok(text.to_owned());
    };
    let host = rest.split('/').next().filter(|host| !host.is_empty());
    let host = host.unwrap_or("www.example.com");
    Err(format!("a host has no scheme: write {host}"))
}

/// A host of what is to be purged.
pub(super) fn parse_purged_host(text: &str) -> Result<String, String> {
    let host = parse_host(text)?;
    let order = PurgeOrder {
        host: Some(host.clone()),
        ..PurgeOrder::default()
    };
    order.check().map(|()| host)
}

/// A field of a request, as `Name: value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field(pub(crate) String, pub(crate) String);

impl FromStr for Field {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = "expected \"Name: value\", such as \"Accept-Language: de\"";
        let (name, value) = text.split_once(':').ok_or(expected)?;
        let (name, value) = (name.trim(), value.trim());
        HeaderName::try_from(name).map_err(|_| format!("{name:?} is no field name; {expected}"))?;
        HeaderValue::try_from(value)
            .map_err(|_| format!("{value:?} cannot be sent; {expected}"))?;
        Ok(Field(name.into(), value.into()))
    }
}

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AccessLogTarget {
    Stdout,
    Stderr,
    Off,
    File(PathBuf),
}

impl FromStr for AccessLogTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        perigee_config::value::access_log(text).map(|target| match target {
            AccessLog::Stdout => AccessLogTarget::Stdout,
            AccessLog::Stderr => AccessLogTarget::Stderr,
            AccessLog::Off => AccessLogTarget::Off,
            AccessLog::File(path) => AccessLogTarget::File(path),
        })
    }
}

/// A network, or one address as the network of itself.
pub(crate) fn parse_prefix(text: &str) -> Result<IpNet, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address));
    }
    let network: IpNet = text
        .parse()
        .map_err(|_| "expected a network such as 130.161.0.0/16 or 2001:610::/32")?;
    Ok(network.trunc())
}
