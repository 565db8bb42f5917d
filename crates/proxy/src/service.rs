//! Delivery services: which hosts are served, from where, under which policy.

use std::{collections::HashMap, sync::Arc, time::Instant};

use http::request;
use perigee_http_cache::{Policy, Rule};
use perigee_upstream::{Endpoint, EndpointConfig, Pool, PoolConfig, TargetError};

use crate::{
    cache_status::Disclosure,
    claims::RequestFields,
    hosts::Hosts,
    metrics::{Metrics, ServiceMetrics},
    status::NextHopStatus,
};

/// One delivery service.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceConfig {
    /// Its name, unique in the CDN.
    pub name: String,
    /// The hosts it answers for, without port and in lower case: `www.example.com`,
    /// `*.example.com` (any one or more labels in its place), or `*` for all that no other claims.
    pub hosts: Vec<String>,
    /// Where its content comes from; at least one.
    pub origins: Vec<EndpointConfig>,
    /// How the origins are used.
    pub pool: PoolConfig,
    /// What is cached, and for how long.
    pub policy: Policy,
    /// Other policies, for some of its requests; the first that a request meets holds for it.
    pub rules: Vec<Rule>,
    /// Bytes of a request body; more is answered 413. Default 1 GiB.
    pub max_request_body: u64,
    /// Which fields of its clients' requests go on.
    pub request_fields: RequestFields,
    /// How much Cache-Status tells its clients.
    pub cache_status: Disclosure,
}

impl ServiceConfig {
    /// The position of the rule that a request meets, if it meets any.
    pub(crate) fn rule(&self, head: &request::Parts) -> Option<usize> {
        Rule::find(&self.rules, head.uri.path(), &head.headers)
    }

    /// The policy of a rule, or of all else.
    pub(crate) fn policy(&self, rule: Option<usize>) -> &Policy {
        let rule = rule.and_then(|rule| self.rules.get(rule));
        rule.map_or(&self.policy, |rule| &rule.policy)
    }
}

/// A delivery service that is running.
#[derive(Debug)]
pub struct Service {
    /// What it was built from.
    pub config: ServiceConfig,
    /// Its origins.
    pub origins: Arc<Pool>,
    /// Its counters.
    pub metrics: Arc<ServiceMetrics>,
}

impl Service {
    /// Its pool, if that is what one with this configuration has.
    fn pool_for(&self, config: &ServiceConfig) -> Option<Arc<Pool>> {
        let is_same = self.config.origins == config.origins && self.config.pool == config.pool;
        is_same.then(|| Arc::clone(&self.origins))
    }
}

fn by_name(service: &Arc<Service>) -> (&str, &Arc<Service>) {
    (&service.config.name, service)
}

/// All delivery services, by host. Immutable.
#[derive(Debug, Default)]
pub struct Services {
    all: Vec<Arc<Service>>,
    by_host: Hosts<Arc<Service>>,
}

impl Services {
    /// Builds the services. An origin pool of `before` that is configured as it was is kept,
    /// with its connections and what it knows of its endpoints.
    ///
    /// # Errors
    /// [`TargetError`] if an origin cannot be used.
    pub fn build(
        configs: Vec<ServiceConfig>,
        metrics: &Metrics,
        before: Option<&Services>,
    ) -> Result<Self, TargetError> {
        let mut services = Services::default();
        let before = before.map_or(&[][..], Services::all);
        let before: HashMap<&str, &Arc<Service>> = before.iter().map(by_name).collect();
        for config in configs {
            let kept = before
                .get(&*config.name)
                .and_then(|it| it.pool_for(&config));
            let origins = match kept {
                Some(pool) => pool,
                None => new_pool(&config)?,
            };
            let service = Arc::new(Service {
                metrics: metrics.service(&config.name),
                origins,
                config,
            });
            services.insert(service);
        }
        Ok(services)
    }

    fn insert(&mut self, service: Arc<Service>) {
        for pattern in &service.config.hosts {
            self.by_host.insert(pattern, Arc::clone(&service));
        }
        self.all.push(service);
    }

