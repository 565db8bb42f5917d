//! One packet after the other, where the system has no calls for many.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
};

/// The longest packet.
const PACKET: usize = 65_535;

/// A socket, and the packet that was received last. Responses are sent from the address that the
/// system chooses: on a machine with several, listen on each.
pub(super) struct Batch {
    socket: UdpSocket,
    received: Option<(usize, SocketAddr)>,
    query: Vec<u8>,
    response: Vec<u8>,
}

impl Batch {
    /// Of a socket that blocks, with a read timeout.
    pub(super) fn new(socket: UdpSocket) -> io::Result<Self> {
        Ok(Batch {
            socket,
            received: None,
            query: vec![0; PACKET],
            response: vec![0; PACKET],
        })
    }

    /// Receives a query; if `wait` and there is none, waits until there is, or until the socket's
    /// timeout. Tells how many there are.
    pub(super) fn receive(&mut self, wait: bool) -> io::Result<usize> {
        self.socket.set_nonblocking(!wait)?;
        self.received = None;
        self.received = Some(self.socket.recv_from(&mut self.query)?);
        Ok(1)
    }

    /// Has the query answered, and sends the response.
    pub(super) fn answer(
        &mut self,
        mut respond: impl FnMut(&[u8], SocketAddr, &mut [u8]) -> Option<usize>,
    ) {
        let Some((length, client)) = self.received else {
            return;
        };
        let response = respond(&self.query[..length], client, &mut self.response);
        if let Some(length) = response {
            // What cannot be sent is left out, as the network might have lost it.
            let _ = self.socket.send_to(&self.response[..length], client);
        }
    }

    pub(super) fn socket(&self) -> &UdpSocket {
        &self.socket
    }
}
