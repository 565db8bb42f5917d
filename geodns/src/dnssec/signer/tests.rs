use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey};
use tempfile::TempDir;

use super::*;
use crate::dnssec::{Algorithm, Timing, key_file, validity::Period};
use crate::dnssec::{algorithm::SIGNATURE, canonical::FIXED};

const NOW: SystemTime = UNIX_EPOCH;

fn now() -> SystemTime {
    NOW + Duration::from_secs(1_770_000_000)
}

fn folder(algorithm: Algorithm) -> (TempDir, DnssecConfig) {
    let temp = TempDir::new().unwrap();
    let config = DnssecConfig {
        keys: temp.path().join("keys"),
        ..DnssecConfig::default()
    };
    let folder = KeyFolder::new(&config.keys, "cdn.example").unwrap();
    folder.create(algorithm, true, Timing::default()).unwrap();
    (temp, config)
}

fn signer(algorithm: Algorithm, change: impl Fn(&mut DnssecConfig)) -> (TempDir, Signer) {
    let (temp, mut config) = folder(algorithm);
    change(&mut config);
    let signer = Signer::load(&config, "cdn.example", None, now()).unwrap();
    (temp, signer)
}

const WWW: &[u8] = b"\x03www\x03cdn\x07example\0";
const ADDRESSES: [&[u8]; 2] = [&[192, 0, 2, 1], &[192, 0, 2, 2]];

fn www() -> Set<'static> {
    Set {
        owner: WWW,
        rtype: rtype::A,
        ttl: 20,
        rdata: &ADDRESSES,
    }
}

fn sign(signer: &Signer, set: &Set<'_>, at: SystemTime) -> Result<Vec<Vec<u8>>, Overspent> {
    let mut all = Vec::new();
    signer.sign(set, Use::Lasting, Standing::Spoofable, at, |data| {
        all.push(data.to_vec());
    })?;
    Ok(all)
}

/// RFC 8080 section 6.1: private key, DNSKEY, DS, and the signature of an MX set.
#[test]
fn the_example_of_rfc_8080() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let private = "Private-key-format: v1.2\nAlgorithm: 15 (ED25519)\n\
                   PrivateKey: ODIyNjAzODQ2MjgwODAxMjI2NDUxOTAyMDQxNDIyNjI=\n";
    let public =
        "example.com. 3600 IN DNSKEY 257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=";
    let apex: Name = "example.com".parse().unwrap();
    let key = key_file::read(&apex, public, private).unwrap();
    assert_eq!(
        key.ds_text(&apex),
        "3613 15 2 3AA5AB37EFCE57F737FC1627013FEE07BDF241BD10F3B1964AB55C78E79A304B"
    );
    let mx = b"\0\x0a\x04mail\x07example\x03com\0";
    let set = Set {
        owner: &apex,
        rtype: rtype::MX,
        ttl: 3_600,
        rdata: &[mx],
    };
    let period = Period {
        inception: 1_438_207_200,
        expiration: 1_440_021_600,
    };
    let fixed = fixed(&set, 15, key.tag, period);
    let signature = key.sign(&signed(&set, &fixed, &apex)).unwrap();
    assert_eq!(
        STANDARD.encode(signature),
        "oL9krJun7xfBOIWcGHi7mag5/hdZrKWw15jPGrHpjQeRAvTdszaPD+QLs3fx8A4M3e23mRZ9VrbpMngwcrqNAg=="
    );
}

#[test]
fn signatures_of_both_algorithms_verify() {
    for algorithm in [Algorithm::EcdsaP256, Algorithm::Ed25519] {
        let (_temp, signer) = signer(algorithm, |_| {});
        let rrsig = sign(&signer, &www(), now()).unwrap().remove(0);
        let (head, signature) = rrsig.split_at(rrsig.len() - SIGNATURE);
        assert_eq!(&head[FIXED..], b"\x03cdn\x07example\0");
        assert_eq!(head[..4], [0, 1, algorithm.number(), 3]);
        let fixed: [u8; FIXED] = head[..FIXED].try_into().unwrap();
        let message = signed(&www(), &fixed, &signer.apex);
        let public = &signer.keys[0].public;
        let verified = match algorithm {
            Algorithm::EcdsaP256 => {
                let point = [&[4], public.as_slice()].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(&message, signature)
            }
            Algorithm::Ed25519 => {
                UnparsedPublicKey::new(&ED25519, public).verify(&message, signature)
            }
        };
        verified.unwrap();
    }
}

