//! `[[dns.policies]]`: which PoPs serve whom.

use perigee_geodns::Order;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Answers;
use crate::{
    at::At,
    units::{Asn, Continent, Country, Name, Net, PopShares, Subdivision, Ttl, UpTo},
};

/// Which PoPs serve whom. Each rule that fits a client adds its PoPs behind those that earlier rules have
/// named. Behind the last rule come all other PoPs, the nearest first, unless a rule that fits is `only`.
/// The first PoP that can serve the client does.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Policy {
    /// Its name, unique among policies: for `policy` of `[dns]` and of `[services.dns]`.
    pub(crate) name: At<Name>,
    /// The rules, the first ones first; at most 256.
    pub(crate) rules: UpTo<256, At<PolicyRule>>,
}

/// For whom a rule is, and which PoPs they get. Of `continents`, `countries`, `subdivisions`, `asns` and
/// `networks`, all that are there must fit; a rule without them is for everybody.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PolicyRule {
    /// Continents of which one must be the client's: AF, AN (Antarctica), AS, EU, NA, OC, SA.
    pub(crate) continents: Vec<Continent>,
    /// Countries of which one must be the client's, by ISO 3166-1: `DE`.
    pub(crate) countries: Vec<Country>,
    /// Parts of countries of which one must be the client's, by ISO 3166-2: `US-CA`.
    pub(crate) subdivisions: Vec<Subdivision>,
    /// Numbers of autonomous systems of which one must be the client's.
    pub(crate) asns: Vec<Asn>,
    /// Networks of which one must hold the client, or the resolver that asks for it.
    pub(crate) networks: Vec<Net>,
    /// The PoPs, as a list, or with weights: `{ fra = 3, ams = 1 }`. Default: all.
    pub(crate) pops: Option<At<PopShares>>,
    /// Which of them comes first: `"distance"`, the nearest; `"latency"`, the one with the lowest
    /// round-trip time; `"weight"`, by chance in the proportion of the weights, the same one for all of a
    /// network; `"listed"`, the one that is written first. Default: `"weight"` for PoPs with weights,
    /// else `"distance"`.
    pub(crate) order: Option<At<OrderWord>>,
    /// Whether those whom it fits get no other PoPs behind these.
    pub(crate) only: bool,
    /// How long resolvers may keep answers with its PoPs. Default: as the service has it.
    pub(crate) ttl: Option<Ttl>,
    /// Most addresses in these answers. Default: as the service has it.
    pub(crate) answers: Option<Answers>,
}

/// Which PoP comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum OrderWord {
    Distance,
    Latency,
    Weight,
    Listed,
}

impl OrderWord {
    /// As the name server takes it.
    pub(crate) fn build(self) -> Order {
        match self {
            OrderWord::Distance => Order::Distance,
            OrderWord::Latency => Order::Latency,
            OrderWord::Weight => Order::Weight,
            OrderWord::Listed => Order::Listed,
        }
    }
}

impl PolicyRule {
    /// Whether its PoPs have weights.
    pub(crate) fn has_weights(&self) -> bool {
        self.pops.as_ref().is_some_and(|pops| pops.weighted)
    }

    /// Which PoP comes first.
    pub(crate) fn order(&self) -> Order {
        match &self.order {
            Some(order) => order.build(),
            None if self.has_weights() => Order::Weight,
            None => Order::Distance,
        }
    }
}
