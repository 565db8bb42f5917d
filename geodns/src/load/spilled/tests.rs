use proptest::prelude::*;

use super::*;

const HOUR: Duration = Duration::from_secs(3_600);

fn spilled(shares: &[f64]) -> Spilled {
    let names: Vec<PopName> = (0..shares.len())
        .map(|n| format!("pop-{n}").as_str().into())
        .collect();
    Spilled::new(names.iter().zip(shares.iter().copied()), HOUR)
}

/// The PoP for a client, of those that can serve it, with their distances, the nearest first: as a
/// policy goes through its candidates.
pub(crate) fn pick(
    spilled: &Spilled,
    client: u128,
    mut candidates: impl Iterator<Item = (usize, Option<f64>)> + Clone,
) -> Option<usize> {
    let (home, distance) = candidates.next()?;
    let next = candidates.clone().next().and_then(|(_, distance)| distance);
    let nearness = distance
        .zip(next)
        .map(|(home, next)| (1.0 - home / next).clamp(0.0, 1.0));
    if spilled.keeps(home, client, nearness) {
        return Some(home);
    }
    let taken = candidates.find(|(pop, _)| spilled.takes(*pop, client));
    Some(taken.map_or(home, |(pop, _)| pop))
}

/// The share of clients at these distances that is sent from the first PoP to another one.
fn away(spilled: &Spilled, distances: [f64; 2]) -> f64 {
    let pick_for = |client| pick(spilled, client, distances.into_iter().map(Some).enumerate());
    let away = (0..10_000)
        .filter(|client| pick_for(*client) != Some(0))
        .count();
    away as f64 / 10_000.0
}

#[test]
fn without_load_everybody_is_at_home() {
    let spilled = spilled(&[0.0, 0.0]);
    assert!(!spilled.is_any());
    assert_eq!(away(&spilled, [900.0, 1_000.0]), 0.0);
}

#[test]
fn the_farthest_go_first() {
    let at = |share| {
        let spilled = spilled(&[share, 0.0]);
        [[10.0, 1_000.0], [500.0, 1_000.0], [1_000.0, 1_000.0]].map(|at| away(&spilled, at))
    };
    let [near, middle, far] = at(0.3);
    assert!(
        near == 0.0 && middle > 0.1 && middle < 0.25 && far > 0.45 && far < 0.55,
        "{near} {middle} {far}"
    );
    let [near, middle, far] = at(0.7);
    assert!(
        near > 0.4 && near < 0.6 && middle > near && far == 1.0,
        "{near} {middle} {far}"
    );
}

#[test]
fn where_no_distance_is_known_the_share_goes() {
    let spilled = spilled(&[0.25, 0.0]);
    let pick_for = |client| pick(&spilled, client, [(0, None), (1, None)].into_iter());
    let gone = (0..10_000)
        .filter(|client| pick_for(*client) == Some(1))
        .count();
    assert!((2_300..2_700).contains(&gone), "{gone}");
}

#[test]
fn who_has_too_much_refuses_guests_and_who_is_refused_stays_at_home() {
    let [free, busy, full] =
        [0.0, 0.3, 0.7].map(|share| away(&spilled(&[0.5, share]), [999.0, 1_000.0]));
    assert!(
        free > 0.8 && busy > 0.3 * free && busy < 0.7 * free && full == 0.0,
        "{free} {busy} {full}"
    );
}

#[test]
fn others_take_their_turn_but_not_all_at_once() {
    let spilled = spilled(&[0.5, 0.0]);
    let at = |minutes: u64| {
        let spilled = spilled
            .clone()
            .at(UNIX_EPOCH + Duration::from_secs(minutes * 60));
        (0..2_000_u128)
            .map(|client| pick(&spilled, client, [(0, None), (1, None)].into_iter()))
            .collect::<Vec<_>>()
    };
    let changed = |a: u64, b: u64| at(a).iter().zip(at(b)).filter(|(a, b)| **a != *b).count();
    assert!(changed(0, 1) < 60, "{}", changed(0, 1));
    assert!(changed(0, 60) > 800, "{}", changed(0, 60));
    assert_eq!(at(7), at(7));
}

#[test]
fn only_edges_that_are_used_speak_for_their_pop() {
    let config = crate::fixture::config();
    let mut health = crate::fixture::health(&config, &["fra-2"], &[]);
    for (edge, (spill, capacity)) in
        health
            .iter_mut()
            .zip([(0.2, 100), (0.9, 100), (0.5, 300), (0.1, 100)])
    {
        let readiness = edge.readiness.get_or_insert_default();
        (readiness.spill, readiness.capacity) = (spill, capacity);
    }
    assert_eq!(spilled_by(health[..2].iter()), 0.2);
    assert_eq!(spilled_by(health[2..4].iter()), 0.4);
    assert_eq!(spilled_by([].iter()), 0.0);
}

proptest! {
    /// Somebody is always picked; only from a PoP that gives away, and only by one that takes.
    #[test]
    fn whoever_is_sent_away_is_taken(
        shares in prop::collection::vec(prop_oneof![Just(0.0), 0.0..=1.0], 1..6),
        client: u128,
        distances in prop::collection::vec(prop::option::of(0.0..20_000.0), 6),
    ) {
        let spilled = spilled(&shares);
        let candidates = || (0..shares.len()).zip(distances.iter().copied());
        let picked = pick(&spilled, client, candidates()).expect("somebody");
        prop_assert!(picked < shares.len());
        if picked != 0 {
            prop_assert!(shares[0] > 0.0 && shares[picked] < 1.0);
        }
        prop_assert_eq!(pick(&spilled, client, candidates()), Some(picked));
    }

    /// As the share grows, clients leave, and none comes back before it shrinks.
    #[test]
    fn more_to_give_away_keeps_nobody_who_had_left(client: u128, share in 0.0..=1.0, more in 0.0..=1.0) {
        let leaves = |share| pick(&spilled(&[share, 0.0]), client, [(0, Some(3.0)), (1, Some(9.0))].into_iter()) == Some(1);
        prop_assert!(!leaves(share) || leaves(share.max(more)));
    }
}
