use super::{super::algorithm::Secret, *};
use crate::dnssec::Roles;

const NOW: Seconds = 1_770_000_000;
const HOUR: Seconds = 3_600;
const TERMS: Terms = Terms {
    dnskey_ttl: HOUR,
    max_ttl: HOUR,
    propagation: HOUR,
    parent_ttl: 24 * HOUR,
};

fn done(keys: &mut Vec<Key>, plan: Plan) {
    for change in plan {
        match change {
            Change::Create(algorithm, kind, timing) => {
                let (secret, _) = Secret::generate(algorithm).unwrap();
                keys.push(Key::new(algorithm, kind == Kind::Entry, secret, timing));
            }
            Change::Retime(at, timing) => keys[at].timing = timing,
        }
    }
}

fn first(split: bool) -> Vec<Key> {
    let mut keys = Vec::new();
    done(
        &mut keys,
        init(&[], Algorithm::Ed25519, split, NOW).unwrap(),
    );
    keys
}

/// What a resolver may have kept: DNSKEY sets, and which key signed data, of any moment since its TTL.
/// At each moment, a resolver with any of the old and any of the new must have a chain: the DS that it
/// has is of a key that signs the DNSKEY set that it has, and this one has the key of the data.
fn chain_holds(keys: &[Key], from: Seconds, to: Seconds, ds: impl Fn(Seconds) -> Vec<usize>) {
    let step = HOUR / 2;
    for now in (from..to).step_by(step as usize) {
        let steps = |age: Seconds| (now.saturating_sub(age)..=now).step_by(step as usize);
        let since = |at: &Seconds| *at >= from;
        for at in steps(TERMS.dnskey_ttl).filter(since) {
            let shown = Roles::at(keys, at).unwrap();
            for seen in steps(TERMS.max_ttl).filter(since) {
                for key in Roles::at(keys, seen).unwrap().sign_data {
                    assert!(shown.published.contains(&key), "at {now}, {shown:?}, {key}");
                }
            }
            for parent in steps(TERMS.parent_ttl).filter(since) {
                assert!(
                    ds(parent).iter().any(|key| shown.sign_keys.contains(key)),
                    "at {now}, {shown:?}"
                );
            }
        }
    }
}

#[test]
fn the_first_keys_sign_at_once() {
    let roles = Roles::at(&first(false), NOW).unwrap();
    assert_eq!((&roles.sign_keys, &roles.sign_data), (&vec![0], &vec![0]));
    assert_eq!((&roles.synced, roles.until), (&vec![0], None));
    let roles = Roles::at(&first(true), NOW).unwrap();
    assert_eq!((&roles.sign_keys, &roles.sign_data), (&vec![0], &vec![1]));
    assert!(init(&first(false), Algorithm::Ed25519, false, NOW).is_err());
}

#[test]
fn a_key_that_ds_points_to_is_rolled_without_a_gap() {
    let mut keys = first(false);
    let plan = roll(&keys, Kind::Entry, None, &TERMS, NOW).unwrap();
    done(&mut keys, plan);
    assert!(roll(&keys, Kind::Entry, None, &TERMS, NOW + 1).is_err());
    // Both are shown and sign the keys; the old one signs the zone, and is what CDS asks for.
    let roles = Roles::at(&keys, NOW).unwrap();
    assert_eq!(
        (&roles.sign_keys, &roles.sign_data),
        (&vec![0, 1], &vec![0])
    );
    assert_eq!(
        (&roles.synced, roles.until),
        (&vec![0], Some(NOW + 2 * HOUR))
    );
    let error = parent_has(&keys, &TERMS, NOW + HOUR).unwrap_err();
    assert!(error.contains("not known to every resolver"), "{error}");

    let known = NOW + 2 * HOUR;
    let roles = Roles::at(&keys, known).unwrap();
    assert_eq!(
        (&roles.sign_keys, &roles.sign_data),
        (&vec![0, 1], &vec![1])
    );
    assert_eq!(roles.synced, [1]);
    // The parent takes two days.
    let parent = known + 48 * HOUR;
    let plan = parent_has(&keys, &TERMS, parent).unwrap();
    done(&mut keys, plan);
    let end = parent + 40 * HOUR;
    chain_holds(&keys, NOW, end, |at| vec![usize::from(at >= parent)]);
    let roles = Roles::at(&keys, end).unwrap();
    assert_eq!((&roles.published, roles.until), (&vec![1], None));
    // And on it goes.
    roll(&keys, Kind::Entry, None, &TERMS, end).unwrap();
}

#[test]
fn a_key_of_the_zone_alone_is_rolled_by_dates_alone() {
    let mut keys = first(true);
    let plan = roll(&keys, Kind::Zone, None, &TERMS, NOW).unwrap();
    done(&mut keys, plan);
    chain_holds(&keys, NOW, NOW + 20 * HOUR, |_| vec![0]);
    let roles = Roles::at(&keys, NOW + 20 * HOUR).unwrap();
    assert_eq!(
        (&roles.published, &roles.sign_data),
        (&vec![0, 2], &vec![2])
    );
}

#[test]
fn while_the_algorithm_changes_both_sign() {
    let mut keys = first(false);
    let plan = roll(&keys, Kind::Entry, Some(Algorithm::EcdsaP256), &TERMS, NOW).unwrap();
    done(&mut keys, plan);
    for at in [NOW, NOW + 50 * HOUR] {
        assert_eq!(Roles::at(&keys, at).unwrap().sign_data.len(), 2);
    }
    let plan = parent_has(&keys, &TERMS, NOW + 50 * HOUR).unwrap();
    done(&mut keys, plan);
    let roles = Roles::at(&keys, NOW + 100 * HOUR).unwrap();
    assert_eq!((&roles.published, &roles.sign_data), (&vec![1], &vec![1]));
    assert!(
        roll(
            &first(true),
            Kind::Entry,
            Some(Algorithm::EcdsaP256),
            &TERMS,
            NOW
        )
        .is_err()
    );
}

#[test]
fn without_a_key_for_now_there_is_an_error() {
    assert!(Roles::at(&[], NOW).is_err());
    let mut keys = first(false);
    keys[0].timing.publish = Some(NOW + 1);
    assert!(Roles::at(&keys, NOW).is_err());
    // One that is retired but shown goes on: better than no signature.
    let mut keys = first(true);
    keys[1].timing.inactive = Some(NOW);
    assert_eq!(Roles::at(&keys, NOW).unwrap().sign_data, [0]);
}
