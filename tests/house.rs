//! The house stays as docs/ARCHITECTURE.md draws it, and what is brought in stays what deny.toml
//! allows. Read from `cargo metadata`, so that nothing must be installed for it.

use std::{collections::BTreeSet, path::Path, process::Command};

use serde_json::Value;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Which room may know which. An arrow that is not here does not exist.
const ARROWS: &[(&str, &[&str])] = &[
    ("perigee", &["config", "edge", "origin-shield", "geodns"]),
    ("config", &["edge", "origin-shield", "geodns"]),
    ("edge", &["tier", "server", "proxy", "cluster"]),
    ("origin-shield", &["tier", "server", "proxy", "cluster"]),
    ("geodns", &["cluster", "dns-wire", "health"]),
    ("tier", &["server", "proxy", "cluster", "storage"]),
    ("proxy", &["http-cache", "storage", "upstream"]),
    ("storage", &["http-cache"]),
    ("upstream", &["health", "http1"]),
    ("cluster", &["health"]),
    ("server", &["http1", "http2"]),
    ("http1", &[]),
    ("http2", &[]),
    ("http-cache", &[]),
    ("health", &[]),
    ("dns-wire", &[]),
    ("xtask", &[]),
    ("instructions", &["config", "edge", "geodns"]),
];

/// What would let a pure room do IO or read a clock.
const IMPURE: &[&str] = &["tokio", "hyper", "mio", "socket2", "rustix"];

/// What a command of cargo prints about this workspace.
fn cargo(args: &[&str]) -> Vec<u8> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(args)
        .args(["--locked", "--manifest-path", &format!("{ROOT}/Cargo.toml")])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    output.stdout
}

fn metadata() -> Value {
    serde_json::from_slice(&cargo(&["metadata", "--format-version", "1"])).unwrap()
}

fn packages(metadata: &Value) -> &Vec<Value> {
    metadata["packages"].as_array().unwrap()
}

fn is_ours(package: &Value) -> bool {
    package["source"].is_null()
}

fn room(name: &str) -> &str {
    name.strip_prefix("perigee-").unwrap_or(name)
}

/// The names of what a package needs when it is not tested.
fn needs(package: &Value) -> impl Iterator<Item = &str> {
    let dependencies = package["dependencies"].as_array().unwrap().iter();
    dependencies
        .filter(|d| d["kind"].is_null())
        .map(|d| d["name"].as_str().unwrap())
}

#[test]
fn rooms_know_only_whom_they_may_know() {
    let metadata = metadata();
    let ours = packages(&metadata).iter().filter(|p| is_ours(p));
    let mut seen = BTreeSet::new();
    for package in ours {
        let name = room(package["name"].as_str().unwrap());
        seen.insert(name);
        let allowed = ARROWS.iter().find(|(from, _)| *from == name);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("{name} is not on the plan"));
        for needed in needs(package).filter(|n| n.starts_with("perigee-")) {
            assert!(
                allowed.contains(&room(needed)),
                "{name} -> {} is not on the plan",
                room(needed)
            );
        }
    }
    assert_eq!(
        seen.len(),
        ARROWS.len(),
        "a room of the plan is gone: {seen:?}"
    );
}

#[test]
fn pure_rooms_have_nothing_to_do_io_with() {
    let metadata = metadata();
    for name in [
        "perigee-http-cache",
        "perigee-health",
        "perigee-http1",
        "perigee-http2",
        "perigee-dns-wire",
    ] {
        let package = packages(&metadata).iter().find(|p| p["name"] == name);
        let impure: Vec<_> = needs(package.unwrap())
            .filter(|n| IMPURE.contains(n))
            .collect();
        assert!(impure.is_empty(), "{name}: {impure:?}");
    }
}

