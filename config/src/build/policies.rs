//! Policies, as a GeoDNS node takes them.

use perigee_geodns::{PolicyConfig, RuleConfig, When};

use crate::sections::{Dns, Policy, PolicyRule};

pub(super) fn policies(dns: &Dns) -> Vec<PolicyConfig> {
    let policy = |policy: &Policy| PolicyConfig {
        name: policy.name.0.clone(),
        rules: policy.rules.0.iter().map(|rule| built(rule)).collect(),
    };
    dns.policies.iter().map(policy).collect()
}

fn built(rule: &PolicyRule) -> RuleConfig {
    let pops = rule.pops.iter().flat_map(|pops| &pops.pops);
    RuleConfig {
        when: When {
            continents: rule.continents.iter().map(|c| c.0).collect(),
            countries: rule.countries.iter().map(|c| c.0).collect(),
            subdivisions: rule.subdivisions.iter().map(|s| (s.0, s.1)).collect(),
            asns: rule.asns.iter().map(|asn| asn.0).collect(),
            networks: rule.networks.iter().map(|net| net.0).collect(),
        },
        pops: pops
            .map(|(name, weight)| (name.0.as_str().into(), *weight))
            .collect(),
        order: rule.order(),
        only: rule.only,
        ttl: rule.ttl.map(|ttl| ttl.0),
        answers: rule.answers.map(|answers| answers.as_usize()),
    }
}
