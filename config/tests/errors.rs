//! Each class of mistake: where it is pointed at, and what is said.

use std::path::Path;

use perigee_config::{Problem, parse};

/// A file that is good, with parts to break.
const GOOD: &str = r#"[cdn]
secret = "0123456789abcdef"
[dns]
zone = "cdn.example"
[[pops]]
name = "fra"
latitude = 50.11
longitude = 8.68
[[edges]]
name = "fra-1"
pop = "fra"
listen = ["127.0.11.1:8080"]
[[edges]]
name = "fra-2"
pop = "fra"
listen = ["127.0.11.2:8080"]
[[shields]]
name = "shield-1"
listen = ["127.0.31.1:8080"]
[[geodns]]
name = "ns1"
listen = ["127.0.41.1:5300"]
[[services]]
name = "www"
hosts = ["www.example.com"]
origins = ["http://127.0.0.1:3000"]
"#;

fn problems(text: &str) -> Vec<Problem> {
    match parse(text, Path::new("cdn.toml")) {
        Ok(_) => Vec::new(),
        Err(problems) => problems,
    }
}

/// The only problem of the good file with `from` replaced by `to`.
#[track_caller]
fn broken(from: &str, to: &str) -> Problem {
    assert!(GOOD.contains(from), "{from:?} is in the good file");
    let found = problems(&GOOD.replacen(from, to, 1));
    let [only] = found.as_slice() else {
        panic!("one problem expected, not {found:#?}");
    };
    only.clone()
}

