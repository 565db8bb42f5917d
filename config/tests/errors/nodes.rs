//! Nodes, PoPs and the addresses that they are reached at.

use super::{GOOD, check, problems};

#[test]
fn dangling_pop() {
    check(
        "pop = \"fra\"",
        "pop = \"fro\"",
        (11, 7),
        "there is no PoP named \"fro\"",
        "did you mean \"fra\"?",
    );
    check(
        "pop = \"fra\"",
        "pop = \"tokyo\"",
        (11, 7),
        "there is no PoP named \"tokyo\"",
        "the PoPs are `fra`",
    );
}

#[test]
fn shields_of_a_pop_that_are_not_there() {
    check(
        "latitude = 50.11",
        "shields = [\"shield-7\"]\nlatitude = 50.11",
        (7, 12),
        "no shield is named \"shield-7\", and none stands in a PoP of that name",
        "did you mean \"shield-1\"?",
    );
}

#[test]
fn duplicate_names() {
    check(
        "\"shield-1\"",
        "\"Fra-1\"",
        (18, 8),
        "a second node is named \"Fra-1\"",
        "on line 10",
    );
    check(
        "[[edges]]",
        "[[pops]]\nname = \"fra\"\nlatitude = 1\nlongitude = 1\n[[edges]]",
        (10, 8),
        "a second PoP is named \"fra\"",
        "on line 6",
    );
    check(
        "[[services]]",
        "[[services]]\nname = \"www\"\norigins = [\"./a\"]\n[[services]]",
        (27, 8),
        "a second service is named \"www\"",
        "on line 24",
    );
}

#[test]
fn two_on_one_address() {
    check(
        "127.0.11.2:8080",
        "127.0.11.1:8080",
        (16, 11),
        "127.0.11.1:8080 is taken: it is `listen` of \"fra-1\" (line 12), and `listen` of \"fra-2\" too",
        "another address or port",
    );
    check(
        "listen = [\"127.0.11.2:8080\"]",
        "listen = [\"127.0.11.2:8080\"]\nadmin = \"127.0.31.1:8080\"",
        (20, 11),
        "127.0.31.1:8080 is taken: it is `admin` of \"fra-2\" (line 17), and `listen` of \"shield-1\" too",
        "address of its own",
    );
    // On one machine, a wildcard address takes the port on all others.
    check(
        "listen = [\"127.0.31.1:8080\"]",
        "listen = [\"0.0.0.0:5300\"]\ntier_address = \"127.0.31.1:5300\"",
        (23, 11),
        "0.0.0.0:5300 is taken: it is `listen` of \"shield-1\" (line 19), and `listen` of \"ns1\" too",
        "another address or port",
    );
}

#[test]
fn default_admin_addresses_can_clash() {
    check(
        "127.0.11.2:8080",
        "127.0.11.1:8081",
        (14, 8),
        "127.0.11.1:9901 is taken: it is `admin` of \"fra-1\" (line 10), and `admin` of \"fra-2\" too",
        "set `admin` to an address of its own on each node",
    );
}

#[test]
fn machines_have_their_own_loopback_and_wildcard() {
    let text = GOOD
        .replace("\"127.0.11.1:8080\"]", "\"0.0.0.0:80\"]\naddress = \"192.0.2.1\"\ntier_address = \"10.0.0.1:80\"\nadmin = \"127.0.0.1:9901\"")
        .replace("\"127.0.11.2:8080\"]", "\"0.0.0.0:80\"]\naddress = \"192.0.2.2\"\ntier_address = \"10.0.0.2:80\"\nadmin = \"127.0.0.1:9901\"");
    assert_eq!(problems(&text), []);
}

#[test]
fn nodes_that_cannot_be_reached() {
    check(
        "listen = [\"127.0.31.1:8080\"]",
        "listen = [\"0.0.0.0:8082\"]",
        (19, 11),
        "other nodes cannot tell from 0.0.0.0:8082 where \"shield-1\" is",
        "set tier_address",
    );
    check(
        "127.0.31.1:8080",
        "127.0.31.1:0",
        (19, 11),
        "others cannot know which port \"shield-1\" gets for 127.0.31.1:0",
        "other than 0",
    );
    check(
        "[\"127.0.41.1:5300\"]",
        "[\"0.0.0.0:5300\"]",
        (22, 11),
        "the GeoDNS cannot tell from 0.0.0.0:5300 where \"ns1\" is",
        "set `address`",
    );
}

#[test]
fn addresses_that_no_client_could_use() {
    for (key, told) in [
        ("address", "0.0.0.0"),
        ("address", "224.0.0.1"),
        ("address6", "::"),
    ] {
        check(
            "listen = [\"127.0.11.1:8080\"]",
            &format!("listen = [\"127.0.11.1:8080\"]\n{key} = \"{told}\""),
            (13, key.len() + 4),
            &format!(
                "nobody can be reached at {told:?}: write the address that clients connect to"
            ),
            "",
        );
    }
}
