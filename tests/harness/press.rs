//! An origin of pages that change.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::SeqCst},
};

use super::origin::{Asked, Origin, fresh};

/// An origin whose pages say which version they are of.
pub(crate) struct Press {
    pub(crate) origin: Origin,
    pub(crate) version: Arc<AtomicU64>,
}

impl Press {
    pub(crate) async fn start() -> Self {
        let version = Arc::new(AtomicU64::new(1));
        let now = Arc::clone(&version);
        let origin = Origin::start(move |_: Asked| {
            let version = now.load(SeqCst);
            async move {
                let mut response = fresh(version.to_string());
                let headers = response.headers_mut();
                // All that would let a stale page be served is allowed.
                let line = "max-age=3600, stale-while-revalidate=600, stale-if-error=600";
                headers.insert("cache-control", line.parse().unwrap());
                headers.insert("etag", format!("\"{version}\"").parse().unwrap());
                response
            }
        })
        .await;
        Press { origin, version }
    }
}