#[test]
fn a_signature_is_made_once_in_a_quarter_of_its_validity() {
    // ECDSA has chance in it: two signatures that are alike are one.
    let (_temp, signer) = signer(Algorithm::EcdsaP256, |config| {
        config.max_signatures_per_second = 1;
    });
    let first = sign(&signer, &www(), now()).unwrap();
    assert_eq!(sign(&signer, &www(), now()), Ok(first.clone()));
    // Nothing is left for another set.
    let other = Set { ttl: 21, ..www() };
    assert_eq!(sign(&signer, &other, now()), Err(Overspent));
    let later = now() + Duration::from_secs(signer.validity.part());
    assert_ne!(sign(&signer, &www(), later), Ok(first));
}

#[test]
fn what_was_prepared_costs_nothing_when_it_is_asked_for() {
    let (_temp, signer) = signer(Algorithm::EcdsaP256, |config| {
        config.max_signatures_per_second = 1;
    });
    let later = now() + Duration::from_secs(signer.validity.part());
    assert_eq!(signer.prepare(&www(), later), 1);
    assert_eq!(signer.prepare(&www(), later), 0);
    sign(&signer, &Set { ttl: 21, ..www() }, later).unwrap();
    sign(&signer, &www(), later).unwrap();
}

#[test]
fn two_name_servers_with_the_same_keys_sign_alike() {
    let (_temp, config) = folder(Algorithm::Ed25519);
    let one = Signer::load(&config, "cdn.example", None, now()).unwrap();
    let other = Signer::load(&config, "cdn.example", None, now()).unwrap();
    for hours in 0..400 {
        let at = now() + Duration::from_secs(hours * 3_600);
        assert_eq!(sign(&one, &www(), at), sign(&other, &www(), at));
    }
}

#[test]
fn long_sets_are_signed_and_remembered_too() {
    let (_temp, signer) = signer(Algorithm::EcdsaP256, |_| {});
    let data: Vec<Vec<u8>> = (0..40_u8).map(|n| vec![n; 100]).collect();
    let data: Vec<&[u8]> = data.iter().map(Vec::as_slice).collect();
    let set = Set {
        owner: WWW,
        rtype: rtype::TXT,
        ttl: 60,
        rdata: &data,
    };
    let first = sign(&signer, &set, now()).unwrap();
    assert_eq!(sign(&signer, &set, now()), Ok(first));
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let (_temp, config) = folder(Algorithm::EcdsaP256);
    for entry in std::fs::read_dir(&config.keys).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "private") {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o640)).unwrap();
        }
    }
    let error = Signer::load(&config, "cdn.example", None, now()).unwrap_err();
    assert!(error.contains("chmod 600"), "{error}");
}

#[test]
fn no_keys_is_an_error_that_says_what_to_do() {
    let temp = TempDir::new().unwrap();
    let config = DnssecConfig {
        keys: temp.path().join("none"),
        ..DnssecConfig::default()
    };
    let error = Signer::load(&config, "cdn.example", None, now()).unwrap_err();
    assert!(error.contains("perigee dnssec init"), "{error}");
}

#[test]
fn broken_key_files_are_refused() {
    let (_temp, config) = folder(Algorithm::EcdsaP256);
    let private = std::fs::read_dir(&config.keys)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|e| e == "private"))
        .unwrap();
    let text = std::fs::read_to_string(&private).unwrap();
    for (from, to) in [
        ("PrivateKey: ", "PrivateKey: AAAA"),
        ("PrivateKey", "Nothing"),
        ("Algorithm: 13", "Algorithm: 8"),
        ("Algorithm: 13", "Algorithm: 15"),
        ("v1.3", "v2.0"),
    ] {
        std::fs::write(&private, text.replace(from, to)).unwrap();
        let error = Signer::load(&config, "cdn.example", None, now()).unwrap_err();
        assert!(error.contains("Kcdn.example.+013+"), "{error}");
    }
}
