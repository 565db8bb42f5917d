//! HTTP/1.1 and 1.0, on one connection and in its one task: a read, a parse, a write.
//!
//! `head` and, for bodies, `perigee_http1` make requests of bytes and `encode` makes bytes of
//! responses, all of them pure; `door` answers at once what can be, and `known` spares it to parse the same
//! fields again; `wire` moves the bytes; `pipe` and `incoming` hand a request body to whoever reads it;
//! `connection` goes from one request to the next, and `hosted` lends it to the hall.

mod connection;
mod date;
mod door;
mod encode;
mod head;
mod hosted;
mod incoming;
mod known;
mod lent;
mod out;
mod pipe;
mod sending;
mod wire;

pub(crate) use connection::serve;
pub(crate) use date::DateText;
pub(crate) use encode::{declared, may_have_content};
pub(crate) use out::Out;
pub(crate) use pipe::Reader;
