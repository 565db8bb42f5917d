//! Response rate limiting: a forged sender must not be sent much. Each network has credit for each
//! kind of response, as in BIND, which a response uses up and time gives back; who goes on asking
//! without credit runs into debt.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use ipnet::IpNet;
use siphasher::sip::SipHasher13;
use xxhash_rust::xxh3::xxh3_64;

use super::{RateLimit, debt::Account, table::Table};

/// A response counts once for each of so many octets that it begins: what is limited is how much
/// is sent, too.
const UNIT: usize = 512;

/// What kind of response it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind<'n> {
    /// With data of the name of the zone that this is: for what a wildcard stands for, its own.
    Answer(&'n [u8]),
    /// A name or type does not exist.
    Missing,
    /// An error, or that it is refused.
    Error,
}

/// What becomes of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is sent.
    Send,
    /// It is limited, but what is sent tells a real client how to go on.
    Slip,
    /// It is not sent.
    Drop,
}

/// Counts what is sent to whom. Shared by all workers, without a lock.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    settings: RateLimit,
    answers: Account,
    errors: Account,
    exempt: Vec<IpNet>,
    table: Table,
    /// Not to be guessed, so that nobody can choose whose entry goes.
    hasher: SipHasher13,
    limited: AtomicU32,
}

impl RateLimiter {
    /// With a key for its table, of which nobody must know.
    pub(crate) fn new(settings: &RateLimit, key: &[u8; 16]) -> Self {
        let account = |rate| Account::new(rate, settings.window);
        RateLimiter {
            answers: account(settings.answers),
            errors: account(settings.errors),
            exempt: IpNet::aggregate(&settings.exempt),
            table: Table::new(settings.table),
            hasher: SipHasher13::new_with_key(key),
            limited: AtomicU32::new(0),
            settings: settings.clone(),
        }
    }

    /// Whether it is of these settings.
    pub(crate) fn is_of(&self, settings: &RateLimit) -> bool {
        self.settings == *settings
    }

    /// Counts a response of so many octets, and judges it.
    pub(crate) fn judge(
        &self,
        client: IpAddr,
        kind: Kind<'_>,
        octets: usize,
        now: SystemTime,
    ) -> Verdict {
        let client = client.to_canonical();
        if self.exempt.iter().any(|network| network.contains(&client)) {
            return Verdict::Send;
        }
        let account = match kind {
            Kind::Answer(_) => &self.answers,
            Kind::Missing | Kind::Error => &self.errors,
        };
        let key = self.key(client, kind);
        let units = octets.div_ceil(UNIT).max(1) as u64;
        match self.table.charge(key, account, units, microseconds(now)) {
            true => Verdict::Send,
            false => self.slip(),
        }
    }

    fn slip(&self) -> Verdict {
        let nth = self.limited.fetch_add(1, Ordering::Relaxed);
        match self.settings.slip {
            0 => Verdict::Drop,
            slip if nth.is_multiple_of(slip) => Verdict::Slip,
            _ => Verdict::Drop,
        }
    }

    fn key(&self, client: IpAddr, kind: Kind<'_>) -> u64 {
        let (number, name) = match kind {
            Kind::Answer(name) => (0, name),
            Kind::Missing => (1, &[][..]),
            Kind::Error => (2, &[][..]),
        };
        let network = match client {
            IpAddr::V4(v4) => {
                u64::from(v4.to_bits())
                    & (u64::MAX << 32_u8.saturating_sub(self.settings.ipv4_prefix))
            }
            IpAddr::V6(v6) => upper(v6) & upper_mask(self.settings.ipv6_prefix),
        };
        let family = u8::from(client.is_ipv6());
        let mut octets = [0; 18];
        octets[..8].copy_from_slice(&network.to_be_bytes());
        // Names are of the zone: nobody else can make them collide.
        octets[8..16].copy_from_slice(&xxh3_64(name).to_be_bytes());
        octets[16] = family;
        octets[17] = number;
        self.hasher.hash(&octets)
    }
}

fn upper(address: Ipv6Addr) -> u64 {
    (address.to_bits() >> 64) as u64
}

/// The first bits of 64.
fn upper_mask(prefix: u8) -> u64 {
    let rest = 64_u32.saturating_sub(prefix.into());
    u64::MAX.checked_shl(rest).unwrap_or(0)
}

fn microseconds(now: SystemTime) -> u64 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    since.as_micros() as u64
}

#[cfg(test)]
mod tests;
