//! Other name servers that have a copy of the zone: they are told of changes (RFC 1996), and take it
//! (RFC 5936).

mod copy;
mod notify;
mod transfer;

pub(crate) use copy::{ZoneCopy, load};
pub(crate) use notify::notify;
pub(crate) use transfer::Transfer;

#[cfg(test)]
mod tests;
