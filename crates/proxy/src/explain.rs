//! What would become of a request, told without doing it.

mod outline;
mod question;
mod stored;

pub use outline::{Outline, outline};
pub use question::Question;
pub use stored::StoredResponse;

use std::{
    borrow::Borrow,
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    time::Instant,
};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Empty;
use perigee_http_cache::{
    CacheKey, Explanation as Told, Now, Outcome, Policy, RequestHead, Scheme, StoredHead, explain,
};
use perigee_storage::Stored;
use serde::{Deserialize, Serialize};

use crate::{
    Exchange, Inbound, NextHop, Origination, Service, ServiceConfig, Services, here,
    intake::{NO_SERVICE, host, take_in},
    marks::{Mark, Whose},
    next_hop::Hop,
    upgrade,
};

/// What a node would do with a request, and why.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The node's name.
    pub node: String,
    /// `edge` or `shield`.
    pub role: String,
    /// The version of the configuration it runs.
    pub config_version: String,
    /// The delivery service that claims the host.
    pub service: String,
    /// By which of its `hosts`.
    pub host: String,
    /// Which of its rules the request meets: counted from 1, and by what.
    pub rule: Option<String>,
    /// What the caching policy of that rule, or of the service, says, by the names of the
    /// configuration.
    pub policy: BTreeMap<String, String>,
    /// What the store knows the request by.
    pub key: String,
    /// `hit`, `stale-while-revalidate`, `revalidate`, `miss`, `pass`, `refuse` or `here`.
    pub outcome: String,
    /// The status of the answer, if it comes from here.
    pub status: Option<u16>,
    /// Why, with the sections of the RFCs that decide it.
    pub because: String,
    /// The key that the response is stored under which is used, where that is another one
    /// (No-Vary-Search).
    pub alike: Option<String>,
    /// Which of `stored` would be used, validated or completed.
    pub uses: Option<usize>,
    /// The nodes that own the key before this one does, as far as they are usable: they are
    /// asked first where this node has to ask.
    pub sideways: Vec<NextPlace>,
    /// Whether so many ask for it here that what those answer is kept here too.
    #[serde(default)]
    pub hot: bool,
    /// The owner, and why another one answers for it: `overloaded` or `returning`.
    #[serde(default)]
    pub passed_over: Option<(String, String)>,
    /// Where it asks then: the first that can be reached.
    pub up: Vec<NextPlace>,
    /// Fetches of this key that are under way.
    pub fetches: usize,
    /// Whether the last answer was not for sharing, so that requests go on side by side.
    pub hit_for_miss: Option<HitForMiss>,
    /// What is stored under the key, or under `alike`, newest first.
    pub stored: Vec<StoredResponse>,
}

/// A mark: the last answer to requests of this key was not for sharing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HitForMiss {
    /// Which requests it is about: `all`, `with cookies` or `authorized`.
    pub requests: String,
    /// Seconds that it still stands, rounded up.
    pub seconds: u64,
}

/// A place that a request is sent on to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextPlace {
    /// Its name.
    pub name: String,
    /// `peer`, `shield` or `origin`.
    pub kind: String,
}

impl Exchange {
    /// Says what would become of this request. Nothing is fetched, stored or counted; that the
    /// store is asked is a use of what it has, as far as eviction goes.
    ///
    /// # Errors
    /// A text that says what is wrong with the question, or that no service claims its host.
    pub async fn explain(
        &self,
        question: &Question,
        services: &Services,
        next: &dyn NextHop,
    ) -> Result<Explanation, String> {
        let mut inbound = taken_in(question, services)?;
        let pattern = host(&inbound.head)
            .ok()
            .and_then(|host| services.pattern(host));
        let pattern = pattern.unwrap_or_default();
        inbound.place = self.searches.place(&inbound.key);
        Ok(self.explained(&inbound, pattern, next).await)
    }

