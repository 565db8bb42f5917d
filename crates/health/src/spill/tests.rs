use proptest::prelude::*;

use super::*;

/// The share after so many epochs of this load.
fn after(mut spill: Spill, epochs: usize, load: f64) -> Spill {
    for _ in 0..epochs {
        spill = spill.step(load, &SpillConfig::default());
    }
    spill
}

#[test]
fn below_the_threshold_nothing_is_given_away() {
    for load in [0.0, 0.5, 0.8] {
        assert_eq!(after(Spill::default(), 100, load).share(), 0.0);
    }
}

#[test]
fn above_it_a_little_and_then_more_up_to_the_most() {
    let one = after(Spill::default(), 1, 1.0);
    assert!(one.share() > 0.0 && one.share() <= 0.08, "{one:?}");
    let most = after(Spill::default(), 1_000, 1.0).share();
    assert!((most - 0.9).abs() < 1.0 / 128.0, "{most}");
}

#[test]
fn within_the_band_nothing_moves() {
    let spill = after(Spill::default(), 20, 1.0);
    // What was told before is to take its effect first.
    let settled = after(spill, 300, 0.7);
    assert_eq!(after(settled, 1, 0.7).share, settled.share);
    assert_eq!(after(settled, 100, 0.7).share, settled.share);
    assert!(settled.share() > 0.0);
}

#[test]
fn all_is_taken_back_when_the_load_is_gone() {
    let spill = after(Spill::default(), 1_000, 1.0);
    assert!(after(spill, 10, 0.0).share() > 0.7, "slowly");
    assert_eq!(after(spill, 100, 0.0).share(), 0.0);
}

#[test]
fn it_waits_for_what_it_has_told() {
    // The load is seen to stay, whatever is told: no more is given away in a TTL than brings it
    // below the threshold.
    let spill = after(Spill::default(), 4, 0.85);
    let enough = 1.0 - 0.65 / 0.85;
    assert!(spill.share() > 0.05 && spill.share() < enough, "{spill:?}");
}

fn configs() -> impl Strategy<Value = SpillConfig> {
    let share = || 0.0..=1.0;
    let millis = || (0_u64..100_000).prop_map(Duration::from_millis);
    let load = || (share(), share(), share());
    (load(), millis(), millis(), share(), share(), share()).prop_map(
        |((threshold, full, hysteresis), epoch, settle, rise, fall, most)| SpillConfig {
            threshold,
            full,
            hysteresis,
            epoch,
            settle,
            rise,
            fall,
            most,
        },
    )
}

proptest! {
    /// Whatever is configured and measured: within bounds, and by no more than a step at a time.
    #[test]
    fn it_stays_within_its_bounds(
        config in configs(),
        loads in prop::collection::vec(prop_oneof![0.0..3.0, Just(f64::NAN), Just(f64::INFINITY), Just(-1.0)], 1..200),
    ) {
        let mut spill = Spill::default();
        for load in loads {
            let next = spill.step(load, &config);
            prop_assert!((0.0..=config.most).contains(&next.share), "{next:?}");
            prop_assert!((0.0..=1.0).contains(&next.in_effect), "{next:?}");
            prop_assert!(next.share <= spill.share + config.rise + 1e-9);
            prop_assert!(next.share >= spill.share - config.fall - 1e-9);
            spill = next;
        }
    }

    /// More load never leads to a smaller share.
    #[test]
    fn more_load_gives_no_less_away(
        before in prop::collection::vec(0.0..1.5, 0..50), load in 0.0..1.5, more in 0.0..1.0,
    ) {
        let config = SpillConfig::default();
        let spill = before.iter().fold(Spill::default(), |spill, load| spill.step(*load, &config));
        let (less, more) = (spill.step(load, &config), spill.step(load + more, &config));
        prop_assert!(more.share >= less.share - 1e-9, "{less:?} {more:?}");
    }

    /// A node whose clients do as they are told a TTL later comes to rest below the threshold, and
    /// to the same place from whatever it began with.
    #[test]
    fn it_comes_to_rest(offered in 0.0..4.0, seconds in 10_u64..60) {
        let config = SpillConfig { settle: Duration::from_secs(seconds), ..SpillConfig::default() };
        let mut told = vec![0.0; seconds as usize / 5];
        let mut spill = Spill::default();
        let mut loads = Vec::new();
        for _ in 0..400 {
            let effect = told.iter().sum::<f64>() / told.len() as f64;
            let load: f64 = offered * (1.0 - effect);
            loads.push(load);
            spill = spill.step(load.min(1.0), &config);
            told.rotate_left(1);
            let last = told.len() - 1;
            told[last] = spill.share();
        }
        let rest = &loads[300..];
        let (low, high) = rest.iter().fold((f64::MAX, 0.0_f64), |(low, high), l| (low.min(*l), high.max(*l)));
        prop_assert!(high - low < 0.02, "swings from {low} to {high}");
        prop_assert!(high <= 0.95, "rests at {high}");
    }
}
