//! The processes of the demo: started together, ended together.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::{Child, Command},
    time::{sleep, timeout},
};

use super::plan::{Kind, PlannedNode, SECRET_VARIABLE};

/// How long a child may take to end when told to.
const END_DEADLINE: Duration = Duration::from_secs(4);
/// Bytes at the end of a child's log that are shown when it dies.
const SHOWN: usize = 2_000;

/// What all children are started with.
pub(super) struct Launch<'a> {
    /// The folder with the file and the logs.
    pub(super) folder: &'a Path,
    pub(super) config: &'a Path,
    pub(super) secret: &'a str,
    /// What the origin serves in place of the sample site.
    pub(super) content: Option<&'a Path>,
}

/// The children that have not ended.
#[derive(Default)]
pub(super) struct Children(Vec<Running>);

struct Running {
    name: String,
    pid: u32,
    child: Child,
    log: PathBuf,
}

/// A child that has ended.
pub(super) struct Ended {
    pub(super) name: String,
    pub(super) pid: u32,
    pub(super) status: Option<ExitStatus>,
    log: PathBuf,
}

impl Ended {
    /// The end of what it told.
    pub(super) fn last_words(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let end = log
            .get(log.len().saturating_sub(SHOWN)..)
            .unwrap_or_default();
        String::from_utf8_lossy(end).trim().to_owned()
    }

    /// How it ended, in words.
    pub(super) fn how(&self) -> String {
        use std::os::unix::process::ExitStatusExt;
        let Some(status) = self.status else {
            return "is gone".into();
        };
        match (status.signal(), status.code()) {
            (Some(9), _) => "was killed with -9".into(),
            (Some(signal), _) => format!("was ended by signal {signal}"),
            (None, Some(0)) => "has finished what it had, and stopped".into(),
            (None, Some(code)) => format!("ended with exit code {code}"),
            (None, None) => "ended".into(),
        }
    }
}

impl Children {
    /// Starts a node. It ends when its standard input closes, so not after this process.
    pub(super) fn start(&mut self, node: &PlannedNode, launch: &Launch<'_>) -> io::Result<()> {
        let name = &node.name;
        let log = launch.folder.join(format!("{name}.log"));
        let mut exit_with_parent = std::ffi::OsString::from("--exit-with-parent=");
        exit_with_parent.push(launch.folder);
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(node.kind.as_str()).arg(exit_with_parent);
        if node.kind == Kind::Origin {
            command.args(launch.content);
            command.args(["--listen", &node.address.to_string()]);
            command.args(["--admin", &node.admin.to_string()]);
        } else {
            command
                .arg("--config")
                .arg(launch.config)
                .args(["--node", name]);
        }
        let child = command
            .env(SECRET_VARIABLE, launch.secret)
            .stdin(Stdio::piped())
            .stdout(File::create(
                launch.folder.join(format!("{name}.access.log")),
            )?)
            .stderr(File::create(&log)?)
            // Ctrl-C is for the demo, which then ends its children in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().unwrap_or_default();
        let name = name.clone();
        self.0.push(Running {
            name,
            pid,
            child,
            log,
        });
        Ok(())
    }

    /// The process of a node.
    pub(super) fn pid(&self, name: &str) -> Option<u32> {
        let running = self.0.iter().find(|running| running.name == name);
        running.map(|running| running.pid)
    }

    /// Kills a node as `kill -9` does, and waits until it is gone.
    pub(super) async fn kill(&mut self, name: &str) -> Option<Ended> {
        let at = self.0.iter().position(|running| running.name == name)?;
        let mut running = self.0.swap_remove(at);
        // An error says that it has ended already.
        let _ = running.child.kill().await;
        let status = running.child.try_wait().ok().flatten();
        Some(running.ended(status))
    }

    /// Waits until this node ends by itself.
    pub(super) async fn ended(&mut self, name: &str) -> Option<Ended> {
        let at = self.0.iter().position(|running| running.name == name)?;
        let mut running = self.0.swap_remove(at);
        // Waiting closes it, and that ends the child.
        let input = running.child.stdin.take();
        let status = running.child.wait().await.ok();
        drop(input);
        Some(running.ended(status))
    }

    /// Waits until a child ends by itself.
    pub(super) async fn next_end(&mut self) -> Ended {
        loop {
            for at in 0..self.0.len() {
                let status = self.0[at].child.try_wait();
                if !matches!(status, Ok(None)) {
                    return self.0.swap_remove(at).ended(status.ok().flatten());
                }
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Tells all to end, and kills those that do not in time. Returns how many were killed.
    pub(super) async fn end(&mut self) -> usize {
        for running in &self.0 {
            if let Some(pid) = running.child.id().and_then(as_pid) {
                // It may have ended meanwhile; its process number stays ours until we wait for it.
                let _ = kill_process(pid, Signal::TERM);
            }
        }
        // Waiting closes their standard input, so that none goes on until no client has its address.
        let all = async {
            for running in &mut self.0 {
                let _ = running.child.wait().await;
            }
        };
        let _ = timeout(END_DEADLINE, all).await;
        let mut killed = 0;
        for mut running in self.0.drain(..) {
            if let Ok(None) = running.child.try_wait() {
                killed += 1;
                let _ = running.child.kill().await;
            }
        }
        killed
    }
}

impl Running {
    fn ended(self, status: Option<ExitStatus>) -> Ended {
        Ended {
            name: self.name,
            pid: self.pid,
            status,
            log: self.log,
        }
    }
}

fn as_pid(id: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(id).ok()?)
}
