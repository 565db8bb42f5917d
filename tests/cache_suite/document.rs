//! docs/http-cache-suite.md: its tables are made of `expected.toml`, and this checks that they are.
//! `UPDATE_CACHE_SUITE_DOC=1 cargo test -p perigee --test scenarios cache_suite` writes them.

use std::fmt::Write;

use super::{
    expected::{Check, Expected, Mode},
    outcome::Outcome,
    suite::Kind,
};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/http-cache-suite.md");
const BEGIN: &str = "<!-- made of tests/cache_suite/expected.toml -->\n";
const END: &str = "<!-- end -->\n";

pub(crate) fn check(expected: &Expected) {
    let written = std::fs::read_to_string(PATH).unwrap();
    let (before, rest) = written.split_once(BEGIN).expect("the document has BEGIN");
    let (_, after) = rest.split_once(END).expect("the document has END");
    let made = format!("{before}{BEGIN}{}{END}{after}", tables(expected));
    if std::env::var_os("UPDATE_CACHE_SUITE_DOC").is_some() {
        std::fs::write(PATH, made).unwrap();
    } else {
        assert!(
            written == made,
            "docs/http-cache-suite.md is not what expected.toml says: UPDATE_CACHE_SUITE_DOC=1"
        );
    }
}

fn tables(expected: &Expected) -> String {
    let mut text = String::new();
    scores(&mut text, expected).unwrap();
    exceptions(&mut text, expected).unwrap();
    checks(&mut text, expected).unwrap();
    text
}

fn scores(text: &mut String, expected: &Expected) -> std::fmt::Result {
    let about = &expected.suite;
    writeln!(
        text,
        "\nMeasured {} with the suite as of commit `{}`.\n",
        about.measured, about.commit
    )?;
    writeln!(text, "| | required | optimal | checks answered yes |")?;
    writeln!(text, "|---|---|---|---|")?;
    for mode in [Mode::Edge, Mode::Cdn] {
        let of = |kind| {
            let (passed, all) = expected.tally(kind, mode, Outcome::Pass);
            match expected.tally(kind, mode, Outcome::Varies) {
                (0, _) => format!("{passed} of {all}"),
                (varying, _) => format!("{passed} of {all}, and {varying} either way"),
            }
        };
        let (required, optimal) = (of(Kind::Required), of(Kind::Optimal));
        let checks = of(Kind::Check);
        writeln!(text, "| {mode} | {required} | {optimal} | {checks} |")?;
    }
    Ok(())
}

fn exceptions(text: &mut String, expected: &Expected) -> std::fmt::Result {
    writeln!(text, "\n## Tests that do not pass\n")?;
    for exception in &expected.exceptions {
        let id = &exception.id;
        let kind = match expected.required.contains(id) {
            true => "required",
            false => "optimal",
        };
        let modes = [Mode::Edge, Mode::Cdn];
        let failing = modes
            .iter()
            .filter(|m| expected.of(id, **m) != Outcome::Pass);
        let failing: Vec<String> = failing.map(|mode| mode.to_string()).collect();
        writeln!(
            text,
            "- **`{id}`** ({kind}; {}): {} {}",
            failing.join(", "),
            exception.asks,
            exception.why
        )?;
    }
    Ok(())
}

fn checks(text: &mut String, expected: &Expected) -> std::fmt::Result {
    writeln!(text, "\n## Checks\n")?;
    writeln!(text, "| check | what it asks | edge | CDN | what decides |")?;
    writeln!(text, "|---|---|---|---|---|")?;
    for Check {
        id,
        asks,
        why,
        cdn_why,
        ..
    } in &expected.checks
    {
        let [edge, cdn] = [Mode::Edge, Mode::Cdn].map(|mode| said(expected.of(id, mode)));
        let cdn_why = in_the_cdn(cdn_why.as_deref());
        writeln!(
            text,
            "| `{id}` | {asks} | {edge} | {cdn} | {why}{cdn_why} |"
        )?;
    }
    Ok(())
}

fn in_the_cdn(why: Option<&str>) -> String {
    why.map_or_else(String::new, |why| format!(" Whole CDN: {why}"))
}

fn said(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "yes",
        Outcome::Fail => "no",
        Outcome::Setup => "not reached",
        Outcome::Error => "no answer",
        Outcome::Varies => "either",
    }
}
