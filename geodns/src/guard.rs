//! What keeps the name server from being used against others, and from being kept busy by them:
//! response rate limiting, and DNS Cookies to tell who is really there.

mod config;
mod cookies;
mod counters;
mod debt;
mod rate_limit;
mod table;

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use perigee_dns_wire::{Request, rcode};

pub use config::{CookieSecret, CookieUse, Guard as GuardConfig, RateLimit};

use self::{
    cookies::{Cookies, WholeCookie},
    counters::Counters,
    rate_limit::{Kind, RateLimiter, Verdict},
};
use crate::{
    answer::{Facts, Instead},
    asker::{Asker, Transport},
};

/// Asked by each worker before it answers, and again before the answer is sent. Replaced whole.
#[derive(Debug)]
pub(crate) struct Guard {
    config: GuardConfig,
    cookies: Option<Arc<Cookies>>,
    limiter: Option<Arc<RateLimiter>>,
    pub(crate) counters: Counters,
}

/// What is known of who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Admitted {
    /// The cookie that is told.
    pub(crate) cookie: Option<WholeCookie>,
    /// What is sent in place of an answer.
    pub(crate) instead: Option<Instead>,
    /// Its address may be another one's: answers to it have limits.
    pub(crate) may_be_forged: bool,
}

/// What is done with a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    AsItIs,
    /// This is sent in its place.
    Instead(Instead),
    Not,
}

impl Guard {
    /// With this configuration. What the one before has counted goes on to count, where it can.
    pub(crate) fn new(config: &GuardConfig, before: Option<&Guard>) -> Self {
        let same = |before: &&Guard| {
            let before = &before.config;
            before.cookie_secrets == config.cookie_secrets
                && before.derived_from == config.derived_from
        };
        let cookies = before
            .filter(same)
            .and_then(|before| before.cookies.clone());
        let limiter = config.rate_limit.as_ref().map(|settings| {
            let limiter = before.and_then(|before| before.limiter.clone());
            let limiter = limiter.filter(|limiter| limiter.is_of(settings));
            limiter.unwrap_or_else(|| Arc::new(RateLimiter::new(settings, &random())))
        });
        Guard {
            config: config.clone(),
            cookies: (config.cookies != CookieUse::Off)
                .then(|| cookies.unwrap_or_else(|| Arc::new(self::cookies(config)))),
            limiter,
            counters: before.map_or_else(Counters::default, |before| before.counters.clone()),
        }
    }

    /// Looks at a request before it is answered.
    pub(crate) fn admit(&self, request: &Request<'_>, asker: Asker, now: SystemTime) -> Admitted {
        let over_udp = asker.transport == Transport::Udp;
        let mut admitted = Admitted {
            cookie: None,
            instead: None,
            may_be_forged: over_udp,
        };
        let cookie = request.edns.as_ref().and_then(|edns| edns.cookie);
        let (Some(cookies), Some(cookie)) = (&self.cookies, cookie) else {
            return admitted;
        };
        let checked = cookies.check(&cookie, asker.address.ip(), seconds(now));
        admitted.cookie = Some(checked.answer);
        if over_udp && checked.is_good {
            admitted.may_be_forged = false;
        } else if over_udp && self.config.cookies == CookieUse::Require {
            // RFC 7873 section 5.2.3: with a cookie that is good for the next time.
            admitted.instead = Some(Instead::Code(rcode::BADCOOKIE));
        }
        admitted
    }

    /// Judges a response of so many octets to somebody whose address may be forged.
    pub(crate) fn judge(
        &self,
        admitted: &Admitted,
        asker: Asker,
        facts: &Facts<'_>,
        octets: usize,
        now: SystemTime,
    ) -> Sent {
        let Some(limiter) = &self.limiter else {
            return Sent::AsItIs;
        };
        let kind = match (facts.rcode, facts.name) {
            (rcode::NOERROR, Some(name)) => Kind::Answer(name),
            (rcode::NOERROR, None) | (rcode::NXDOMAIN, _) => Kind::Missing,
            _ => Kind::Error,
        };
        match limiter.judge(asker.address.ip(), kind, octets, now) {
            Verdict::Send => Sent::AsItIs,
            Verdict::Drop => {
                self.counters.dropped.inc();
                Sent::Not
            }
            Verdict::Slip => {
                self.counters.slipped.inc();
                // Who knows cookies needs no TCP to show that it is there.
                Sent::Instead(match admitted.cookie {
                    Some(_) => Instead::Code(rcode::BADCOOKIE),
                    None => Instead::Truncated,
                })
            }
        }
    }
}

fn cookies(config: &GuardConfig) -> Cookies {
    match (&config.cookie_secrets[..], &config.derived_from[..]) {
        ([], []) => Cookies::new(&[], &random::<32>()),
        (given, derived_from) => Cookies::new(given, derived_from),
    }
}

/// What nobody else knows.
fn random<const N: usize>() -> [u8; N] {
    let mut octets = [0; N];
    if SystemRandom::new().fill(&mut octets).is_err() {
        fastrand::fill(&mut octets);
    }
    octets
}

fn seconds(now: SystemTime) -> u32 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    // RFC 9018 section 4.3: 32 bits that wrap around.
    since.as_secs() as u32
}
