//! Which records go together.

use std::collections::{BTreeMap, BTreeSet};

use perigee_dns_wire::{Name, rtype};

use super::{
    ZoneError, hints,
    record::{Record, Source},
    text::type_name,
};

/// What was written of one name.
#[derive(Debug, Default)]
pub(super) struct Spot {
    pub(super) sets: BTreeMap<u16, Vec<Record>>,
    /// Where the service of this name was written.
    pub(super) service: Option<Source>,
}

/// The names at which the zone ends and others go on.
#[derive(Debug)]
pub(super) struct Cuts(BTreeSet<Name>);

impl Cuts {
    pub(super) fn of(apex: &Name, spots: &BTreeMap<Name, Spot>) -> Self {
        let cut =
            |(name, spot): &(&Name, &Spot)| *name != apex && spot.sets.contains_key(&rtype::NS);
        let all = Cuts(
            spots
                .iter()
                .filter(cut)
                .map(|(name, _)| name.clone())
                .collect(),
        );
        let topmost = all.0.iter().filter(|name| {
            let above = name.parent();
            above.is_none_or(|above| all.above(&above).is_none())
        });
        Cuts(topmost.cloned().collect())
    }

    /// The cut that a name is at or below.
    pub(super) fn above(&self, name: &Name) -> Option<&Name> {
        let mut name = Some(name.clone());
        while let Some(here) = name {
            if let Some(cut) = self.0.get(&here) {
                return Some(cut);
            }
            name = here.parent();
        }
        None
    }
}

/// Whether a name is another one or below it.
pub(super) fn is_within(name: &Name, apex: &Name) -> bool {
    let mut name = Some(name.clone());
    while let Some(here) = name {
        if here == *apex {
            return true;
        }
        name = here.parent();
    }
    false
}

pub(super) fn check(
    apex: &Name,
    spots: &BTreeMap<Name, Spot>,
    cuts: &Cuts,
) -> Result<(), ZoneError> {
    let servers = name_servers(spots);
    for (name, spot) in spots {
        for set in spot.sets.values() {
            same_ttl(name, set)?;
        }
        match cuts.above(name) {
            Some(cut) => below(name, spot, cut, &servers)?,
            None => alone(apex, name, spot)?,
        }
    }
    Ok(())
}

fn name_servers(spots: &BTreeMap<Name, Spot>) -> BTreeSet<Name> {
    let sets = spots.values().filter_map(|spot| spot.sets.get(&rtype::NS));
    let names = sets.flatten().map(|record| &record.rdata);
    names.filter_map(|rdata| Name::from_wire(rdata)).collect()
}

/// RFC 2181 section 5.2.
fn same_ttl(name: &Name, set: &[Record]) -> Result<(), ZoneError> {
    let Some((first, others)) = set.split_first() else {
        return Ok(());
    };
    match others.iter().find(|record| record.ttl != first.ttl) {
        None => Ok(()),
        Some(other) => Err(ZoneError::new(
            other.from.clone(),
            format!(
                "{name} has {} records with different TTLs, {} and {} seconds; give them one",
                type_name(other.rtype),
                first.ttl,
                other.ttl
            ),
        )),
    }
}

/// A name that the zone answers for.
fn alone(apex: &Name, name: &Name, spot: &Spot) -> Result<(), ZoneError> {
    let one = |rtype| spot.sets.get(&rtype).and_then(|set| set.first());
    let refuse = |record: &Record, what: String| Err(ZoneError::new(record.from.clone(), what));
    if let Some(cname) = one(rtype::CNAME) {
        let other = spot.sets.keys().find(|rtype| **rtype != rtype::CNAME);
        let other = match (other, &spot.service) {
            (Some(other), _) => Some(format!("{} records", type_name(*other))),
            (None, Some(_)) => Some("a service".to_owned()),
            (None, None) => None,
        };
        if let Some(other) = other {
            return refuse(
                cname,
                format!(
                    "{name} has a CNAME record and {other}; a CNAME stands alone (RFC 1034 section 3.6.2)"
                ),
            );
        }
    }
    for single in [rtype::CNAME, rtype::SOA] {
        let set = spot.sets.get(&single).map_or(&[][..], Vec::as_slice);
        if let Some(second) = set
            .iter()
            .find(|r| set.first().is_some_and(|f| f.rdata != r.rdata))
        {
            let what = type_name(single);
            return refuse(
                second,
                format!("{name} has two {what} records; leave one out"),
            );
        }
    }
    if let Some(soa) = one(rtype::SOA).filter(|_| name != apex) {
        return refuse(
            soa,
            format!("{name} has a SOA record, which only the zone {apex} has"),
        );
    }
    if let Some(ds) = one(rtype::DS) {
        return refuse(
            ds,
            format!(
                "{name} has DS records but no NS records: only a delegation has them, and those of the zone itself stand in its parent"
            ),
        );
    }
    let may_have_hints = |rtype| spot.sets.get(&rtype).into_iter().flatten();
    let mut hinted = may_have_hints(rtype::HTTPS).chain(may_have_hints(rtype::SVCB));
    if spot.service.is_none()
        && let Some(open) = hinted.find(|record| hints::are_open(&record.rdata))
    {
        return refuse(
            open,
            format!(
                "{name} has hints that are to be `auto`, but is not the name of a service; write the addresses"
            ),
        );
    }
    if spot.service.is_some()
        && let Some(fixed) = one(rtype::A).or(one(rtype::AAAA))
    {
        let why = match fixed.from {
            Source::Own => "is the name of a service and of a name server",
            _ => "is the name of a service, and has an address of its own here",
        };
        return refuse(fixed, format!("{name} {why}; give it one meaning"));
    }
    Ok(())
}

/// A name at or below a cut.
fn below(name: &Name, spot: &Spot, cut: &Name, servers: &BTreeSet<Name>) -> Result<(), ZoneError> {
    if let Some(from) = &spot.service {
        return Err(ZoneError::new(
            from.clone(),
            format!(
                "service {name} is at or below {cut}, which NS records give to other name servers"
            ),
        ));
    }
    if name.starts_with(b"\x01*") && name == cut {
        let from = spot.sets.values().flatten().next().map(|r| r.from.clone());
        let what = format!(
            "{name} cannot be a delegation: a wildcard has no NS records (RFC 4592 section 4.2)"
        );
        return Err(ZoneError::new(from.unwrap_or_default(), what));
    }
    for (&rtype, set) in &spot.sets {
        let glue = matches!(rtype, rtype::A | rtype::AAAA) && servers.contains(name);
        let own = name == cut && matches!(rtype, rtype::NS | rtype::DS);
        if let Some(record) = set.first().filter(|_| !glue && !own) {
            let what = type_name(rtype);
            return Err(ZoneError::new(
                record.from.clone(),
                format!(
                    "the {what} record of {name} would never be answered: {cut} is given to other \
                     name servers, and only their addresses may stand there"
                ),
            ));
        }
    }
    Ok(())
}
