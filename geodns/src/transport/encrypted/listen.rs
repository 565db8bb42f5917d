//! Sockets for encrypted transports.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
};

use tokio::net::TcpListener;

use crate::{
    StartError,
    transport::listen::{advice, bind_tcp, udp_socket},
};

/// Listens on TCP, for a transport of this name.
pub(super) fn tcp(
    address: SocketAddr,
    name: &str,
) -> Result<(SocketAddr, TcpListener), StartError> {
    let listen = || {
        let listener = TcpListener::from_std(bind_tcp(address)?)?;
        Ok((listener.local_addr()?, listener))
    };
    listen().map_err(|error| refused(address, name, &error))
}

/// Listens on UDP.
pub(super) fn udp(address: SocketAddr, name: &str) -> Result<(SocketAddr, UdpSocket), StartError> {
    let listen = || {
        let socket = udp_socket(address)?;
        socket.bind(&address.into())?;
        let socket = UdpSocket::from(socket);
        Ok((socket.local_addr()?, socket))
    };
    listen().map_err(|error| refused(address, name, &error))
}

pub(super) fn refused(address: SocketAddr, name: &str, error: &io::Error) -> StartError {
    StartError(format!("{name} on {address}: {} ({error})", advice(error)))
}
