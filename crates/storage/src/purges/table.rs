//! What is known of purges: which name was purged when. No lock and no clock.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::SystemTime,
};

use perigee_http_cache::{CacheKey, StoredHead};

use super::{
    Verdict,
    names::{KINDS, Kind, Name, Names, bare_host},
};

/// A purge as it is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) revision: u64,
    pub(super) at: SystemTime,
    pub(super) soft: bool,
    pub(super) name: Name,
}

/// Purges by the hash of what they name.
#[derive(Debug, Default)]
pub(super) struct Table {
    names: Names,
    by_name: HashMap<u64, Noted>,
    /// When something was last purged that this is the wide name of.
    by_wide: HashMap<u64, u64>,
    /// Lengths of prefixes in bytes, each with the number of names.
    prefix_lengths: BTreeMap<u32, usize>,
    /// All that are known, oldest first. Those that later ones of the same name have made
    /// superfluous may still stand here.
    order: VecDeque<Entry>,
    superfluous: usize,
    /// The last purge of each kind, known or not: a kind without one since then is not looked for.
    latest: [u64; KINDS],
    /// What was checked before this one counts as gone: purges up to it may be forgotten.
    floor: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    revision: u64,
    name: Name,
}

/// The purges of one name.
#[derive(Debug, Default)]
struct Noted {
    /// The last one that was hard; zero: there is none.
    hard: u64,
    /// Those that were soft since then, oldest first. Not the last alone: what was checked before
    /// several of them is stale since the first.
    soft: Vec<(u64, SystemTime)>,
}

impl Table {
    /// A table that knows names by this secret, and nothing of what was before this revision.
    pub(super) fn of(names: Names, floor: u64) -> Self {
        Table {
            names,
            floor,
            ..Table::default()
        }
    }

    pub(super) fn names(&self) -> Names {
        self.names
    }

    /// A purge, of which the number is the highest so far.
    pub(super) fn note(&mut self, record: Record) {
        let Record {
            revision,
            at,
            soft,
            name,
        } = record;
        self.latest[name.kind as usize] = revision;
        if name.kind == Kind::Everything && !soft {
            self.forget_all(revision);
            return;
        }
        let is_new = !self.by_name.contains_key(&name.hash);
        let noted = self.by_name.entry(name.hash).or_default();
        if soft {
            noted.soft.push((revision, at));
        } else {
            self.superfluous += noted.soft.len() + usize::from(noted.hard != 0);
            noted.soft = Vec::new();
            noted.hard = revision;
        }
        if let Some(wide) = name.wide {
            self.by_wide.insert(wide, revision);
        }
        if is_new && name.kind == Kind::Prefix {
            *self.prefix_lengths.entry(name.length).or_default() += 1;
        }
        self.order.push_back(Entry { revision, name });
    }

    /// What has become of a response that was checked against all purges up to `since`.
    pub(super) fn verdict(&self, key: &CacheKey, labels: Labels<'_>, since: u64) -> Verdict {
        if since < self.floor {
            return Verdict::Gone;
        }
        let mut found = Found::new(self, since);
        if found.may_be(Kind::Everything) {
            found.look_for(0);
        }
        if found.may_be(Kind::Key) {
            found.look_for(self.names.key(key));
        }
        if found.may_be(Kind::Host) {
            self.names.hosts(key).for_each(|host| found.look_for(host));
        }
        if found.may_be(Kind::Prefix) {
            let lengths = self.prefix_lengths.keys().copied();
            let prefixes = self.names.prefixes(key, lengths);
            prefixes.for_each(|prefix| found.look_for(prefix));
        }
        match labels {
            Labels::None => {}
            Labels::Of(head) => self.look_for_labels(&mut found, key, head),
            Labels::Unknown => self.look_for_any_label(&mut found, key),
        }
        found.verdict()
    }

    fn look_for_labels(&self, found: &mut Found<'_>, key: &CacheKey, head: &StoredHead) {
        if found.may_be(Kind::Tag) {
            let host = bare_host(key);
            for tag in head.tags() {
                found.look_for(self.names.tag(None, tag));
                found.look_for(self.names.tag(Some(host), tag));
            }
        }
        if found.may_be(Kind::Group) {
            let origin = key.origin();
            for group in head.groups() {
                found.look_for(self.names.group(origin, group));
            }
        }
    }

    fn look_for_any_label(&self, found: &mut Found<'_>, key: &CacheKey) {
        if found.may_be(Kind::Tag) {
            found.look_for_wide(self.names.tags(None));
            found.look_for_wide(self.names.tags(Some(bare_host(key))));
        }
        if found.may_be(Kind::Group) {
            found.look_for_wide(self.names.groups(key.origin()));
        }
    }

    /// Whether any key of this key's path was purged, or may have been, after `since`.
    pub(super) fn path_was_purged(&self, key: &CacheKey, since: u64) -> bool {
        let by_path = || {
            let purged = self.by_wide.get(&self.names.path(key));
            purged.is_some_and(|revision| *revision > since)
        };
        self.verdict(key, Labels::None, since) != Verdict::Holds || by_path()
    }

