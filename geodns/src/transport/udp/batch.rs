//! Many packets with one system call: recvmmsg(2) and sendmmsg(2).
//!
//! The only unsafe code of the name server. Both calls take an array of headers that point to
//! addresses, control data and octets; no safe wrapper of them sends each packet from an address
//! of its own, which a socket that is bound to no address must.
#![allow(unsafe_code)]

use std::{
    io, mem,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket},
    os::fd::AsRawFd,
    ptr,
};

use libc::{c_int, c_uint, iovec, mmsghdr, sockaddr_in, sockaddr_in6, socklen_t};

/// Packets in one call, at most.
const PACKETS: usize = 64;
/// Octets of a query that are received; what is behind them is cut off, which makes the query
/// malformed. A little more than a page, so that queries do not all contend for the same cache lines.
const QUERY: usize = 4_096 + 64;
/// The longest response: one more would not fit into a packet.
const RESPONSE: usize = 65_507;
/// Room for the responses of a batch; sent early when it is used up.
const RESPONSES: usize = 4 * RESPONSE;
/// Room for the address that a packet was sent to (`in_pktinfo` or `in6_pktinfo` with its header).
type Control = [u64; 8];

/// A sender's address, of the family of the socket.
#[derive(Clone, Copy)]
#[repr(C)]
union Address {
    v4: sockaddr_in,
    v6: sockaddr_in6,
}

/// A socket, and packets that are received and sent with few calls. What the headers point to is
/// in vectors that never grow, so that it stays where it is.
pub(super) struct Batch {
    socket: UdpSocket,
    /// Whether the address that was asked is told with each query, and answered from.
    wildcard: bool,
    family: Family,
    /// Whether the kernel may cut a response into fragments.
    fragments: bool,
    /// How many queries are there.
    received: usize,
    addresses: Vec<Address>,
    controls: Vec<Control>,
    queries: Vec<u8>,
    /// Read by the kernel through the headers only.
    _query_slices: Vec<iovec>,
    query_headers: Vec<mmsghdr>,
    /// How many responses wait to be sent.
    ready: usize,
    /// How much of `responses` they take.
    used: usize,
    responses: Vec<u8>,
    response_slices: Vec<iovec>,
    response_headers: Vec<mmsghdr>,
}

impl Batch {
    /// Of a socket that blocks, with a read timeout.
    pub(super) fn new(socket: UdpSocket) -> io::Result<Self> {
        let address = socket.local_addr()?;
        let wildcard = address.ip().is_unspecified();
        let family = Family::of(address);
        if wildcard {
            family.tell_destination.set(&socket, 1)?;
        }
        // Where the kernel does not know that, it does as it always does.
        let fragments = family.fragments.set(&socket, NEVER).is_err();
        // SAFETY: plain C data, for which zeros are valid (null pointers and lengths of 0).
        let (no_address, header): (Address, mmsghdr) = unsafe { (mem::zeroed(), mem::zeroed()) };
        let none = iovec {
            iov_base: ptr::null_mut(),
            iov_len: 0,
        };
        let mut addresses = vec![no_address; PACKETS];
        let mut controls = vec![Control::default(); PACKETS];
        let mut queries = vec![0; PACKETS * QUERY];
        let chunks = queries.chunks_exact_mut(QUERY);
        let mut query_slices: Vec<iovec> = chunks.map(slice).collect();
        let mut query_headers = vec![header; PACKETS];
        let places = addresses
            .iter_mut()
            .zip(&mut controls)
            .zip(&mut query_slices);
        for (header, ((address, control), slice)) in query_headers.iter_mut().zip(places) {
            header.msg_hdr.msg_name = ptr::from_mut(address).cast();
            header.msg_hdr.msg_iov = slice;
            header.msg_hdr.msg_iovlen = 1;
            if wildcard {
                header.msg_hdr.msg_control = control.as_mut_ptr().cast();
            }
        }
        let mut batch = Batch {
            socket,
            wildcard,
            family,
            fragments,
            received: PACKETS,
            addresses,
            controls,
            queries,
            _query_slices: query_slices,
            query_headers,
            ready: 0,
            used: 0,
            responses: vec![0; RESPONSES],
            response_slices: vec![none; PACKETS],
            response_headers: vec![header; PACKETS],
        };
        batch.forget();
        Ok(batch)
    }

