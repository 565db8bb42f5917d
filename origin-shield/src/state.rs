//! What a shield runs on until the next reload. Immutable.

use std::{sync::Arc, time::SystemTime};

use perigee_cluster::{Caller, Refused, Trust};
use perigee_proxy::{
    Hop, Inbound, Metrics, NextHop, NextHopStatus, Outgoing, Route, Services, add_claims,
};
use perigee_server::Client;
use perigee_tier::{Admission, Listeners, State, told};

use crate::Config;

/// The state of one shield.
pub struct ShieldState {
    config: Config,
    services: Services,
    trust: Arc<Trust>,
}

impl State for ShieldState {
    type Config = Config;

    const ROLE: &'static str = "shield";

    fn build(config: Config, metrics: &Metrics, before: Option<&Self>) -> Result<Self, String> {
        let kept = before.map(|b| &b.services);
        let services = Services::build(config.tier.services.clone(), metrics, kept)
            .map_err(|e| e.to_string())?;
        let trust = config.tier.trust.as_ref();
        let trust = trust.ok_or("a shield needs a secret or certificates to know the edges by")?;
        let trust = Trust::load(trust, before.map(|b| &b.trust), SystemTime::now())?;
        Ok(ShieldState {
            config,
            services,
            trust,
        })
    }

    /// Edges come by `listen` without TLS, or by `tier_listen`.
    fn tls(_config: &Config) -> Result<Listeners, String> {
        Ok(Listeners::default())
    }

    fn common(config: &Config) -> &perigee_tier::Config {
        &config.tier
    }

    fn config(&self) -> &Config {
        &self.config
    }

    fn services(&self) -> &Services {
        &self.services
    }

    fn trust(&self) -> Option<&Arc<Trust>> {
        Some(&self.trust)
    }

    fn admit(&self, caller: Result<Caller, Refused>, _client: &Client) -> Admission {
        match caller {
            Ok(Caller::Node(markers)) => Admission::Enter(told(&markers)),
            Ok(Caller::Prober) => Admission::Probe,
            Ok(Caller::Stranger) => Admission::Refuse("a shield serves the edges of its CDN only"),
            Err(Refused::Expired) => {
                Admission::Refuse("the proof is too old or too new: do the clocks differ?")
            }
            Err(Refused::Elsewhere) => {
                Admission::Refuse("nodes are not served at this address, but at `tier_listen`")
            }
            Err(_) => Admission::Refuse("this proof of membership is not good"),
        }
    }

    fn next_hops(&self) -> Vec<NextHopStatus> {
        self.services.origin_status().collect()
    }
}

impl NextHop for ShieldState {
    /// From a shield there is one way: to the origin.
    fn route(&self, inbound: &Inbound) -> Route {
        Route {
            up: vec![Hop::Origin(Arc::clone(&inbound.service.origins))],
            ..Route::default()
        }
    }

    fn stamp(&self, inbound: &Inbound, _hop: &Hop, request: &mut Outgoing) {
        add_claims(&mut request.fields, inbound.client, inbound.told_scheme());
    }

    /// An origin's health is kept by its pool.
    fn failed(&self, _hop: &Hop) {}
}
