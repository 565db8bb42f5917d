//! What keeps the name server from being used against others, and from being kept busy by them:
//! response rate limiting, and DNS Cookies to tell who is really there.

mod config;
mod cookies;
mod debt;
mod rate_limit;
mod table;

pub use config::{CookieSecret, CookieUse, Guard as GuardConfig, RateLimit};
