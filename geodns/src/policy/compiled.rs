//! Policies as they are followed: PoPs by their place in the snapshot.

use std::{collections::BTreeSet, sync::Arc};

use ipnet::IpNet;

use super::{
    chain::Candidate,
    config::{Order, PolicyConfig, RuleConfig, When},
    facts::Facts,
};
use crate::{
    config::{Config, Pop, Service},
    place::{Continent, Country, NetworkTable, Subdivision},
};

/// What a service without a policy is said to follow.
const NEAREST: &str = "nearest";

/// The policies of a configuration.
pub(crate) struct Policies {
    nearest: Arc<Policy>,
    named: Vec<Arc<Policy>>,
}

impl Policies {
    /// All policies of `config`.
    ///
    /// # Errors
    /// Names a policy, and the PoP of it that is not there.
    pub(crate) fn new(config: &Config) -> Result<Self, String> {
        let named = config.policies.iter();
        let named = named.map(|policy| Policy::new(policy, &config.pops).map(Arc::new));
        Ok(Policies {
            nearest: Arc::new(Policy::nearest(&config.pops)),
            named: named.collect::<Result<_, _>>()?,
        })
    }

    /// The policy of a service.
    ///
    /// # Errors
    /// It names one that is not there.
    pub(crate) fn of(&self, service: &Service) -> Result<Arc<Policy>, String> {
        let Some(name) = &service.policy else {
            return Ok(Arc::clone(&self.nearest));
        };
        let mut named = self.named.iter();
        let found = named.find(|policy| *policy.name == **name);
        found.map(Arc::clone).ok_or_else(|| {
            let service = &service.name;
            format!("service {service} follows the policy {name:?}, which is not there")
        })
    }
}

/// Which PoPs serve whom, in which order: rules, the first ones first.
#[derive(Debug)]
pub(crate) struct Policy {
    name: Arc<str>,
    pub(super) rules: Vec<Rule>,
}

/// What brought a candidate to its place, for people.
pub(crate) struct Told {
    /// The rule, from 1; none: it comes behind the last one.
    pub(crate) rule: Option<usize>,
    pub(crate) order: Order,
    pub(crate) weight: Option<u32>,
}

/// One rule of a policy.
#[derive(Debug)]
pub(super) struct Rule {
    who: Who,
    pub(super) pops: Vec<Weighted>,
    pub(super) order: Order,
    pub(super) only: bool,
    pub(super) ttl: Option<u32>,
    pub(super) answers: Option<usize>,
}

/// A PoP, by its place in the snapshot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weighted {
    pub(super) pop: usize,
    pub(super) weight: u32,
}

/// Whom a rule is for. Lists are sorted; what is empty is for all.
#[derive(Debug, Default)]
struct Who {
    continents: Vec<Continent>,
    countries: Vec<Country>,
    subdivisions: Vec<(Country, Subdivision)>,
    asns: Vec<u32>,
    networks: Option<NetworkTable<()>>,
}

impl Policy {
    /// All PoPs for everybody, the nearest first.
    pub(crate) fn nearest(pops: &[Pop]) -> Self {
        Policy {
            name: NEAREST.into(),
            rules: vec![Rule::nearest(pops)],
        }
    }

