//! Which key does what at a moment. Pure.

use super::{key::Key, timing::Seconds};

/// The keys of a zone by what they do at one moment: places in the list they were chosen from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// Shown as DNSKEY.
    pub published: Vec<usize>,
    /// These sign DNSKEY, CDS and CDNSKEY.
    pub sign_keys: Vec<usize>,
    /// These sign all other records: one for each algorithm.
    pub sign_data: Vec<usize>,
    /// Shown as CDS and CDNSKEY.
    pub synced: Vec<usize>,
    /// When this may be otherwise.
    pub until: Option<Seconds>,
}

impl Roles {
    /// Of these keys at `now`.
    ///
    /// # Errors
    /// If nothing can be signed with them.
    pub fn at(keys: &[Key], now: Seconds) -> Result<Self, String> {
        let all = |is: &dyn Fn(&Key) -> bool| {
            let chosen = keys.iter().enumerate().filter(|(_, key)| is(key));
            chosen.map(|(at, _)| at).collect::<Vec<_>>()
        };
        let published = all(&|key| key.timing.is_published(now));
        // Also those whose DS is yet to come: a resolver may know it earlier than we are told.
        let sign_keys =
            all(&|key| key.is_entry && key.timing.is_published(now) && !key.timing.is_retired(now));
        let mut algorithms: Vec<_> = published.iter().map(|&at| keys[at].algorithm).collect();
        algorithms.sort_unstable();
        algorithms.dedup();
        let sign_data: Vec<_> = algorithms
            .iter()
            .filter_map(|&algorithm| {
                let of_it = |at: &&usize| keys[**at].algorithm == algorithm;
                data_key(keys, published.iter().filter(of_it).copied(), now)
            })
            .collect();
        if sign_keys.is_empty() || sign_data.is_empty() {
            return Err(
                "no key is published and active now; `perigee dnssec status` tells the dates"
                    .to_owned(),
            );
        }
        Ok(Roles {
            synced: all(&|key| key.is_entry && key.timing.is_synced(now)),
            until: keys.iter().filter_map(|key| key.timing.next(now)).min(),
            published,
            sign_keys,
            sign_data,
        })
    }
}

/// The key of one algorithm that signs the zone: the newest that is active, and rather one that is for
/// nothing else (ZSK). If all are retired, the last one goes on: that is better than no signature.
fn data_key(keys: &[Key], of: impl Iterator<Item = usize>, now: Seconds) -> Option<usize> {
    of.max_by_key(|&at| {
        let key = &keys[at];
        let active = key.timing.is_active(now);
        (
            active,
            active && !key.is_entry,
            key.timing.is_retired(now),
            key.timing.activate,
            key.tag,
        )
    })
}
