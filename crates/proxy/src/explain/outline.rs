//! What a configuration alone says of a request.

use std::{collections::BTreeMap, time::SystemTime};

use perigee_http_cache::{CacheKey, RequestHead, StoredHead};

use super::{Question, no_service, rule_in_words, told};
use crate::{
    ServiceConfig,
    hosts::Hosts,
    intake::{host, key, put_in_order},
};

/// What a configuration alone says of a request: whose it is, and what the store knows it by.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    /// The delivery service that claims the host.
    pub service: String,
    /// By which of its `hosts`.
    pub host: String,
    /// Which of its rules the request meets: counted from 1, and by what.
    pub rule: Option<String>,
    /// What the caching policy of that rule, or of the service, says, by the names of the
    /// configuration.
    pub policy: BTreeMap<String, String>,
    /// The key.
    pub key: CacheKey,
    /// The origins.
    pub origins: Vec<String>,
    /// What a node does that has nothing stored: `miss`, `pass`, `refuse` or `here`.
    pub outcome: &'static str,
    /// Why.
    pub because: String,
}

/// Says what these services make of a request.
///
/// # Errors
/// A text that says what is wrong with the question, or that no service claims its host.
pub fn outline(
    question: &Question,
    services: &[ServiceConfig],
    now: SystemTime,
) -> Result<Outline, String> {
    let (mut head, scheme) = question.head()?;
    put_in_order(&mut head).map_err(|refusal| refusal.text)?;
    let host = host(&head).map_err(|refusal| refusal.text)?;
    let mut hosts = Hosts::default();
    for service in services {
        for pattern in &service.hosts {
            hosts.insert(pattern, service);
        }
    }
    let Some(claim) = hosts.find(host) else {
        return Err(no_service(host, services.iter().flat_map(|s| &s.hosts)));
    };
    let service = claim.of;
    let host = host.to_owned();
    let fields = &service.request_fields;
    fields.apply(&head.method, &mut head.headers);
    let rule = service.rule(&head);
    let policy = service.policy(rule);
    policy.clean_request(&mut head.headers);
    let request = RequestHead {
        method: &head.method,
        headers: &head.headers,
    };
    let nothing: [StoredHead; 0] = [];
    let told = told(&request, &nothing, policy, now);
    Ok(Outline {
        service: service.name.clone(),
        host: claim.pattern.to_string(),
        rule: rule_in_words(service, rule),
        policy: policy.values().into_iter().collect(),
        key: key(policy, scheme, &host, &head),
        origins: service.origins.iter().map(|o| o.name.clone()).collect(),
        outcome: told.outcome.as_str(),
        because: told.because,
    })
}
