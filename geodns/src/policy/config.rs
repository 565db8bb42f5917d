//! Policies as they are configured.

use ipnet::IpNet;
use perigee_cluster::PopName;

use crate::place::{Continent, Country, Subdivision};

/// Which PoPs serve whom: rules, the first ones first. Each rule that fits a client adds its PoPs behind
/// those that earlier rules have named. Behind the last rule come all other PoPs, the nearest first, unless
/// a rule that fits is `only`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyConfig {
    /// Its name, by which services refer to it.
    pub name: String,
    /// Its rules.
    pub rules: Vec<RuleConfig>,
}

/// A rule: for whom it is, and which PoPs they get.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleConfig {
    /// Whom it is for.
    pub when: When,
    /// The PoPs and their weights. None are all PoPs, of equal weight.
    pub pops: Vec<(PopName, u32)>,
    /// Which of them comes first.
    pub order: Order,
    /// Whether those whom it fits get no other PoPs behind these.
    pub only: bool,
    /// TTL of the answers with its PoPs, in seconds. Default: the service's.
    pub ttl: Option<u32>,
    /// Most addresses in these answers. Default: the service's.
    pub answers: Option<usize>,
}

/// Whom a rule is for. Of each list that is not empty, one entry must fit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct When {
    /// Continents.
    pub continents: Vec<Continent>,
    /// Countries.
    pub countries: Vec<Country>,
    /// What countries are divided into.
    pub subdivisions: Vec<(Country, Subdivision)>,
    /// Autonomous systems.
    pub asns: Vec<u32>,
    /// Networks of clients, or of the resolvers that ask for them.
    pub networks: Vec<IpNet>,
}

/// Which of the PoPs of a rule comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The nearest one, by great-circle distance from the client's place; where that is not known, by the
    /// order of the configuration.
    #[default]
    Distance,
    /// The one with the lowest round-trip time that is known, or guessed from the distance.
    Latency,
    /// By chance in the proportion of the weights, the same one for all of a network.
    Weight,
    /// The one that is listed first.
    Listed,
}

impl Order {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Order::Distance => "distance",
            Order::Latency => "latency",
            Order::Weight => "weight",
            Order::Listed => "listed",
        }
    }
}
