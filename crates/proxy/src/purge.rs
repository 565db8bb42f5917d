//! From what a person wants purged to what the store knows it by.

use std::sync::Arc;

use perigee_http_cache::{CacheKey, KeyPolicy, Scheme};
use perigee_storage::{Purge, Target};
use serde::{Deserialize, Serialize};

use crate::{Services, url};

/// Bytes of a tag or group, and so of what may be purged by one (those that are longer are not
/// recorded of a response).
const LONGEST_LABEL: usize = 256;

/// Bytes of the id of a purge at most.
const LONGEST_ID: usize = 64;

/// What is to be purged: one of `url`, `prefix`, `host` alone, `tag`, `group` with `host`, and
/// `everything`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PurgeOrder {
    /// All variants of `http://HOST/PATH?QUERY`; http or https makes no difference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// All URLs that begin so, from the scheme on; http or https makes no difference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// All of a host. Without a port: on all its ports. Beside tags, what has them of this host;
    /// beside a group, whose group it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// All that has one of these tags (Surrogate-Key, Cache-Tag).
    #[serde(
        alias = "tags",
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "one_or_more"
    )]
    pub tag: Vec<String>,
    /// All that is in this group of `host` (RFC 9875), by http and by https. The port is part of the
    /// host, if it is not the default one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// All that is stored.
    #[serde(skip_serializing_if = "is_false")]
    pub everything: bool,
    /// It becomes stale, and may be served while it is validated, or when that fails.
    #[serde(skip_serializing_if = "is_false")]
    pub soft: bool,
    /// What tells this purge from all others: the same for all nodes that are told of it. Without
    /// it each node makes up its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

// serde gives a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(flag: &bool) -> bool {
    !flag
}

fn one_or_more<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMore {
        One(String),
        More(Vec<String>),
    }
    Ok(match OneOrMore::deserialize(from)? {
        OneOrMore::One(one) => vec![one],
        OneOrMore::More(more) => more,
    })
}

impl PurgeOrder {
    /// All variants of a URL.
    pub fn of_url(url: &str) -> Self {
        PurgeOrder {
            url: Some(url.to_owned()),
            ..PurgeOrder::default()
        }
    }

