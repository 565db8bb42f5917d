//! What makes load, and what answers it, count right: as processes, over loopback.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
};

/// A helper that listens. Dropped, it is ended.
struct Helper {
    child: Child,
    port: u16,
}

impl Helper {
    fn start(what: &str) -> Helper {
        let mut child = helper(&[what, "0"]).spawn().unwrap();
        let mut line = String::new();
        let mut says = BufReader::new(child.stdout.take().unwrap());
        says.read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap();
        Helper { child, port }
    }

    /// What comes back until the connection is closed by who sent it.
    fn exchange(&self, requests: &[&str], length: usize) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        for piece in requests {
            stream.write_all(piece.as_bytes()).unwrap();
        }
        let mut answer = vec![0; length];
        stream.read_exact(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// How often the origin was asked.
    fn count(&self) -> u64 {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
        let answer = self.exchange(&["GET /count HTTP/1.1\r\n\r\n"], head.len() + 3);
        answer.strip_prefix(head).unwrap().parse().unwrap()
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn helper(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("helper").args(arguments).stdout(Stdio::piped());
    command
}

/// What the generator prints: answers, failed ones, and three latencies.
fn generate(to: u16, target: &str, options: &[&str]) -> Vec<f64> {
    let to = format!("127.0.0.1:{to}");
    let output = helper(&["generate", &to, "--target", target])
        .args(options)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    text.split_whitespace()
        .map(|number| number.parse().unwrap())
        .collect()
}

#[test]
fn each_object_is_asked_for_once_and_counted() {
    let origin = Helper::start("origin");
    let options = ["--each", "150", "--connections", "7"];
    let numbers = generate(origin.port, "/100000/o{}", &options);
    assert_eq!(numbers[..2], [150.0, 0.0]);
    assert_eq!(origin.count(), 150);
}

#[test]
fn batches_are_answered_whole_and_in_order() {
    let floor = Helper::start("floor");
    let options = ["--each", "320", "--batch", "16", "--connections", "3"];
    assert_eq!(
        generate(floor.port, "/1024/{}", &options)[..2],
        [320.0, 0.0]
    );
}

#[test]
fn answers_with_another_status_count_as_failed() {
    let origin = Helper::start("origin");
    let numbers = generate(
        origin.port,
        "/no-size",
        &["--each", "12", "--connections", "2"],
    );
    assert_eq!(numbers[..2], [12.0, 12.0]);
}

#[test]
fn a_rate_is_kept_and_not_passed() {
    let floor = Helper::start("floor");
    let numbers = generate(floor.port, "/1", &["--rate", "200", "--seconds", "0.5"]);
    assert!((1.0..=101.0).contains(&numbers[0]), "{numbers:?}");
    assert!(
        numbers[2] <= numbers[3] && numbers[3] <= numbers[4],
        "{numbers:?}"
    );
}

#[test]
fn a_request_in_pieces_is_answered_like_a_whole_one() {
    let origin = Helper::start("origin");
    let whole = origin.exchange(&["GET /5/a HTTP/1.1\r\nHost: a\r\n\r\n"], 200);
    let pieces = origin.exchange(&["GET /5/a HT", "TP/1.1\r\nHost: a\r", "\n\r\n"], 200);
    let without_date = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with("Date:"));
        lines.map(str::to_owned).collect()
    };
    assert!(whole.starts_with("HTTP/1.1 200 OK\r\n") && whole.contains("Content-Length: 5\r\n"));
    assert_eq!(without_date(&whole), without_date(&pieces));
}
