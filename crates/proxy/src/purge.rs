//! From the URL that a person writes to the keys that the store knows.

use perigee_http_cache::{CacheKey, Scheme};

use crate::{Services, url};

/// The keys of a URL: of both schemes, since who purges a page means the page. Besides what the
/// service's policy makes of the URL, the URL as it is written: what was stored under it before
/// the policy changed must not come back when the policy does.
///
/// # Errors
/// A text that says what is wrong with the URL.
pub fn purge_keys(url: &str, services: &Services) -> Result<Vec<CacheKey>, String> {
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
    use crate::{EndpointConfig, EndpointLimits, Metrics, PoolConfig, ServiceConfig, Target};

    fn keys(key: KeyPolicy, url: &str) -> Vec<String> {
        let config = ServiceConfig {
            name: "www".to_owned(),
            hosts: vec!["*.example.com".to_owned()],
            origins: vec![EndpointConfig {
                name: "folder".to_owned(),
                target: Target::Folder(".".into()),
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
        let keys = purge_keys(url, &services).unwrap();
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
            assert!(
                purge_keys(wrong, &Services::default()).is_err(),
                "{wrong:?}"
            );
        }
    }
}