    /// Receives what is there; if `wait` and there is nothing, waits until there is, or until the
    /// socket's timeout. Tells how many queries there are.
    pub(super) fn receive(&mut self, wait: bool) -> io::Result<usize> {
        self.forget();
        let flags = match wait {
            true => libc::MSG_WAITFORONE,
            false => libc::MSG_DONTWAIT,
        };
        // SAFETY: there are PACKETS headers; what they point to is owned by `self`, as long as they
        // say (`forget` has set all lengths), and read by nobody during the call.
        let received = unsafe {
            libc::recvmmsg(
                self.socket.as_raw_fd(),
                self.query_headers.as_mut_ptr(),
                PACKETS as c_uint,
                flags as _,
                ptr::null_mut(),
            )
        };
        self.received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        Ok(self.received)
    }

    /// Has each query answered, and sends the responses. `respond` writes the response to a query,
    /// and tells its length; nothing is sent where it tells none.
    pub(super) fn answer(
        &mut self,
        mut respond: impl FnMut(&[u8], SocketAddr, &mut [u8]) -> Option<usize>,
    ) {
        for index in 0..self.received {
            let length = self.query_headers[index].msg_len as usize;
            let Some(client) = self.client(index) else {
                continue;
            };
            let query = &self.queries[index * QUERY..][..length.min(QUERY)];
            let room = &mut self.responses[self.used..][..RESPONSE];
            let Some(length) = respond(query, client, room) else {
                continue;
            };
            self.push(index, length.min(RESPONSE));
            if self.responses.len() - self.used < RESPONSE {
                self.send();
            }
        }
        self.send();
    }

    pub(super) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Makes room for new queries: the kernel has changed the lengths of those that it used.
    fn forget(&mut self) {
        let control = match self.wildcard {
            true => size_of::<Control>(),
            false => 0,
        };
        for header in &mut self.query_headers[..self.received] {
            header.msg_hdr.msg_namelen = size_of::<Address>() as socklen_t;
            header.msg_hdr.msg_controllen = control as _;
            header.msg_hdr.msg_flags = 0;
        }
        self.received = 0;
    }

    fn client(&self, index: usize) -> Option<SocketAddr> {
        let length = self.query_headers[index].msg_hdr.msg_namelen as usize;
        let address = &self.addresses[index];
        // SAFETY: the kernel has written an address of this length, and both members begin with the
        // family, so that it is read of either; all bits are valid in both.
        let (v4, v6) = unsafe { (address.v4, address.v6) };
        match c_int::from(v4.sin_family) {
            libc::AF_INET if length >= size_of::<sockaddr_in>() => {
                let ip = Ipv4Addr::from_bits(u32::from_be(v4.sin_addr.s_addr));
                Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
            }
            libc::AF_INET6 if length >= size_of::<sockaddr_in6>() => {
                let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
                let port = u16::from_be(v6.sin6_port);
                Some(SocketAddrV6::new(ip, port, v6.sin6_flowinfo, v6.sin6_scope_id).into())
            }
            _ => None,
        }
    }

    /// Lets the next `length` octets of the responses go to the sender of a query, from the address
    /// that it was sent to.
    fn push(&mut self, query: usize, length: usize) {
        let from = &self.query_headers[query].msg_hdr;
        let response = &mut self.responses[self.used..][..length];
        self.response_slices[self.ready] = slice(response);
        let to = &mut self.response_headers[self.ready].msg_hdr;
        to.msg_name = from.msg_name;
        to.msg_namelen = from.msg_namelen;
        to.msg_iov = &mut self.response_slices[self.ready];
        to.msg_iovlen = 1;
        if self.wildcard {
            to.msg_control = from.msg_control;
            to.msg_controllen = from.msg_controllen;
            any_interface(&mut self.controls[query]);
        }
        self.ready += 1;
        self.used += length;
    }