    /// Reads the parameters of a query: `tag=a&tag=b&soft`.
    ///
    /// # Errors
    /// A text that says which parameter is unknown, twice there, or not understood.
    pub fn parse<K: AsRef<str>, V: Into<String>>(
        parameters: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, String> {
        let mut order = PurgeOrder::default();
        for (name, value) in parameters {
            let (name, value) = (name.as_ref(), value.into());
            let place = match name {
                "tag" => {
                    order.tag.push(value);
                    continue;
                }
                "everything" => {
                    order.everything = flag(name, &value)?;
                    continue;
                }
                "soft" => {
                    order.soft = flag(name, &value)?;
                    continue;
                }
                "url" => &mut order.url,
                "prefix" => &mut order.prefix,
                "host" => &mut order.host,
                "group" => &mut order.group,
                _ => return Err(format!("there is no parameter {name:?}: {EXPECTED}")),
            };
            if place.replace(value).is_some() {
                return Err(format!("{name:?} is there twice"));
            }
        }
        Ok(order)
    }

    /// Looks whether a node would take it.
    ///
    /// # Errors
    /// A text that says what is wrong with the order.
    pub fn check(&self) -> Result<(), String> {
        // Services only say what else a URL is stored under.
        self.purges(&Services::default()).map(drop)
    }

    /// What the store is to purge.
    ///
    /// # Errors
    /// A text that says what is wrong with the order.
    pub fn purges(&self, services: &Services) -> Result<Vec<Purge>, String> {
        let host = self.host.as_deref().map(checked_host).transpose()?;
        let kinds = [
            self.url.is_some(),
            self.prefix.is_some(),
            !self.tag.is_empty(),
            self.group.is_some(),
            self.everything,
        ];
        let targets = match kinds.iter().filter(|kind| **kind).count() {
            0 => vec![Target::Host(host.ok_or(EXPECTED)?.into())],
            1 => self.targets(host, services)?,
            _ => return Err(format!("more than one kind of purge at once: {EXPECTED}")),
        };
        let soft = self.soft;
        let purge = |target| Purge { target, soft };
        Ok(targets.into_iter().map(purge).collect())
    }

    /// Of the one kind that is named beside the host.
    fn targets(&self, host: Option<&str>, services: &Services) -> Result<Vec<Target>, String> {
        if !self.tag.is_empty() {
            let tag = |tag: &String| {
                Ok(Target::Tag {
                    host: host.map(Arc::from),
                    tag: checked_label("tag", tag)?.into(),
                })
            };
            return self.tag.iter().map(tag).collect();
        }
        match (&self.group, host) {
            (Some(group), Some(host)) => return groups(checked_label("group", group)?, host),
            (Some(_), None) => return Err("a group is one of a host: say which".to_owned()),
            (None, Some(_)) => return Err("a host goes with tags or a group alone".to_owned()),
            (None, None) => {}
        }
        match (&self.url, &self.prefix) {
            (Some(url), _) => {
                let keys = keys_of(url, services)?;
                Ok(keys.into_iter().map(Target::Key).collect())
            }
            (_, Some(prefix)) => prefixes(prefix),
            _ => Ok(vec![Target::Everything]),
        }
    }

    /// The id that it came with, and the order without it.
    ///
    /// # Errors
    /// A text that says what is wrong with the id.
    pub fn identified(&self) -> Result<(Option<String>, Self), String> {
        let order = PurgeOrder {
            id: None,
            ..self.clone()
        };
        let is_good = |id: &String| {
            (1..=LONGEST_ID).contains(&id.len())
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        match &self.id {
            Some(id) if !is_good(id) => Err(format!(
                "the id of a purge has 1 to {LONGEST_ID} letters, digits and hyphens"
            )),
            id => Ok((id.clone(), order)),
        }
    }

    /// What it is, for a log.
    pub fn in_words(&self) -> String {
        let mut words = Vec::new();
        if self.soft {
            words.push("soft:".to_owned());
        }
        let named = [
            ("", &self.url),
            ("prefix ", &self.prefix),
            ("host ", &self.host),
            ("group ", &self.group),
        ];
        for (kind, name) in named {
            words.extend(name.as_ref().map(|name| format!("{kind}{name}")));
        }
        words.extend(self.tag.iter().map(|tag| format!("tag {tag}")));
        words.extend(self.everything.then(|| "everything".to_owned()));
        words.join(" ")
    }
}

const EXPECTED: &str = "expected one of url, prefix, host, tag, group (with host), everything";

fn flag(name: &str, value: &str) -> Result<bool, String> {
    match value {
        "" | "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(format!("{name}={value:?}: expected true or false")),
    }
}

fn checked_label<'a>(kind: &str, label: &'a str) -> Result<&'a str, String> {
    match label.len() {
        0 => Err(format!("a {kind} is not empty")),
        1..=LONGEST_LABEL => Ok(label),
        _ => Err(format!("a {kind} has {LONGEST_LABEL} bytes at most")),
    }
}

/// A host as it stands in URLs.
fn checked_host(host: &str) -> Result<&str, String> {
    let is_host = !host.contains(['*', '@'])
        && url::absolute(&format!("http://{host}/")).is_ok_and(|(uri, found)| {
            found == host && uri.path() == "/" && uri.host().is_some_and(|bare| !bare.is_empty())
        });
    match is_host {
        true => Ok(host),
        false => Err(format!(
            "{host:?} is not a host: write it like www.example.com"
        )),
    }
}

