//! Programs that make load: each has a limit of time, and ends with Ctrl-C.

use std::{
    io::{BufRead, BufReader, Read},
    os::unix::process::CommandExt,
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};

use super::interrupt;

/// How often it is asked whether the time is over.
const STEP: Duration = Duration::from_millis(50);

/// A program that runs, with all that it starts in one process group. Dropped, it is ended.
#[derive(Debug)]
pub(super) struct Watched {
    child: Child,
    watch: Option<(Sender<()>, JoinHandle<Option<String>>)>,
}

impl Watched {
    /// Starts it. Its standard input, output and errors are pipes unless the command says otherwise.
    pub(super) fn start(command: &mut Command, limit: Duration) -> Result<Watched, String> {
        let child = command.process_group(0).spawn().map_err(|error| {
            let program = command.get_program().display();
            format!("{program}: {error}")
        })?;
        let group = Pid::from_child(&child);
        let (done, ended) = mpsc::channel::<()>();
        let watch = thread::spawn(move || {
            let end = Instant::now() + limit;
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(STEP) {
                let why = match (interrupt::happened(), Instant::now() > end) {
                    (true, _) => "interrupted".to_owned(),
                    (_, true) => format!("not done after {} s", limit.as_secs()),
                    _ => continue,
                };
                let _ = kill_process_group(group, Signal::KILL);
                return Some(why);
            }
            None
        });
        let watch = Some((done, watch));
        Ok(Watched { child, watch })
    }

    pub(super) fn pipes(
        &mut self,
    ) -> (Option<ChildStdin>, Option<ChildStdout>, Option<ChildStderr>) {
        let child = &mut self.child;
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    }

    /// Waits until it has ended, and fails if it was ended, or failed.
    pub(super) fn wait(mut self) -> Result<(), String> {
        let status = self.child.wait().map_err(|error| error.to_string())?;
        match (self.relieve(), status.success()) {
            (Some(why), _) => Err(why),
            (None, false) => Err(format!("ended with {status}")),
            (None, true) => Ok(()),
        }
    }

    /// Ends the watch, and tells why it ended the program, if it did.
    fn relieve(&mut self) -> Option<String> {
        let (done, watch) = self.watch.take()?;
        drop(done);
        watch.join().ok().flatten()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if self.relieve().is_none() && matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// Runs it to its end, and gives what it prints. Progress, which is on lines of standard error that begin
/// with blanks, is passed on.
pub(super) fn output(mut command: Command, limit: Duration) -> Result<String, String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut watched = Watched::start(command.stderr(Stdio::piped()), limit)?;
    let (_, out, errors) = watched.pipes();
    let errors = thread::spawn(move || {
        let lines = errors.into_iter().flat_map(|e| BufReader::new(e).lines());
        let mut kept = String::new();
        for line in lines.map_while(Result::ok) {
            match line.starts_with("  ") {
                true => super::say(&line),
                false => kept += &line,
            }
        }
        kept
    });
    let mut text = String::new();
    if let Some(mut out) = out {
        out.read_to_string(&mut text)
            .map_err(|error| error.to_string())?;
    }
    let errors = errors.join().unwrap_or_default();
    watched
        .wait()
        .map_err(|why| format!("{why} {} {errors}", text.trim()).trim().to_owned())?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(text: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", text]);
        command
    }

    #[test]
    fn what_it_prints_is_told_and_that_it_failed() {
        let limit = Duration::from_secs(60);
        assert_eq!(output(shell("echo 1 2"), limit).as_deref(), Ok("1 2\n"));
        let failed = output(shell("echo no >&2; exit 3"), limit).unwrap_err();
        assert!(failed.contains('3') && failed.ends_with("no"), "{failed}");
    }

    #[test]
    fn what_does_not_end_is_ended_with_all_that_it_started() {
        // The second sleep holds the pipe open for as long as it lives.
        let hangs = shell("sleep 600 & sleep 600");
        let why = output(hangs, Duration::from_millis(100)).unwrap_err();
        assert_eq!(why, "not done after 0 s");
    }
}
