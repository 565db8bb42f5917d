//! `[ring]`: how the edges of a PoP share the content out among them.

use perigee_edge::LoadBound;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{Factor, Whole};

/// How the edges of a PoP share the content out: each object has one owner, which the others ask.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Ring {
    /// How many times its part of the requests under way an owner may have; what is above that goes
    /// to the next on the ring.
    pub(crate) load_factor: Factor,
    /// With fewer requests under way than this, no owner counts as overloaded.
    pub(crate) load_floor: Whole<0, 1_000_000>,
}

impl Default for Ring {
    fn default() -> Self {
        let bound = LoadBound::default();
        Ring {
            load_factor: Factor(bound.factor),
            load_floor: Whole(bound.floor),
        }
    }
}

impl Ring {
    /// As the ring takes it.
    pub(crate) fn load_bound(&self) -> LoadBound {
        LoadBound {
            factor: self.load_factor.0,
            floor: self.load_floor.0,
        }
    }
}
