//! `perigee demo`: all of it, and nothing left of it.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::harness::{
    process::{BINARY, Process},
    wait,
};

/// A demo on ports of its own, its temporary files in a folder of its own.
struct Demo {
    process: Process,
    folder: TempDir,
}

fn ports() -> [String; 3] {
    // The addresses of the demo are fixed; the ports are what keeps two demos apart.
    let free = || {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port().to_string()
    };
    [free(), free(), free()]
}

fn demo(more: &[&str]) -> Demo {
    let folder = TempDir::new().unwrap();
    let [dns, http, admin] = ports();
    let mut command = Command::new(BINARY);
    command
        .args([
            "demo",
            "--dns-port",
            &dns,
            "--port",
            &http,
            "--admin-port",
            &admin,
        ])
        .args(more)
        .env("TMPDIR", folder.path());
    let output = folder.path().join("output");
    std::fs::create_dir(&output).unwrap();
    let process = Process::with("demo", &output, &mut command);
    Demo { process, folder }
}

impl Demo {
    async fn until_up(&mut self) {
        wait::until("the demo is up", || {
            let said = self.process.stdout();
            assert!(self.process.is_running(), "{said}{}", self.process.stderr());
            async move { said.contains("Ctrl-C").then_some(()) }
        })
        .await;
    }

    /// The processes that it has started.
    fn children(&self) -> Vec<u32> {
        let id = self.process.id();
        let path = format!("/proc/{id}/task/{id}/children");
        let text = std::fs::read_to_string(path).unwrap();
        text.split_whitespace()
            .map(|child| child.parse().unwrap())
            .collect()
    }

    /// The words of a node's row in the table.
    fn row(&self, node: &str) -> Vec<String> {
        let said = self.process.stdout();
        let mut rows = said.lines().map(|line| line.split_whitespace());
        let row = rows.find(|row| row.clone().take(2).eq([node, "edge"]));
        row.unwrap().map(str::to_owned).collect()
    }

    async fn until_nothing_is_left(&self, children: &[u32]) {
        wait::until("all children are gone", || async {
            let gone = |id: &u32| !PathBuf::from(format!("/proc/{id}/exe")).exists();
            children.iter().all(gone).then_some(())
        })
        .await;
        wait::until("all files are gone", || async {
            let left = std::fs::read_dir(self.folder.path()).unwrap();
            let left: Vec<_> = left.map(|e| e.unwrap().file_name()).collect();
            (left == ["output"]).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn ctrl_c_leaves_nothing_behind() {
    let mut demo = demo(&[]);
    demo.until_up().await;
    let children = demo.children();
    assert_eq!(children.len(), 10, "{}", demo.process.stdout());
    demo.process.signal(Signal::INT);
    assert!(demo.process.wait().success(), "{}", demo.process.stderr());
    demo.until_nothing_is_left(&children).await;
}

#[tokio::test]
async fn a_killed_parent_leaves_nothing_behind() {
    let mut demo = demo(&[]);
    demo.until_up().await;
    let children = demo.children();
    demo.process.kill();
    demo.until_nothing_is_left(&children).await;
}

#[tokio::test]
async fn a_reader_that_leaves_ends_it_all() {
    let folder = TempDir::new().unwrap();
    let [dns, http, admin] = ports();
    let mut child = Command::new(BINARY)
        .args(["demo", "--dns-port", &dns, "--port", &http])
        .args(["--admin-port", &admin])
        .env("TMPDIR", folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut reader = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut reader, &mut line).unwrap();
    drop(reader);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(said, "");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_child_that_dies_is_told_of_and_the_show_goes_on() {
    let mut demo = demo(&[]);
    demo.until_up().await;
    let row = demo.row("eu-1");
    let id = row.last().unwrap().parse().unwrap();
    kill_process(Pid::from_raw(id).unwrap(), Signal::KILL).unwrap();
    wait::until("it is told of", || {
        let said = demo.process.stdout() + &demo.process.stderr();
        async move {
            said.rsplit_once("eu-1")
                .is_some_and(|(before, _)| before.len() > table_end(&said))
                .then_some(())
        }
    })
    .await;
    assert!(demo.process.is_running());
}

fn table_end(said: &str) -> usize {
    said.find("Ctrl-C").unwrap_or(said.len())
}

#[tokio::test]
async fn a_taken_port_is_named_with_what_to_do() {
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = Command::new(BINARY)
        .args(["demo", "--dns-port", &port])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(
        said.contains(&port) && said.contains("--dns-port"),
        "{said}"
    );
}

#[tokio::test]
async fn a_folder_and_a_running_app_take_the_place_of_the_sample_site() {
    let site = TempDir::new().unwrap();
    std::fs::write(site.path().join("index.html"), "mine").unwrap();
    let mut with_folder = demo(&[site.path().to_str().unwrap()]);
    with_folder.until_up().await;
    assert_eq!(ask_nearest(&with_folder).await, "mine");
    drop(with_folder);

    let app = crate::harness::origin::Origin::cacheable("from the app").await;
    let mut with_app = demo(&["--origin", &app.url()]);
    with_app.until_up().await;
    assert_eq!(ask_nearest(&with_app).await, "from the app");
}

/// GET / of the service from the first edge of the table.
async fn ask_nearest(demo: &Demo) -> String {
    let row = demo.row("na-1");
    let address = row.iter().find(|word| word.starts_with("127."));
    let address = address.unwrap().parse().unwrap();
    let answer = crate::harness::client::get(address, "www.cdn.test", "/")
        .send()
        .await;
    answer.text().to_owned()
}

#[tokio::test]
async fn what_it_prints_to_explain_a_page_runs() {
    let mut demo = demo(&[]);
    demo.until_up().await;
    let said = demo.process.stdout();
    let mut lines = said.lines().map(str::trim);
    let line = lines.find(|line| line.contains(" explain http ")).unwrap();
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{line}: {output:?}");
    for node in ["na-1", "na-2", "eu-1", "eu-2", "shield-1", "shield-2"] {
        let row = told.lines().find(|line| line.starts_with(node));
        assert!(row.is_some_and(|row| row.contains("RFC 9111")), "{told}");
    }
}

#[tokio::test]
async fn the_tour_shows_what_it_says() {
    let mut demo = demo(&["--tour"]);
    let status: std::process::ExitStatus = demo.process.wait();
    let said = demo.process.stdout();
    assert!(status.success(), "{said}{}", demo.process.stderr());
    assert!(said.contains("checks of 10 steps hold"), "{said}");
}
