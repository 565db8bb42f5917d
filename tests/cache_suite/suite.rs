//! The suite itself: its list of tests, its origin server, its client.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use serde::Deserialize;

use super::outcome::{Outcome, Outcomes, outcomes};
use super::tell;
use crate::harness::{process::Process, wait};

/// Longer than any run takes: each request of the client gives up after ten seconds.
const RUN: Duration = Duration::from_secs(480);

/// What a test is for.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    #[default]
    Required,
    Optimal,
    Check,
}

/// A test, as the suite lists it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Test {
    id: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) kind: Kind,
    #[serde(default)]
    browser_only: bool,
}

/// A group of tests.
#[derive(Deserialize)]
struct Group {
    tests: Vec<Test>,
}

/// The checkout, with its origin server running.
pub(crate) struct Suite {
    checkout: PathBuf,
    /// All tests but those for browsers only, by id.
    pub(crate) tests: BTreeMap<String, Test>,
    /// The URL of the suite's server.
    pub(crate) origin: String,
    _server: Process,
}

impl Suite {
    pub(crate) async fn start(checkout: PathBuf, folder: &Path) -> Self {
        let tests = tests(&checkout);
        let mut server = node(&checkout, "test-engine/server/server.mjs", folder);
        let server = Process::with("suite-server", folder, &mut server);
        let port = wait::until("the suite's server listens", || {
            let said = server.stdout();
            async move { port(&said) }
        })
        .await;
        Suite {
            checkout,
            tests,
            origin: format!("http://127.0.0.1:{port}"),
            _server: server,
        }
    }

    /// Runs every test against the cache at this address.
    pub(crate) async fn run(&self, cache: SocketAddr) -> Outcomes {
        let mut client = node(&self.checkout, "test-engine/cli.mjs", &self.checkout);
        client
            .env("npm_config_base", format!("http://{cache}"))
            .env("npm_config_id", "")
            .env("npm_package_config_id", "")
            .stdin(Stdio::null());
        let mut client = tokio::process::Command::from(client);
        let output = tokio::time::timeout(RUN, client.kill_on_drop(true).output())
            .await
            .expect("the suite's client ends")
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the suite's client: {errors}");
        // What went wrong before a test got to its question.
        if !errors.is_empty() {
            tell(&format!("the suite's client says: {errors}"));
        }
        outcomes(&String::from_utf8(output.stdout).unwrap())
    }

    /// `required 160/160, optimal 100/105, checks 47/100`.
    pub(crate) fn tally(&self, came: &Outcomes) -> String {
        let count = |kind: Kind| {
            let of_kind = self.tests.values().filter(|test| test.kind == kind);
            let ids: Vec<_> = of_kind.map(|test| &test.id).collect();
            let passed = ids.iter().filter(|id| {
                let came = came.get(**id);
                came.is_some_and(|came| came.outcome == Outcome::Pass)
            });
            format!("{}/{}", passed.count(), ids.len())
        };
        format!(
            "required {}, optimal {}, checks {}",
            count(Kind::Required),
            count(Kind::Optimal),
            count(Kind::Check)
        )
    }
}

/// A script of the suite. It is started without npm, which would stand between us and the process
/// that is to be ended, and given what npm would give it: a port that the kernel chooses, and a
/// file of its own for its process number.
fn node(checkout: &Path, script: &str, folder: &Path) -> Command {
    let mut command = Command::new("node");
    command
        .args(["--no-warnings", script])
        .current_dir(checkout)
        .env("npm_config_protocol", "http")
        .env("npm_config_port", "0")
        .env("npm_config_pidfile", folder.join("suite-server.pid"));
    command
}

/// The suite's own list.
fn tests(checkout: &Path) -> BTreeMap<String, Test> {
    let output = node(checkout, "test-engine/export.mjs", checkout)
        .stdin(Stdio::null())
        .output()
        .expect("node is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "no checkout of the suite: {errors}"
    );
    let groups: Vec<Group> = serde_json::from_slice(&output.stdout).unwrap();
    let tests = groups.into_iter().flat_map(|group| group.tests);
    tests
        .filter(|test| !test.browser_only)
        .map(|test| (test.id.clone(), test))
        .collect()
}

/// The port in `Listening on http://:::PORT/`.
fn port(said: &str) -> Option<u16> {
    let line = said.lines().find(|line| line.starts_with("Listening on"))?;
    line.trim_end_matches('/').rsplit(':').next()?.parse().ok()
}
