use std::time::Duration;

use super::*;
use crate::test_certs::{Authority, some_day};

const SECRET: &[u8] = b"a secret of some length";

const PROOF: Proof<'static> = Proof {
    method: "GET",
    host: "10.0.0.1:8443",
    target: "/a",
    markers: "",
};

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// The trust of fra-1 with a certificate, and maybe a secret.
fn mutual(authority: &Authority, secret: Option<&[u8]>) -> Arc<Trust> {
    let config = TrustConfig {
        node: "fra-1".into(),
        secret: secret.map(<[u8]>::to_vec),
        tls: Some(authority.files("fra-1")),
    };
    Trust::load(&config, None, some_day()).unwrap()
}

#[test]
fn a_secret_alone_wants_no_certificate() {
    let trust = Trust::by_secret(SECRET, "fra-1").unwrap();
    let value = trust.sign(&PROOF, some_day());
    let node = trust.verify(&value, &PROOF, None, some_day());
    assert_eq!(node, Ok("fra-1"));
    let claim = trust.verify("v1;n=fra-1", &PROOF, None, some_day());
    assert_eq!(claim, Err(Refused::Malformed));
}

#[test]
fn certificate_and_secret_are_both_needed() {
    let authority = Authority::new();
    let trust = mutual(&authority, Some(SECRET));
    let value = trust.sign(&PROOF, some_day());
    let own = names(&["other", "FRA-1"]);
    let verify = |value, certificate| trust.verify(value, &PROOF, certificate, some_day());
    assert_eq!(verify(&value, Some(&own)), Ok("fra-1"));
    assert_eq!(verify(&value, None), Err(Refused::NoCertificate));
    let other = names(&["fra-2", "*.fra-1", "fra-11"]);
    assert_eq!(verify(&value, Some(&other)), Err(Refused::OtherName));
    assert_eq!(verify(&value, Some(&[])), Err(Refused::OtherName));
    assert_eq!(verify("v1;n=fra-1", Some(&own)), Err(Refused::Malformed));
    let stranger = Trust::by_secret(b"another secret of length", "fra-1").unwrap();
    let wrong = stranger.sign(&PROOF, some_day());
    assert_eq!(verify(&wrong, Some(&own)), Err(Refused::Wrong));
}

#[test]
fn a_certificate_alone_proves_the_name() {
    let authority = Authority::new();
    let trust = mutual(&authority, None);
    let value = trust.sign(&PROOF, some_day());
    let own = names(&["fra-1"]);
    let verify = |value, certificate| trust.verify(value, &PROOF, certificate, some_day());
    assert_eq!(verify(&value, Some(&own)), Ok("fra-1"));
    assert_eq!(verify("v1;n=fra-2", Some(&own)), Err(Refused::OtherName));
    assert_eq!(verify("v1;n=", Some(&own)), Err(Refused::OtherName));
    assert_eq!(verify("fra-1", Some(&own)), Err(Refused::Malformed));
    assert_eq!(verify(&value, None), Err(Refused::NoCertificate));
}

#[test]
fn there_is_no_trust_without_either() {
    let config = TrustConfig {
        node: "fra-1".into(),
        secret: None,
        tls: None,
    };
    assert!(Trust::load(&config, None, some_day()).is_err());
}

#[test]
fn changed_files_are_taken_in_place_and_bad_ones_are_not() {
    let authority = Authority::new();
    let trust = mutual(&authority, None);
    let before = trust.tls().unwrap().server_config();
    authority.certify("fra-1");
    let again = Trust::load(&trust.config, Some(&trust), some_day()).unwrap();
    assert!(Arc::ptr_eq(&again, &trust));
    let renewed = trust.tls().unwrap().server_config();
    assert!(!Arc::ptr_eq(&before, &renewed));

    let late = some_day() + Duration::from_secs(86_400 * 365 * 3_000);
    let error = Trust::load(&trust.config, Some(&trust), late).unwrap_err();
    assert!(
        error.contains("fra-1.pem: the certificate has expired"),
        "{error}"
    );
    let kept = trust.tls().unwrap().server_config();
    assert!(Arc::ptr_eq(&kept, &renewed));

    let other = TrustConfig {
        secret: Some(SECRET.to_vec()),
        ..trust.config.clone()
    };
    let other = Trust::load(&other, Some(&trust), some_day()).unwrap();
    assert!(!Arc::ptr_eq(&other, &trust));
}
