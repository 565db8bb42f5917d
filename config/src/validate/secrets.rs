//! The secret that nodes share, and the token of the admin API.

use std::ops::Range;

use super::Report;
use crate::{
    at::At,
    sections::File,
    units::{EnvName, Secret, TrustName},
};

/// The fewest bytes of a secret or token.
pub(crate) const SHORTEST: usize = 16;

pub(super) fn check(file: &File, report: &mut Report<'_>) {
    one_of(
        report,
        "secret",
        file.cdn.secret.as_ref(),
        file.cdn.secret_env.as_ref(),
    );
    one_of(
        report,
        "token",
        file.admin.token.as_ref(),
        file.admin.token_env.as_ref(),
    );
    if file.cdn.secret.is_none()
        && file.cdn.secret_env.is_none()
        && file.tier.trust == TrustName::Secret
        && let Some((span, why)) = needs_secret(file)
    {
        report.error(
                &span,
                format!("{why}, so the nodes need a shared secret"),
                "write a [cdn] table with secret_env = \"PERIGEE_SECRET\" (an environment variable that holds it), or secret = \"…\" of at least 16 bytes; or a [tier] table with trust = \"mtls\"",
            );
    }
}

/// Where it is said, and why, that nodes must know each other.
fn needs_secret(file: &File) -> Option<(Range<usize>, &'static str)> {
    let second = file
        .nodes()
        .nth(1)
        .map(|node| (node, "there is more than one node"));
    let shield = file.shields.first().and_then(|shield| {
        let node = file
            .nodes()
            .find(|node| node.name.span == shield.name.span)?;
        Some((node, "a shield admits only nodes of this CDN"))
    });
    let (node, why) = second.or(shield)?;
    Some((node.name.span.clone(), why))
}

/// Not both, but how long it is was decided elsewhere.
pub(super) fn one_of_any_length(
    report: &mut Report<'_>,
    key: &str,
    value: Option<&At<Secret>>,
    env: Option<&At<EnvName>>,
) {
    if let (Some(_), Some(env)) = (value, env) {
        report.error(
            &env.span,
            format!("both `{key}` and `{key}_env` are set"),
            "take one of them out",
        );
    }
}

fn one_of(
    report: &mut Report<'_>,
    key: &str,
    value: Option<&At<Secret>>,
    env: Option<&At<EnvName>>,
) {
    one_of_any_length(report, key, value, env);
    if let Some(value) = value.filter(|value| value.0.len() < SHORTEST) {
        report.error(
            &value.span,
            format!(
                "this {key} has {} bytes, and less than {SHORTEST} are too easy to guess",
                value.0.len()
            ),
            "make one with: openssl rand -hex 32",
        );
    }
}
