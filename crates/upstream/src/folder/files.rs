//! The part of the file system that may be served.

use std::{
    fs::Metadata,
    future::{Ready, ready},
    io,
    path::{Component, Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncSeek, ReadBuf};
use tower_http::services::fs::{Backend, File};

/// Regular files and folders below a base, hidden ones left out.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    base: Arc<Path>,
}

impl Files {
    pub(crate) fn new(base: PathBuf) -> Self {
        Files { base: base.into() }
    }

    /// The base as it is now, wherever it is moved to. Fails if nothing can be there: it is gone, no
    /// folder, or not to be entered.
    pub(crate) async fn hold(&self) -> io::Result<Held> {
        let base = Arc::clone(&self.base);
        blocking(move || {
            // The dot makes the system go into the folder.
            std::fs::metadata(base.join("."))?;
            let folder = match std::fs::File::open(&base) {
                // It may be entered, but not listed.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
                opened => Some(opened?),
            };
            let place = folder.as_ref().and_then(place);
            Ok(Held {
                files: Files {
                    base: place.unwrap_or(base),
                },
                _folder: folder,
            })
        })
        .await
    }

    pub(crate) fn base(&self) -> &Path {
        &self.base
    }

    fn check(&self, path: &Path) -> io::Result<()> {
        match path.strip_prefix(&self.base) {
            Ok(inside) if !is_hidden(inside) => Ok(()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// A base that stays the same folder while this is held, where the system has a name for that.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) files: Files,
    _folder: Option<std::fs::File>,
}

/// A path that leads to an open folder itself.
#[cfg(unix)]
fn place(folder: &std::fs::File) -> Option<Arc<Path>> {
    use std::os::fd::AsRawFd;

    let place = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
    place.is_dir().then(|| place.into())
}

#[cfg(not(unix))]
fn place(_: &std::fs::File) -> Option<Arc<Path>> {
    None
}

/// Whether any name on the way begins with a dot, save `.well-known` at the top (RFC 8615).
fn is_hidden(inside: &Path) -> bool {
    inside.components().enumerate().any(|(depth, part)| {
        let Component::Normal(name) = part else {
            return true;
        };
        let well_known = depth == 0 && name == ".well-known";
        name.as_encoded_bytes().starts_with(b".") && !well_known
    })
}

type Blocking<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

impl Backend for Files {
    type File = OpenFile;
    type Metadata = Metadata;
    type OpenFuture = Blocking<OpenFile>;
    type MetadataFuture = Blocking<Metadata>;

    fn open(&self, path: PathBuf) -> Self::OpenFuture {
        let allowed = match *path == *self.base {
            // A file in the place of the folder.
            true => Err(io::ErrorKind::NotADirectory.into()),
            false => self.check(&path),
        };
        Box::pin(async move {
            allowed?;
            blocking(move || {
                // To open a pipe would wait for a writer, and a device may do anything.
                if !std::fs::metadata(&path)?.is_file() {
                    return Err(io::ErrorKind::NotFound.into());
                }
                let file = std::fs::File::open(&path)?;
                let metadata = file.metadata()?;
                Ok(OpenFile {
                    file: file.into(),
                    metadata,
                })
            })
            .await
        })
    }

    fn metadata(&self, path: PathBuf) -> Self::MetadataFuture {
        let allowed = self.check(&path);
        Box::pin(async move {
            allowed?;
            blocking(move || std::fs::metadata(&path)).await
        })
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}

/// A file, and what it was when it was opened.
#[derive(Debug)]
pub(crate) struct OpenFile {
    file: tokio::fs::File,
    metadata: Metadata,
}

impl File for OpenFile {
    type Metadata = Metadata;
    type MetadataFuture<'a> = Ready<io::Result<Metadata>>;

    fn metadata(&self) -> Self::MetadataFuture<'_> {
        ready(Ok(self.metadata.clone()))
    }
}

impl AsyncRead for OpenFile {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.file).poll_read(cx, buf)
    }
}

impl AsyncSeek for OpenFile {
    fn start_seek(mut self: Pin<&mut Self>, position: io::SeekFrom) -> io::Result<()> {
        Pin::new(&mut self.file).start_seek(position)
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Pin::new(&mut self.file).poll_complete(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_hide_at_every_depth() {
        for hidden in [
            ".git",
            ".git/config",
            "a/.env",
            "a/.well-known/x",
            ".well-known/.x",
            "../x",
        ] {
            assert!(is_hidden(Path::new(hidden)), "{hidden}");
        }
        for open in [
            "",
            "a",
            "a/b.c",
            "a.b/c",
            ".well-known",
            ".well-known/acme-challenge/x",
        ] {
            assert!(!is_hidden(Path::new(open)), "{open}");
        }
    }
}
