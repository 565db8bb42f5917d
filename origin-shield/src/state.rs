//! What a shield runs on until the next reload. Immutable.

use std::sync::Arc;

use http::request;
use perigee_cluster::Credential;
use perigee_proxy::{Hop, Inbound, Metrics, NextHop, Route, Services, add_claims};

use crate::Config;

/// The state of one shield.
pub(crate) struct State {
    pub(crate) config: Config,
    pub(crate) services: Services,
    pub(crate) credential: Credential,
}

impl State {
    /// Builds the state; what `before` has and did not change is kept.
    ///
    /// # Errors
    /// A text that says which origin or secret cannot be used.
    pub(crate) fn build(
        config: Config,
        metrics: &Metrics,
        before: Option<&State>,
    ) -> Result<Self, String> {
        let kept = before.map(|b| &b.services);
        let services =
            Services::build(config.services.clone(), metrics, kept).map_err(|e| e.to_string())?;
        let credential = Credential::new(&config.secret, config.node.as_str()).map_err(|e| e.0)?;
        Ok(State {
            config,
            services,
            credential,
        })
    }
}

impl NextHop for State {
    /// From a shield there is one way: to the origin.
    fn route(&self, inbound: &Inbound) -> Route {
        Route {
            sideways: Vec::new(),
            up: vec![Hop::Origin(Arc::clone(&inbound.service.origins))],
        }
    }

    fn stamp(&self, inbound: &Inbound, _hop: &Hop, request: &mut request::Parts) {
        let scheme = inbound.scheme.as_str();
        add_claims(&mut request.headers, inbound.client, scheme);
    }

    /// An origin's health is kept by its pool.
    fn failed(&self, _hop: &Hop) {}
}
