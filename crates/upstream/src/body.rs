//! The body type of requests and responses on their way.

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;

/// Any body of bytes. Its error says what broke.
pub type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;
