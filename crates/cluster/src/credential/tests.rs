use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proptest::prelude::*;

use super::*;

const SECRET: &[u8] = b"sixteen bytes ok";

const PROOF: Proof<'static> = Proof {
    method: "GET",
    host: "www.example.com",
    target: "/a?b=c",
    markers: "from=edge;scheme=https;client=192.0.2.1",
};

fn credential(node: &str) -> Credential {
    Credential::new(SECRET, node).unwrap()
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

#[test]
fn another_node_with_the_secret_learns_who_asks() {
    let value = credential("fra-1").sign(&PROOF, at(1_000));
    let seen = credential("shield-1").verify(&value, &PROOF, at(1_001));
    assert_eq!(seen, Ok("fra-1"));
}

/// A change of the form would cut off nodes of another release: this value, computed with
/// Python's hmac module, must not change within v1.
#[test]
fn the_form_is_the_same_in_every_release() {
    assert_eq!(
        credential("fra-1").sign(&PROOF, at(1_767_225_600)),
        "v1;t=1767225600;n=fra-1;s=6026b3adb9817b7d89d8e9aba58f32e0454daa1f926db83021d27a4059647dea"
    );
}

#[test]
fn another_secret_is_wrong() {
    let other = Credential::new(b"another secret of length", "fra-1").unwrap();
    let value = other.sign(&PROOF, at(1_000));
    assert_eq!(
        credential("fra-1").verify(&value, &PROOF, at(1_000)),
        Err(Refused::Wrong)
    );
}

#[test]
fn every_part_of_the_request_is_bound() {
    let credential = credential("fra-1");
    let value = credential.sign(&PROOF, at(1_000));
    let others = [
        Proof {
            method: "HEAD",
            ..PROOF
        },
        Proof {
            host: "www.example.net",
            ..PROOF
        },
        Proof {
            target: "/a?b=d",
            ..PROOF
        },
        Proof {
            markers: "from=edge;scheme=http;client=192.0.2.1",
            ..PROOF
        },
    ];
    for other in others {
        let seen = credential.verify(&value, &other, at(1_000));
        assert_eq!(seen, Err(Refused::Wrong), "{other:?}");
    }
}

#[test]
fn time_and_node_are_bound() {
    let credential = credential("fra-1");
    let value = credential.sign(&PROOF, at(1_000));
    for (from, to) in [("t=1000", "t=1001"), ("n=fra-1", "n=fra-2")] {
        let forged = value.replace(from, to);
        assert_ne!(forged, value);
        assert_eq!(
            credential.verify(&forged, &PROOF, at(1_000)),
            Err(Refused::Wrong)
        );
    }
}

#[test]
fn bytes_moved_from_one_field_to_the_next_are_seen() {
    let credential = credential("fra-1");
    let one = Proof {
        host: "ab",
        target: "c",
        ..PROOF
    };
    let two = Proof {
        host: "a",
        target: "bc",
        ..PROOF
    };
    let value = credential.sign(&one, at(1_000));
    assert_eq!(
        credential.verify(&value, &two, at(1_000)),
        Err(Refused::Wrong)
    );
}

#[test]
fn too_old_and_too_new_are_refused() {
    let credential = credential("fra-1");
    let value = credential.sign(&PROOF, at(1_000));
    for good in [880, 1_000, 1_120] {
        assert_eq!(credential.verify(&value, &PROOF, at(good)), Ok("fra-1"));
    }
    for bad in [0, 879, 1_121, u64::MAX >> 8] {
        assert_eq!(
            credential.verify(&value, &PROOF, at(bad)),
            Err(Refused::Expired),
            "at {bad}"
        );
    }
}

#[test]
fn other_forms_are_malformed() {
    let credential = credential("fra-1");
    let good = credential.sign(&PROOF, at(1_000));
    let tag = good.split_once(";s=").unwrap().1;
    let bad = [
        String::new(),
        "v1".into(),
        good.replace("v1", "v2"),
        good.replace("t=1000", "t=01000"),
        good.replace("t=1000", "t=+1000"),
        good.replace("t=1000", "t="),
        good.replace("t=1000", "t=18446744073709551616"),
        good.replace("n=fra-1", "n="),
        good.replace("n=fra-1", "n=fra 1"),
        good.replace("n=fra-1", "n=fra;1"),
        good.replace("n=fra-1", &format!("n={}", "a".repeat(256))),
        good.replace(
            tag,
            &tag.to_ascii_uppercase()
                .replace(|c: char| c.is_ascii_digit(), "A"),
        ),
        good.replace(tag, &tag[1..]),
        good.replace(tag, &format!("{tag}0")),
        format!("{good};"),
        format!("{good} "),
        format!(" {good}"),
    ];
    for value in bad {
        assert_eq!(
            credential.verify(&value, &PROOF, at(1_000)),
            Err(Refused::Malformed),
            "{value:?}"
        );
    }
}

#[test]
fn secrets_and_names_that_cannot_serve_are_refused_with_words() {
    let short = Credential::new(&SECRET[1..], "fra-1").unwrap_err();
    assert!(short.0.contains("15 bytes"), "{short}");
    for name in ["", "fra 1", "fra;1", "fra\n1", "fr\u{e4}", &"a".repeat(256)] {
        assert!(Credential::new(SECRET, name).is_err(), "{name:?}");
    }
}

#[test]
fn the_secret_is_never_printed() {
    let text = format!("{:?}", credential("fra-1"));
    assert_eq!(text, r#"Credential { node: "fra-1", .. }"#);
}

proptest! {
    #[test]
    fn what_is_signed_verifies(
        method in ".*", host in ".*", target in ".*", markers in ".*", time in 0..u64::MAX >> 8,
    ) {
        let proof = Proof { method: &method, host: &host, target: &target, markers: &markers };
        let credential = credential("fra-1");
        let value = credential.sign(&proof, at(time));
        prop_assert_eq!(credential.verify(&value, &proof, at(time)), Ok("fra-1"));
    }

    #[test]
    fn junk_is_refused(value in ".*") {
        prop_assert!(credential("fra-1").verify(&value, &PROOF, at(1_000)).is_err());
    }

    #[test]
    fn one_changed_byte_is_refused(at_byte in 0usize..90, byte in 0x21u8..0x7f) {
        let credential = credential("fra-1");
        let mut bytes = credential.sign(&PROOF, at(1_000)).into_bytes();
        prop_assume!(at_byte < bytes.len() && bytes[at_byte] != byte);
        bytes[at_byte] = byte;
        let changed = String::from_utf8(bytes).unwrap();
        prop_assert!(credential.verify(&changed, &PROOF, at(1_000)).is_err());
    }
}
