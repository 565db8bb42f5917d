//! Properties of the limits.

use std::{collections::HashMap, net::Ipv4Addr, thread};

use proptest::prelude::*;

use super::*;

fn settings(rate: u32, window: u64) -> RateLimit {
    RateLimit {
        answers: rate,
        errors: rate,
        window: Duration::from_secs(window),
        table: 4_096,
        ..RateLimit::default()
    }
}

fn limiter(settings: &RateLimit) -> RateLimiter {
    RateLimiter::new(settings, b"sixteen octets!!")
}

/// A time in milliseconds after some second.
fn at(milliseconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_700_000_000_000 + milliseconds)
}

fn client(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn is_sent(limiter: &RateLimiter, from: &str, time: u64) -> bool {
    limiter.judge(client(from), Kind::Error, 60, at(time)) == Verdict::Send
}

#[test]
fn a_second_may_come_at_once_and_then_nothing_until_it_is_paid() {
    let limiter = limiter(&settings(10, 5));
    let sent = (0..100)
        .filter(|_| is_sent(&limiter, "192.0.2.1", 0))
        .count();
    assert_eq!(sent, 10);
    // The debt of five seconds is paid, and then there is credit again.
    assert!(!is_sent(&limiter, "192.0.2.1", 4_900));
    assert!(is_sent(&limiter, "192.0.2.1", 5_300));
}

#[test]
fn who_asks_on_stays_limited() {
    let limiter = limiter(&settings(10, 5));
    let twenty_a_second = (0..400).map(|n| 50 * n);
    let sent = twenty_a_second
        .filter(|&time| is_sent(&limiter, "192.0.2.1", time))
        .count();
    assert!((10..=20).contains(&sent), "{sent} of 400");
}

#[test]
fn with_no_window_the_rate_is_what_passes() {
    let limiter = limiter(&settings(10, 0));
    let hundred_a_second = (0..1_000).map(|n| 10 * n);
    let sent = hundred_a_second
        .filter(|&time| is_sent(&limiter, "192.0.2.1", time))
        .count();
    assert!((100..=112).contains(&sent), "{sent} in ten seconds");
}

#[test]
fn kinds_names_and_networks_have_credit_of_their_own() {
    let limiter = limiter(&settings(1, 5));
    let ask = |from: &str, kind: Kind<'_>| limiter.judge(client(from), kind, 60, at(0));
    assert_eq!(ask("192.0.2.1", Kind::Error), Verdict::Send);
    assert_ne!(ask("192.0.2.200", Kind::Error), Verdict::Send);
    assert_ne!(ask("::ffff:192.0.2.7", Kind::Error), Verdict::Send);
    assert_eq!(ask("192.0.3.1", Kind::Error), Verdict::Send);
    assert_eq!(ask("192.0.2.1", Kind::Missing), Verdict::Send);
    assert_eq!(ask("192.0.2.1", Kind::Answer(b"\x01a\x00")), Verdict::Send);
    assert_eq!(ask("192.0.2.1", Kind::Answer(b"\x01b\x00")), Verdict::Send);
    assert_ne!(ask("192.0.2.1", Kind::Answer(b"\x01a\x00")), Verdict::Send);
    assert_eq!(ask("2001:db8:0:100::1", Kind::Error), Verdict::Send);
    assert_ne!(ask("2001:db8:0:1ff::1", Kind::Error), Verdict::Send);
    assert_eq!(ask("2001:db8:0:200::1", Kind::Error), Verdict::Send);
}

#[test]
fn of_what_is_limited_a_part_slips() {
    for slip in [0, 1, 2, 5] {
        let limiter = limiter(&RateLimit {
            slip,
            ..settings(1, 5)
        });
        let mut verdicts: HashMap<_, usize> = HashMap::new();
        for _ in 0..101 {
            let verdict = limiter.judge(client("192.0.2.1"), Kind::Error, 60, at(0));
            *verdicts.entry(format!("{verdict:?}")).or_default() += 1;
        }
        let slipped = verdicts.get("Slip").copied().unwrap_or(0);
        assert_eq!(
            slipped,
            100_usize.checked_div(slip as usize).unwrap_or(0),
            "{slip}"
        );
    }
}

#[test]
fn large_responses_count_more() {
    let limiter = limiter(&settings(9, 5));
    let sent =
        |octets| limiter.judge(client("192.0.2.1"), Kind::Error, octets, at(0)) == Verdict::Send;
    assert_eq!((0..9).filter(|_| sent(1_232)).count(), 3);
    let limiter = self::limiter(&settings(1, 5));
    let huge = limiter.judge(client("192.0.2.1"), Kind::Error, 65_000, at(0));
    assert_eq!(huge, Verdict::Send, "one is always possible");
}

#[test]
fn some_are_exempt() {
    let limiter = limiter(&RateLimit {
        exempt: vec!["192.0.2.0/25".parse().unwrap()],
        ..settings(1, 5)
    });
    assert!((0..50).all(|_| is_sent(&limiter, "192.0.2.1", 0)));
    assert!((0..50).any(|_| !is_sent(&limiter, "192.0.2.129", 0)));
}

#[test]
fn a_clock_that_is_set_back_limits_nobody_for_long() {
    let limiter = limiter(&settings(10, 5));
    let late = 1_000_000_000;
    assert!((0..100).any(|_| !is_sent(&limiter, "192.0.2.1", late)));
    assert!(is_sent(&limiter, "192.0.2.1", 0));
}

#[test]
fn a_flood_of_forged_senders_takes_no_more_memory() {
    let limiter = limiter(&settings(10, 5));
    let before = limiter.table.len();
    for n in 0..200_000_u32 {
        limiter.judge(
            Ipv4Addr::from(n << 8).into(),
            Kind::Error,
            60,
            at(u64::from(n) / 1_000),
        );
    }
    assert_eq!(limiter.table.len(), before);
    assert_eq!(before, 4_096);
}

#[test]
fn threads_that_charge_one_network_send_no_more_than_one_would() {
    let limiter = limiter(&settings(1_000, 5));
    let sent: usize = thread::scope(|scope| {
        let ask = || {
            (0..2_000)
                .filter(|_| is_sent(&limiter, "192.0.2.1", 0))
                .count()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert!((1_000..1_010).contains(&sent), "{sent}");
}

proptest! {
    /// Whoever keeps the rate in each second is never limited.
    #[test]
    fn below_the_rate_everything_is_sent(
        rate in 1u32..50,
        window in 0u64..100,
        gaps in prop::collection::vec(0u64..200, 1..400),
    ) {
        let limiter = limiter(&settings(rate, window));
        let mut times: Vec<u64> = Vec::new();
        for gap in gaps {
            let next = times.last().map_or(0, |last| last + gap);
            // The response before as many as may come in a second is a second old.
            let nth = times.len().checked_sub(rate as usize).map(|n| times[n] + 1_000);
            let time = next.max(nth.unwrap_or(0));
            times.push(time);
            prop_assert!(is_sent(&limiter, "192.0.2.1", time), "at {time}");
        }
    }

    /// In no stretch of time is more sent than its share and one second's burst.
    #[test]
    fn never_more_than_the_rate_and_a_burst(
        rate in 1u32..50,
        window in 0u64..20,
        gaps in prop::collection::vec(0u64..300, 1..400),
    ) {
        let limiter = limiter(&settings(rate, window));
        let mut time = 0;
        let mut sent = Vec::new();
        for gap in gaps {
            time += gap;
            if is_sent(&limiter, "192.0.2.1", time) {
                sent.push(time);
            }
        }
        for (n, first) in sent.iter().enumerate() {
            for (m, last) in sent.iter().enumerate().skip(n) {
                let most = f64::from(rate) * ((last - first) as f64 / 1_000.0 + 1.0) + 1.01;
                prop_assert!((m - n + 1) as f64 <= most, "{} in {} ms", m - n + 1, last - first);
            }
        }
    }

    /// Nothing makes it panic.
    #[test]
    fn any_settings_judge(
        rate: u32, window: u64, prefixes: (u8, u8), octets: usize, seconds in 0u64..1 << 40,
        v6: bool, bits: u128,
    ) {
        let limiter = limiter(&RateLimit {
            answers: rate,
            window: Duration::from_secs(window),
            ipv4_prefix: prefixes.0,
            ipv6_prefix: prefixes.1,
            table: 1,
            ..RateLimit::default()
        });
        let client = match v6 {
            true => Ipv6Addr::from(bits).into(),
            false => IpAddr::from(Ipv4Addr::from(bits as u32)),
        };
        let now = UNIX_EPOCH + Duration::from_secs(seconds);
        let first = limiter.judge(client, Kind::Answer(b"\x00"), octets, now);
        prop_assert_eq!(first, Verdict::Send);
    }
}
