//! Membership: what all nodes must agree on before they can find each other.

use std::time::Duration;

use super::{Report, secrets};
use crate::{sections::File, units::TrustName};

/// The shortest lease; etcd makes shorter ones longer.
const SHORTEST_LEASE: Duration = Duration::from_secs(1);

pub(super) fn check(file: &File, report: &mut Report<'_>) {
    let Some(membership) = &file.membership else {
        return;
    };
    let span = &membership.span;
    if file.cdn.id.is_none() {
        report.error(
            span,
            "nodes that register must agree on what their CDN is called",
            "set `id` in [cdn], the same one in the file of every node",
        );
    }
    let secret = file.cdn.secret.is_some() || file.cdn.secret_env.is_some();
    if !secret && file.tier.trust != TrustName::Mtls && !report.is_part() {
        report.error(
            span,
            "nodes that find each other must know each other",
            "set secret_env = \"PERIGEE_SECRET\" in [cdn], or secret = \"…\" of at least 16 bytes, or certificates in [tier]",
        );
    }
    secrets::one_of_any_length(
        report,
        "password",
        membership.password.as_ref(),
        membership.password_env.as_ref(),
    );
    let password = membership.password.is_some() || membership.password_env.is_some();
    if password != membership.user.is_some() {
        let span = membership.user.as_ref().map_or(span, |user| &user.span);
        report.error(
            span,
            "a name and a password belong together",
            "set both `user` and `password` (or `password_env`), or none of them",
        );
    }
    if membership.lease.0 < SHORTEST_LEASE {
        report.error(
            span,
            format!("a lease of {:?} is too short", membership.lease.0),
            "set `lease` to 1s or more; 10s is the default",
        );
    }
}
