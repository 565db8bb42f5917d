//! `[ring]`: how the edges of a PoP share the content out among them.

use perigee_edge::{HotCopies, LoadBound};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{Bytes, Factor, Period, Whole};

/// How the edges of a PoP share the content out: each object has one owner, which the others ask.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Ring {
    /// How many times its part of the requests under way an owner may have; what is above that goes
    /// to the next on the ring.
    pub(crate) load_factor: Factor,
    /// With fewer requests under way than this, no owner counts as overloaded.
    pub(crate) load_floor: Whole<0, 1_000_000>,
    /// What clients ask an edge for so often within `hot_window` is kept there too, though another
    /// edge owns it; 0: nothing is. Changed by a restart only.
    pub(crate) hot_after: Whole<0, 60_000>,
    /// See `hot_after`. Changed by a restart only.
    pub(crate) hot_window: Period,
    /// The largest body that is kept for that. Changed by a restart only.
    pub(crate) copy_max: Bytes<0, { 1 << 50 }>,
}

impl Default for Ring {
    fn default() -> Self {
        let bound = LoadBound::default();
        let copies = HotCopies::default();
        Ring {
            load_factor: Factor(bound.factor),
            load_floor: Whole(bound.floor),
            hot_after: Whole(copies.after.into()),
            hot_window: Period(copies.window),
            copy_max: Bytes(copies.max),
        }
    }
}

impl Ring {
    /// When an edge keeps what another one owns.
    pub(crate) fn copies(&self) -> HotCopies {
        HotCopies {
            after: self.hot_after.as_u32(),
            window: self.hot_window.0,
            max: self.copy_max.0,
        }
    }

    /// As the ring takes it.
    pub(crate) fn load_bound(&self) -> LoadBound {
        LoadBound {
            factor: self.load_factor.0,
            floor: self.load_floor.0,
        }
    }
}
