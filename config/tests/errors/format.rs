//! Text that is no file of this format, and keys and values that none has.

use super::{GOOD, broken, check, problems, with_rule};

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
    assert_eq!(found[0].message, "the value is missing");
    let found = problems("[cdn]\nsecret = # later\n[limits]\n");
    assert_eq!(found[0].message, "the value is missing");
    let found = problems("[cdn]\nsecret = \"x\"\n[limits\n");
    assert_ne!(found[0].message, "the value is missing");
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
fn text_without_quotes() {
    let found = problems("[cdn]\nsecret = topsecret\n");
    let help = found[0].help.clone().unwrap_or_default();
    assert!(help.contains("text in quotes"), "{found:#?}");
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
fn a_list_in_place_of_one_value() {
    check(
        "latitude = 50.11",
        "latitude = [50.11]",
        (7, 12),
        "this is one value, not a list of them",
        "without brackets",
    );
}

#[test]
fn a_text_in_place_of_true_or_false() {
    let found = with_rule("bypass = \"yes\"");
    let help = found[0].help.as_deref();
    assert_eq!(help, Some("write true or false, without quotes"));
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
