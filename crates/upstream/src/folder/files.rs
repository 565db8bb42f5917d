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

    /// Fails if nothing can be there: the base is gone, no folder, or not to be entered.
    pub(crate) async fn look_at_base(&self) -> io::Result<()> {
        // The dot makes the system go into the folder.
        let inside = self.base.join(".");
        blocking(move || std::fs::metadata(inside).map(drop)).await
    }

    fn check(&self, path: &Path) -> io::Result<()> {
        match path.strip_prefix(&self.base) {
            Ok(inside) if !is_hidden(inside) => Ok(()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
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
