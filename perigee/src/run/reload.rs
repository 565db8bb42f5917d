//! Changed files are noticed by their time and length, and taken whole or not at all.

use std::{
    fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::watch;

/// What was put in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loaded {
    /// Its version, for the log.
    pub(super) version: String,
    /// The files it was made of.
    pub(super) files: Vec<PathBuf>,
    /// How often they are looked at. Above zero.
    pub(super) interval: Duration,
}

/// Why nothing was put in place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NotLoaded {
    /// What is wrong; each goes to the log.
    pub(super) problems: Vec<String>,
    /// The files that were asked for, as far as that is known: they may be put right later.
    pub(super) files: Vec<PathBuf>,
}

impl From<String> for NotLoaded {
    fn from(problem: String) -> Self {
        NotLoaded {
            problems: vec![problem],
            files: Vec::new(),
        }
    }
}

/// Reads the files, builds from them, and puts that in place; or changes nothing and says why.
pub(super) type Load = Arc<dyn Fn() -> Result<Loaded, NotLoaded> + Send + Sync>;

/// Watches the files of a node.
pub(crate) struct Reloader {
    load: Load,
    loaded: Loaded,
    /// The watched files, as they were before they were read.
    seen: Vec<Seen>,
    /// Counts what changes elsewhere: who is registered, and what was applied.
    elsewhere: Option<watch::Receiver<u64>>,
    /// Whether what the files hold now was refused.
    refused: Gauge,
}

/// A file as it was when it was looked at.
pub(super) type Seen = (PathBuf, Option<Stamp>);

/// What tells one version of a file from the next; none if it is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
}

impl Reloader {
    /// Watches the files that `loaded` was made of. `seen` are those that were stamped before
    /// they were read.
    pub(super) fn new(load: Load, loaded: Loaded, seen: Vec<Seen>) -> Self {
        let files = loaded.files.clone();
        let mut reloader = Reloader {
            load,
            loaded,
            seen,
            elsewhere: None,
            refused: Gauge::default(),
        };
        reloader.watch(files);
        reloader
    }

    /// The same, and a change of this number counts as one of a file.
    pub(super) fn and_on(self, elsewhere: Option<watch::Receiver<u64>>) -> Self {
        Reloader { elsewhere, ..self }
    }

    /// 1 while the old configuration goes on, as the new one was refused; for the metrics.
    pub(super) fn refused(&self) -> Gauge {
        self.refused.clone()
    }

    /// Waits until a file changes, or something elsewhere.
    pub(super) async fn changed(&mut self) {
        let interval = self.loaded.interval;
        let mut elsewhere = self.elsewhere.clone();
        tokio::select! {
            () = async {
                loop {
                    tokio::time::sleep(interval).await;
                    if self.look() {
                        return;
                    }
                }
            } => {}
            () = count(elsewhere.as_mut()) => {}
        }
    }

    /// Takes the files as they are now.
    pub(super) async fn reload(&mut self) {
        self.look();
        if let Some(elsewhere) = &mut self.elsewhere {
            elsewhere.mark_unchanged();
        }
        let load = Arc::clone(&self.load);
        // Reading certificates and databases blocks.
        let result = tokio::task::spawn_blocking(move || load()).await;
        match result.unwrap_or_else(|error| Err(error.to_string().into())) {
            Ok(loaded) => {
                self.refused.set(0);
                tracing::info!(version = %loaded.version, "reloaded");
                self.watch(loaded.files.clone());
                self.loaded = loaded;
            }
            Err(NotLoaded { problems, files }) => {
                self.refused.set(1);
                for problem in &problems {
                    tracing::error!("{problem}");
                }
                self.watch(self.loaded.files.iter().cloned().chain(files).collect());
                let version = &self.loaded.version;
                tracing::error!(%version, "not reloaded: the old configuration goes on");
            }
        }
    }

    /// Looks at the files, and says whether one is other than at the last look.
    fn look(&mut self) -> bool {
        let now: Vec<_> = self.seen.iter().map(|(file, _)| stamped(file)).collect();
        let changed = now != self.seen;
        self.seen = now;
        changed
    }

    /// Watches these from now on. What was seen of a file before stays, so that a change while
    /// it was read is noticed.
    fn watch(&mut self, files: Vec<PathBuf>) {
        let seen = files.iter().map(|file| {
            let known = self.seen.iter().find(|(seen, _)| seen == file);
            known.cloned().unwrap_or_else(|| stamped(file))
        });
        self.seen = seen.collect();
    }
}

/// How long changes are gathered that come one by one, as when many nodes start.
const GATHER: Duration = Duration::from_millis(50);

