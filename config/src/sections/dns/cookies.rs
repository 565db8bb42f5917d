//! `[dns.cookies]`: DNS Cookies.

use perigee_geodns::CookieUse;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{CookieKey, EnvName};

/// DNS Cookies (RFC 7873, RFC 9018): who brings one back is where it says that it is, and has no limit
/// over UDP.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DnsCookies {
    /// `offer`: who sends a cookie gets one. `require`: who sends one over UDP is also answered with
    /// BADCOOKIE until it is good; who sends none is answered. `off`: cookies are not known.
    pub(crate) mode: CookieMode,
    /// What cookies are made with: 32 hexadecimal digits each. The first one makes cookies, all are
    /// good; so secrets are rolled over, and shared with name servers of other makes. Default: one for
    /// each day, which all nodes derive from the `secret` of `[cdn]`.
    pub(crate) secrets: Vec<CookieKey>,
    /// The environment variable that holds such secrets, with commas between them.
    pub(crate) secrets_env: Option<EnvName>,
}

/// What is done with cookies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum CookieMode {
    /// The option is not known.
    Off,
    /// Who sends one gets one.
    #[default]
    Offer,
    /// Over UDP it must be good.
    Require,
}

impl From<CookieMode> for CookieUse {
    fn from(mode: CookieMode) -> Self {
        match mode {
            CookieMode::Off => CookieUse::Off,
            CookieMode::Offer => CookieUse::Offer,
            CookieMode::Require => CookieUse::Require,
        }
    }
}
