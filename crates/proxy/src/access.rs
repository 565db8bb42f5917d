//! The access log: one record per request, handed over when its response has ended.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// One request, as the log tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct AccessRecord {
    /// When the request head was there.
    pub at: SystemTime,
    /// The tier that writes: `edge` or `shield`.
    pub tier: &'static str,
    /// The client's address: at a shield too, if the edge told it.
    pub client: IpAddr,
    /// The delivery service, if the host belongs to one.
    pub service: Option<String>,
    /// The method.
    pub method: http::Method,
    /// `scheme://host/path?query`.
    pub url: Arc<str>,
    /// The status of the answer; 0 if the client left before there was one.
    pub status: u16,
    /// This node's entry of Cache-Status (RFC 9211), without its name.
    pub cache: String,
    /// Bytes of body sent.
    pub bytes: u64,
    /// Until the response head was ready.
    pub first_byte: Duration,
    /// Until the response ended.
    pub total: Duration,
    /// Whether the body was sent whole.
    pub complete: bool,
}

/// Where records go. Called on the request path: must not wait.
pub trait AccessLog: Send + Sync + 'static {
    /// Takes a record, or drops and counts it if the log cannot keep up.
    fn write(&self, record: AccessRecord);
}
