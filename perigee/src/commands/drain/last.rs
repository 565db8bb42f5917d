//! What it means that no other node does what this one does. Pure.

use perigee_config::NodeSummary;
use perigee_edge::Role;

/// What to tell who drains the last usable node of its kind; `usable` are those that answer and do
/// not drain.
pub(super) fn warning(
    node: &NodeSummary,
    usable: &[NodeSummary],
    has_geodns: bool,
) -> Option<String> {
    let name = &node.name;
    // One that is down or drains already takes nothing more away.
    if !usable.iter().any(|one| one.name == *name) {
        return None;
    }
    let others = || {
        usable
            .iter()
            .filter(|other| other.role == node.role && other.name != *name)
    };
    let alone = others().next().is_none();
    match node.role {
        Role::Edge if alone => Some(format!(
            "{name} is the last healthy edge of the CDN: clients get no answer once it is gone"
        )),
        Role::Edge if others().all(|other| other.pop != node.pop) => {
            let pop = node.pop.as_ref().map_or("its PoP", |pop| pop.as_str());
            let then = match has_geodns {
                true => "the GeoDNS sends its clients to the next nearest PoP",
                false => "no name server of this file sends its clients elsewhere",
            };
            Some(format!("{name} is the last healthy edge of {pop}: {then}"))
        }
        Role::Shield if alone => Some(format!(
            "{name} is the last healthy shield: edges ask the origins themselves without it"
        )),
        Role::GeoDns if alone => Some(format!(
            "{name} is the last healthy name server: nobody finds the CDN once the answers that \
             resolvers have are too old"
        )),
        Role::Edge | Role::Shield | Role::GeoDns => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str) -> NodeSummary {
        let (group, _) = name.split_once('-').expect("a number");
        let (role, pop) = match group {
            "shield" => (Role::Shield, None),
            "ns" => (Role::GeoDns, None),
            pop => (Role::Edge, Some(pop.into())),
        };
        NodeSummary {
            name: name.into(),
            role,
            pop,
            admin: ([127, 0, 0, 1], 1).into(),
            tier_address: ([127, 0, 0, 1], 2).into(),
        }
    }

    #[test]
    fn only_the_last_one_of_its_kind_is_worth_a_word() {
        let usable = ["fra-1", "fra-2", "nyc-1", "shield-1", "ns-1"].map(node);
        for (name, says) in [
            ("fra-1", None),
            ("nyc-1", Some("last healthy edge of nyc")),
            ("nyc-2", None),
            ("shield-1", Some("last healthy shield")),
            ("shield-2", None),
            ("ns-1", Some("last healthy name server")),
        ] {
            let told = warning(&node(name), &usable, true);
            assert_eq!(told.is_some(), says.is_some(), "{name}: {told:?}");
            assert!(told.unwrap_or_default().contains(says.unwrap_or_default()));
        }
        let gone = warning(&node("nyc-1"), &[node("fra-1"), node("shield-1")], true);
        assert_eq!(gone, None);
        let alone = warning(&node("fra-1"), &[node("fra-1"), node("shield-1")], true);
        assert!(alone.is_some_and(|told| told.contains("of the CDN")));
        let told = warning(&node("nyc-1"), &usable, false).unwrap_or_default();
        assert!(told.contains("no name server"), "{told}");
    }
}
