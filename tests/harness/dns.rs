//! A DNS client that sends whatever bytes it is told, and reads responses strictly: written for the
//! scenarios alone, so that it shares no mistake with the code that it looks at.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
    time::Duration,
};

/// How long an answer may take on a machine that is loaded.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// How long it is listened for an answer that must not come.
pub(crate) const SILENCE: Duration = Duration::from_millis(300);

pub(crate) const A: u16 = 1;
pub(crate) const NS: u16 = 2;
pub(crate) const CNAME: u16 = 5;
pub(crate) const SOA: u16 = 6;
pub(crate) const HINFO: u16 = 13;
pub(crate) const MX: u16 = 15;
pub(crate) const TXT: u16 = 16;
pub(crate) const AAAA: u16 = 28;
pub(crate) const SRV: u16 = 33;
pub(crate) const OPT: u16 = 41;
pub(crate) const DS: u16 = 43;
pub(crate) const HTTPS: u16 = 65;
pub(crate) const AXFR: u16 = 252;
pub(crate) const ANY: u16 = 255;
pub(crate) const CAA: u16 = 257;

/// A query, to be changed before it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) id: u16,
    pub(crate) flags: u16,
    pub(crate) questions: Vec<(Vec<u8>, u16, u16)>,
    pub(crate) edns: Option<Opt>,
    /// Octets behind all.
    pub(crate) tail: Vec<u8>,
}

/// The OPT record of a query.
#[derive(Clone, Debug)]
pub(crate) struct Opt {
    pub(crate) payload: u16,
    pub(crate) version: u8,
    pub(crate) flags: u16,
    pub(crate) options: Vec<(u16, Vec<u8>)>,
}

/// A response, read.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) id: u16,
    pub(crate) flags: u16,
    pub(crate) questions: Vec<(String, u16, u16)>,
    pub(crate) answers: Vec<Rr>,
    pub(crate) authority: Vec<Rr>,
    /// Without OPT.
    pub(crate) additional: Vec<Rr>,
    pub(crate) opt: Option<ReadOpt>,
    pub(crate) length: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rr {
    pub(crate) name: String,
    pub(crate) rtype: u16,
    pub(crate) class: u16,
    pub(crate) ttl: u32,
    /// As it came; names in it may be compressed.
    pub(crate) data: Vec<u8>,
    /// Where the data begin in the message, for names in it.
    at: usize,
    message: Vec<u8>,
}

/// The OPT record of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReadOpt {
    pub(crate) payload: u16,
    pub(crate) extended_rcode: u8,
    pub(crate) version: u8,
    pub(crate) flags: u16,
    pub(crate) options: Vec<(u16, Vec<u8>)>,
}

/// `name` in wire form, its case kept.
pub(crate) fn wire(name: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        octets.push(label.len() as u8);
        octets.extend(label.as_bytes());
    }
    octets.push(0);
    octets
}

pub(crate) fn ask(name: &str, rtype: u16) -> Ask {
    Ask {
        id: fastrand::u16(..),
        flags: 0x0100,
        questions: vec![(wire(name), rtype, 1)],
        edns: None,
        tail: Vec::new(),
    }
}

impl Ask {
    /// With an OPT record of 1232 octets and nothing else.
    pub(crate) fn edns(mut self) -> Self {
        self.edns.get_or_insert(Opt {
            payload: 1232,
            version: 0,
            flags: 0,
            options: Vec::new(),
        });
        self
    }

    pub(crate) fn payload(mut self, payload: u16) -> Self {
        self = self.edns();
        self.edns.as_mut().unwrap().payload = payload;
        self
    }

    pub(crate) fn version(mut self, version: u8) -> Self {
        self = self.edns();
        self.edns.as_mut().unwrap().version = version;
        self
    }

    pub(crate) fn edns_flags(mut self, flags: u16) -> Self {
        self = self.edns();
        self.edns.as_mut().unwrap().flags = flags;
        self
    }

    pub(crate) fn option(mut self, code: u16, data: &[u8]) -> Self {
        self = self.edns();
        let options = &mut self.edns.as_mut().unwrap().options;
        options.push((code, data.to_vec()));
        self
    }

    /// EDNS Client Subnet: family, source, scope, address.
    pub(crate) fn subnet(self, family: u16, source: u8, scope: u8, address: &[u8]) -> Self {
        let mut data = family.to_be_bytes().to_vec();
        data.extend([source, scope]);
        data.extend(address);
        self.option(8, &data)
    }

    pub(crate) fn flags(mut self, flags: u16) -> Self {
        self.flags = flags;
        self
    }

