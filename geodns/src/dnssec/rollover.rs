//! How one key takes the place of another (RFC 6781 section 4.1, RFC 7583). Pure: a plan is new dates
//! for keys, and all else follows from these, on all name servers alike.
//!
//! A key that DS points to (CSK or KSK): the new one is shown and signs the DNSKEY records from the
//! beginning, so that either DS is good. Once every resolver knows it, it signs the zone, and CDS asks
//! the parent for its DS. When the parent has that, and the old DS is out of every cache, the old key
//! goes. A key that only signs the zone (ZSK): the new one is shown until every resolver knows it; then
//! it signs, and the old one stays until its signatures are out of every cache.

use super::{
    algorithm::Algorithm,
    key::Key,
    timing::{Seconds, Stamp, Timing},
};

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// DS points to it: it signs the DNSKEY records, and the zone if there is no other key for that.
    Entry,
    /// It signs the zone alone.
    Zone,
}

/// How long things take to be everywhere, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// TTL of DNSKEY.
    pub dnskey_ttl: Seconds,
    /// The largest TTL in the zone.
    pub max_ttl: Seconds,
    /// Until all name servers have a change.
    pub propagation: Seconds,
    /// TTL of DS at the parent.
    pub parent_ttl: Seconds,
}

/// One key's part in a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new key.
    Create(Algorithm, Kind, Timing),
    /// The key of this place in the list gets other dates.
    Retime(usize, Timing),
}

/// What is to be done.
pub type Plan = Vec<Change>;

/// The first keys: one for all (CSK), or two.
///
/// # Errors
/// If the zone has keys.
pub fn init(keys: &[Key], algorithm: Algorithm, split: bool, now: Seconds) -> Result<Plan, String> {
    if !keys.is_empty() {
        return Err("the zone has keys; `perigee dnssec roll` makes a new one".to_owned());
    }
    let at_once = Timing {
        created: Some(now),
        publish: Some(now),
        activate: Some(now),
        ..Timing::default()
    };
    let entry = Timing {
        sync_publish: Some(now),
        ..at_once
    };
    let mut plan = vec![Change::Create(algorithm, Kind::Entry, entry)];
    if split {
        plan.push(Change::Create(algorithm, Kind::Zone, at_once));
    }
    Ok(plan)
}

/// A new key in place of the one of this kind.
///
/// # Errors
/// If there is none, or another rollover is under way.
pub fn roll(
    keys: &[Key],
    kind: Kind,
    algorithm: Option<Algorithm>,
    terms: &Terms,
    now: Seconds,
) -> Result<Plan, String> {
    let of_kind: Vec<_> = in_use(keys, kind, now).collect();
    let (at, old) = match of_kind.as_slice() {
        [one] => *one,
        [] => {
            return Err(match kind {
                Kind::Entry => "there is no key to roll; make one with `perigee dnssec init`",
                Kind::Zone => "there is no key for the zone alone; leave --zone-key out",
            }
            .to_owned());
        }
        _ => {
            return Err(
                "a rollover is under way; `perigee dnssec status` tells what it waits for"
                    .to_owned(),
            );
        }
    };
    if !old.timing.is_active(now) {
        return Err(format!("key {} is not active yet", old.tag));
    }
    let algorithm = algorithm.unwrap_or(old.algorithm);
    if algorithm != old.algorithm && keys.iter().any(|key| !key.is_entry && shown(key, now)) {
        return Err(
            "the algorithm can change only where one key signs everything; keys for the zone alone \
             must be gone first"
                .to_owned(),
        );
    }
    let known = now + terms.dnskey_ttl + terms.propagation;
    let mut new = Timing {
        created: Some(now),
        publish: Some(now),
        activate: Some(known),
        ..Timing::default()
    };
    let mut retired = old.timing;
    match kind {
        Kind::Entry => {
            // What was signed before with the old algorithm alone must be out of every cache, too
            // (RFC 6781 section 4.1.4).
            if algorithm != old.algorithm {
                new.activate = Some(known.max(now + terms.max_ttl + terms.propagation));
            }
            new.sync_publish = new.activate;
            retired.sync_delete = new.activate;
        }
        Kind::Zone => {
            retired.inactive = new.activate;
            retired.delete = Some(known + terms.max_ttl + terms.propagation);
        }
    }
    Ok(vec![
        Change::Create(algorithm, kind, new),
        Change::Retime(at, retired),
    ])
}

/// The parent has the DS of the newest key, and no other: the old key goes.
///
/// # Errors
/// If no such rollover is under way, or the new key is not known everywhere yet.
pub fn parent_has(keys: &[Key], terms: &Terms, now: Seconds) -> Result<Plan, String> {
    let mut entries: Vec<_> = in_use(keys, Kind::Entry, now).collect();
    entries.sort_by_key(|(_, key)| (key.timing.activate, key.timing.publish));
    let Some(((_, new), old)) = entries.split_last().filter(|(_, old)| !old.is_empty()) else {
        return Err("no rollover waits for the parent".to_owned());
    };
    if let Some(at) = new.timing.activate.filter(|&at| at > now) {
        return Err(format!(
            "key {} is not known to every resolver before {}: the parent should not have its DS \
             alone before that",
            new.tag,
            Stamp(at).readable()
        ));
    }
    let inactive = now + terms.parent_ttl + terms.propagation;
    let signed = new.timing.activate.unwrap_or(now) + terms.max_ttl;
    let delete = inactive.max(signed) + terms.dnskey_ttl + terms.propagation;
    let retire = |(at, key): &(usize, &Key)| {
        let timing = Timing {
            inactive: Some(inactive),
            delete: Some(delete),
            sync_delete: Some(key.timing.sync_delete.unwrap_or(now)),
            ..key.timing
        };
        Change::Retime(*at, timing)
    };
    Ok(old.iter().map(retire).collect())
}

/// Keys of a kind that are not on their way out.
fn in_use(keys: &[Key], kind: Kind, now: Seconds) -> impl Iterator<Item = (usize, &Key)> {
    let is_entry = kind == Kind::Entry;
    keys.iter().enumerate().filter(move |(_, key)| {
        key.is_entry == is_entry && key.timing.inactive.is_none() && shown(key, now)
    })
}

/// Shown now or later.
fn shown(key: &Key, now: Seconds) -> bool {
    key.timing.delete.is_none_or(|at| at > now)
}

#[cfg(test)]
mod tests;
