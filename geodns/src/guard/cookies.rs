//! DNS Cookies (RFC 7873) in the form that servers of all makes share (RFC 9018): who brings back
//! what was sent to it is where it says that it is.

use std::{net::IpAddr, sync::Arc};

use arc_swap::ArcSwap;
use aws_lc_rs::hmac;
use perigee_dns_wire::Cookie;
use siphasher::sip::SipHasher24;

use super::CookieSecret;

/// A whole cookie: the client's part, and the server's.
pub(crate) type WholeCookie = [u8; 24];

/// RFC 9018 section 4.1.
const VERSION: u8 = 1;
/// For how long a cookie is good, in seconds, and how far its time may be ahead (section 4.3).
const GOOD_FOR: u32 = 3_600;
const AHEAD: u32 = 300;
/// From this age on the client gets a new one.
const RENEWED_AFTER: u32 = 1_800;
/// A derived secret makes cookies for so many seconds.
const DAY: u32 = 86_400;

/// Makes and checks server cookies.
pub(crate) struct Cookies {
    secrets: Secrets,
}

enum Secrets {
    /// The first one makes cookies, all are good.
    Given(Vec<CookieSecret>),
    /// One for each day, from this; with those that may be needed at the time.
    Derived(Box<hmac::Key>, ArcSwap<Days>),
}

/// The secrets of a day and of its neighbours: a cookie is of one of them, or too old.
struct Days {
    today: u32,
    secrets: [CookieSecret; 3],
}

/// What a client's cookie is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    /// The client was sent the server's part, at its address, not long ago.
    pub(crate) is_good: bool,
    /// What it is sent.
    pub(crate) answer: WholeCookie,
}

impl Cookies {
    /// Of these secrets, or, if there are none, of secrets derived from what nodes have in common.
    pub(crate) fn new(given: &[CookieSecret], derived_from: &[u8]) -> Self {
        let secrets = match given {
            [] => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, derived_from);
                let days = Days::around(&key, 0);
                Secrets::Derived(Box::new(key), ArcSwap::from_pointee(days))
            }
            given => Secrets::Given(given.to_vec()),
        };
        Cookies { secrets }
    }

    /// Checks a client's cookie, at a time in seconds since 1970.
    pub(crate) fn check(&self, cookie: &Cookie<'_>, client: IpAddr, now: u32) -> Checked {
        let client = client.to_canonical();
        let sent = cookie.server.and_then(|server| server.try_into().ok());
        let good = sent.filter(|sent| self.is_good(&cookie.client, sent, client, now));
        let part = match good {
            Some(sent) if age(&sent, now) < RENEWED_AFTER as i32 => sent,
            _ => self.make(&cookie.client, client, now),
        };
        let mut answer = [0; 24];
        answer[..8].copy_from_slice(&cookie.client);
        answer[8..].copy_from_slice(&part);
        Checked {
            is_good: good.is_some(),
            answer,
        }
    }

    /// The server's part for a client.
    fn make(&self, part: &[u8; 8], client: IpAddr, now: u32) -> [u8; 16] {
        let mut made = [0; 16];
        made[0] = VERSION;
        made[4..8].copy_from_slice(&now.to_be_bytes());
        let secret = match &self.secrets {
            Secrets::Given(given) => given.first().copied().unwrap_or_default(),
            Secrets::Derived(key, days) => secret(key, days, now / DAY, now),
        };
        let hash = hash(&secret, part, &made, client);
        made[8..].copy_from_slice(&hash);
        made
    }

    fn is_good(&self, part: &[u8; 8], sent: &[u8; 16], client: IpAddr, now: u32) -> bool {
        let age = age(sent, now);
        if sent[0] != VERSION || age > GOOD_FOR as i32 || age < -(AHEAD as i32) {
            return false;
        }
        let is_of = |secret: &CookieSecret| {
            let right = hash(secret, part, sent, client);
            aws_lc_rs::constant_time::verify_slices_are_equal(&right, &sent[8..]).is_ok()
        };
        match &self.secrets {
            Secrets::Given(given) => given.iter().any(is_of),
            // The day that it was made on is in it.
            Secrets::Derived(key, days) => is_of(&secret(key, days, made_at(sent) / DAY, now)),
        }
    }
}

/// Seconds, by serial number arithmetic (RFC 1982).
fn age(sent: &[u8; 16], now: u32) -> i32 {
    now.wrapping_sub(made_at(sent)) as i32
}

fn made_at(sent: &[u8; 16]) -> u32 {
    u32::from_be_bytes([sent[4], sent[5], sent[6], sent[7]])
}

impl Days {
    fn around(key: &hmac::Key, today: u32) -> Self {
        let secrets = [today.wrapping_sub(1), today, today.wrapping_add(1)];
        Days {
            today,
            secrets: secrets.map(|day| of_day(key, day)),
        }
    }

    fn of(&self, day: u32) -> Option<CookieSecret> {
        let nth = day.wrapping_sub(self.today).wrapping_add(1);
        self.secrets.get(nth as usize).copied()
    }
}

/// The secret of a day, which is mostly worked out already.
fn secret(key: &hmac::Key, days: &ArcSwap<Days>, day: u32, now: u32) -> CookieSecret {
    if let Some(secret) = days.load().of(day) {
        return secret;
    }
    days.store(Arc::new(Days::around(key, now / DAY)));
    of_day(key, day)
}

/// The secret of a day: rolled over without a word between nodes, and what leaks of one day says
/// nothing of another.
fn of_day(key: &hmac::Key, day: u32) -> CookieSecret {
    let mut context = hmac::Context::with_key(key);
    context.update(b"perigee dns cookies 1");
    context.update(&day.to_be_bytes());
    let mut secret = [0; 16];
    for (to, from) in secret.iter_mut().zip(context.sign().as_ref()) {
        *to = *from;
    }
    secret
}

/// RFC 9018 section 4.4: of the client's part, what is before the hash, and the client's address.
fn hash(secret: &CookieSecret, part: &[u8; 8], sent: &[u8; 16], client: IpAddr) -> [u8; 8] {
    let mut input = [0; 32];
    input[..8].copy_from_slice(part);
    input[8..16].copy_from_slice(&sent[..8]);
    let length = match client {
        IpAddr::V4(v4) => {
            input[16..20].copy_from_slice(&v4.octets());
            20
        }
        IpAddr::V6(v6) => {
            input[16..].copy_from_slice(&v6.octets());
            32
        }
    };
    let hasher = SipHasher24::new_with_key(secret);
    // The octets of the hash go out as SipHash has them: the lowest one first.
    hasher.hash(&input[..length]).to_le_bytes()
}

impl std::fmt::Debug for Cookies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Secrets stay out of logs.
        f.write_str("Cookies")
    }
}

#[cfg(test)]
mod tests;
