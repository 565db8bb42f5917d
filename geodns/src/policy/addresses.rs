//! The addresses of an answer, without a copy of them.

use std::{fmt, net::IpAddr};

use super::edges::Edges;
use crate::snapshot::{Family, PopState};

/// Most addresses in one answer.
pub(crate) const MOST: usize = 16;

/// No more than [`MOST`] addresses, best first: of edges of a PoP.
#[derive(Clone, Copy)]
pub(crate) struct Addresses<'s> {
    of: Option<(&'s PopState, Family)>,
    edges: Edges,
}

impl<'s> Addresses<'s> {
    pub(super) const EMPTY: Addresses<'static> = Addresses {
        of: None,
        edges: Edges::NONE,
    };

    pub(super) fn new(pop: &'s PopState, family: Family, edges: Edges) -> Self {
        Addresses {
            of: Some((pop, family)),
            edges,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.edges.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = IpAddr> {
        self.edges.iter().filter_map(|edge| {
            let (pop, family) = self.of?;
            pop.edges.get(edge)?.address(family)
        })
    }
}

impl PartialEq for Addresses<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Addresses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