/// Waits for a change elsewhere; forever if there is no elsewhere.
async fn count(elsewhere: Option<&mut watch::Receiver<u64>>) {
    if let Some(elsewhere) = elsewhere
        && elsewhere.changed().await.is_ok()
    {
        return tokio::time::sleep(GATHER).await;
    }
    std::future::pending::<()>().await;
}

/// Looks at a file.
pub(super) fn stamped(file: &PathBuf) -> Seen {
    let stamp = fs::metadata(file).ok().map(|metadata| Stamp {
        modified: metadata.modified().ok(),
        bytes: metadata.len(),
    });
    (file.clone(), stamp)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn loaded(file: &std::path::Path, version: &str) -> Loaded {
        Loaded {
            version: version.into(),
            files: vec![file.to_owned()],
            interval: Duration::from_millis(5),
        }
    }

    #[tokio::test]
    async fn a_changed_file_is_noticed_and_a_bad_one_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("cdn.toml");
        fs::write(&file, "1").expect("writes");
        let taken = Arc::new(Mutex::new(Vec::new()));
        let load: Load = {
            let (file, taken) = (file.clone(), Arc::clone(&taken));
            Arc::new(move || {
                let text = fs::read_to_string(&file).map_err(|e| e.to_string())?;
                if text.contains("bad") {
                    return Err("it is bad".to_owned().into());
                }
                taken.lock().expect("no panic").push(text.clone());
                Ok(loaded(&file, &text))
            })
        };
        let mut reloader = Reloader::new(load, loaded(&file, "1"), Vec::new());

        fs::write(&file, "version two").expect("writes");
        reloader.changed().await;
        reloader.reload().await;
        assert_eq!(reloader.loaded.version, "version two");

        fs::write(&file, "bad").expect("writes");
        reloader.changed().await;
        reloader.reload().await;
        assert_eq!(reloader.loaded.version, "version two");

        fs::remove_file(&file).expect("removes");
        reloader.changed().await;
        reloader.reload().await;
        assert_eq!(reloader.loaded.version, "version two");
        assert_eq!(*taken.lock().expect("no panic"), ["version two"]);
    }

    #[tokio::test]
    async fn a_file_that_a_refused_one_asks_for_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, certificate) = (folder.path().join("cdn.toml"), folder.path().join("c.pem"));
        fs::write(&file, "1").expect("writes");
        let load: Load = {
            let (file, certificate) = (file.clone(), certificate.clone());
            Arc::new(move || {
                if !certificate.exists() {
                    return Err(NotLoaded {
                        problems: vec!["there is no certificate".into()],
                        files: vec![certificate.clone()],
                    });
                }
                Ok(loaded(&file, "2"))
            })
        };
        let mut reloader = Reloader::new(load, loaded(&file, "1"), Vec::new());
        reloader.reload().await;
        assert_eq!(reloader.loaded.version, "1");
        assert_eq!(reloader.refused().get(), 1);
        fs::write(&certificate, "here").expect("writes");
        let noticed = tokio::time::timeout(Duration::from_secs(10), reloader.changed()).await;
        assert!(noticed.is_ok());
        reloader.reload().await;
        assert_eq!(reloader.loaded.version, "2");
        assert_eq!(reloader.refused().get(), 0);
    }

    #[tokio::test]
    async fn a_change_while_the_node_starts_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("cdn.toml");
        fs::write(&file, "1").expect("writes");
        let seen = vec![stamped(&file)];
        fs::write(&file, "changed meanwhile").expect("writes");
        let load: Load = Arc::new(|| Err(NotLoaded::default()));
        let mut reloader = Reloader::new(load, loaded(&file, "1"), seen);
        let noticed = tokio::time::timeout(Duration::from_secs(10), reloader.changed()).await;
        assert!(noticed.is_ok());
    }

    #[tokio::test]
    async fn a_change_while_the_file_is_read_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, more) = (folder.path().join("cdn.toml"), folder.path().join("more"));
        fs::write(&file, "1").expect("writes");
        let load: Load = {
            let (file, more) = (file.clone(), more.clone());
            Arc::new(move || {
                fs::write(&file, "changed meanwhile").expect("writes");
                let mut loaded = loaded(&file, "2");
                loaded.files.push(more.clone());
                Ok(loaded)
            })
        };
        let mut reloader = Reloader::new(load, loaded(&file, "1"), Vec::new());
        reloader.reload().await;
        let noticed = tokio::time::timeout(Duration::from_secs(10), reloader.changed()).await;
        assert!(noticed.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn an_unchanged_file_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("cdn.toml");
        fs::write(&file, "1").expect("writes");
        let load: Load = Arc::new(|| Err(NotLoaded::default()));
        let mut reloader = Reloader::new(load, loaded(&file, "1"), Vec::new());
        let waited = tokio::time::timeout(Duration::from_secs(60), reloader.changed()).await;
        assert!(waited.is_err());
    }
}