    /// Forgets the purges up to `revision`: all that is stored was checked against them.
    pub(super) fn forget_before(&mut self, revision: u64) {
        while self.order.front().is_some_and(|e| e.revision <= revision) {
            self.forget_oldest();
        }
    }

    /// Forgets the oldest until there are `most` at most; says whether one was forgotten that was
    /// not superfluous.
    pub(super) fn keep_at_most(&mut self, most: usize) -> bool {
        // Once in so many purges, so that one costs the same on average, however many are known.
        if self.order.len() > most && self.superfluous > most / 4 {
            let by_name = &self.by_name;
            self.order.retain(|entry| is_live(by_name, entry));
            self.superfluous = 0;
        }
        let mut lost = false;
        while self.order.len() > most {
            lost |= self.forget_oldest();
        }
        lost
    }

    /// All that was checked before `revision` counts as gone.
    pub(super) fn forget_all(&mut self, revision: u64) {
        self.by_name.clear();
        self.by_wide.clear();
        self.prefix_lengths.clear();
        self.order.clear();
        self.superfluous = 0;
        self.floor = self.floor.max(revision);
    }

    /// All purges that are not superfluous, oldest first.
    pub(super) fn records(&self) -> Vec<Record> {
        let record = |entry: &Entry| {
            let Entry { revision, name } = *entry;
            let noted = self.by_name.get(&name.hash)?;
            let soft = noted.soft.iter().find(|(soft, _)| *soft == revision);
            (noted.hard <= revision).then(|| Record {
                revision,
                at: soft.map_or(SystemTime::UNIX_EPOCH, |(_, at)| *at),
                soft: soft.is_some(),
                name,
            })
        };
        self.order.iter().filter_map(record).collect()
    }

    /// Those that are not superfluous.
    pub(super) fn live(&self) -> usize {
        self.order.len() - self.superfluous.min(self.order.len())
    }

    /// Purges that are known.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn floor(&self) -> u64 {
        self.floor
    }

    /// Whether it takes no memory for any purge.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let names = self.by_name.len() + self.by_wide.len() + self.prefix_lengths.len();
        names + self.order.len() + self.superfluous == 0
    }

    /// Whether it was not superfluous.
    fn forget_oldest(&mut self) -> bool {
        let Some(entry) = self.order.pop_front() else {
            return false;
        };
        let Entry { revision, name } = entry;
        if let Some(wide) = name.wide
            && self.by_wide.get(&wide) == Some(&revision)
        {
            self.by_wide.remove(&wide);
        }
        if !is_live(&self.by_name, &Entry { revision, name }) {
            self.superfluous = self.superfluous.saturating_sub(1);
            return false;
        }
        if let Some(noted) = self.by_name.get_mut(&name.hash) {
            if noted.hard == revision {
                noted.hard = 0;
            }
            noted.soft.retain(|(soft, _)| *soft != revision);
            if noted.hard == 0 && noted.soft.is_empty() {
                self.forget_name(name);
            }
        }
        self.floor = self.floor.max(revision);
        true
    }

    fn forget_name(&mut self, name: Name) {
        self.by_name.remove(&name.hash);
        if name.kind == Kind::Prefix
            && let Some(count) = self.prefix_lengths.get_mut(&name.length)
        {
            *count -= 1;
            if *count == 0 {
                self.prefix_lengths.remove(&name.length);
            }
        }
    }
}

/// Whether no later purge of the same name has made it superfluous.
fn is_live(by_name: &HashMap<u64, Noted>, entry: &Entry) -> bool {
    by_name
        .get(&entry.name.hash)
        .is_some_and(|noted| noted.hard <= entry.revision)
}

/// What is known of the tags and groups of a response.
#[derive(Clone, Copy, Debug)]
pub(super) enum Labels<'a> {
    /// They are those of this head.
    Of(&'a StoredHead),
    /// Nothing: it may have any.
    Unknown,
    /// It has none.
    None,
}

/// What is found of the purges of one response.
struct Found<'a> {
    table: &'a Table,
    since: u64,
    gone: bool,
    /// The first of those that were soft.
    stale: Option<(u64, SystemTime)>,
}

impl<'a> Found<'a> {
    fn new(table: &'a Table, since: u64) -> Self {
        Found {
            table,
            since,
            gone: false,
            stale: None,
        }
    }

    /// Whether there is anything of this kind to look for.
    fn may_be(&self, kind: Kind) -> bool {
        !self.gone && self.table.latest[kind as usize] > self.since
    }

    fn look_for(&mut self, name: u64) {
        let Some(noted) = self.table.by_name.get(&name) else {
            return;
        };
        self.gone |= noted.hard > self.since;
        let known = noted.soft.partition_point(|(soft, _)| *soft <= self.since);
        let first = noted.soft.get(known).copied();
        self.stale = self.stale.into_iter().chain(first).min();
    }

    fn look_for_wide(&mut self, name: u64) {
        let purged = self.table.by_wide.get(&name);
        self.gone |= purged.is_some_and(|revision| *revision > self.since);
    }

    fn verdict(self) -> Verdict {
        match self.stale {
            _ if self.gone => Verdict::Gone,
            Some((_, at)) => Verdict::Stale(at),
            None => Verdict::Holds,
        }
    }
}