    pub(crate) fn class(mut self, class: u16) -> Self {
        self.questions[0].2 = class;
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut octets = Vec::new();
        let edns = u16::from(self.edns.is_some());
        for field in [self.id, self.flags, self.questions.len() as u16, 0, 0, edns] {
            octets.extend(field.to_be_bytes());
        }
        for (name, rtype, class) in &self.questions {
            octets.extend(name);
            octets.extend(rtype.to_be_bytes());
            octets.extend(class.to_be_bytes());
        }
        if let Some(edns) = &self.edns {
            octets.push(0);
            octets.extend(OPT.to_be_bytes());
            octets.extend(edns.payload.to_be_bytes());
            octets.extend([0, edns.version]);
            octets.extend(edns.flags.to_be_bytes());
            let mut data = Vec::new();
            for (code, value) in &edns.options {
                data.extend(code.to_be_bytes());
                data.extend((value.len() as u16).to_be_bytes());
                data.extend(value);
            }
            octets.extend((data.len() as u16).to_be_bytes());
            octets.extend(data);
        }
        octets.extend(&self.tail);
        octets
    }
}

impl Message {
    /// Reads a whole message; `None` if an octet is too few or too many.
    pub(crate) fn read(octets: &[u8]) -> Option<Self> {
        let mut reader = Reader { octets, at: 0 };
        let (id, flags) = (reader.u16()?, reader.u16()?);
        let counts = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
        let mut questions = Vec::new();
        for _ in 0..counts[0] {
            questions.push((reader.name()?, reader.u16()?, reader.u16()?));
        }
        let mut sections: [Vec<Rr>; 3] = Default::default();
        for (section, count) in sections.iter_mut().zip(&counts[1..]) {
            for _ in 0..*count {
                section.push(reader.record()?);
            }
        }
        if reader.at != octets.len() {
            return None;
        }
        let [answers, authority, additional] = sections;
        let (opts, additional): (Vec<Rr>, Vec<Rr>) =
            additional.into_iter().partition(|rr| rr.rtype == OPT);
        if opts.len() > 1 {
            return None;
        }
        let opt = match opts.first() {
            Some(opt) => Some(ReadOpt::of(opt)?),
            None => None,
        };
        Some(Message {
            id,
            flags,
            questions,
            answers,
            authority,
            additional,
            opt,
            length: octets.len(),
        })
    }

    /// With its upper part, if there is OPT.
    pub(crate) fn rcode(&self) -> u16 {
        let upper = self.opt.as_ref().map_or(0, |opt| opt.extended_rcode);
        u16::from(upper) << 4 | self.flags & 0xF
    }

    pub(crate) fn aa(&self) -> bool {
        self.flags & 0x0400 != 0
    }

    pub(crate) fn tc(&self) -> bool {
        self.flags & 0x0200 != 0
    }

    pub(crate) fn opcode(&self) -> u16 {
        self.flags >> 11 & 0xF
    }

    pub(crate) fn option(&self, code: u16) -> Option<&[u8]> {
        let options = &self.opt.as_ref()?.options;
        let found = options.iter().find(|(found, _)| *found == code);
        found.map(|(_, data)| data.as_slice())
    }

    /// The scope of EDNS Client Subnet.
    pub(crate) fn scope(&self) -> Option<u8> {
        self.option(8).map(|data| data[3])
    }

    /// The types of the answer section.
    pub(crate) fn types(&self) -> Vec<u16> {
        self.answers.iter().map(|rr| rr.rtype).collect()
    }
}

impl Rr {
    /// The data, or what comes behind so many octets of them, as a name.
    pub(crate) fn target(&self, skip: usize) -> Option<String> {
        let mut reader = Reader {
            octets: &self.message,
            at: self.at + skip,
        };
        reader.name()
    }
}

impl ReadOpt {
    fn of(rr: &Rr) -> Option<Self> {
        let mut reader = Reader {
            octets: &rr.data,
            at: 0,
        };
        let mut options = Vec::new();
        while reader.at < rr.data.len() {
            let (code, length) = (reader.u16()?, reader.u16()?);
            options.push((code, reader.take(usize::from(length))?.to_vec()));
        }
        let [extended_rcode, version, high, low] = rr.ttl.to_be_bytes();
        (rr.name == ".").then_some(ReadOpt {
            payload: rr.class,
            extended_rcode,
            version,
            flags: u16::from_be_bytes([high, low]),
            options,
        })
    }
}

struct Reader<'m> {
    octets: &'m [u8],
    at: usize,
}