/// Breaks the good file and checks the place, the message and a part of the help.
#[track_caller]
fn check(from: &str, to: &str, place: (usize, usize), message: &str, help: &str) {
    let problem = broken(from, to);
    assert_eq!((problem.line, problem.column), place, "{problem}");
    assert_eq!(problem.message, message);
    let said = problem.help.unwrap_or_default();
    assert!(said.contains(help), "{said:?} has no {help:?}");
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
fn the_good_file_is_good() {
    assert_eq!(problems(GOOD), []);
}

#[test]
fn a_problem_displays_like_a_compilers() {
    assert_eq!(
        broken(
            "listen = [\"127.0.11.1:8080\"]",
            "lisen = [\"127.0.11.1:8080\"]"
        )
        .to_string(),
        "cdn.toml:12:1: error: unknown key `lisen`\n   \
         |\n\
         12 | lisen = [\"127.0.11.1:8080\"]\n   \
         | ^^^^^\n   \
         = help: did you mean `listen`? expected one of `name`, `pop`, `listen`, `tls_listen`, \
         `address`, `address6`, `tier_listen`, `tier_address`, `admin`, `weight` or `capacity`"
    );
}

#[test]
fn not_toml() {
    let found = problems("[cdn]\nsecret = \n");
    assert_eq!((found[0].line, found.len()), (2, 1), "{found:#?}");
}

#[test]
fn unknown_table() {
    check(
        "[cdn]",
        "[storge]\n[cdn]",
        (1, 2),
        "unknown key `storge`",
        "did you mean `storage`?",
    );
}

#[test]
fn missing_key() {
    check(
        "latitude = 50.11\n",
        "",
        (5, 1),
        "the key `latitude` is missing",
        "",
    );
}

#[test]
fn wrong_type() {
    check(
        "\"fra-1\"",
        "3",
        (10, 8),
        "3 is a number: write letters, digits, `-`, `_` and `.`, at most 63 of them",
        "",
    );
    check(
        "[[pops]]",
        "[pops]",
        (5, 1),
        "this is a list, not one map",
        "write [[pops]] in place of [pops]",
    );
    check(
        "hosts = [\"www.example.com\"]",
        "hosts = { name = \"www.example.com\" }",
        (25, 9),
        "this is a list, not one map",
        "write it in brackets: [{ … }]",
    );
}

#[test]
fn values_that_cannot_be() {
    let zone = "zone = \"cdn.example\"";
    for (from, to, place, message) in [
        (
            zone,
            "zone = \"cdn_.example:53\"",
            (4, 8),
            "\"cdn_.example:53\" is not a DNS name: write it without a port",
        ),
        (
            zone,
            "zone = \"a\"\nttl = \"20 parsecs\"",
            (5, 7),
            "\"20 parsecs\" is not a duration: write a number and a unit, such as \"500ms\", \"20s\", \"10m\" or \"1h\"",
        ),
        (
            zone,
            "zone = \"a\"\nttl = 20",
            (5, 7),
            "20 has no unit: write a number and a unit, such as \"500ms\", \"20s\", \"10m\" or \"1h\"",
        ),
        (
            zone,
            "zone = \"a\"\nanswers = 0",
            (5, 11),
            "0 is out of range: write a whole number from 1 to 16",
        ),
        (
            zone,
            "zone = \"a\"\nanswers = 99999999999999999999",
            (5, 11),
            "99999999999999999999 is out of range: write a whole number from 1 to 16",
        ),
        (
            zone,
            "zone = \"a\"\ncontact = \"a b@c\"",
            (5, 11),
            "\"a b@c\" is not a mailbox: before the @ stand letters, digits and `-_.+`; expected a mailbox, such as \"hostmaster@cdn.example\"",
        ),
        (
            "50.11",
            "91",
            (7, 12),
            "91 is out of range: write a number from -90 to 90",
        ),
        (
            "8.68",
            "-180.5",
            (8, 13),
            "-180.5 is out of range: write a number from -180 to 180",
        ),
        (
            "\"fra-1\"",
            "\"fra 1\"",
            (10, 8),
            "\"fra 1\" is not a name: write a letter, then letters, digits, `-`, `_` and `.`, at most 63 of them",
        ),
        (
            "\"127.0.11.1:8080\"",
            "\"localhost:80\"",
            (12, 11),
            "\"localhost:80\" is not an address: write an IP address and a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\"",
        ),
        (
            "\"127.0.11.1:8080\"",
            "",
            (12, 10),
            "this list is empty: write at least one",
        ),
        (
            "\"www.example.com\"",
            "\"www.example.com:80\"",
            (25, 10),
            "\"www.example.com:80\" is not a host: write it without a port; expected a host, such as \"www.example.com\", \"*.example.com\" or \"*\"",
        ),
        (
            "\"http://127.0.0.1:3000\"",
            "\"localhost:3000\"",
            (26, 12),
            "\"localhost:3000\" is not an origin: write \"http://localhost:3000\" if it is a host, \"./localhost:3000\" if it is a folder",
        ),
        (
            "\"http://127.0.0.1:3000\"",
            "{ url = \"http://a\", sni = \"b\" }",
            (26, 12),
            "`sni` and `ca` are for https:// origins, and this one is http://",
        ),
        (
            "[[services]]",
            "[storage]\nmemory = \"12KiB\"\n[[services]]",
            (24, 10),
            "12KiB is too small: at least 1MiB",
        ),
        (
            "[[services]]",
            "[storage]\nmemory = \"1 parsec\"\n[[services]]",
            (24, 10),
            "\"1 parsec\" is not a size: write a size, such as \"256MiB\", \"1GB\" or a number of bytes",
        ),
        (
            "[[services]]",
            "[storage]\nmax_object_share = 1.5\n[[services]]",
            (24, 20),
            "1.5 is out of range: write a number above 0 and up to 1",
        ),
        (
            "[[services]]",
            "[health]\npanic_share = -0.1\n[[services]]",
            (24, 15),
            "-0.1 is out of range: write a number from 0 to 1",
        ),
        (
            "[[services]]",
            "[ring]\nload_factor = 1.0\n[[services]]",
            (24, 15),
            "1 is out of range: write a number from 1.05 to 100",
        ),
        (
            "[[services]]",
            "[limits]\nmax_head = \"1KiB\"\n[[services]]",
            (24, 12),
            "1KiB is too small: at least 8KiB",
        ),
        (
            "[[services]]",
            "[limits]\nidle_timeout = \"0s\"\n[[services]]",
            (24, 16),
            "\"0s\" is too short: it must be above zero",
        ),
        (
            "[[services]]",
            "[log]\nlevel = \"loud\"\n[[services]]",
            (24, 9),
            "\"loud\" is not known here",
        ),
    ] {
        let problem = broken(from, to);
        assert_eq!(
            (problem.line, problem.column, problem.message.as_str()),
            (place.0, place.1, message)
        );
    }
}

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
fn hosts_claimed_twice() {
    let second = |host: &str| {
        format!(
            "[[services]]\nname = \"two\"\nhosts = [{host:?}]\norigins = [\"./a\"]\n[[services]]"
        )
    };
    check(
        "[[services]]",
        &second("WWW.example.com"),
        (29, 10),
        "the host \"www.example.com\" is claimed twice",
        "on line 25",
    );
    // The host that a service has by its name.
    check(
        "[[services]]",
        &second("www.cdn.example"),
        (28, 8),
        "the host \"www.cdn.example\" is claimed twice",
        "on line 25",
    );
    // Its own may be written out.
    let own = GOOD.replace("\"www.example.com\"", "\"www.cdn.example\"");
    assert_eq!(problems(&own), []);
}

#[test]
fn services_that_cannot_be() {
    let alone = "[[pops]]\nname = \"a\"\nlatitude = 1\nlongitude = 1\n[[edges]]\nname = \"a\"\npop = \"a\"\nlisten = [\"127.0.0.1:1\"]\n";
    let nothing = problems(alone);
    assert_eq!(
        (nothing[0].line, nothing[0].message.as_str()),
        (6, "\"a\" has nothing to serve")
    );
    let no_host = problems(&format!(
        "{alone}[[services]]\nname = \"www\"\norigins = [\"./a\"]\n"
    ));
    assert_eq!(
        (no_host[0].line, no_host[0].message.as_str()),
        (10, "the service \"www\" answers for no host")
    );
    check(
        "\nname = \"ns1\"",
        "\nname = \"www\"",
        (21, 8),
        "www.cdn.example is the name of a service too (line 24)",
        "another name",
    );
}

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

#[test]
fn places_of_networks() {
    let network =
        |place: &str| format!("[[dns.networks]]\nnetworks = [\"10.0.0.0/8\"]\n{place}\n[[pops]]");
    let message = "these networks have no place, or two";
    check("[[pops]]", &network(""), (5, 1), message, "set `pop`");
    check(
        "[[pops]]",
        &network("pop = \"fra\"\nlatitude = 3"),
        (5, 1),
        message,
        "set `pop`",
    );
    check(
        "[[pops]]",
        &network("pop = \"fro\""),
        (7, 7),
        "there is no PoP named \"fro\"",
        "\"fra\"",
    );
    let twice = format!(
        "{}\n{}",
        network("pop = \"fra\"").replace("[[pops]]", ""),
        network("pop = \"fra\"")
    );
    check(
        "[[pops]]",
        &twice,
        (10, 13),
        "the place of 10.0.0.0/8 is told twice",
        "on line 6",
    );
    check(
        "[[pops]]",
        &network("pop = \"fra\"").replace("10.0.0.0/8", "2002:a00::/24"),
        (6, 13),
        "addresses of 2002:a00::/24 are looked up as the IPv4 addresses in them",
        "write the IPv4 network",
    );
    let unknown = |place: &str| format!("[dns.unknown]\n{place}\n[[pops]]");
    check(
        "[[pops]]",
        &unknown("latitude = 3"),
        (5, 1),
        "clients that nobody places have no place here, or two",
        "set `pop`",
    );
    check(
        "[[pops]]",
        &unknown("pop = \"fro\""),
        (6, 7),
        "there is no PoP named \"fro\"",
        "\"fra\"",
    );
}

#[test]
fn geodns_without_a_zone() {
    check(
        "[dns]\nzone = \"cdn.example\"\n",
        "",
        (19, 8),
        "\"ns1\" has no zone to answer for",
        "[dns]",
    );
}

#[test]
fn more_memory_than_can_be_addressed() {
    check(
        "[[services]]",
        "[storage]\nmemory = \"900TiB\"\n[[services]]",
        (24, 10),
        "900TiB is too large: at most 64TiB",
        "",
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
fn text_without_quotes() {
    let found = problems("[cdn]\nsecret = topsecret\n");
    let help = found[0].help.clone().unwrap_or_default();
    assert!(help.contains("text in quotes"), "{found:#?}");
}

#[test]
fn fills_larger_than_the_memory() {
    check(
        "[[services]]",
        "[storage]\nmemory = \"8MiB\"\nfill_memory = \"9MiB\"\n[[services]]",
        (25, 15),
        "fill_memory is a part of memory, and here it is larger",
        "",
    );
}

#[test]
fn more_taken_at_start_than_the_memory() {
    check(
        "[[services]]",
        "[storage]\nmemory = \"8MiB\"\nprefault = \"9MiB\"\n[[services]]",
        (25, 12),
        "prefault is a part of memory, and here it is larger",
        "bodies of up to 4 KiB",
    );
}

#[test]
fn disks() {
    let with = |lines: &str| format!("[storage.disk]\n{lines}\n[[services]]");
    check(
        "[[services]]",
        &with("size = \"1GiB\""),
        (23, 1),
        "the key `path` is missing",
        "",
    );
    check(
        "[[services]]",
        &with("path = \"cache\"\nsize = \"12MiB\""),
        (25, 8),
        "12MiB is too small: at least 16MiB",
        "",
    );
    check(
        "[[services]]",
        &with("path = \"cache\"\nsize = \"1GiB\"\nsegment = \"512MiB\""),
        (26, 11),
        "size has no room for 4 segments like this one",
        "take `segment` out",
    );
    check(
        "[[services]]",
        &with("path = \"cache\"\nreadmit_share = 1"),
        (25, 17),
        "1 is out of range: write a number from 0 to 0.9",
        "",
    );
}

#[test]
fn all_at_once_and_in_order() {
    let typos = GOOD
        .replace("latitude", "latitud")
        .replace("127.0.11.1:8080", "127.0.11.1")
        .replace("http://127", "ftp://127");
    let lines: Vec<usize> = problems(&typos)
        .iter()
        .map(|problem| problem.line)
        .collect();
    assert_eq!(lines, [7, 12, 26]);
    let references = GOOD
        .replace("pop = \"fra\"", "pop = \"fro\"")
        .replace("0123456789abcdef", "x")
        .replace("127.0.31.1:8080", "127.0.11.2:8080");
    let lines: Vec<usize> = problems(&references)
        .iter()
        .map(|problem| problem.line)
        .collect();
    assert_eq!(lines, [2, 11, 15, 19]);
}

#[test]
fn files_that_cannot_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let load = |name: &str| match perigee_config::Document::load(&folder.path().join(name)) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    };
    assert!(load("none.toml").contains("none.toml: there is no such file"));
    std::fs::write(folder.path().join("large.toml"), vec![b'#'; (8 << 20) + 1]).expect("written");
    assert!(load("large.toml").ends_with("it is larger than 8 MiB"));
    std::fs::write(folder.path().join("binary.toml"), b"a\xff").expect("written");
    assert!(load("binary.toml").ends_with("it is not UTF-8 text (see byte 1)"));
    std::fs::write(folder.path().join("bad.toml"), b"a = 1\n").expect("written");
    assert!(load("bad.toml").contains("bad.toml:1:1: error: unknown key `a`"));
}

#[test]
fn one_value_in_place_of_a_list() {
    check(
        "listen = [\"127.0.11.1:8080\"]",
        "listen = \"127.0.11.1:8080\"",
        (12, 10),
        "this is a list, not one string \"127.0.11.1:8080\"",
        "write [\"127.0.11.1:8080\"]",
    );
}

#[test]
fn a_text_in_place_of_true_or_false() {
    let found = with_rule("bypass = \"yes\"");
    let help = found[0].help.as_deref();
    assert_eq!(help, Some("write true or false, without quotes"));
}

/// Puts a rule into the good file, and says where it begins: the last line but what it says.
fn with_rule(keys: &str) -> Vec<Problem> {
    problems(&format!("{GOOD}[[services.cache.rules]]\n{keys}\n"))
}

#[test]
fn rules_say_something_and_do_not_contradict_themselves() {
    for (keys, message) in [
        ("paths = [\"/a/*\"]", "this rule changes nothing"),
        (
            "bypass = true\nttl = \"1h\"",
            "what passes by the store has no lifetime in it",
        ),
        (
            "cookies = \"ignore\"\nstatuses = [302]",
            "`statuses` says what `ttl` is for, and there is none",
        ),
    ] {
        let found = with_rule(keys);
        let [only] = found.as_slice() else {
            panic!("one problem expected, not {found:#?}");
        };
        assert_eq!(only.message, message);
        assert_eq!(only.line, GOOD.lines().count() + 1, "{only}");
    }
    assert!(with_rule("with_cookies = [\"session\"]\nbypass = true").is_empty());
    assert!(with_rule("ttl = \"0s\"\nstatuses = [200, 302]").is_empty());
}

#[test]
fn lists_of_a_rule_have_bounds() {
    let many = vec!["\"/a\""; 65].join(", ");
    let found = with_rule(&format!("bypass = true\npaths = [{many}]"));
    assert_eq!(
        found[0].message,
        "this list has 65 entries: write at most 64"
    );
    let found = with_rule("bypass = true\npaths = [\"/a?b\"]");
    assert!(
        found[0]
            .message
            .contains("the query is no part of the path"),
        "{found:#?}"
    );
}

/// The good file with records, each a name, a type and data.
fn with_records(records: &[(&str, &str, &str)]) -> Vec<Problem> {
    let tables = records.iter().map(|(name, rtype, data)| {
        format!("[[dns.records]]\nname = {name:?}\ntype = {rtype:?}\ndata = [{data:?}]\n")
    });
    problems(&format!("{GOOD}{}", tables.collect::<String>()))
}

#[test]
fn records_of_the_zone() {
    let lines = GOOD.lines().count();
    for (records, place, message) in [
        (
            &[("x", "A", "192.0.2")][..],
            (lines + 4, 9),
            "\"192.0.2\" is not an IPv4 address",
        ),
        (
            &[("x", "B", "y")],
            (lines + 3, 8),
            "\"B\" is not a type of record",
        ),
        (
            &[("x.example.", "TXT", "y")],
            (lines + 4, 9),
            "x.example. is not inside the zone",
        ),
        (
            &[("a..b", "TXT", "y")],
            (lines + 2, 8),
            "\"a..b\" is not a name: a label is empty",
        ),
        (
            &[("x", "TXT", "y"), ("x", "CNAME", "y")],
            (lines + 8, 9),
            "x.cdn.example. has a CNAME record and TXT records",
        ),
        (
            &[("www", "A", "192.0.2.1")],
            (lines + 4, 9),
            "www.cdn.example. is the name of a service",
        ),
    ] {
        let found = with_records(records);
        let [problem] = &found[..] else {
            panic!("one problem expected, not {found:#?}");
        };
        assert_eq!((problem.line, problem.column), place, "{problem}");
        assert!(problem.message.starts_with(message), "{problem}");
    }
    assert!(with_records(&[("x", "A", "192.0.2.1"), ("x", "TXT", "v=spf1; -all")]).is_empty());
}
