//! Secrets, tokens and certificates.

use super::{GOOD, broken, check, problems};

#[test]
fn secrets() {
    check(
        "0123456789abcdef",
        "short",
        (2, 10),
        "this secret has 5 bytes, and less than 16 are too easy to guess",
        "openssl rand",
    );
    check(
        "[dns]",
        "secret_env = \"S\"\n[dns]",
        (3, 14),
        "both `secret` and `secret_env` are set",
        "take one",
    );
    check(
        "secret = \"0123456789abcdef\"\n",
        "",
        (13, 8),
        "there is more than one node, so the nodes need a shared secret",
        "secret_env",
    );
    let shown = broken("0123456789abcdef", "short").to_string();
    assert!(!shown.contains("\"short\""), "{shown}");
}

#[test]
fn secrets_under_keys_that_are_not_known_are_not_shown() {
    let found = [
        broken("[cdn]", "[cdn]\nsecrt = \"hunter2hunter2\""),
        broken("[cdn]", "[cdn]\nshared = \"hunter2hunter2\""),
        broken("[cdn]", "[admin]\ntokn = \"hunter2\"\n[cdn]"),
        broken("[cdn]", "[admin]\nkey = \"hunter2\"\n[cdn]"),
        broken("http://127.0.0.1:3000", "http://me:hunter2@127.0.0.1:3000"),
    ];
    for problem in found {
        assert!(!problem.to_string().contains("hunter2"), "{problem}");
        assert!(problem.snippet.contains("***"), "{problem}");
    }
}

#[test]
fn mutual_tls_needs_names_addresses_and_files() {
    let listen = "listen = [\"127.0.11.1:8080\"]\n";
    let nodes = "listen = [\"127.0.11.1:8080\"]\ntier_listen = [\"127.0.11.1:8443\"]\n";
    let table =
        "[tier]\ntrust = \"mtls\"\n[tier.tls]\nca = \"a\"\ncert = \"{node}\"\nkey = \"k\"\n[dns]";
    // Each edge and shield has to have one.
    let found = problems(&GOOD.replacen("[dns]", table, 1));
    let why = "has no address where other nodes reach it over TLS";
    assert!(found.iter().all(|problem| problem.message.ends_with(why)));
    assert_eq!(found.len(), 3, "{found:#?}");
    check(
        listen,
        &nodes.replace("8443", "8080"),
        (13, 16),
        "127.0.11.1:8080 is taken: it is `listen` of \"fra-1\" (line 12), and `tier_listen` of \"fra-1\" too",
        "another address",
    );
    check(
        listen,
        &format!("{nodes}tier_address = \"127.0.11.1:8080\"\n"),
        (14, 16),
        "127.0.11.1:8080 is for clients, and \"fra-1\" serves other nodes at `tier_listen` alone",
        "leave `tier_address` out",
    );
    let unused = table.replace("\"mtls\"", "\"secret\"");
    let problem = broken("[dns]", &unused);
    assert!(problem.message.contains("are of no use"), "{problem}");
    let bare = broken("[dns]", "[tier]\ntrust = \"mtls\"\n[dns]");
    assert!(bare.message.contains("needs certificates"), "{bare}");
}

#[test]
fn admin_open_to_the_world() {
    let open = "listen = [\"127.0.11.1:8080\"]\nadmin = \"192.0.2.1:9901\"";
    check(
        "listen = [\"127.0.11.1:8080\"]",
        open,
        (13, 9),
        "anyone who reaches 192.0.2.1:9901 could command \"fra-1\"",
        "token_env",
    );
    let text = GOOD.replace("listen = [\"127.0.11.1:8080\"]", open);
    assert_eq!(problems(&format!("{text}[admin]\ntoken_env = \"T\"\n")), []);
}

#[test]
fn tls_without_certificates() {
    check(
        "listen = [\"127.0.11.1:8080\"]",
        "listen = [\"127.0.11.1:8080\"]\ntls_listen = [\"127.0.11.1:8443\"]",
        (13, 15),
        "TLS needs a certificate, and there is none",
        "[[certificates]]",
    );
    check(
        "[[services]]",
        "[[certificates]]\ncert = \"a\"\nkey = \"b\"\nhosts = [\"*\"]\n[[services]]",
        (26, 10),
        "no certificate is for every host",
        "take `hosts` out",
    );
}
