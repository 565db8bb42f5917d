//! `[[dns.policies]]`: what their rules name is there, and every rule has something to say.

use perigee_geodns::Order;

use super::{Report, Unique, nodes::known_pop};
use crate::{
    at::At,
    sections::{Dns, File, Policy, PolicyRule},
    suggest::{list, nearest},
    units::Name,
};

pub(super) fn check(file: &File, dns: &Dns, report: &mut Report<'_>) {
    let mut names = Unique::new();
    for policy in &dns.policies {
        let name = &policy.name;
        if let Some(first) = names.insert(&name.0, &name.span) {
            let line = report.line(&first);
            report.error(
                &name.span,
                format!("a second policy is named {:?}", name.0),
                format!("the first one is on line {line}"),
            );
        }
        for (n, rule) in policy.rules.0.iter().enumerate() {
            pops(file, report, rule);
            weights(report, rule);
            said_before(report, &policy.rules.0[..n], rule);
        }
    }
    let services = file.services.iter().map(|service| &service.dns.policy);
    for name in services.chain([&dns.policy]).flatten() {
        known_policy(&dns.policies, report, name);
    }
}

/// The PoPs are there, and none is named twice.
fn pops(file: &File, report: &mut Report<'_>, rule: &PolicyRule) {
    let mut seen = Unique::new();
    for (pop, _) in rule.pops.iter().flat_map(|pops| &pops.pops) {
        known_pop(file, report, pop);
        if seen.insert(&pop.0, &pop.span).is_some() {
            report.error(
                &pop.span,
                format!("{:?} is in this list twice", pop.0),
                "write it once",
            );
        }
    }
}

/// Weights are of use.
fn weights(report: &mut Report<'_>, rule: &PolicyRule) {
    let Some(order) = rule.order.as_ref().filter(|_| rule.has_weights()) else {
        return;
    };
    if order.build() != Order::Weight {
        report.error(
            &order.span,
            "with this order, the weights of `pops` say nothing",
            r#"write order = "weight", or pops = ["fra", "ams"] without weights"#,
        );
    }
}

/// A rule whose PoPs all whom it is for have from an earlier rule says nothing.
fn said_before(report: &mut Report<'_>, earlier: &[At<PolicyRule>], rule: &At<PolicyRule>) {
    for before in earlier.iter().filter(|before| covers(before, rule)) {
        let line = report.line(&before.span);
        let ends = before.only || before.pops.is_none();
        let (message, help) = if ends {
            (
                format!(
                    "this rule is never reached: all whom it is for stay with that of line {line}"
                ),
                "write it before that one, or take it out",
            )
        } else if !rule.only && names_no_other(before, rule) {
            (
                format!(
                    "this rule adds nothing: all whom it is for have its PoPs from that of line {line}"
                ),
                "name other PoPs, write it before that one, or take it out",
            )
        } else {
            continue;
        };
        return report.error(&rule.span, message, help);
    }
}

/// Whether the second rule names no PoP that the first one does not.
fn names_no_other(first: &PolicyRule, second: &PolicyRule) -> bool {
    let (Some(first), Some(second)) = (&first.pops, &second.pops) else {
        return false;
    };
    let named = |name: &At<Name>| first.pops.iter().any(|(pop, _)| pop.0 == name.0);
    second.pops.iter().all(|(pop, _)| named(pop))
}

/// Whether the first rule is for all whom the second one is for.
fn covers(first: &PolicyRule, second: &PolicyRule) -> bool {
    let in_countries = is_part(&first.countries, &second.countries)
        || !second.subdivisions.is_empty()
            && second
                .subdivisions
                .iter()
                .all(|part| first.countries.iter().any(|country| country.0 == part.0));
    let in_networks = first.networks.is_empty()
        || !second.networks.is_empty()
            && second
                .networks
                .iter()
                .all(|net| first.networks.iter().any(|wide| wide.0.contains(&net.0)));
    is_part(&first.continents, &second.continents)
        && in_countries
        && is_part(&first.subdivisions, &second.subdivisions)
        && is_part(&first.asns, &second.asns)
        && in_networks
}

/// Whether a condition with the entries `narrow` fits nobody whom one with `wide` does not fit. Without
/// entries it fits everybody.
fn is_part<T: PartialEq>(wide: &[T], narrow: &[T]) -> bool {
    wide.is_empty() || !narrow.is_empty() && narrow.iter().all(|entry| wide.contains(entry))
}

/// The policy that is referred to must be there.
fn known_policy(policies: &[Policy], report: &mut Report<'_>, name: &At<Name>) {
    let names = || policies.iter().map(|policy| policy.name.0.as_str());
    if names().any(|known| known == name.0) {
        return;
    }
    let help = match nearest(&name.0, names()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None if policies.is_empty() => {
            format!(
                "write it: [[dns.policies]] with name = {:?} and rules",
                name.0
            )
        }
        None => format!("the policies are {}", list(names(), "and")),
    };
    report.error(
        &name.span,
        format!("there is no policy named {:?}", name.0),
        help,
    );
}
