//! A real etcd, if it is installed: its members are processes of this test, in a folder of its own,
//! on ports that the kernel gives. Shared with the tests of `crates/cluster`.

#![allow(
    dead_code,
    reason = "the scenarios and the tests of the crate each use another part of it"
)]

use std::{
    fs::File,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Long enough for a loaded machine.
const DEADLINE: Duration = Duration::from_secs(60);
/// Starts that lose a port to another process.
const TRIES: usize = 5;

/// An etcd of one or several members. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct EtcdServer {
    members: Vec<Member>,
    folder: TempDir,
}

#[derive(Debug)]
struct Member {
    client: SocketAddr,
    peer: SocketAddr,
    process: Option<Child>,
}

impl EtcdServer {
    /// One of one member; `None`, and a message, if there is no etcd on this machine.
    pub(crate) fn start() -> Option<Self> {
        EtcdServer::of(1)
    }

    /// The same of several members.
    pub(crate) fn of(members: usize) -> Option<Self> {
        let found = Command::new("etcd").arg("--version").output();
        if found.is_err() {
            eprintln!("SKIPPED: there is no `etcd` on PATH (Debian: apt-get install etcd-server)");
            return None;
        }
        for _ in 0..TRIES {
            let mut server = EtcdServer {
                members: (0..members).map(|_| Member::new()).collect(),
                folder: TempDir::new().expect("a folder"),
            };
            for n in 0..members {
                server.spawn(n);
            }
            if server.becomes_healthy() {
                return Some(server);
            }
        }
        panic!("etcd does not start");
    }

    /// The addresses of its members.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.members.iter().map(|member| member.client).collect()
    }

    /// Their URLs.
    pub(crate) fn urls(&self) -> Vec<String> {
        let addresses = self.addresses().into_iter();
        addresses
            .map(|address| format!("http://{address}"))
            .collect()
    }

    /// kill -9 of a member, and gone when this returns.
    pub(crate) fn kill(&mut self, member: usize) {
        if let Some(mut process) = self.members[member].process.take() {
            process.kill().expect("kills");
            process.wait().expect("ends");
        }
    }

    /// Starts a member again that was killed, with what it had.
    pub(crate) fn restart(&mut self, member: usize) {
        self.spawn(member);
        assert!(self.becomes_healthy(), "etcd does not come back");
    }

    /// Starts a member again that was killed, without anything that it had.
    pub(crate) fn restart_empty(&mut self, member: usize) {
        std::fs::remove_dir_all(self.folder.path().join(format!("m{member}"))).expect("removes");
        self.restart(member);
    }

    /// SIGSTOP, or SIGCONT.
    pub(crate) fn signal(&self, member: usize, signal: Signal) {
        let process = self.members[member].process.as_ref().expect("runs");
        kill_process(Pid::from_child(process), signal).expect("signals");
    }

    /// Forgets the history before now.
    pub(crate) fn compact(&self) {
        let at = self.members[0].client;
        let answer = post(at, "/v3/kv/range", r#"{"key":"AA=="}"#).expect("answers");
        let revision = answer.split("\"revision\":\"").nth(1).expect("a revision");
        let revision = revision.split('"').next().unwrap_or_default();
        let body = format!(r#"{{"revision":"{revision}","physical":true}}"#);
        let answer = post(at, "/v3/kv/compaction", &body).expect("answers");
        // Unless nothing has come since the last time.
        let done = answer.contains("200 OK") || answer.contains("has been compacted");
        assert!(done, "{answer}");
    }

    fn spawn(&mut self, n: usize) {
        let cluster = self.members.iter().enumerate();
        let cluster: Vec<_> = cluster
            .map(|(n, member)| format!("m{n}=http://{}", member.peer))
            .collect();
        let folder = self.folder.path();
        let log = File::options()
            .create(true)
            .append(true)
            .open(folder.join(format!("m{n}.log")))
            .expect("a log");
        let member = &mut self.members[n];
        let (client, peer) = (
            format!("http://{}", member.client),
            format!("http://{}", member.peer),
        );
        let child = Command::new("etcd")
            .args(["--name", &format!("m{n}"), "--logger", "zap"])
            .arg("--data-dir")
            .arg(folder.join(format!("m{n}")))
            .args(["--listen-client-urls", &client])
            .args(["--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer])
            .args(["--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &cluster.join(",")])
            // So that leases of a second are possible.
            .args(["--heartbeat-interval", "50", "--election-timeout", "500"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("starts");
        member.process = Some(child);
    }

    /// Whether all members answer; not, if one ends.
    fn becomes_healthy(&mut self) -> bool {
        let end = Instant::now() + DEADLINE;
        loop {
            let mut healthy = 0;
            for member in &mut self.members {
                let Some(process) = &mut member.process else {
                    healthy += 1;
                    continue;
                };
                if process.try_wait().expect("can be asked").is_some() {
                    return false;
                }
                let answer = post(member.client, "/v3/kv/range", r#"{"key":"AA=="}"#);
                healthy += usize::from(answer.is_some_and(|answer| answer.contains("200 OK")));
            }
            if healthy == self.members.len() {
                return true;
            }
            assert!(Instant::now() < end, "etcd does not become healthy");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Member {
    fn new() -> Self {
        // Both are held until both are known, so that they differ.
        let listeners = [0; 2].map(|_| TcpListener::bind("127.0.0.1:0").expect("binds"));
        let [client, peer] = listeners.map(|l| l.local_addr().expect("an address"));
        Member {
            client,
            peer,
            process: None,
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// The whole answer to a POST, head and all.
fn post(to: SocketAddr, path: &str, body: &str) -> Option<String> {
    let patience = Some(Duration::from_secs(2));
    let mut stream = TcpStream::connect(to).ok()?;
    stream.set_read_timeout(patience).ok()?;
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
