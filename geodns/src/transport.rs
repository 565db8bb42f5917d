//! What queries come by: UDP and TCP of our own, hickory-server for the rest.

mod handler;
mod listen;
mod tcp;

pub(crate) use handler::Handler;
pub(crate) use listen::{Listener, bind};
pub(crate) use tcp::Tcp;
