//! DNS messages as bytes (RFC 1035 section 4): a [`Request`] is read, and a response written by a
//! [`Writer`], without an allocation. No IO, no clock, no zone: what a message means is decided
//! elsewhere.

mod edns;
mod name;
mod numbers;
mod question;
mod request;
mod rrset;
mod writer;

pub use edns::{ClientSubnet, Cookie, Edns};
pub use name::{LowerName, MAX_LABEL, MAX_NAME, Name, NameError};
pub use numbers::{class, ede, opcode, option, rcode, rtype};
pub use question::Question;
pub use request::{Body, Header, Request, Unreadable};
pub use rrset::RrSet;
pub use writer::{Full, Section, Writer};
