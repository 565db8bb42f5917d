//! Signs what is answered.

mod memory;
mod rrsig;

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use perigee_dns_wire::{Name, RrSet, rtype};

use self::memory::{Limits, Memory};
pub(crate) use self::rrsig::Rrsig;
use super::{
    budget::Standing,
    canonical::{Set, fixed, signed},
    config::DnssecConfig,
    counters::Counters,
    key::Key,
    key_folder::KeyFolder,
    roles::Roles,
    timing::Seconds,
    validity::Validity,
};

/// The most signatures for questions in a second are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overspent;

/// Signs the records of a zone with the keys that do so at one moment. Immutable, but for what it
/// remembers.
pub(crate) struct Signer {
    apex: Name,
    keys: Arc<Vec<Key>>,
    roles: Roles,
    validity: Validity,
    /// DNSKEY, and CDS and CDNSKEY if they are shown.
    sets: Vec<RrSet>,
    memory: Arc<Memory>,
    counters: Counters,
}

/// How long a signature is likely to be of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Its owner is a name of the zone.
    Lasting,
    /// Its owner is a name that the asker has thought of.
    Passing,
}

impl Signer {
    /// Signs with the keys of the folder that `config` names. What `before` remembers is kept, if its
    /// limits are the same.
    ///
    /// # Errors
    /// If a key cannot be used, or none is there for now.
    pub(crate) fn load(
        config: &DnssecConfig,
        zone: &str,
        before: Option<&Signer>,
        now: SystemTime,
    ) -> Result<Self, String> {
        let folder = KeyFolder::new(&config.keys, zone)?;
        let keys = folder.load()?;
        if keys.is_empty() {
            return Err(format!(
                "there is no key of {zone} in {}; make one with `perigee dnssec init`",
                config.keys.display()
            ));
        }
        let limits = Limits::of(config);
        let memory = match before.filter(|before| before.memory.limits == limits) {
            Some(before) => Arc::clone(&before.memory),
            None => Arc::new(Memory::new(limits)),
        };
        Signer::new(folder.apex().clone(), Arc::new(keys), config, memory, now)
    }

    fn new(
        apex: Name,
        keys: Arc<Vec<Key>>,
        config: &DnssecConfig,
        memory: Arc<Memory>,
        now: SystemTime,
    ) -> Result<Self, String> {
        let roles = Roles::at(&keys, seconds(now))?;
        let data = |places: &[usize], of: &dyn Fn(&Key) -> Vec<u8>| {
            let keys = places.iter().filter_map(|&at| keys.get(at));
            keys.map(of).collect::<Vec<_>>()
        };
        let mut sets = vec![RrSet::new(
            rtype::DNSKEY,
            config.dnskey_ttl,
            data(&roles.published, &Key::dnskey),
        )];
        if config.cds && !roles.synced.is_empty() {
            let cds = data(&roles.synced, &|key| key.ds(&apex));
            let cdnskey = data(&roles.synced, &Key::dnskey);
            sets.push(RrSet::new(rtype::CDS, config.dnskey_ttl, cds));
            sets.push(RrSet::new(rtype::CDNSKEY, config.dnskey_ttl, cdnskey));
        }
        Ok(Signer {
            apex,
            keys,
            roles,
            validity: Validity::new(config.validity),
            sets,
            memory,
            counters: Counters::default(),
        })
    }

    /// The same, which counts there.
    pub(crate) fn counting(self, counters: Counters) -> Self {
        Signer { counters, ..self }
    }

    /// Whether its keys should do something else by now.
    pub(crate) fn is_over(&self, now: SystemTime) -> bool {
        self.roles.until.is_some_and(|until| seconds(now) >= until)
    }

    /// The same keys, and what they do by now.
    ///
    /// # Errors
    /// If none is there for now.
    pub(crate) fn renewed(&self, config: &DnssecConfig, now: SystemTime) -> Result<Self, String> {
        let (keys, memory) = (Arc::clone(&self.keys), Arc::clone(&self.memory));
        let new = Signer::new(self.apex.clone(), keys, config, memory, now)?;
        Ok(new.counting(self.counters.clone()))
    }

