//! Secondaries are told of a new zone (RFC 1996), each until it answers.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use perigee_dns_wire::{class, opcode, rcode, rtype};
use tokio::{net::UdpSocket, sync::watch, task::JoinSet, time::timeout};
use tracing::{debug, warn};

use super::ZoneCopy;

/// After this the message is sent again; each time it is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// How often it is sent: for two minutes. After that, a secondary looks by itself.
const SENDS: u32 = 7;

/// Tells of the zone that there is, and of each new one, for as long as zones come.
pub(crate) async fn notify(mut copies: watch::Receiver<Arc<ZoneCopy>>) {
    let mut told = None;
    let mut telling = JoinSet::new();
    loop {
        let copy = Arc::clone(&copies.borrow_and_update());
        let news = Some((copy.serial, copy.notify.clone()));
        if told != news {
            // What was being told is old.
            telling = JoinSet::new();
            for &secondary in &copy.notify {
                telling.spawn(tell(Arc::clone(&copy), secondary));
            }
            told = news;
        }
        tokio::select! {
            changed = copies.changed() => if changed.is_err() {
                return;
            },
            Some(_) = telling.join_next() => {}
        }
    }
}

async fn tell(copy: Arc<ZoneCopy>, secondary: SocketAddr) {
    let serial = copy.serial;
    match try_tell(&copy, secondary).await {
        Ok(code) if code == rcode::NOERROR => debug!(%secondary, serial, "a secondary was told"),
        Ok(code) => {
            warn!(%secondary, serial, code, "a secondary does not want to be told of the zone");
        }
        Err(error) => {
            warn!(%secondary, serial, %error, "a secondary could not be told of the zone");
        }
    }
}

/// The code that it answers.
async fn try_tell(copy: &ZoneCopy, secondary: SocketAddr) -> io::Result<u16> {
    let socket = UdpSocket::bind(source(&copy.listen, secondary)).await?;
    socket.connect(secondary).await?;
    let id = fastrand::u16(..);
    let message = message(copy, id);
    let mut wait = FIRST_WAIT;
    for _ in 0..SENDS {
        // It may not be there yet: that is told by the error of the next call.
        let sent = socket.send(&message).await;
        if let Ok(Ok(code)) = timeout(wait, answer(&socket, id)).await {
            return Ok(code);
        }
        if sent.is_err() {
            tokio::time::sleep(wait).await;
        }
        wait *= 2;
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// Waits for the answer to the message of this ID.
async fn answer(socket: &UdpSocket, id: u16) -> io::Result<u16> {
    let mut buffer = [0; 512];
    loop {
        let length = match socket.recv(&mut buffer).await {
            Ok(length) => length,
            // Nobody listens there now.
            Err(error) => {
                tokio::time::sleep(FIRST_WAIT).await;
                return Err(error);
            }
        };
        let [high, low, flags, code, ..] = buffer.get(..length).unwrap_or_default() else {
            continue;
        };
        let is_answer = flags & 0xF8 == 0x80 | opcode::NOTIFY << 3;
        if is_answer && [*high, *low] == id.to_be_bytes() {
            return Ok(u16::from(code & 0xF));
        }
    }
}

/// From where secondaries expect to be told: an address that is listened on, if one will do.
fn source(listen: &[SocketAddr], secondary: SocketAddr) -> SocketAddr {
    let fits = |address: &&SocketAddr| {
        address.is_ipv4() == secondary.is_ipv4()
            && address.ip().is_loopback() == secondary.ip().is_loopback()
    };
    match (listen.iter().find(fits), secondary) {
        (Some(address), _) => (address.ip(), 0).into(),
        (None, SocketAddr::V4(_)) => (std::net::Ipv4Addr::UNSPECIFIED, 0).into(),
        (None, SocketAddr::V6(_)) => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

/// RFC 1996 section 3.7, with the SOA record in the answer section.
fn message(copy: &ZoneCopy, id: u16) -> Vec<u8> {
    const AA: u16 = 0x0400;
    let flags = u16::from(opcode::NOTIFY) << 11 | AA;
    let mut message = Vec::new();
    for field in [id, flags, 1, 1, 0, 0] {
        message.extend(field.to_be_bytes());
    }
    message.extend_from_slice(&copy.apex);
    message.extend(rtype::SOA.to_be_bytes());
    message.extend(class::IN.to_be_bytes());
    // A pointer to the question's name.
    message.extend([0xC0, 12]);
    message.extend(rtype::SOA.to_be_bytes());
    message.extend(class::IN.to_be_bytes());
    message.extend(copy.soa.ttl.to_be_bytes());
    let data = copy.soa.rdata().next().unwrap_or_default();
    message.extend((data.len() as u16).to_be_bytes());
    message.extend_from_slice(data);
    message
}
