//! One line of the access log. Pure.

use std::time::Duration;

use perigee_edge::AccessRecord;
use serde::Serialize;

use super::timestamp::Timestamp;

/// A record in the order and under the names that the log has.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    tier: &'a str,
    node: &'a str,
    client: std::net::IpAddr,
    service: Option<&'a str>,
    method: &'a str,
    url: &'a str,
    status: u16,
    cache: &'a str,
    bytes: u64,
    first_byte_ms: f64,
    total_ms: f64,
    complete: bool,
}

/// Appends the record as a line of JSON.
pub(super) fn append(into: &mut Vec<u8>, node: &str, record: &AccessRecord) {
    let line = Line {
        time: Timestamp(record.at).to_string(),
        tier: record.tier,
        node,
        client: record.client,
        service: record.service.as_deref(),
        method: record.method.as_str(),
        url: &record.url,
        status: record.status,
        cache: record.cache.trim_start_matches("; "),
        bytes: record.bytes,
        first_byte_ms: millis(record.first_byte),
        total_ms: millis(record.total),
        complete: record.complete,
    };
    let start = into.len();
    match serde_json::to_writer(&mut *into, &line) {
        Ok(()) => into.push(b'\n'),
        // Nothing in a line can fail; were it so, half a line would spoil the next.
        Err(_) => into.truncate(start),
    }
}

/// Milliseconds, to the microsecond.
fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1_000.0
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    pub(crate) fn record(url: &str) -> AccessRecord {
        AccessRecord {
            at: UNIX_EPOCH + Duration::from_millis(1_770_091_506_007),
            tier: "edge",
            client: [192, 0, 2, 1].into(),
            service: Some("www".into()),
            method: http::Method::GET,
            url: url.into(),
            status: 200,
            cache: "hit; ttl=58".into(),
            bytes: 1234,
            first_byte: Duration::from_micros(87),
            total: Duration::from_micros(1_500),
            complete: true,
        }
    }

    #[test]
    fn a_record_is_one_line_of_json() {
        let mut log = Vec::new();
        append(&mut log, "fra-1", &record("http://a.example/\"\n"));
        assert_eq!(
            String::from_utf8_lossy(&log),
            "{\"time\":\"2026-02-03T04:05:06.007Z\",\"tier\":\"edge\",\"node\":\"fra-1\",\
             \"client\":\"192.0.2.1\",\"service\":\"www\",\"method\":\"GET\",\
             \"url\":\"http://a.example/\\\"\\n\",\"status\":200,\"cache\":\"hit; ttl=58\",\
             \"bytes\":1234,\"first_byte_ms\":0.087,\"total_ms\":1.5,\"complete\":true}\n"
        );
    }
}
