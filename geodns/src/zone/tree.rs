//! Which name has what: the names of a zone, looked up as RFC 1034 section 4.3.2 and RFC 4592 say.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
};

use perigee_dns_wire::{MAX_NAME, Name};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{Cut, Found, Node};

/// The names of a zone. Each name between another one and the apex is there too, down to the cuts:
/// what is below a cut is not.
#[derive(Debug)]
pub(super) struct Tree {
    apex: Arc<Node>,
    apex_labels: usize,
    places: HashMap<Name, Place, BuildHasherDefault<NameHasher>>,
}

/// A name of a zone.
#[derive(Debug)]
pub(super) enum Place {
    Node(Arc<Node>),
    Cut(Cut),
}

/// The names come from those who run the CDN: nobody else can make them collide.
#[derive(Clone, Default)]
pub(super) struct NameHasher(u64);

impl Hasher for NameHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, octets: &[u8]) {
        self.0 = xxh3_64_with_seed(octets, self.0);
    }

    /// Slices tell their length first.
    fn write_usize(&mut self, length: usize) {
        self.0 ^= length as u64;
    }
}

impl Tree {
    /// All names, but for cuts.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.places.values().filter_map(|place| match place {
            Place::Node(node) => Some(&**node),
            Place::Cut(_) => None,
        })
    }

    /// Of nodes that are not below a cut, the apex among them, and of cuts.
    pub(super) fn new(apex: &Name, nodes: HashMap<Name, Node>, cuts: Vec<Cut>) -> Self {
        let (wildcards, mut nodes): (HashMap<_, _>, HashMap<_, _>) = nodes
            .into_iter()
            .partition(|(name, _)| name.starts_with(b"\x01*"));
        let mut places = HashMap::default();
        // The longest first: a wildcard may have another one below it.
        let mut wildcards: Vec<(Name, Node)> = wildcards.into_iter().collect();
        wildcards.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        let mut held: HashMap<Name, Arc<Node>> = HashMap::new();
        for (name, mut node) in wildcards {
            node.wildcard = held.remove(&name);
            let node = Arc::new(node);
            if let Some(parent) = name.parent() {
                match nodes.get_mut(&parent) {
                    Some(parent) => parent.wildcard = Some(Arc::clone(&node)),
                    None => drop(held.insert(parent, Arc::clone(&node))),
                }
            }
            places.insert(name, Place::Node(node));
        }
        let nodes = nodes.into_iter();
        places.extend(nodes.map(|(name, node)| (name, Place::Node(Arc::new(node)))));
        places.extend(
            cuts.into_iter()
                .map(|cut| (cut.name.clone(), Place::Cut(cut))),
        );
        let top = match places.get(apex) {
            Some(Place::Node(node)) => Arc::clone(node),
            _ => Arc::new(Node::new(apex.clone(), true)),
        };
        Tree {
            apex: top,
            apex_labels: apex.labels(),
            places,
        }
    }

    pub(super) fn apex(&self) -> &Node {
        &self.apex
    }

    /// All names, in no order.
    pub(super) fn places(&self) -> impl Iterator<Item = &Place> {
        self.places.values()
    }

    /// What there is at a name in wire form and lower case.
    pub(super) fn lookup(&self, name: &[u8]) -> Found<'_> {
        match self.places.get(name) {
            Some(Place::Node(node)) => Found::Node {
                node,
                wildcard: None,
            },
            Some(Place::Cut(cut)) => Found::Delegated(cut),
            None => self.closest(name),
        }
    }

    /// What there is for a name that is not there: its closest encloser says. From the apex down, so
    /// that no name makes more work than the zone is deep.
    fn closest(&self, name: &[u8]) -> Found<'_> {
        let mut starts = [0u8; MAX_NAME / 2];
        let mut count = 0;
        let mut at = 0;
        while let Some(&length) = name.get(at).filter(|length| **length != 0) {
            let Some(start) = starts.get_mut(count) else {
                return Found::Outside;
            };
            *start = at as u8;
            count += 1;
            at += 1 + usize::from(length);
        }
        let Some(below) = count.checked_sub(self.apex_labels) else {
            return Found::Outside;
        };
        let suffix = |label: usize| {
            starts
                .get(label)
                .and_then(|&start| name.get(start.into()..))
        };
        if suffix(below) != Some(&*self.apex.name) {
            return Found::Outside;
        }
        let mut encloser = &self.apex;
        for label in (1..below).rev() {
            match suffix(label).and_then(|name| self.places.get(name)) {
                Some(Place::Node(node)) => encloser = node,
                Some(Place::Cut(cut)) => return Found::Delegated(cut),
                None => break,
            }
        }
        match &encloser.wildcard {
            Some(node) => Found::Node {
                node,
                wildcard: Some(&node.name),
            },
            None => Found::Missing,
        }
    }
}
