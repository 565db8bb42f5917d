//! Flow control (RFC 9113 section 5.2): what may be sent, and what may come. Pure.

/// The largest window that there may be (RFC 9113 section 6.9.1).
const MAX: i64 = (1 << 31) - 1;

/// How many bytes the client takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SendWindow(i64);

impl SendWindow {
    pub(crate) fn new(initial: u32) -> Self {
        SendWindow(i64::from(initial))
    }

    /// Bytes that may be sent. A setting may have made it negative (section 6.9.2).
    pub(crate) fn room(self) -> usize {
        usize::try_from(self.0).unwrap_or(0)
    }

    pub(crate) fn sent(&mut self, bytes: usize) {
        self.0 -= bytes as i64;
    }

    /// More may be sent, or less. None: that is more than there may be.
    pub(crate) fn change(&mut self, by: i64) -> Option<()> {
        let changed = self.0.checked_add(by).filter(|changed| *changed <= MAX)?;
        self.0 = changed;
        Some(())
    }
}

/// How many bytes the client may send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReceiveWindow {
    size: u32,
    /// Bytes that may still come.
    left: u32,
    /// Bytes that came and were dealt with, of which the client does not know.
    free: u32,
}

impl ReceiveWindow {
    pub(crate) fn new(size: u32) -> Self {
        ReceiveWindow {
            size,
            left: size,
            free: 0,
        }
    }

    /// Bytes came. None: they may not.
    pub(crate) fn came(&mut self, bytes: usize) -> Option<()> {
        self.left = self.left.checked_sub(u32::try_from(bytes).ok()?)?;
        Some(())
    }

    /// Bytes were dealt with. What the client is to be told, once that is worth a frame: it never
    /// has less than half of the window for what is not held here.
    pub(crate) fn dealt_with(&mut self, bytes: usize) -> Option<u32> {
        self.free += bytes as u32;
        if self.free < self.size / 2 {
            return None;
        }
        self.left += self.free;
        Some(std::mem::take(&mut self.free))
    }

    /// Bytes that came and were not dealt with.
    pub(crate) fn held(&self) -> usize {
        (self.size - self.left - self.free) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_send_window_may_be_negative_and_not_too_large() {
        let mut window = SendWindow::new(10);
        window.sent(10);
        assert_eq!(window.change(-4), Some(()));
        assert_eq!(window.room(), 0);
        assert_eq!(window.change(5), Some(()));
        assert_eq!(window.room(), 1);
        assert_eq!(window.change(MAX), None);
        assert_eq!(window.change(MAX - 1), Some(()));
    }

    #[test]
    fn the_client_is_told_of_half_a_window_at_a_time() {
        let mut window = ReceiveWindow::new(100);
        assert_eq!(window.came(101), None);
        assert_eq!(window.came(100), Some(()));
        assert_eq!((window.came(1), window.held()), (None, 100));
        assert_eq!(window.dealt_with(49), None);
        assert_eq!(window.held(), 51);
        assert_eq!(window.dealt_with(1), Some(50));
        assert_eq!((window.came(50), window.came(1)), (Some(()), None));
        assert_eq!(window.held(), 100);
    }
}