    /// The policy as it is followed.
    ///
    /// # Errors
    /// Names a PoP that is not there.
    pub(crate) fn new(config: &PolicyConfig, pops: &[Pop]) -> Result<Self, String> {
        let rules = config.rules.iter().map(|rule| Rule::new(rule, pops));
        let mut rules = rules.collect::<Result<Vec<_>, _>>().map_err(|pop| {
            format!(
                "policy {:?} names the PoP {pop}, which is not there",
                config.name
            )
        })?;
        rules.push(Rule::nearest(pops));
        Ok(Policy {
            name: config.name.as_str().into(),
            rules,
        })
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// How many addresses of a PoP are told at most, and with which TTL, by each rule that names it, where
    /// the service says this.
    pub(crate) fn told_of(&self, pop: usize, answers: usize, ttl: u32) -> BTreeSet<(usize, u32)> {
        let names = |rule: &&Rule| rule.pops.iter().any(|named| named.pop == pop);
        let rules = self.rules.iter().filter(names);
        rules
            .map(|rule| (rule.answers.unwrap_or(answers), rule.ttl.unwrap_or(ttl)))
            .collect()
    }

    /// What brought a candidate to its place.
    pub(crate) fn told(&self, candidate: &Candidate) -> Told {
        let rule = self.rules.get(candidate.rule);
        let order = rule.map_or(Order::Distance, |rule| rule.order);
        let named = rule.and_then(|rule| rule.pops.iter().find(|named| named.pop == candidate.pop));
        // The last one is not written.
        let is_written = candidate.rule + 1 < self.rules.len();
        Told {
            rule: is_written.then_some(candidate.rule + 1),
            order,
            weight: named
                .filter(|_| order == Order::Weight)
                .map(|named| named.weight),
        }
    }
}

impl Rule {
    fn nearest(pops: &[Pop]) -> Self {
        Rule {
            who: Who::default(),
            pops: all(pops),
            order: Order::Distance,
            only: false,
            ttl: None,
            answers: None,
        }
    }

    fn new(config: &RuleConfig, pops: &[Pop]) -> Result<Self, String> {
        let named = config.pops.iter().map(|(name, weight)| {
            let pop = pops.iter().position(|pop| pop.name == *name);
            let pop = pop.ok_or_else(|| name.to_string())?;
            Ok(Weighted {
                pop,
                weight: *weight,
            })
        });
        Ok(Rule {
            who: Who::new(&config.when),
            pops: match config.pops.is_empty() {
                true => all(pops),
                false => named.collect::<Result<_, String>>()?,
            },
            order: config.order,
            only: config.only,
            ttl: config.ttl,
            answers: config.answers,
        })
    }

    /// Whether it is for this client. Asks only what it must, so that the answer holds for as many
    /// others as it can.
    pub(super) fn fits(&self, facts: &mut Facts<'_>) -> bool {
        self.who.networks_fit(facts) && self.who.region_fits(facts) && self.who.asn_fits(facts)
    }
}

fn all(pops: &[Pop]) -> Vec<Weighted> {
    let all = 0..pops.len();
    all.map(|pop| Weighted { pop, weight: 1 }).collect()
}

impl Who {
    fn new(when: &When) -> Self {
        let networks = IpNet::aggregate(&when.networks);
        let table = || NetworkTable::new(networks.iter().map(|&network| (network, ())));
        Who {
            continents: sorted(&when.continents),
            countries: sorted(&when.countries),
            subdivisions: sorted(&when.subdivisions),
            asns: sorted(&when.asns),
            networks: (!networks.is_empty()).then(table),
        }
    }

    fn networks_fit(&self, facts: &mut Facts<'_>) -> bool {
        let table = self.networks.as_ref();
        table.is_none_or(|table| facts.is_within(table))
    }

    fn region_fits(&self, facts: &mut Facts<'_>) -> bool {
        let no_continents = self.continents.is_empty();
        let (no_countries, no_subdivisions) =
            (self.countries.is_empty(), self.subdivisions.is_empty());
        if no_continents && no_countries && no_subdivisions {
            return true;
        }
        let region = facts.region();
        let subdivision = region.country.zip(region.subdivision);
        (no_continents || has(&self.continents, region.continent))
            && (no_countries || has(&self.countries, region.country))
            && (no_subdivisions || has(&self.subdivisions, subdivision))
    }

    fn asn_fits(&self, facts: &mut Facts<'_>) -> bool {
        self.asns.is_empty() || has(&self.asns, facts.asn())
    }
}

fn sorted<T: Ord + Clone>(list: &[T]) -> Vec<T> {
    let mut list = list.to_vec();
    list.sort();
    list
}

fn has<T: Ord>(list: &[T], value: Option<T>) -> bool {
    value.is_some_and(|value| list.binary_search(&value).is_ok())
}
