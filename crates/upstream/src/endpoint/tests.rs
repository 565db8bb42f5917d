//! Endpoints against real sockets and folders.

mod battery;
mod caps;
mod manners;
mod requests;
mod secure;
mod targets;
mod wire;
