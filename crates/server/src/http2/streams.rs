//! The streams of a connection that are open.

use std::collections::VecDeque;

use super::stream::Stream;

/// Streams that were reset here, of which frames may still be on their way.
const GONE: usize = 128;

/// Streams by number: clients count up.
pub(crate) struct Streams<B> {
    open: VecDeque<Box<Stream<B>>>,
    gone: VecDeque<u32>,
}

impl<B> Default for Streams<B> {
    fn default() -> Self {
        Streams {
            open: VecDeque::new(),
            gone: VecDeque::new(),
        }
    }
}

impl<B> Streams<B> {
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Takes in a stream whose number is larger than all before.
    pub(crate) fn insert(&mut self, stream: Box<Stream<B>>) {
        self.open.push_back(stream);
    }

    fn find(&self, id: u32) -> Option<usize> {
        self.open.binary_search_by_key(&id, |stream| stream.id).ok()
    }

    pub(crate) fn get(&mut self, id: u32) -> Option<&mut Stream<B>> {
        let at = self.find(id)?;
        self.open.get_mut(at).map(|stream| &mut **stream)
    }

    pub(crate) fn remove(&mut self, id: u32) -> Option<Box<Stream<B>>> {
        let at = self.find(id)?;
        self.open.remove(at)
    }

    pub(crate) fn iter(&mut self) -> impl Iterator<Item = &mut Stream<B>> {
        self.open.iter_mut().map(|stream| &mut **stream)
    }

    /// The one that is open for longest.
    pub(crate) fn oldest(&self) -> Option<&Stream<B>> {
        self.open.front().map(|stream| &**stream)
    }

    /// What still comes on this stream is to be passed over.
    pub(crate) fn pass_over(&mut self, id: u32) {
        if self.gone.len() >= GONE {
            self.gone.pop_front();
        }
        self.gone.push_back(id);
    }

    pub(crate) fn is_passed_over(&self, id: u32) -> bool {
        self.gone.contains(&id)
    }

    pub(crate) fn clear(&mut self) {
        self.open.clear();
    }
}
