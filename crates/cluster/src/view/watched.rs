//! What is known of one node, and how it changes. Pure: no IO, no clock.

use perigee_health::{Change, Outcome, Thresholds, Tracker};

use crate::{Node, NodeHealth, ProbeError, Readiness};

/// A node that is probed: the opinion of it, and what led there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Watched {
    pub(super) health: NodeHealth,
    tracker: Tracker,
}

/// What an observation changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Effect {
    /// Whether it is now up where it was down, or the other way round.
    pub(super) opinion: Option<Change>,
    /// Whether anything that others see is different.
    pub(super) visible: bool,
}

impl Watched {
    /// A node that nothing is known of yet is believed up.
    pub(super) fn new(node: Node, thresholds: Thresholds) -> Self {
        let tracker = Tracker::new(thresholds, true);
        Watched {
            health: NodeHealth {
                node,
                up: tracker.is_up(),
                readiness: None,
                error: None,
                latency: None,
            },
            tracker,
        }
    }

    /// Whether what is known of this node is true of `node` too.
    pub(super) fn is_same(&self, node: &Node) -> bool {
        let known = &self.health.node;
        (&known.name, known.role, known.address) == (&node.name, node.role, node.address)
    }

    /// Takes in what a probe found, or why a request failed. The last readiness is kept when the
    /// node fails: one that drained and then fell silent is still one that drained.
    pub(super) fn observe(&mut self, result: Result<Readiness, ProbeError>) -> Effect {
        let (outcome, readiness, error) = match result {
            Ok(readiness) => (Outcome::Success, Some(readiness), None),
            Err(error) => (
                Outcome::Failure,
                self.health.readiness.clone(),
                Some(error.0),
            ),
        };
        let opinion = self.tracker.observe(outcome);
        let known = NodeHealth {
            node: self.health.node.clone(),
            up: self.tracker.is_up(),
            readiness,
            error,
            latency: self.health.latency,
        };
        let visible = known != self.health;
        self.health = known;
        Effect { opinion, visible }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;

    fn node() -> Node {
        Node {
            name: "fra-1".into(),
            role: Role::Edge,
            pop: None,
            address: ([127, 0, 0, 1], 8080).into(),
            weight: 100,
        }
    }

    fn ready(draining: bool) -> Readiness {
        Readiness {
            node: "fra-1".into(),
            draining,
            load: 0.5,
            config_version: "1".into(),
            purge_revision: 7,
            ..Readiness::default()
        }
    }

    fn refused() -> Result<Readiness, ProbeError> {
        Err(ProbeError::new(&node(), "connection refused"))
    }

    fn watched() -> Watched {
        Watched::new(node(), Thresholds { fall: 2, rise: 2 })
    }

    fn changed(opinion: Option<Change>) -> Effect {
        Effect {
            opinion,
            visible: true,
        }
    }

    const NOTHING: Effect = Effect {
        opinion: None,
        visible: false,
    };

    #[test]
    fn a_new_node_is_believed_up() {
        assert!(watched().health.is_usable());
    }

    #[test]
    fn it_falls_and_rises_by_the_thresholds() {
        let mut watched = watched();
        assert_eq!(watched.observe(Ok(ready(false))), changed(None));
        assert_eq!(watched.observe(refused()), changed(None));
        assert!(watched.health.is_usable());
        assert_eq!(watched.observe(refused()), changed(Some(Change::WentDown)));
        assert!(!watched.health.is_usable());
        assert_eq!(
            watched.health.error.as_deref(),
            Some("fra-1 at 127.0.0.1:8080: connection refused")
        );
        assert_eq!(watched.observe(Ok(ready(false))), changed(None));
        assert!(!watched.health.up);
        assert_eq!(
            watched.observe(Ok(ready(false))),
            changed(Some(Change::WentUp))
        );
        assert_eq!(watched.health.error, None);
    }

    #[test]
    fn more_of_the_same_changes_nothing() {
        let mut watched = watched();
        watched.observe(Ok(ready(false)));
        assert_eq!(watched.observe(Ok(ready(false))), NOTHING);
        watched.observe(refused());
        watched.observe(refused());
        assert_eq!(watched.observe(refused()), NOTHING);
    }

    #[test]
    fn a_draining_node_is_up_but_not_usable() {
        let mut watched = watched();
        assert_eq!(watched.observe(Ok(ready(true))), changed(None));
        assert!(watched.health.up && !watched.health.is_usable());
        watched.observe(refused());
        watched.observe(refused());
        assert_eq!(watched.health.readiness, Some(ready(true)));
        watched.observe(Ok(ready(false)));
        watched.observe(Ok(ready(false)));
        assert!(watched.health.is_usable());
    }

    #[test]
    fn name_address_and_role_make_a_node() {
        let watched = watched();
        let address = ([127, 0, 0, 1], 8081).into();
        assert!(watched.is_same(&Node {
            weight: 50,
            pop: Some("fra".into()),
            ..node()
        }));
        assert!(!watched.is_same(&Node {
            name: "fra-2".into(),
            ..node()
        }));
        assert!(!watched.is_same(&Node { address, ..node() }));
        assert!(!watched.is_same(&Node {
            role: Role::Shield,
            ..node()
        }));
    }
}
