//! Sockets to answer on.

use std::{
    io,
    net::{SocketAddr, TcpListener, UdpSocket},
};

use socket2::{Domain, Protocol, Socket, Type};

use crate::StartError;

/// Connections that wait to be accepted, at most.
const TCP_BACKLOG: i32 = 1_024;
/// Room for a burst of queries, in bytes. The kernel may give less.
const UDP_RECEIVE_BUFFER: usize = 1 << 20;
/// How often a port that is free for TCP but not for UDP is given back for another one.
const PORT_TRIES: u32 = 16;

/// UDP and TCP on one address.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    /// One for each thread. On Linux each has a queue of its own, and the kernel gives all packets of
    /// a client's port to the same one; elsewhere they are the same socket.
    pub(crate) udp: Vec<UdpSocket>,
    pub(crate) tcp: TcpListener,
}

/// Binds UDP, with a socket for each of `threads`, and TCP to the same port; port 0 is one that is
/// free for both.
pub(crate) fn bind(address: SocketAddr, threads: usize) -> Result<Listener, StartError> {
    let mut tries = if address.port() == 0 { PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        let tcp = bind_tcp(address).map_err(|e| refuse(address, "TCP", &e))?;
        let bound = tcp.local_addr().map_err(|e| refuse(address, "TCP", &e))?;
        // TCP first: it is shared with nobody, so that a second name server is noticed.
        match bind_udp(bound, threads) {
            Ok(udp) => {
                return Ok(Listener {
                    address: bound,
                    udp,
                    tcp,
                });
            }
            Err(error) if tries > 0 && error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(refuse(bound, "UDP", &error)),
        }
    }
}

pub(super) fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address, Type::STREAM, Protocol::TCP)?;
    // Without it, connections of the process before keep the port for a minute.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(TCP_BACKLOG)?;
    Ok(socket.into())
}

#[cfg(target_os = "linux")]
fn bind_udp(address: SocketAddr, threads: usize) -> io::Result<Vec<UdpSocket>> {
    let bind = |_| {
        let socket = udp_socket(address)?;
        socket.set_reuse_port(true)?;
        socket.bind(&address.into())?;
        Ok(socket.into())
    };
    (0..threads.max(1)).map(bind).collect()
}

#[cfg(not(target_os = "linux"))]
fn bind_udp(address: SocketAddr, threads: usize) -> io::Result<Vec<UdpSocket>> {
    let socket = udp_socket(address)?;
    socket.bind(&address.into())?;
    let socket: UdpSocket = socket.into();
    (0..threads.max(1)).map(|_| socket.try_clone()).collect()
}

/// A socket for UDP, not bound yet.
pub(super) fn udp_socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = socket(address, Type::DGRAM, Protocol::UDP)?;
    socket.set_recv_buffer_size(UDP_RECEIVE_BUFFER)?;
    Ok(socket)
}

fn socket(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        // So that 0.0.0.0 and :: can both be listened on.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn refuse(address: SocketAddr, transport: &str, error: &io::Error) -> StartError {
    let advice = advice(error);
    StartError(format!(
        "DNS on {address} ({transport}): {advice} ({error})"
    ))
}

/// What to do about an address that cannot be had.
pub(super) fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program has it; stop that one (on port 53 often systemd-resolved), or \
             listen on another address or port"
        }
        io::ErrorKind::PermissionDenied => {
            "not permitted; ports below 1024 need root or CAP_NET_BIND_SERVICE"
        }
        io::ErrorKind::AddrNotAvailable => "this machine has no such address",
        _ => "it cannot be listened on",
    }
}
