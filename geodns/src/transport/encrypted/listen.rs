//! Sockets for encrypted transports.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use crate::StartError;

/// Connections that wait to be accepted, at most.
const BACKLOG: i32 = 1_024;
/// Room for a burst, in bytes. The kernel may give less.
const RECEIVE_BUFFER: usize = 1 << 20;

/// Listens on TCP, for a transport of this name.
pub(super) fn tcp(
    address: SocketAddr,
    name: &str,
) -> Result<(SocketAddr, TcpListener), StartError> {
    let listen = || {
        let socket = socket(address, Type::STREAM, Protocol::TCP)?;
        // Without it, connections of the process before keep the port for a minute.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from_std(socket.into())?;
        Ok((listener.local_addr()?, listener))
    };
    listen().map_err(|error| refused(address, name, &error))
}

/// Listens on UDP.
pub(super) fn udp(address: SocketAddr, name: &str) -> Result<(SocketAddr, UdpSocket), StartError> {
    let listen = || {
        let socket = socket(address, Type::DGRAM, Protocol::UDP)?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        socket.bind(&address.into())?;
        let socket = UdpSocket::from(socket);
        Ok((socket.local_addr()?, socket))
    };
    listen().map_err(|error| refused(address, name, &error))
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

pub(super) fn refused(address: SocketAddr, name: &str, error: &io::Error) -> StartError {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program has it; stop that one, or listen on another address or port"
        }
        io::ErrorKind::PermissionDenied => {
            "not permitted; ports below 1024 need root or CAP_NET_BIND_SERVICE"
        }
        io::ErrorKind::AddrNotAvailable => "this machine has no such address",
        _ => "it cannot be listened on",
    };
    StartError(format!("{name} on {address}: {advice} ({error})"))
}
