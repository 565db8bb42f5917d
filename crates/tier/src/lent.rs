//! Pages of the store, which are lent to sockets.

use std::sync::Arc;

/// Where the store has large bodies: it never writes a page again.
#[derive(Debug)]
pub(crate) struct LentPages(Arc<perigee_storage::Pages>);

impl LentPages {
    pub(crate) fn of(pages: &Arc<perigee_storage::Pages>) -> Arc<dyn perigee_server::Pages> {
        Arc::new(LentPages(Arc::clone(pages)))
    }
}

impl perigee_server::Pages for LentPages {
    fn holds(&self, bytes: &[u8]) -> bool {
        self.0.holds(bytes)
    }
}
