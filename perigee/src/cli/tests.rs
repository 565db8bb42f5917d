use clap::{CommandFactory, Parser, error::ErrorKind};

use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split(' '))
}

fn error(line: &str) -> (ErrorKind, String) {
    let error = parse(line).expect_err(line);
    (error.kind(), error.to_string())
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn an_edge_stands_alone_or_is_a_node() {
    assert!(parse("perigee edge --origin http://127.0.0.1:3000").is_ok());
    assert!(parse("perigee edge --origin ./public --listen 127.0.0.1:0 --memory 1GiB").is_ok());
    assert!(parse("perigee edge --config cdn.toml --node fra-1").is_ok());

    let (kind, text) = error("perigee edge");
    assert_eq!(kind, ErrorKind::MissingRequiredArgument);
    assert!(
        text.contains("--origin") && text.contains("--config"),
        "{text}"
    );

    let (kind, text) = error("perigee edge --config cdn.toml");
    assert_eq!(kind, ErrorKind::MissingRequiredArgument);
    assert!(text.contains("--node"), "{text}");

    let both = "perigee edge --config cdn.toml --node a --origin ./public";
    assert_eq!(error(both).0, ErrorKind::ArgumentConflict);
    let both = "perigee edge --config cdn.toml --node a --listen 127.0.0.1:1";
    assert_eq!(error(both).0, ErrorKind::ArgumentConflict);
}

#[test]
fn tls_needs_address_certificate_and_key() {
    let origin = "perigee edge --origin ./public";
    assert!(
        parse(&format!(
            "{origin} --tls-listen 127.0.0.1:1 --cert c --key k"
        ))
        .is_ok()
    );
    for part in [
        "--tls-listen 127.0.0.1:1",
        "--cert c",
        "--key k",
        "--cert c --key k",
    ] {
        let (kind, text) = error(&format!("{origin} {part}"));
        assert_eq!(kind, ErrorKind::MissingRequiredArgument, "{text}");
    }
}

#[test]
fn values_say_what_was_expected() {
    let (_, text) = error("perigee edge --origin ftp://example.com");
    assert!(text.contains("http://HOST"), "{text}");
    let (_, text) = error("perigee edge --origin ./public --memory 12megs");
    assert!(text.contains("MiB"), "{text}");
    let (_, text) = error("perigee edge --origin ./public --disk d --disk-size 0");
    assert!(text.contains("at least 16MiB"), "{text}");
    let (_, text) = error("perigee edge --origin ./public --memory 1KiB");
    assert!(text.contains("at least 1MiB"), "{text}");
    let (kind, _) = error("perigee edge --origin ./public --disk-size 1GiB");
    assert_eq!(kind, ErrorKind::MissingRequiredArgument);
    let (_, text) = error("perigee query www.cdn.test --client 300.0.0.1");
    assert!(text.contains("130.161.0.0/16"), "{text}");
    let (_, text) = error("perigee explain http http://a.test/ -H x");
    assert!(text.contains("Name: value"), "{text}");
    let (_, text) = error("perigee purge /style.css");
    assert!(text.contains("http://HOST/PATH"), "{text}");
    let (_, text) = error("perigee purge --host https://www.cdn.test/a");
    assert!(
        text.contains("a host has no scheme: write www.cdn.test"),
        "{text}"
    );
    let (_, text) = error("perigee cache ls --node fra-1 --host http://www.cdn.test");
    assert!(text.contains("write www.cdn.test"), "{text}");
    let (_, text) = error("perigee purge --host *.cdn.test");
    assert!(text.contains("not a host"), "{text}");
}

#[test]
fn sizes_are_those_of_the_file() {
    let memory = |size: &str| {
        let args = ["perigee", "edge", "--origin", ".", "--memory", size];
        let cli = Cli::try_parse_from(args).ok()?;
        match cli.command {
            Command::Edge(edge) => edge.memory,
            _ => None,
        }
    };
    assert_eq!(memory("256MiB"), Some(256 << 20));
    assert_eq!(memory("1GB"), Some(1_000_000_000));
    assert_eq!(memory("1048576"), Some(1 << 20));
    for wrong in ["", "MiB", "1.5GiB", "-1MiB", "1KiB", "99999999999TiB"] {
        assert_eq!(memory(wrong), None, "{wrong}");
    }
}

#[test]
fn prefixes_are_cut_to_their_length() {
    let parse = |text| values::parse_prefix(text).map(|p| p.to_string());
    assert_eq!(parse("193.0.6.139/24").as_deref(), Ok("193.0.6.0/24"));
    assert_eq!(parse("193.0.6.139").as_deref(), Ok("193.0.6.139/32"));
    assert_eq!(parse("2001:67c::/32").as_deref(), Ok("2001:67c::/32"));
}

#[test]
fn the_demo_serves_one_thing() {
    assert!(parse("perigee demo ./public").is_ok());
    let both = "perigee demo ./public --origin http://127.0.0.1:1";
    assert_eq!(error(both).0, ErrorKind::ArgumentConflict);
}

#[test]
fn the_hidden_option_takes_a_folder_or_none() {
    let with = parse("perigee --exit-with-parent=/tmp/x schema").expect("parses");
    assert_eq!(with.exit_with_parent, Some("/tmp/x".into()));
    let without = parse("perigee --exit-with-parent schema").expect("parses");
    assert_eq!(without.exit_with_parent, Some("".into()));
    assert_eq!(
        parse("perigee schema").expect("parses").exit_with_parent,
        None
    );
}
