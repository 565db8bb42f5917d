//! How long a round trip to a client takes, as the kernel has measured it.

use std::{fmt, net::IpAddr, os::fd::BorrowedFd, time::Duration};

/// Takes what is measured of clients when their connections end.
pub trait Gauge: fmt::Debug + Send + Sync {
    /// Whether to measure this one. It costs a system call.
    fn wants(&self, client: IpAddr) -> bool;

    /// The shortest round trip of a connection that answered at least one request.
    fn take(&self, client: IpAddr, round_trip: Duration);
}

/// In the extensions of a response: the connection is not one of a client, and of no interest to a
/// [`Gauge`].
#[derive(Clone, Copy, Debug)]
pub struct NoClient;

/// The shortest round trip in the last minutes of a connection, without the time that packets wait in
/// queues which it has filled itself. Not known of connections that never had an acknowledgement to time,
/// and on systems that do not tell.
#[cfg(target_os = "linux")]
pub(crate) fn shortest(socket: BorrowedFd<'_>) -> Option<Duration> {
    use std::os::fd::AsRawFd;

    /// `tcpi_min_rtt` of `struct tcp_info` (linux/tcp.h), in microseconds; the kernel adds fields at
    /// the end only.
    const MIN_RTT: std::ops::Range<usize> = 148..152;
    let info = linux::tcp_info(socket.as_raw_fd());
    let micros = u32::from_ne_bytes(info?.get(MIN_RTT)?.try_into().ok()?);
    // All ones: nothing was timed.
    (micros != u32::MAX && micros > 0).then(|| Duration::from_micros(micros.into()))
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn shortest(_: BorrowedFd<'_>) -> Option<Duration> {
    None
}

#[cfg(target_os = "linux")]
mod linux {
    //! What is unsafe here: no safe wrapper that is at hand asks for `TCP_INFO`.
    #![allow(unsafe_code)]

    use std::os::fd::RawFd;

    /// Up to `tcpi_min_rtt`, which Linux 4.6 has added.
    const LENGTH: usize = 152;

    /// The beginning of what the kernel knows of a TCP connection; `None` if it knows less.
    pub(super) fn tcp_info(socket: RawFd) -> Option<[u8; LENGTH]> {
        let mut info = [0; LENGTH];
        let mut length = LENGTH as libc::socklen_t;
        // SAFETY: the kernel writes up to `length` octets to `info`, which has that many, and their
        // number to `length`; any octets are valid there. Of a descriptor that is not a TCP socket it
        // writes nothing and says so.
        let result = unsafe {
            libc::getsockopt(
                socket,
                libc::IPPROTO_TCP,
                libc::TCP_INFO,
                info.as_mut_ptr().cast(),
                &mut length,
            )
        };
        (result == 0 && length as usize == LENGTH).then_some(info)
    }

    #[cfg(test)]
    mod tests {
        use std::{fs::File, os::fd::AsRawFd};

        use super::*;

        #[test]
        fn what_is_no_tcp_socket_has_no_such_thing() {
            let file = File::open("/dev/null").unwrap();
            assert_eq!(tcp_info(file.as_raw_fd()), None);
            assert_eq!(tcp_info(-1), None);
            let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            assert_eq!(tcp_info(udp.as_raw_fd()), None);
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::fd::AsFd;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    use super::*;

    #[tokio::test]
    async fn the_kernel_tells_it_of_a_connection_that_has_ended_too() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        server.write_all(b"hello").await.unwrap();
        client.read_exact(&mut [0; 5]).await.unwrap();
        drop(client);
        assert_eq!(server.read(&mut [0; 5]).await.unwrap(), 0);
        // Over loopback, however busy the machine is.
        let round_trip = shortest(server.as_fd()).unwrap();
        assert!(round_trip < Duration::from_secs(5), "{round_trip:?}");
    }
}