/// Whether health is believed is judged in one place: each room that keeps a share below which it is
/// not (`PanicShare`) asks `perigee_health::is_believed`, and what is in that share is read only
/// there, and where the configuration tells its default.
#[test]
fn panic_mode_is_one_implementation() {
    let mut asks = BTreeSet::new();
    for room in [
        "crates/upstream",
        "crates/cluster",
        "geodns",
        "edge",
        "crates/tier",
    ] {
        let source = source(&Path::new(ROOT).join(room).join("src"));
        if source.contains("is_believed(") && source.contains("perigee_health::") {
            asks.insert(room);
        }
        assert!(
            !source.contains("panic.0") && !source.contains("share.0"),
            "{room} judges by itself when health is not believed"
        );
    }
    let expected = ["crates/cluster", "crates/upstream", "geodns"];
    assert_eq!(asks, BTreeSet::from(expected));
}

/// All that stands in the files of a folder, tests apart.
fn source(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &source(&path);
        } else if path.file_name().is_none_or(|name| name != "tests.rs") {
            text += &std::fs::read_to_string(&path).unwrap();
        }
    }
    text
}

/// The rules of deny.toml that can be checked without its tool.
struct Rules {
    licences: BTreeSet<String>,
    banned: BTreeSet<String>,
    /// What it is built for.
    targets: BTreeSet<String>,
}

fn rules() -> Rules {
    let text = std::fs::read_to_string(format!("{ROOT}/deny.toml")).unwrap();
    let rules: toml::Table = text.parse().unwrap();
    let list = |value: &toml::Value| value.as_array().unwrap().clone();
    let text_of = |value: &toml::Value| value.as_str().unwrap().to_owned();
    Rules {
        licences: list(&rules["licenses"]["allow"])
            .iter()
            .map(text_of)
            .collect(),
        banned: list(&rules["bans"]["deny"])
            .iter()
            .map(|ban| text_of(&ban["name"]))
            .collect(),
        targets: list(&rules["graph"]["targets"])
            .iter()
            .map(text_of)
            .collect(),
    }
}

/// Whether a licence expression (SPDX) can be fulfilled by what is allowed.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let expression = expression.replace(['(', ')'], " ").replace('/', " OR ");
    // In this order AND binds less than OR does in SPDX: it asks for more, never for less.
    expression.split(" AND ").all(|all_of| {
        let mut any_of = all_of.split(" OR ").map(str::trim);
        any_of.any(|licence| allowed.contains(licence))
    })
}

#[test]
fn what_is_brought_in_is_allowed() {
    let (metadata, rules) = (metadata(), rules());
    for package in packages(&metadata).iter().filter(|p| !is_ours(p)) {
        let name = package["name"].as_str().unwrap();
        let licence = package["license"].as_str().unwrap_or("none");
        assert!(
            is_allowed(licence, &rules.licences),
            "{name}: licence {licence}"
        );
        let source = package["source"].as_str().unwrap();
        assert!(
            source.starts_with("registry+"),
            "{name} comes from {source}"
        );
    }
}

#[test]
fn what_is_banned_is_not_built() {
    // Not read from the metadata, which lists optional packages that no feature turns on.
    let rules = rules();
    let mut tree = vec!["tree", "--workspace", "--prefix", "none"];
    tree.extend(rules.targets.iter().flat_map(|target| ["--target", target]));
    let built = cargo(&tree);
    for line in String::from_utf8(built).unwrap().lines() {
        let name = line.split(' ').next().unwrap();
        assert!(
            !rules.banned.contains(name),
            "{name} is banned by deny.toml"
        );
    }
}

#[test]
fn the_plan_is_drawn_in_the_architecture() {
    let text = std::fs::read_to_string(Path::new(ROOT).join("docs/ARCHITECTURE.md")).unwrap();
    for (from, to) in ARROWS.iter().filter(|(_, to)| !to.is_empty()) {
        let arrow = format!("{from:<13} -> {}", to.join(" "));
        assert!(
            text.contains(&arrow),
            "docs/ARCHITECTURE.md does not have: {arrow}"
        );
    }
}