    /// Sends what is ready. A packet that cannot be sent (to port 0, against a rule of the
    /// firewall) is left out, as the network might have lost it.
    fn send(&mut self) {
        let mut sent = 0;
        while sent < self.ready {
            // SAFETY: headers up to `ready` point to what `self` owns (see `push`), as long as they
            // say; the kernel only reads it.
            let more = unsafe {
                libc::sendmmsg(
                    self.socket.as_raw_fd(),
                    self.response_headers.as_mut_ptr().add(sent),
                    (self.ready - sent) as c_uint,
                    0,
                )
            };
            match usize::try_from(more) {
                Ok(more) => sent += more,
                Err(_) if self.may_be_sent_again(&io::Error::last_os_error()) => {}
                Err(_) => sent += 1,
            }
        }
        (self.ready, self.used) = (0, 0);
    }

    /// A response that is larger than the network at hand takes, which only happens where
    /// `max_udp_payload` was made so large, goes in fragments, as do all after it.
    fn may_be_sent_again(&mut self, error: &io::Error) -> bool {
        if error.raw_os_error() != Some(libc::EMSGSIZE) || self.fragments {
            return error.kind() == io::ErrorKind::Interrupted;
        }
        self.fragments = true;
        self.family.fragments.set(&self.socket, HERE).is_ok()
    }
}

fn slice(octets: &mut [u8]) -> iovec {
    iovec {
        iov_base: octets.as_mut_ptr().cast(),
        iov_len: octets.len(),
    }
}

/// The kernel tells over which interface a query came, and would send the response over the same;
/// but the way back may be another one.
fn any_interface(control: &mut Control) {
    let header = ptr::from_mut(control).cast::<libc::cmsghdr>();
    // SAFETY: the control data begins with a header, is aligned for it, and is large enough for each
    // kind that the socket was told to give.
    unsafe {
        let data = libc::CMSG_DATA(header);
        match ((*header).cmsg_level, (*header).cmsg_type) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                (*data.cast::<libc::in_pktinfo>()).ipi_ifindex = 0;
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                (*data.cast::<libc::in6_pktinfo>()).ipi6_ifindex = 0;
            }
            _ => {}
        }
    }
}

/// A socket option whose value is a number.
#[derive(Clone, Copy)]
struct SocketOption {
    level: c_int,
    name: c_int,
}

impl SocketOption {
    fn set(self, socket: &UdpSocket, value: c_int) -> io::Result<()> {
        let size = size_of::<c_int>() as socklen_t;
        let value = ptr::from_ref(&value).cast();
        // SAFETY: the value is as long as `size` says.
        let result =
            unsafe { libc::setsockopt(socket.as_raw_fd(), self.level, self.name, value, size) };
        match result {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// What options are called in a family of addresses.
#[derive(Clone, Copy)]
struct Family {
    /// Lets the kernel tell with each packet the address that it was sent to.
    tell_destination: SocketOption,
    /// What becomes of a packet that is too large for a network.
    fragments: SocketOption,
}

/// It is not sent; nor is anybody believed who says that it is too large for a network on the way: that
/// may be forged, so that answers come in fragments, and these can be forged, too (RFC 9715 section
/// 3.1). It also spares the kernel looking that up for each packet.
const NEVER: c_int = libc::IP_PMTUDISC_PROBE;
/// It goes in fragments if it is too large for the network at hand.
const HERE: c_int = libc::IP_PMTUDISC_OMIT;
const _: () = assert!(NEVER == libc::IPV6_PMTUDISC_PROBE && HERE == libc::IPV6_PMTUDISC_OMIT);

impl Family {
    fn of(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(_) => Family {
                tell_destination: SocketOption {
                    level: libc::IPPROTO_IP,
                    name: libc::IP_PKTINFO,
                },
                fragments: SocketOption {
                    level: libc::IPPROTO_IP,
                    name: libc::IP_MTU_DISCOVER,
                },
            },
            SocketAddr::V6(_) => Family {
                tell_destination: SocketOption {
                    level: libc::IPPROTO_IPV6,
                    name: libc::IPV6_RECVPKTINFO,
                },
                fragments: SocketOption {
                    level: libc::IPPROTO_IPV6,
                    name: libc::IPV6_MTU_DISCOVER,
                },
            },
        }
    }
}

#[cfg(test)]
mod tests;
