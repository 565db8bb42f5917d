//! Servers on real sockets, asked by raw clients and by hyper's.

mod bodies;
mod drain;
mod expect;
#[cfg(target_os = "linux")]
mod hall;
#[cfg(target_os = "linux")]
mod herd;
mod http1;
mod http2;
mod http2_floods;
mod http2_frames;
mod http2_raw;
mod interim;
mod limits;
mod refused;
mod round_trips;
mod support;
mod tls;
mod trailers;
mod upgrade;
mod vanish;
