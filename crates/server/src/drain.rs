//! How a drain ended.

/// What became of the connections that were open when a drain began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainReport {
    /// Connections that finished what they were doing.
    pub finished: usize,
    /// Connections cut at the deadline.
    pub cut: usize,
}
