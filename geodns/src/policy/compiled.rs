//! Policies as they are followed: PoPs by their place in the snapshot.

/// Which PoPs serve, in which order: rules, the first ones first.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(super) rules: Vec<Rule>,
}

/// One rule of a policy.
#[derive(Debug)]
pub(super) struct Rule {
    /// By their place in the snapshot.
    pub(super) pops: Vec<usize>,
    pub(super) order: Order,
}

/// What comes first of the PoPs of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// The nearest one, by great-circle distance.
    Distance,
}

impl Policy {
    /// All PoPs for everybody, the nearest first.
    pub(crate) fn nearest(pops: usize) -> Self {
        Policy {
            rules: vec![Rule {
                pops: (0..pops).collect(),
                order: Order::Distance,
            }],
        }
    }
}
