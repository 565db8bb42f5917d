//! HTTP/1.1 towards an origin or a node: one request at a time on a connection, driven by whoever
//! wants the response. No task is made for a connection and nothing is handed over on the way: the
//! task that asks writes the request, reads the response, and puts the connection back.
//!
//! Pure: `request` makes bytes of request heads; `response` and `framing` make response heads of
//! bytes (`usual` those that nearly all are like), and `perigee_http1` bodies. `socket` is the connection below HTTP, `connection` moves its
//! bytes, `upload` and `transfer` are the two bodies, `duplex` serves them side by side where a
//! response comes before its request has gone out whole. `kept` is where connections wait for their
//! next request.

mod connection;
mod duplex;
mod exchange;
mod framing;
mod kept;
mod request;
mod response;
mod socket;
mod transfer;
mod upgraded;
mod upload;
mod usual;

pub(crate) use connection::Connection;
pub(crate) use exchange::{Answered, Broken, Exchange};
pub(crate) use kept::Kept;
pub(crate) use request::Address;
pub(crate) use response::HeadLimits;
pub(crate) use socket::Socket;
pub(crate) use transfer::Terms;
pub use upgraded::{Upgraded, upgraded};
