//! What queries come by: UDP and TCP of our own, hickory-server for the rest.

mod listen;
mod tcp;
mod udp;

pub(crate) use listen::{Listener, bind};
pub(crate) use tcp::Tcp;
pub(crate) use udp::Udp;
