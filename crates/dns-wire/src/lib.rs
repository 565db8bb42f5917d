//! DNS messages as bytes (RFC 1035 section 4): a [`Request`] is read, and a response written by a
//! [`Writer`], without an allocation. No IO, no clock, no zone: what a message means is decided
//! elsewhere.

mod cursor;
mod edns;
mod name;
mod numbers;
mod question;
mod request;
mod rrset;
mod subnet;
mod writer;

pub use edns::{Cookie, Edns};
pub use name::{LowerName, MAX_LABEL, MAX_NAME, Name, NameError, is_within};
pub use numbers::{class, ede, opcode, option, rcode, rtype};
pub use question::Question;
pub use request::{Header, Request, Silence};
pub use rrset::RrSet;
pub use subnet::ClientSubnet;
pub use writer::{Full, Mark, Owner, ReplyOpt, Section, Writer};
