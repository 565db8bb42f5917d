//! Changed files are noticed by their time and length, and taken whole or not at all.

use std::{
    fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

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

/// Reads the files, builds from them, and puts that in place; or changes nothing and says why.
pub(super) type Load = Arc<dyn Fn() -> Result<Loaded, Vec<String>> + Send + Sync>;

/// Watches the files of a node.
pub(crate) struct Reloader {
    load: Load,
    loaded: Loaded,
    seen: Vec<Option<Stamp>>,
}

/// What tells one version of a file from the next; none if it is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
}

impl Reloader {
    /// Watches the files that `loaded` was made of.
    pub(super) fn new(load: Load, loaded: Loaded) -> Self {
        let seen = stamps(&loaded.files);
        Reloader { load, loaded, seen }
    }

    /// Waits until a file changes.
    pub(super) async fn changed(&mut self) {
        loop {
            tokio::time::sleep(self.loaded.interval).await;
            let now = stamps(&self.loaded.files);
            if now != self.seen {
                self.seen = now;
                return;
            }
        }
    }

    /// Takes the files as they are now.
    pub(super) async fn reload(&mut self) {
        self.seen = stamps(&self.loaded.files);
        let load = Arc::clone(&self.load);
        // Reading certificates and databases blocks.
        let result = tokio::task::spawn_blocking(move || load()).await;
        match result.unwrap_or_else(|error| Err(vec![error.to_string()])) {
            Ok(loaded) => {
                tracing::info!(version = %loaded.version, "reloaded");
                if loaded.files != self.loaded.files {
                    self.seen = stamps(&loaded.files);
                }
                self.loaded = loaded;
            }
            Err(problems) => {
                for problem in &problems {
                    tracing::error!("{problem}");
                }
                let version = &self.loaded.version;
                tracing::error!(%version, "not reloaded: the old configuration goes on");
            }
        }
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Option<Stamp>> {
    let stamp = |file: &PathBuf| {
        let metadata = fs::metadata(file).ok()?;
        Some(Stamp {
            modified: metadata.modified().ok(),
            bytes: metadata.len(),
        })
    };
    files.iter().map(stamp).collect()
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
                let text = fs::read_to_string(&file).map_err(|e| vec![e.to_string()])?;
                if text.contains("bad") {
                    return Err(vec!["it is bad".into()]);
                }
                taken.lock().expect("no panic").push(text.clone());
                Ok(loaded(&file, &text))
            })
        };
        let mut reloader = Reloader::new(load, loaded(&file, "1"));

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

    #[tokio::test(start_paused = true)]
    async fn an_unchanged_file_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("cdn.toml");
        fs::write(&file, "1").expect("writes");
        let load: Load = Arc::new(|| Err(vec![]));
        let mut reloader = Reloader::new(load, loaded(&file, "1"));
        let waited = tokio::time::timeout(Duration::from_secs(60), reloader.changed()).await;
        assert!(waited.is_err());
    }
}
