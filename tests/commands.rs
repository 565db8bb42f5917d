//! What a person reads who types something wrong.

use std::{
    fs::File,
    process::{Command, Stdio},
};

use crate::harness::process::{command, run};

fn check(text: &str) -> (i32, String) {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("cdn.toml");
    std::fs::write(&file, text).unwrap();
    let (code, out, err) = run(&["check", file.to_str().unwrap()]);
    (code, out + &err)
}

const GOOD: &str = "\
[[pops]]
name = \"fra\"
latitude = 50.1
longitude = 8.7

[[edges]]
name = \"fra-1\"
pop = \"fra\"
listen = [\"127.0.0.1:8080\"]

[[services]]
name = \"www\"
hosts = [\"www.example.com\"]
origins = [\"http://127.0.0.1:3000\"]
";

#[test]
fn check_says_that_a_file_is_right() {
    let (code, said) = check(GOOD);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("1 node,"), "{said}");
    let (code, said) = check("");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("there is no edge"), "{said}");
}

const WITH_DNS: &str = "\
[dns]
zone = \"cdn.example\"
zone_file = \"zone.db\"
networks_file = \"networks.csv\"
latency_file = \"latency.csv\"
database = \"city.mmdb\"

[dns.dnssec]
keys = \"keys\"

[[dns.policies]]
name = \"europe\"
rules = [{ continents = [\"EU\"], pops = [\"fra\"] }]

[[geodns]]
name = \"ns1\"
listen = [\"127.0.0.2:5353\"]

[cdn]
secret = \"0123456789abcdef\"

";

#[test]
fn check_reads_the_files_that_are_here_and_tells_all_that_are_broken() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("cdn.toml");
    std::fs::write(&file, format!("{WITH_DNS}{GOOD}")).unwrap();
    let check = || {
        let (code, out, err) = run(&["check", file.to_str().unwrap()]);
        (code, out + &err)
    };
    // What is not here may be on the nodes.
    let (code, said) = check();
    assert_eq!(code, 0, "{said}");
    for missing in [
        "zone.db",
        "networks.csv",
        "latency.csv",
        "city.mmdb",
        "keys",
    ] {
        let note = format!("{missing} is not on this machine");
        assert!(said.contains(&note), "{said}");
    }
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("zone.db", "$TTL 1h\nfoo A 1.2.3\n");
    write("networks.csv", "192.0.2.0/24,ams\n");
    write("latency.csv", "192.0.2.0/24,fra,soon\n");
    write("city.mmdb", "no database");
    std::fs::create_dir(folder.path().join("keys")).unwrap();
    write("keys/Kcdn.example.+013+00001.key", "");
    let (code, said) = check();
    assert_eq!(code, 1, "{said}");
    for broken in [
        "zone.db:2:7: \"1.2.3\" is not an IPv4 address",
        "networks.csv: line 1: there is no PoP \"ams\"",
        "latency.csv: line 1, column 18",
        "city.mmdb: not a MaxMind database",
        "Kcdn.example.+013+00001.private: this private key is missing",
        "is right, but not what it names",
    ] {
        assert!(said.contains(broken), "{broken}: {said}");
    }
}

#[test]
fn check_notes_policies_that_ask_for_what_is_never_known() {
    let (code, said) = check(&format!("{WITH_DNS}{GOOD}").replace("database = ", "# "));
    assert_eq!(code, 0, "{said}");
    let note = "the policy \"europe\" asks for continents";
    assert!(said.contains(note), "{said}");
}

#[test]
fn check_points_at_line_and_column() {
    for (from, to, at, says) in [
        ("latitude", "lattitude", ":3:1", "latitude"),
        ("pop = \"fra\"", "pop = \"fri\"", ":8:7", "fri"),
        ("50.1", "500.1", ":3:12", "90"),
        ("127.0.0.1:8080", "127.0.0.1", ":9:", "127.0.0.1"),
        ("name = \"fra-1\"", "name = \"fra-1", ":7:", ""),
    ] {
        let (code, said) = check(&GOOD.replacen(from, to, 1));
        assert_ne!(code, 0, "{to}: {said}");
        let place = format!("cdn.toml{at}");
        assert!(said.contains(&place) && said.contains(says), "{to}: {said}");
    }
    let twice = GOOD.to_owned()
        + "\n[[services]]\nname = \"w2\"\nhosts = [\"www.example.com\"]\norigins = [\"./x\"]\n";
    let (code, said) = check(&twice);
    assert_ne!(code, 0);
    assert!(
        said.contains("cdn.toml:18:10") && said.contains("www.example.com"),
        "{said}"
    );
}

#[test]
fn wrong_words_are_explained() {
    for (args, says) in [
        (&["edge"][..], "--origin"),
        (&["edge", "--origin", "./no-such-folder"], "no-such-folder"),
        (&["edge", "--origin", "ftp://x"], "http"),
        (
            &["edge", "--config", "/no/such.toml", "--node", "a"],
            "/no/such.toml",
        ),
        (
            &[
                "edge",
                "--origin",
                "http://127.0.0.1:1",
                "--listen",
                "nonsense",
            ],
            "nonsense",
        ),
        (
            &["edge", "--origin", "127.0.0.1:13000"],
            "write \"http://127.0.0.1:13000\"",
        ),
        (
            &["edge", "--origin", "/", "--listen", ":18080"],
            "write an IP address and a port, such as",
        ),
        (
            &["query", "a.test", "--server", "localhost:53"],
            "write an IP address and a port, such as",
        ),
        (
            &["edge", "--origin", "/", "--access-log", "plain1"],
            "with a dot or slash in it",
        ),
        (
            &["demo", "--port", "18700", "--admin-port", "18700"],
            "--port and --admin-port must differ",
        ),
        (&["demo", "/no/such/folder"], "/no/such/folder"),
        (&["purge", "/relative", "--config", "x"], "/relative"),
        (&["frobnicate"], "frobnicate"),
    ] {
        let (code, out, err) = run(args);
        assert_ne!(code, 0, "{args:?}: {out}{err}");
        assert!(err.contains(says), "{args:?}: {err}");
        assert!(!err.contains("panicked"), "{args:?}: {err}");
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, _, err) = run(&[
        "edge",
        "--origin",
        "http://127.0.0.1:1",
        "--listen",
        &address,
    ]);
    assert_ne!(code, 0);
    assert!(
        err.contains(&address) && err.contains("another process"),
        "{err}"
    );
}

/// The address is taken, so a node that were not refused for its memory would say that.
#[test]
fn a_node_is_not_started_with_more_memory_than_there_is() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("cdn.toml");
    let text = GOOD.replace("127.0.0.1:8080", &address);
    std::fs::write(&file, text + "\n[storage]\nmemory = \"60TiB\"\n").unwrap();
    let file = file.to_str().unwrap();
    let of_file = ["edge", "--config", file, "--node", "fra-1"];
    let alone = [
        "edge",
        "--origin",
        "http://127.0.0.1:1",
        "--listen",
        &address,
    ];
    for (args, key) in [
        (&of_file[..], "[storage] memory"),
        (&[&alone[..], &["--memory", "60TiB"]].concat(), "--memory"),
    ] {
        let (code, _, err) = run(args);
        assert_ne!(code, 0, "{err}");
        let says = format!("{key}: 60.0 TiB is more than the");
        assert!(err.contains(&says), "{err}");
        assert!(!err.contains(&address), "{err}");
    }
    let (code, out, _) = run(&["check", file]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("starts on this machine"), "{out}");
}

#[test]
fn help_teaches_every_command() {
    let (code, out, _) = run(&["--help"]);
    assert_eq!(code, 0);
    for command in [
        "demo", "edge", "shield", "geodns", "check", "schema", "purge", "status", "explain",
        "query", "cache",
    ] {
        assert!(out.contains(command), "{out}");
        let (code, help, _) = run(&[command, "--help"]);
        assert_eq!(code, 0);
        assert!(help.contains("Usage:"), "{help}");
    }
}

/// The binary with these arguments and this standard output: exit code, standard error.
fn run_into(args: &[&str], out: Stdio) -> (i32, String) {
    let command: &mut Command = &mut command(args);
    let command = command.stdin(Stdio::null()).stdout(out);
    let ended = command.stderr(Stdio::piped()).spawn().unwrap();
    let ended = ended.wait_with_output().unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    (ended.status.code().unwrap_or(-1), told)
}

#[test]
fn what_cannot_be_written_is_a_failure_and_a_reader_that_leaves_is_none() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("cdn.toml");
    std::fs::write(&file, GOOD).unwrap();
    for args in [&["schema"][..], &["check", file.to_str().unwrap()]] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let (code, told) = run_into(args, full.into());
        assert_eq!(code, 1, "{args:?}: {told}");
        assert!(told.contains("No space left on device"), "{told}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert_eq!(run_into(args, writer.into()), (0, String::new()));
    }
}

#[test]
fn with_nobody_to_ask_nothing_was_done() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("cdn.toml");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let etcd = closed.local_addr().unwrap();
    drop(closed);
    let head = "[cdn]\nid = \"test\"\nsecret = \"a secret of the scenarios, 32 b\"\n\n";
    let applied = format!(
        "{head}[membership]\netcd = [\"http://{etcd}\"]\n\n[dns]\nzone = \"cdn.test\"\n\n{}",
        GOOD.replace(
            "[[edges]]\nname = \"fra-1\"\npop = \"fra\"\nlisten = [\"127.0.0.1:8080\"]\n\n",
            ""
        )
    );
    for (text, why) in [(applied.as_str(), "etcd"), ("", "[membership]")] {
        std::fs::write(&file, text).unwrap();
        let config = ["--config", file.to_str().unwrap()];
        for (args, whom) in [
            (&["status"][..], "node"),
            (&["status", "--json"], "node"),
            (&["status", "--latency"], "node"),
            (&["purge", "--all", "--yes"], "edge or shield"),
            (&["cache", "stats"], "edge or shield"),
        ] {
            let (code, out, told) = run(&[args, &config].concat());
            assert_eq!(code, 1, "{args:?}: {out}{told}");
            let last = told.lines().last().unwrap();
            let says = format!("no {whom} is known");
            assert!(
                last.contains(&says) && last.contains(why),
                "{args:?}: {told}"
            );
            assert!(!out.contains("0 of 0"), "{args:?}: {out}");
        }
    }
}
