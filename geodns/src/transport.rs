//! What queries come by: UDP, TCP, and encrypted transports over both.

mod clients;
mod encrypted;
mod listen;
mod tcp;
mod udp;

pub(crate) use clients::Clients;
pub(crate) use encrypted::EncryptedServer;
pub use encrypted::{Addresses as EncryptedAddresses, CertificateFiles, Encrypted};
pub(crate) use listen::{Listener, bind};
pub(crate) use tcp::Tcp;
pub(crate) use udp::Udp;