    /// The service of a host: the exact name first, then the longest wildcard, then `*`.
    pub fn find(&self, host: &str) -> Option<&Arc<Service>> {
        self.by_host.find(host).map(|claim| &claim.of)
    }

    /// The pattern by which a service claims a host.
    pub fn pattern(&self, host: &str) -> Option<&str> {
        self.by_host.find(host).map(|claim| &*claim.pattern)
    }

    /// What is thought of the origins of all services.
    pub fn origin_status(&self) -> impl Iterator<Item = NextHopStatus> {
        let now = Instant::now();
        self.all.iter().flat_map(move |service| {
            let left_alone = service.origins.left_alone_for(now);
            let health = service.origins.health();
            health.into_iter().map(move |(name, up)| NextHopStatus {
                name,
                kind: "origin".to_owned(),
                usable: up && left_alone.is_none(),
                draining: false,
                error: left_alone.map(|time| {
                    let seconds = time.as_secs_f64();
                    format!("too many requests failed: left alone for {seconds:.1} s")
                }),
                latency_ms: None,
            })
        })
    }

    /// All services, in the order they were configured.
    pub fn all(&self) -> &[Arc<Service>] {
        &self.all
    }
}

fn new_pool(config: &ServiceConfig) -> Result<Arc<Pool>, TargetError> {
    let endpoints = config
        .origins
        .iter()
        .cloned()
        .map(Endpoint::new)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(Pool::new(endpoints, config.pool.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use perigee_upstream::{Limits, Target};

    fn service(name: &str, hosts: &[&str]) -> ServiceConfig {
        ServiceConfig {
            name: name.to_owned(),
            hosts: hosts.iter().map(|&h| h.to_owned()).collect(),
            origins: vec![EndpointConfig {
                name: name.to_owned(),
                target: Target::Folder(".".into()),
                limits: Limits::default(),
            }],
            pool: PoolConfig::default(),
            policy: Policy::default(),
            rules: Vec::new(),
            max_request_body: 1 << 30,
            request_fields: RequestFields::default(),
            cache_status: Disclosure::default(),
        }
    }

    fn services() -> Services {
        let configs = vec![
            service("www", &["www.example.com"]),
            service("img", &["*.img.example.com"]),
            service("wild", &["*.example.com"]),
        ];
        Services::build(configs, &Metrics::default(), None).unwrap()
    }

    fn found(services: &Services, host: &str) -> Option<String> {
        services.find(host).map(|s| s.config.name.clone())
    }

    #[test]
    fn the_most_particular_host_wins() {
        let services = services();
        assert_eq!(found(&services, "www.example.com").as_deref(), Some("www"));
        assert_eq!(
            found(&services, "WWW.Example.com:8080").as_deref(),
            Some("www")
        );
        assert_eq!(
            found(&services, "a.img.example.com").as_deref(),
            Some("img")
        );
        assert_eq!(
            found(&services, "a.b.img.example.com").as_deref(),
            Some("img")
        );
        assert_eq!(found(&services, "img.example.com").as_deref(), Some("wild"));
        assert_eq!(found(&services, "example.com"), None);
        assert_eq!(found(&services, "[::1]:80"), None);
    }

    #[test]
    fn a_pool_that_is_configured_as_before_is_kept() {
        let before = services();
        let mut changed = service("img", &["*.img.example.com"]);
        changed.pool.retries = 7;
        let configs = vec![service("www", &["new.example.com"]), changed];
        let after = Services::build(configs, &Metrics::default(), Some(&before)).unwrap();
        let pool = |services: &Services, host| Arc::clone(&services.find(host).unwrap().origins);
        assert!(Arc::ptr_eq(
            &pool(&before, "www.example.com"),
            &pool(&after, "new.example.com")
        ));
        assert!(!Arc::ptr_eq(
            &pool(&before, "a.img.example.com"),
            &pool(&after, "a.img.example.com")
        ));
    }
}