    async fn explained(&self, inbound: &Inbound, pattern: &str, next: &dyn NextHop) -> Explanation {
        let Service { config, .. } = &*inbound.service;
        let now = inbound.at;
        let mut variants = self.store.lookup(&inbound.key).get().await;
        let trusted = self.in_touch.at(now);
        let mut told = told(&inbound.as_sent(), &variants, inbound.policy(), trusted);
        let mut alike = None;
        if !matches!(told.outcome, Outcome::Hit | Outcome::Here)
            && upgrade::asked_for(&inbound.head.headers).is_none()
            && let Some((key, found, _)) = self.alike(inbound).await
        {
            told = explain(&inbound.as_sent(), &found, inbound.policy(), trusted);
            told.because += &format!("; stored for {key} (No-Vary-Search)");
            (alike, variants) = (Some(key.to_string()), found);
        }
        let route = next.route(inbound);
        let told = as_done(told, route.sideways.first());
        let hot = self.heat.would(inbound.place(), Instant::now()).is_hot;
        let passed_over = route
            .passed_over
            .map(|owner| (owner.name, owner.why.as_str().to_owned()));
        let stored = variants
            .iter()
            .map(|stored| StoredResponse::of(stored, now));
        Explanation {
            node: self.config.node.clone(),
            role: self.config.tier.to_owned(),
            config_version: String::new(),
            service: config.name.clone(),
            host: pattern.to_owned(),
            rule: rule_in_words(config, inbound.rule),
            policy: inbound.policy().values().into_iter().collect(),
            key: inbound.key.to_string(),
            outcome: told.outcome.as_str().to_owned(),
            status: told.status.map(|status| status.as_u16()),
            because: told.because,
            alike,
            uses: told.variant,
            sideways: route.sideways.iter().map(NextPlace::of).collect(),
            hot: hot && !route.sideways.is_empty(),
            passed_over,
            up: route.up.iter().map(NextPlace::of).collect(),
            fetches: self.flights.count(&inbound.key),
            hit_for_miss: self
                .flights
                .mark(&inbound.key, Instant::now())
                .map(HitForMiss::of),
            stored: stored.collect(),
        }
    }
}

impl Question {
    /// What would become of this request if this were all that is stored.
    ///
    /// # Errors
    /// A text that says why the response could not be used for it whatever it is.
    pub(crate) fn use_of(
        &self,
        stored: &Stored,
        key: &CacheKey,
        services: &Services,
    ) -> Result<Told, String> {
        let inbound = taken_in(self, services)?;
        if inbound.key != *key {
            let now = &inbound.key;
            return Err(format!("by its policy now, the service knows it by {now}"));
        }
        if !stored.head.selected_by(&inbound.as_sent()) {
            let why =
                "no request that could be made up of what is stored selects it (RFC 9111 4.1)";
            return Err(why.to_owned());
        }
        let stored = std::slice::from_ref(stored);
        Ok(told(
            &inbound.as_sent(),
            stored,
            inbound.policy(),
            inbound.at,
        ))
    }
}

fn taken_in(question: &Question, services: &Services) -> Result<Inbound, String> {
    let (head, scheme) = question.head()?;
    let from = Origination::of_connection(NOBODY, scheme == Scheme::Https);
    let request = Request::from_parts(head, Empty::<Bytes>::new());
    let taken = take_in(request, services, from).map_err(|(refusal, head)| {
        let all = services.all().iter();
        match host(&head) {
            Ok(host) if refusal == NO_SERVICE => {
                no_service(host, all.flat_map(|s| &s.config.hosts))
            }
            _ => refusal.text.to_owned(),
        }
    });
    taken.map(|(inbound, _)| inbound)
}

fn rule_in_words(service: &ServiceConfig, rule: Option<usize>) -> Option<String> {
    let rule = rule?;
    let when = service.rules.get(rule)?.when.in_words();
    Some(format!("{}: {when}", rule + 1))
}

/// What is decided about a request, and why.
fn told<S: Borrow<StoredHead>>(
    request: &RequestHead<'_>,
    stored: &[S],
    policy: &Policy,
    now: impl Into<Now>,
) -> Told {
    let before = |outcome, status, because: &str| Told {
        outcome,
        because: because.to_owned(),
        variant: None,
        status,
    };
    if let Some(status) = answered_here(request) {
        let because = "this node answers, whatever is stored (RFC 9110 7.6.2, 9.3.7, 9.3.8)";
        return before(Outcome::Here, Some(status), because);
    }
    if upgrade::asked_for(request.headers).is_some() {
        let because = "the protocol is to be switched (RFC 9110 7.8)";
        return before(Outcome::Pass, None, because);
    }
    explain(request, stored, policy, now)
}

