//! Processes of the binary.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use super::wait::DEADLINE;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_perigee");

/// A running process of the binary. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Process {
    /// Starts the binary with these arguments; what it prints goes to files in `folder`.
    pub(crate) fn start(name: &str, folder: &Path, args: &[&str]) -> Self {
        Process::with(name, folder, &mut command(args))
    }

    /// Starts a command that was made elsewhere.
    pub(crate) fn with(name: &str, folder: &Path, command: &mut Command) -> Self {
        let stdout = folder.join(format!("{name}.out"));
        let stderr = folder.join(format!("{name}.err"));
        let child = command
            .stdin(Stdio::null())
            .stdout(File::create(&stdout).unwrap())
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        Process {
            name: name.to_owned(),
            child,
            stdout,
            stderr,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
        // Each thread stops by itself, and what one still does would be done by a frozen process.
        let end = Instant::now() + DEADLINE;
        while signal == Signal::STOP && !self.is_stopped() {
            assert!(Instant::now() < end, "it does not stop");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Whether all its threads are (proc_pid_stat(5)).
    fn is_stopped(&self) -> bool {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.id())).unwrap();
        let mut states = threads.map(|thread| {
            let stat = std::fs::read_to_string(thread.unwrap().path().join("stat"));
            // A thread that has ended meanwhile does nothing.
            stat.map_or('T', |stat| {
                let behind_name = stat.rsplit(") ").next().unwrap_or_default();
                behind_name.chars().next().unwrap_or_default()
            })
        });
        states.all(|state| state == 'T')
    }

    /// kill -9, and gone when this returns.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "{} did not end", self.name);
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn stdout(&self) -> String {
        std::fs::read_to_string(&self.stdout).unwrap()
    }

    pub(crate) fn stderr(&self) -> String {
        std::fs::read_to_string(&self.stderr).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let errors = std::fs::read_to_string(&self.stderr).unwrap_or_default();
            let name = &self.name;
            eprintln!("--- {name} said on standard error:\n{errors}");
        }
    }
}

/// The binary with these arguments.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(args).env_remove("PERIGEE_SECRET");
    command
}

/// Runs the binary to its end: exit code, standard output, standard error.
pub(crate) fn run(args: &[&str]) -> (i32, String, String) {
    finish(&mut command(args))
}

/// The same for a command that was made elsewhere.
pub(crate) fn finish(command: &mut Command) -> (i32, String, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap_or(-1),
        text(output.stdout),
        text(output.stderr),
    )
}