    /// How many signatures of the zone's own names are remembered.
    pub(crate) fn capacity(&self) -> usize {
        self.memory.lasting.capacity()
    }

    /// The sets at the apex that show the keys: DNSKEY, CDS and CDNSKEY.
    pub(crate) fn sets(&self) -> &[RrSet] {
        &self.sets
    }

    /// One of them.
    pub(crate) fn set(&self, rtype: u16) -> Option<&RrSet> {
        self.sets.iter().find(|set| set.rtype == rtype)
    }

    /// Tells `each` the data of the RRSIG records of a set: one, while the zone has keys of one
    /// algorithm. Nothing is allocated if they are remembered.
    ///
    /// # Errors
    /// [`Overspent`] if one would have to be made and no more may be; then `each` may have been told of
    /// some.
    pub(crate) fn sign(
        &self,
        set: &Set<'_>,
        usage: Use,
        standing: Standing,
        now: SystemTime,
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), Overspent> {
        let may_make = || {
            let may = self.memory.budget.take(standing, nanoseconds(now));
            match may {
                true => self.counters.made.inc(),
                false => self.counters.refused.inc(),
            };
            may
        };
        for key in self.keys_for(set.rtype) {
            let rrsig = self.rrsig(key, set, usage, seconds(now), may_make);
            each(&rrsig.ok_or(Overspent)?);
        }
        Ok(())
    }

    /// Makes the signatures that `set` has at `at`, if they are not remembered; how many those were.
    pub(crate) fn prepare(&self, set: &Set<'_>, at: SystemTime) -> usize {
        let mut made = 0;
        for key in self.keys_for(set.rtype) {
            self.rrsig(key, set, Use::Lasting, seconds(at), || {
                made += 1;
                self.counters.ahead.inc();
                true
            });
        }
        made
    }

    fn keys_for(&self, of: u16) -> impl Iterator<Item = &Key> {
        let places = match of {
            rtype::DNSKEY | rtype::CDS | rtype::CDNSKEY => &self.roles.sign_keys,
            _ => &self.roles.sign_data,
        };
        places.iter().filter_map(|&at| self.keys.get(at))
    }

    fn rrsig(
        &self,
        key: &Key,
        set: &Set<'_>,
        usage: Use,
        now: Seconds,
        may_make: impl FnOnce() -> bool,
    ) -> Option<Rrsig> {
        let period = self.validity.at(set.owner, now);
        let fixed = fixed(set, key.algorithm.number(), key.tag, period);
        let remembered_by = self.memory.key(&fixed, set);
        let cache = match usage {
            Use::Lasting => &self.memory.lasting,
            Use::Passing => &self.memory.passing,
        };
        let signature = match cache.get(remembered_by) {
            Some(signature) => signature,
            None => {
                if !may_make() {
                    return None;
                }
                let signature = key.sign(&signed(set, &fixed, &self.apex))?;
                cache.put(remembered_by, &signature);
                signature
            }
        };
        Rrsig::new(&[&fixed, &self.apex, &signature])
    }
}

impl std::fmt::Display for Signer {
    /// Which keys sign what.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tags = |places: &[usize]| {
            let keys = places.iter().filter_map(|&at| self.keys.get(at));
            let tags: Vec<_> = keys.map(|key| key.tag.to_string()).collect();
            tags.join(", ")
        };
        let Roles {
            sign_keys,
            sign_data,
            ..
        } = &self.roles;
        let (keys, data) = (tags(sign_keys), tags(sign_data));
        write!(f, "the keys are signed by {keys}, the zone by {data}")
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("keys", &self.keys)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

/// Since 1970.
pub(crate) fn seconds(at: SystemTime) -> Seconds {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn nanoseconds(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