/// The status of what goes no further.
fn answered_here(request: &RequestHead<'_>) -> Option<StatusCode> {
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = request.method.clone();
    head.headers = request.headers.clone();
    here::status(&mut head)
}

/// What another node owns: a copy is served here while it is fresh; what is stale is validated by who
/// owns the key, and served while that goes on.
fn as_done(told: Told, owner: Option<&Hop>) -> Told {
    let Some(owner) = owner.map(Hop::name) else {
        return told;
    };
    match told.outcome {
        Outcome::Hit => Told {
            because: format!("{}; it is a copy: {owner} owns the key", told.because),
            ..told
        },
        Outcome::StaleWhileRevalidate => Told {
            outcome: Outcome::Revalidate,
            because: format!("{}; but not here: {owner} owns the key", told.because),
            status: None,
            ..told
        },
        _ => told,
    }
}

/// The client of a question: no policy goes by it.
const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Hosts that are named to who asks for none of them.
const MOST_HOSTS: usize = 20;

fn no_service<'h>(host: &str, hosts: impl Iterator<Item = &'h String>) -> String {
    let mut hosts: Vec<&str> = hosts.map(String::as_str).collect();
    let more = match hosts.len() > MOST_HOSTS {
        true => " and others",
        false => "",
    };
    hosts.truncate(MOST_HOSTS);
    let hosts = hosts.join(", ");
    format!(
        "no delivery service answers for {host:?}: clients get 421 (RFC 9110 15.5.20); there are \
         {hosts}{more}"
    )
}

impl HitForMiss {
    fn of(Mark { whose, time }: Mark) -> Self {
        let requests = match whose {
            Whose::Everybodys => "all",
            Whose::Cookies => "with cookies",
            Whose::Authorized => "authorized",
        };
        HitForMiss {
            requests: requests.to_owned(),
            seconds: time
                .as_millis()
                .div_ceil(1_000)
                .try_into()
                .unwrap_or(u64::MAX),
        }
    }
}

impl NextPlace {
    fn of(hop: &Hop) -> Self {
        NextPlace {
            name: hop.name().to_owned(),
            kind: hop.kind().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Endpoint, EndpointConfig, EndpointLimits, Target};

    fn stale() -> Told {
        Told {
            outcome: Outcome::StaleWhileRevalidate,
            variant: Some(0),
            status: Some(StatusCode::OK),
            because: "stale".to_owned(),
        }
    }

    #[test]
    fn what_is_stale_is_served_by_who_owns_the_key() {
        assert_eq!(as_done(stale(), None), stale());
        let owner = Endpoint::new(EndpointConfig {
            name: "fra-2".to_owned(),
            target: Target::Folder(".".into()),
            limits: EndpointLimits::default(),
        });
        let owner = Hop::Peer(owner.unwrap());
        let elsewhere = as_done(stale(), Some(&owner));
        assert_eq!(elsewhere.outcome, Outcome::Revalidate);
        assert_eq!((elsewhere.variant, elsewhere.status), (Some(0), None));
        let hit = Told {
            outcome: Outcome::Hit,
            ..stale()
        };
        let copy = as_done(hit.clone(), Some(&owner));
        assert!(copy.because.ends_with("a copy: fra-2 owns the key"));
        assert_eq!((copy.outcome, copy.status), (hit.outcome, hit.status));
    }

    #[test]
    fn who_asks_for_no_service_is_told_some() {
        let hosts: Vec<String> = (0..30).map(|n| format!("{n}.test")).collect();
        let text = no_service("a.test", hosts.iter());
        assert!(
            text.contains("\"a.test\"") && text.contains("19.test and others"),
            "{text}"
        );
        let text = no_service("a.test", hosts[..2].iter());
        assert!(text.ends_with("there are 0.test, 1.test"), "{text}");
    }
}
