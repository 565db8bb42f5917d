//! The public HTTP cache test suite (github.com/http-tests/cache-tests), run against one edge and
//! against a whole CDN, and compared with `expected.toml`.
//!
//! The suite is not part of this repository: `CACHE_TESTS` names a checkout of it with its modules
//! installed (`npm ci`). Without that, the scenario says that it skipped. `run` beside this file is
//! the same for people.

mod document;
mod expected;
mod outcome;
mod suite;

use std::io::Write;

use tempfile::TempDir;

use self::{
    expected::{Check, Exception, Expected, Mode},
    outcome::Outcome,
    suite::Suite,
};
use crate::{
    harness::cdn::{Cdn, Plan, one_edge},
    one_proxy::Proxy,
};

const HOW: &str =
    "skipped: the public HTTP cache test suite runs where CACHE_TESTS names a checkout:
  git clone https://github.com/http-tests/cache-tests && (cd cache-tests && npm ci)
  CACHE_TESTS=$PWD/cache-tests tests/cache_suite/run
CACHE_TESTS_MODES (edge,cdn,long-way,io-uring) and CACHE_TESTS_REPEAT (1) say where and how often.";

/// Told at once, and past the capture of the test harness: a run takes minutes.
fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn modes() -> Vec<Mode> {
    let named = std::env::var("CACHE_TESTS_MODES")
        .unwrap_or_else(|_| "edge,cdn,long-way,io-uring".to_owned());
    let mode = |name: &str| Mode::named(name).unwrap_or_else(|| panic!("no mode {name:?}"));
    named.split(',').map(mode).collect()
}

fn repeat() -> u32 {
    let count = std::env::var("CACHE_TESTS_REPEAT").unwrap_or_else(|_| "1".to_owned());
    count.parse().expect("CACHE_TESTS_REPEAT is a number")
}

#[tokio::test]
async fn the_public_suite_comes_out_as_expected() {
    let Some(checkout) = std::env::var_os("CACHE_TESTS") else {
        tell(HOW);
        return;
    };
    let folder = TempDir::new().unwrap();
    let suite = Suite::start(checkout.into(), folder.path()).await;
    let expected = Expected::read();
    let mut wrong = expected.against(&suite.tests);
    wrong.iter().for_each(|line| tell(line));
    for mode in modes() {
        for round in 1..=repeat() {
            let came = run(&suite, mode).await;
            tell(&format!("{mode}, run {round}: {}", suite.tally(&came)));
            let differences = expected.differences(mode, &suite.tests, &came);
            differences.iter().for_each(|line| tell(line));
            wrong.extend(differences);
        }
    }
    assert!(wrong.is_empty(), "{} differences", wrong.len());
}

/// Runs the whole suite once, on processes of its own.
async fn run(suite: &Suite, mode: Mode) -> outcome::Outcomes {
    match mode {
        Mode::Edge => {
            let proxy = Proxy::start(&suite.origin, &[]).await;
            suite.run(proxy.address).await
        }
        Mode::LongWay => run_with(suite, "at_once = false").await,
        Mode::IoUring => run_with(suite, "io_uring_after = 1").await,
        Mode::Cdn => {
            let plan = Plan {
                // The suite's client asks for an address, not for a name.
                service: "hosts = [\"*\"]".to_owned(),
                ..Plan::small(suite.origin.clone())
            };
            // What the first edge does not own, it asks the second for.
            let cdn = Cdn::start(plan).await;
            suite.run(cdn.at("fra-1")).await
        }
    }
}

/// Runs it on one edge with this among its limits.
async fn run_with(suite: &Suite, limit: &str) -> outcome::Outcomes {
    let edge = one_edge(&format!(
        "[[pops]]\nname = \"p\"\nlatitude = 1\nlongitude = 1\n\
         [[services]]\nname = \"s\"\nhosts = [\"*\"]\norigins = [\"{}\"]\n\
         [limits]\n{limit}\n",
        suite.origin
    ))
    .await;
    suite.run(edge.address).await
}

#[test]
fn every_expectation_has_its_reason() {
    let expected = Expected::read();
    let outcomes = |id: &str| [Mode::Edge, Mode::Cdn].map(|mode| expected.of(id, mode));
    let is_reason = |why: &str| why.contains("RFC ") || why.contains('`');
    for Exception { id, why, .. } in &expected.exceptions {
        let [edge, cdn] = outcomes(id);
        assert!(
            edge != Outcome::Pass || cdn != Outcome::Pass,
            "{id} is no exception"
        );
        assert!(is_reason(why), "{id} has no reason");
    }
    for Check {
        id,
        asks,
        why,
        cdn_why,
        ..
    } in &expected.checks
    {
        let [edge, cdn] = outcomes(id);
        assert!(asks.ends_with('?'), "{id} does not say what it asks");
        assert!(is_reason(why), "{id} has no reason");
        assert_eq!(cdn_why.is_some(), cdn != edge, "{id} in the whole CDN");
    }
}

#[test]
fn the_document_is_what_is_expected() {
    document::check(&Expected::read());
}
