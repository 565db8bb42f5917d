//! A few addresses, without an allocation.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    ops::Deref,
};

/// Most addresses in one answer.
pub(crate) const MOST: usize = 16;

/// No more than [`MOST`] addresses, best first. Dereferences to a slice.
#[derive(Clone, Copy)]
pub(crate) struct Addresses {
    list: [IpAddr; MOST],
    length: usize,
}

impl Addresses {
    pub(super) const EMPTY: Addresses = Addresses {
        list: [IpAddr::V4(Ipv4Addr::UNSPECIFIED); MOST],
        length: 0,
    };

    /// Those of `addresses` that there is room for.
    pub(super) fn new(addresses: impl Iterator<Item = IpAddr>) -> Self {
        let mut all = Addresses::EMPTY;
        for (place, address) in all.list.iter_mut().zip(addresses) {
            *place = address;
            all.length += 1;
        }
        all
    }
}

impl Deref for Addresses {
    type Target = [IpAddr];

    fn deref(&self) -> &[IpAddr] {
        self.list.get(..self.length).unwrap_or(&self.list)
    }
}

impl PartialEq for Addresses {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
