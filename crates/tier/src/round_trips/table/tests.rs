use std::collections::HashMap;

use perigee_cluster::NodeLatencies;
use proptest::prelude::*;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn config() -> MeasureConfig {
    MeasureConfig {
        connections: 3,
        keep: 10 * MINUTE,
        ..MeasureConfig::default()
    }
}

/// A network of IPv4 for an even number, of IPv6 for an odd one.
fn network(number: u32) -> IpNet {
    let v4 = std::net::Ipv4Addr::from_bits(0x0b00_0000 + (number << 8));
    let v6 = std::net::Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(number) << 80);
    match number % 2 {
        0 => NodeLatencies::network(v4.into()),
        _ => NodeLatencies::network(v6.into()),
    }
}

#[test]
fn a_network_is_told_after_enough_connections_and_until_it_is_old() {
    let (mut table, start) = (Table::new(64), Instant::now());
    for (n, ms) in [(0, 10.0), (1, 20.0), (2, 30.0)] {
        assert_eq!(table.told(start, MINUTE), []);
        table.add(network(1), ms, start + n * MINUTE, &config());
    }
    let told = |at: u32| table.told(start + at * MINUTE, config().keep);
    assert_eq!(told(2), [(network(1), 20.0)]);
    assert_eq!(told(12), [(network(1), 20.0)]);
    assert_eq!(told(13), []);
    // What was too old is not mixed into what is new.
    table.add(network(1), 500.0, start + 20 * MINUTE, &config());
    assert_eq!(table.told(start + 20 * MINUTE, config().keep), []);
}

#[test]
fn what_is_told_stays_while_little_changes_and_follows_what_is_much() {
    let (mut table, now) = (Table::new(64), Instant::now());
    let mut tell = |ms: f32, times: usize| {
        let mut told = Vec::new();
        for _ in 0..times {
            table.add(network(2), ms, now, &config());
            told.extend(table.told(now, MINUTE).iter().map(|(_, ms)| *ms));
        }
        told
    };
    assert_eq!(tell(50.0, 3), [50.0]);
    // Less than a fifth.
    assert_eq!(tell(59.0, 100), [50.0; 100]);
    assert_eq!(tell(41.0, 100), [50.0; 100]);
    let up = *tell(100.0, 100).last().unwrap();
    assert!((80.0..=100.0).contains(&up), "{up}");
    // Small times: less than 2 ms.
    let small = *tell(1.0, 300).last().unwrap();
    assert!(small < 3.0);
    assert_eq!(tell(small + 1.5, 100), [small; 100]);
}

#[test]
fn those_who_come_once_do_not_drive_out_those_who_come_often() {
    let (mut table, now) = (Table::new(WAYS), Instant::now());
    let often: Vec<_> = (0..WAYS as u32 - 1).map(network).collect();
    for network in &often {
        for _ in 0..3 {
            table.add(*network, 5.0, now, &config());
        }
    }
    for number in 100..10_100 {
        table.add(network(number), 5.0, now + MINUTE, &config());
    }
    let told = table.told(now + MINUTE, config().keep);
    assert_eq!(told.len(), often.len());
    assert!(told.iter().all(|(network, _)| often.contains(network)));
}

proptest! {
    #[test]
    fn it_never_grows_and_means_lie_among_what_was_measured(
        prefixes in 1_usize..100,
        connections in prop::collection::vec((0_u32..300, 0.0_f32..1_000.0, 0_u64..30), 0..500),
    ) {
        let mut table = Table::new(prefixes);
        let room = prefixes.div_ceil(WAYS) * WAYS;
        let mut now = Instant::now();
        let mut seen: HashMap<IpNet, (f32, f32, u32)> = HashMap::new();
        for (number, ms, seconds) in connections {
            now += Duration::from_secs(seconds);
            let network = network(number);
            table.add(network, ms, now, &config());
            let seen = seen.entry(network).or_insert((ms, ms, 0));
            *seen = (seen.0.min(ms), seen.1.max(ms), seen.2 + 1);
        }
        prop_assert_eq!(table.places.len(), room);
        let told = table.told(now, config().keep);
        prop_assert!(told.len() <= room);
        prop_assert!(told.is_sorted_by(|a, b| a.0 < b.0), "each once");
        for (network, ms) in told {
            let (least, most, connections) = seen[&network];
            prop_assert!((least - 0.01..=most + 0.01).contains(&ms), "{} of {}..{}", ms, least, most);
            prop_assert!(connections >= 3);
        }
    }

    /// However connections of nearly the same time come, what is told of their network stays.
    #[test]
    fn small_differences_are_not_told(base in 1.0_f32..500.0, noise in prop::collection::vec(-0.09_f32..0.09, 3..200)) {
        let (mut table, now) = (Table::new(8), Instant::now());
        let mut told = Vec::new();
        for part in noise {
            table.add(network(1), base * (1.0 + part), now, &config());
            told.extend(table.told(now, MINUTE));
        }
        prop_assert!(told.windows(2).all(|pair| pair[0] == pair[1]));
    }
}
