//! The test vectors of RFC 9018, appendix A, and what an attacker could try.

use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;

const SECRET: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";

fn octets<const N: usize>(hex: &str) -> [u8; N] {
    assert_eq!(hex.len(), 2 * N);
    std::array::from_fn(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).unwrap())
}

fn given(secrets: &[&str]) -> Cookies {
    let secrets: Vec<CookieSecret> = secrets.iter().map(|hex| octets(hex)).collect();
    Cookies::new(&secrets, b"")
}

/// Checks the cookie in the RFC's notation.
fn check(cookies: &Cookies, cookie: &str, client: &str, now: u32) -> Checked {
    let server: Option<[u8; 16]> = (cookie.len() > 16).then(|| octets(&cookie[16..]));
    let cookie = Cookie {
        client: octets(&cookie[..16]),
        server: server.as_ref().map(|server| &server[..]),
    };
    cookies.check(&cookie, client.parse().unwrap(), now)
}

/// A.1: a new cookie.
#[test]
fn learning_a_new_server_cookie() {
    let checked = check(
        &given(&[SECRET]),
        "2464c4abcf10c957",
        "198.51.100.100",
        1_559_731_985,
    );
    assert!(!checked.is_good);
    assert_eq!(
        checked.answer,
        octets("2464c4abcf10c957010000005cf79f111f8130c3eee29480")
    );
}

/// A.2: the same client learns nothing new within half an hour; later it gets another one.
#[test]
fn a_cookie_is_renewed_in_its_second_half() {
    let old = "2464c4abcf10c957010000005cf79f111f8130c3eee29480";
    let checked = check(
        &given(&[SECRET]),
        old,
        "198.51.100.100",
        1_559_731_985 + 1_799,
    );
    assert!(checked.is_good);
    assert_eq!(checked.answer, octets(old));
    let checked = check(&given(&[SECRET]), old, "198.51.100.100", 1_559_734_385);
    assert!(checked.is_good);
    assert_eq!(
        checked.answer,
        octets("2464c4abcf10c957010000005cf7a871d4a564a1442aca77")
    );
}

/// A.3: reserved octets that are not zero are hashed as they came.
#[test]
fn another_client_with_another_servers_reserved_octets() {
    let sent = "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5";
    let checked = check(&given(&[SECRET]), sent, "203.0.113.203", 1_559_727_985);
    assert!(checked.is_good);
    let renewed = check(&given(&[SECRET]), sent, "203.0.113.203", 1_559_734_700);
    assert!(!renewed.is_good, "it is older than an hour");
    assert_eq!(
        renewed.answer,
        octets("fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e")
    );
}

/// A.4: an IPv6 client, and a secret that was rolled over.
#[test]
fn a_secret_is_rolled_over() {
    let (old, new) = (
        "dd3bdf9344b678b185a6f5cb60fca715",
        "445536bcd2513298075a5d379663c962",
    );
    let (client, now) = ("2001:db8:220:1:59de:d0f4:8769:82b8", 1_559_741_961);
    let sent = "22681ab97d52c298010000005cf7c57926556bd0934c72f8";
    let both = given(&[new, old]);
    let checked = check(&both, sent, client, now);
    assert!(checked.is_good);
    let renewed = "22681ab97d52c298010000005cf7c609a6bb79d16625507a";
    // The RFC's server always makes a new one when the secret was rolled over; so does ours, once
    // it is half an hour old.
    assert_eq!(
        check(&both, "22681ab97d52c298", client, now).answer,
        octets(renewed)
    );
    assert!(check(&both, renewed, client, now).is_good);
    assert!(!check(&given(&[new]), sent, client, now).is_good);
}

#[test]
fn derived_secrets_are_the_same_on_all_nodes_and_good_past_midnight() {
    let (one, other) = (
        Cookies::new(&[], b"of the CDN"),
        Cookies::new(&[], b"of the CDN"),
    );
    let midnight = 20_000 * DAY;
    let client: IpAddr = Ipv4Addr::new(192, 0, 2, 1).into();
    let made = one.make(&[7; 8], client, midnight - 1);
    let good_at = |cookies: &Cookies, now| {
        let cookie = Cookie {
            client: [7; 8],
            server: Some(&made),
        };
        cookies.check(&cookie, client, now).is_good
    };
    assert!(good_at(&other, midnight + 60));
    assert!(good_at(&other, midnight - 200), "a clock may be late");
    assert!(!good_at(&other, midnight - 1 - 301));
    assert!(!good_at(&other, midnight + GOOD_FOR));
    assert!(!good_at(&Cookies::new(&[], b"of another"), midnight));
    assert_ne!(one.make(&[7; 8], client, midnight)[8..], made[8..]);
}

proptest! {
    /// Whatever is changed of a cookie, or of who brings it: it is good no longer.
    #[test]
    fn what_was_not_made_here_is_not_good(at in 0usize..24, bit in 0u8..8, other in any::<u32>()) {
        let cookies = Cookies::new(&[], b"secret");
        let (client, now) = (Ipv4Addr::new(192, 0, 2, 1), 1_700_000_000);
        let mut whole = [9; 24];
        whole[8..].copy_from_slice(&cookies.make(&[9; 8], client.into(), now));
        let good = |whole: &[u8; 24], client: Ipv4Addr| {
            let cookie = Cookie { client: whole[..8].try_into().unwrap(), server: Some(&whole[8..]) };
            cookies.check(&cookie, client.into(), now).is_good
        };
        prop_assert!(good(&whole, client));
        let other = Ipv4Addr::from(other);
        prop_assert_eq!(good(&whole, other), other == client);
        whole[at] ^= 1 << bit;
        prop_assert!(!good(&whole, client));
    }

    /// Nothing that is sent breaks it.
    #[test]
    fn any_server_part_is_judged(server in prop::collection::vec(any::<u8>(), 8..=32), now: u32) {
        let cookie = Cookie { client: [1; 8], server: Some(&server) };
        let checked = given(&[SECRET]).check(&cookie, Ipv4Addr::LOCALHOST.into(), now);
        prop_assert!(!checked.is_good);
        prop_assert_eq!(&checked.answer[..8], &[1; 8]);
    }
}