impl<'m> Reader<'m> {
    fn take(&mut self, length: usize) -> Option<&'m [u8]> {
        let taken = self.octets.get(self.at..self.at + length)?;
        self.at += length;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    /// A name, whose pointers lead backwards only.
    fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        let (mut at, mut back) = (self.at, None);
        let mut before = self.at;
        loop {
            let length = usize::from(*self.octets.get(at)?);
            match length {
                0 => {
                    self.at = back.unwrap_or(at + 1);
                    return Some(if name.is_empty() { ".".into() } else { name });
                }
                1..=63 => {
                    let label = self.octets.get(at + 1..at + 1 + length)?;
                    name += &String::from_utf8_lossy(label);
                    name.push('.');
                    at += 1 + length;
                }
                192.. => {
                    let low = usize::from(*self.octets.get(at + 1)?);
                    back.get_or_insert(at + 2);
                    at = (length & 0x3F) << 8 | low;
                    if at >= before {
                        return None;
                    }
                    before = at;
                }
                _ => return None,
            }
        }
    }

    fn record(&mut self) -> Option<Rr> {
        let name = self.name()?;
        let (rtype, class) = (self.u16()?, self.u16()?);
        let ttl = u32::from(self.u16()?) << 16 | u32::from(self.u16()?);
        let length = usize::from(self.u16()?);
        let at = self.at;
        Some(Rr {
            name,
            rtype,
            class,
            ttl,
            data: self.take(length)?.to_vec(),
            at,
            message: self.octets.to_vec(),
        })
    }
}

/// The response over UDP, from the very address that was asked; sent anew if it is lost.
pub(crate) fn over_udp(server: SocketAddr, query: &Ask) -> Message {
    let octets = bytes_over_udp(server, &query.bytes(), PATIENCE);
    let octets = octets.unwrap_or_else(|| panic!("no answer over UDP to {query:?}"));
    read_for(query, &octets)
}

/// What comes back over UDP; `None` if nothing comes.
pub(crate) fn bytes_over_udp(
    server: SocketAddr,
    query: &[u8],
    patience: Duration,
) -> Option<Vec<u8>> {
    let any = SocketAddr::new(server.ip(), 0);
    let socket = UdpSocket::bind(any).unwrap();
    socket.connect(server).unwrap();
    // A loaded kernel may drop one; asked a few times, that does not matter.
    let each = patience / 10;
    socket.set_read_timeout(Some(each.max(SILENCE))).unwrap();
    let mut buffer = vec![0; 65_535];
    for _ in 0..(patience.as_nanos() / each.max(SILENCE).as_nanos()).max(1) {
        socket.send(query).unwrap();
        if let Ok(length) = socket.recv(&mut buffer) {
            buffer.truncate(length);
            return Some(buffer);
        }
    }
    None
}

/// The response over TCP, on a connection of its own.
pub(crate) fn over_tcp(server: SocketAddr, query: &Ask) -> Message {
    let mut connection = connect(server);
    send(&mut connection, &query.bytes());
    read_for(query, &receive(&mut connection).expect("an answer"))
}

pub(crate) fn connect(server: SocketAddr) -> TcpStream {
    let connection = TcpStream::connect(server).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    connection
}

/// Sends a message after its length.
pub(crate) fn send(connection: &mut TcpStream, message: &[u8]) {
    let mut framed = (message.len() as u16).to_be_bytes().to_vec();
    framed.extend(message);
    connection.write_all(&framed).unwrap();
}

/// The next message of a connection; `None` when it is closed.
pub(crate) fn receive(connection: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 2];
    connection.read_exact(&mut length).ok()?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    connection.read_exact(&mut message).unwrap();
    Some(message)
}

/// Reads what came, and checks what holds for every response (RFC 1035 section 4.1.1).
fn read_for(query: &Ask, octets: &[u8]) -> Message {
    let message = Message::read(octets)
        .unwrap_or_else(|| panic!("what came for {query:?} does not read: {octets:?}"));
    assert_eq!(message.id, query.id, "{message:?}");
    assert!(message.flags & 0x8000 != 0, "QR: {message:?}");
    assert_eq!(message.flags & 0x0080, 0, "RA: {message:?}");
    assert_eq!(message.flags & 0x0040, 0, "Z: {message:?}");
    assert_eq!(
        message.flags & 0x0100,
        query.flags & 0x0100,
        "RD is sent back: {message:?}"
    );
    assert_eq!(message.opcode(), query.flags >> 11 & 0xF, "{message:?}");
    message
}
