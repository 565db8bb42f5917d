//! Servers on real sockets, asked by raw clients and by hyper's.

mod drain;
mod http1;
mod http2;
mod limits;
mod refused;
mod support;
mod tls;
mod upgrade;