/// The groups of a host by this name: of both schemes, and of the two folded to one.
fn groups(group: &str, host: &str) -> Result<Vec<Target>, String> {
    let mut targets = Vec::new();
    for scheme in [Scheme::Http, Scheme::Https] {
        for fold_schemes in [false, true] {
            let policy = KeyPolicy {
                fold_schemes,
                ..KeyPolicy::default()
            };
            let target = Target::Group {
                origin: policy.key(scheme, host, "/").origin().into(),
                group: group.into(),
            };
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
    }
    Ok(targets)
}

/// What keys begin with, behind their scheme, of URLs that begin so.
fn prefixes(prefix: &str) -> Result<Vec<Target>, String> {
    if prefix.ends_with('*') {
        return Err(format!("{prefix:?}: a prefix needs no * at its end"));
    }
    let (uri, host) = url::absolute(prefix)?;
    let target = uri.path_and_query().map_or("/", |t| t.as_str());
    let mut targets = Vec::new();
    for scheme in [Scheme::Http, Scheme::Https] {
        let key = CacheKey::new(scheme, &host, target);
        let (_, text) = key.as_str().split_once("://").unwrap_or_default();
        let target = Target::Prefix(text.into());
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    Ok(targets)
}

/// The keys of a URL: of both schemes, since who purges a page means the page. Besides what the
/// service's policy makes of the URL, the URL as it is written: what was stored under it before
/// the policy changed must not come back when the policy does.
///
/// # Errors
/// A text that says what is wrong with the URL.
pub(crate) fn keys_of(url: &str, services: &Services) -> Result<Vec<CacheKey>, String> {
    let (uri, host) = url::absolute(url)?;
    let target = uri.path_and_query().map_or("/", |t| t.as_str());
    let mut keys: Vec<CacheKey> = Vec::new();
    for scheme in [Scheme::Http, Scheme::Https] {
        keys.push(CacheKey::new(scheme, &host, target));
        if let Some(service) = services.find(&host) {
            let policy = &service.config.policy.key;
            keys.push(policy.key(scheme, &host, target));
        }
    }
    keys.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    keys.dedup();
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use perigee_http_cache::{Glob, KeyPolicy, Policy, QueryRule};

    use super::*;
    use crate::{EndpointConfig, EndpointLimits, Metrics, PoolConfig, ServiceConfig};

    fn keys(key: KeyPolicy, url: &str) -> Vec<String> {
        let config = ServiceConfig {
            name: "www".to_owned(),
            hosts: vec!["*.example.com".to_owned()],
            origins: vec![EndpointConfig {
                name: "folder".to_owned(),
                target: crate::Target::Folder(".".into()),
                limits: EndpointLimits::default(),
            }],
            pool: PoolConfig::default(),
            policy: Policy {
                key,
                ..Policy::default()
            },
            max_request_body: 4,
            request_fields: crate::RequestFields::default(),
            cache_status: crate::Disclosure::default(),
            rules: Vec::new(),
        };
        let services = Services::build(vec![config], &Metrics::default(), None).unwrap();
        let keys = keys_of(url, &services).unwrap();
        keys.iter().map(CacheKey::to_string).collect()
    }

    #[test]
    fn both_schemes_of_an_absolute_url() {
        assert_eq!(
            keys(KeyPolicy::default(), "https://WWW.example.com:8080/a?b"),
            [
                "http://www.example.com:8080/a?b",
                "https://www.example.com:8080/a?b"
            ]
        );
        assert_eq!(
            keys(KeyPolicy::default(), "http://www.example.com:80"),
            ["http://www.example.com/", "https://www.example.com:80/"]
        );
        assert_eq!(keys(KeyPolicy::default(), "http://other.test/").len(), 2);
    }

    #[test]
    fn the_key_that_the_service_makes_of_it_and_the_one_as_written() {
        let policy = KeyPolicy {
            query: QueryRule::Except(vec![Glob::new("utm_*")]),
            fold_schemes: true,
            ..KeyPolicy::default()
        };
        assert_eq!(
            keys(policy, "http://www.example.com/a?utm_x=1&b"),
            [
                "*://www.example.com/a?b",
                "http://www.example.com/a?utm_x=1&b",
                "https://www.example.com/a?utm_x=1&b"
            ]
        );
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
            assert!(keys_of(wrong, &Services::default()).is_err(), "{wrong:?}");
        }
    }

    fn told(order: &str) -> Result<Vec<String>, String> {
        let order: PurgeOrder = serde_json::from_str(order).map_err(|e| e.to_string())?;
        let purges = order.purges(&Services::default())?;
        Ok(purges.iter().map(in_short).collect())
    }

    fn in_short(purge: &Purge) -> String {
        let soft = if purge.soft { "soft " } else { "" };
        soft.to_owned()
            + &match &purge.target {
                Target::Key(key) => format!("key {key}"),
                Target::Prefix(text) => format!("prefix {text}"),
                Target::Host(host) => format!("host {host}"),
                Target::Tag { host, tag } => format!("tag {tag} {host:?}"),
                Target::Group { origin, group } => format!("group {group} {origin}"),
                Target::Everything => "everything".to_owned(),
            }
    }

    #[test]
    fn each_kind_of_order_is_understood() {
        for (order, expected) in [
            (
                r#"{"url": "http://a.test/x"}"#,
                &["key http://a.test/x", "key https://a.test/x"][..],
            ),
            (
                r#"{"prefix": "http://A.test:80/x?y", "soft": true}"#,
                &["soft prefix a.test/x?y", "soft prefix a.test:80/x?y"],
            ),
            (r#"{"prefix": "https://a.test"}"#, &["prefix a.test/"]),
            (r#"{"host": "a.test"}"#, &["host a.test"]),
            (r#"{"tag": "one"}"#, &["tag one None"]),
            (
                r#"{"tags": ["one", "a b"], "host": "a.test:8080"}"#,
                &[
                    "tag one Some(\"a.test:8080\")",
                    "tag a b Some(\"a.test:8080\")",
                ],
            ),
            (
                r#"{"group": "news", "host": "a.test"}"#,
                &[
                    "group news http://a.test",
                    "group news *://a.test",
                    "group news https://a.test",
                ],
            ),
            (
                r#"{"everything": true, "soft": true}"#,
                &["soft everything"],
            ),
        ] {
            let expected = expected.iter().map(ToString::to_string).collect();
            assert_eq!(told(order), Ok(expected), "{order}");
        }
    }

    #[test]
    fn an_order_that_is_none_is_explained() {
        for (order, why) in [
            ("{}", "expected one of"),
            (r#"{"soft": true}"#, "expected one of"),
            (
                r#"{"url": "http://a.test/", "everything": true}"#,
                "more than one kind",
            ),
            (r#"{"group": "a"}"#, "say which"),
            (
                r#"{"url": "http://a.test/", "host": "a.test"}"#,
                "goes with tags",
            ),
            (
                r#"{"everything": true, "host": "a.test"}"#,
                "goes with tags",
            ),
            (r#"{"host": "http://a.test/"}"#, "not a host"),
            (r#"{"host": "*.a.test"}"#, "not a host"),
            (r#"{"host": "a.test/x"}"#, "not a host"),
            (r#"{"host": ""}"#, "not a host"),
            (r#"{"tag": ""}"#, "not empty"),
            (r#"{"prefix": "/x"}"#, "absolute URL"),
            (r#"{"prefix": "http://a.test/x*"}"#, "needs no *"),
            (r#"{"purge": "x"}"#, "unknown field"),
        ] {
            let told = told(order).unwrap_err();
            assert!(told.contains(why), "{order}: {told}");
        }
    }

    #[test]
    fn a_query_says_the_same() {
        let parse = |query: &[(&str, &str)]| PurgeOrder::parse(query.iter().copied());
        let order = parse(&[("tag", "a"), ("tag", "b"), ("host", "x"), ("soft", "")]).unwrap();
        assert_eq!(order.tag, ["a", "b"]);
        assert_eq!((order.host.as_deref(), order.soft), (Some("x"), true));
        assert_eq!(order.in_words(), "soft: host x tag a tag b");
        assert!(
            parse(&[("url", "a"), ("url", "b")])
                .unwrap_err()
                .contains("twice")
        );
        assert!(parse(&[("tags", "a")]).unwrap_err().contains("tags"));
        assert!(
            parse(&[("soft", "maybe")])
                .unwrap_err()
                .contains("true or false")
        );
        assert_eq!(
            parse(&[("everything", "true")]).unwrap().in_words(),
            "everything"
        );
    }
}
