//! The sample site: what is built into the binary.

use bytes::Bytes;

/// A file of the site.
pub(super) struct File {
    pub(super) path: &'static str,
    pub(super) content_type: &'static str,
    pub(super) body: &'static [u8],
}

macro_rules! file {
    ($path:literal, $name:literal, $content_type:literal) => {
        File {
            path: $path,
            content_type: $content_type,
            body: include_bytes!(concat!("../../site/", $name)),
        }
    };
}

/// The files that are stored as they are served.
pub(super) const FILES: &[File] = &[
    file!("/", "index.html", "text/html; charset=utf-8"),
    file!("/about.html", "about.html", "text/html; charset=utf-8"),
    file!("/style.css", "style.css", "text/css; charset=utf-8"),
    file!("/app.js", "app.js", "text/javascript; charset=utf-8"),
    file!("/perigee.svg", "perigee.svg", "image/svg+xml"),
    file!("/orbit.svg", "orbit.svg", "image/svg+xml"),
    file!("/earth.png", "earth.png", "image/png"),
];

/// Bytes of `/big.bin`.
pub(super) const BIG_BYTES: usize = 4 << 20;

/// The body of `/big.bin`: the same noise each time (xorshift64, little endian), so that two
/// copies can be compared and none compresses.
pub(super) fn big_bin() -> Bytes {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut body = Vec::with_capacity(BIG_BYTES);
    while body.len() < BIG_BYTES {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        body.extend_from_slice(&state.to_le_bytes());
    }
    body.into()
}
