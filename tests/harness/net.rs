//! Loopback addresses that no other test uses.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    sync::atomic::{AtomicU16, Ordering},
};

/// A /24 of loopback addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Net {
    second: u8,
    third: u8,
}

impl Net {
    /// A network that no test of this process has had, and that nobody listens in.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        loop {
            let count = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
            // 127.0.0.0/16 is for others; the process number keeps two runs apart.
            let place = std::process::id().wrapping_mul(251).wrapping_add(count) % (200 * 250);
            let net = Net {
                second: 40 + (place / 250) as u8,
                third: 1 + (place % 250) as u8,
            };
            if TcpListener::bind(net.at(1, 8080)).is_ok() {
                return net;
            }
        }
    }

    pub(crate) fn ip(self, host: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, self.second, self.third, host)
    }

    pub(crate) fn at(self, host: u8, port: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(self.ip(host)), port)
    }
}
