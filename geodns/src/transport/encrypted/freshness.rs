//! For how long a response may be kept, read off its bytes (RFC 8484 section 5.1).

use perigee_dns_wire::rtype;

/// Seconds: the lowest TTL of the answer, or of the SOA that says that there is none (RFC 2308
/// section 5). `None` for what must not be kept: errors, and what cannot be read.
pub(super) fn freshness(message: &[u8]) -> Option<u32> {
    let field = |at: usize| {
        Some(u16::from_be_bytes([
            *message.get(at)?,
            *message.get(at + 1)?,
        ]))
    };
    let (flags, questions) = (field(2)?, field(4)?);
    let (answers, authorities) = (field(6)?, field(8)?);
    if !matches!(flags & 0xF, 0 | 3) || flags & 0x0200 != 0 {
        return None;
    }
    let mut reader = Reader { message, at: 12 };
    for _ in 0..questions {
        reader.name()?;
        reader.take(4)?;
    }
    if answers > 0 {
        let mut lowest = u32::MAX;
        for _ in 0..answers {
            lowest = lowest.min(reader.record()?.ttl);
        }
        return Some(lowest);
    }
    for _ in 0..authorities {
        let record = reader.record()?;
        if record.rtype == rtype::SOA {
            let minimum = record.data.last_chunk::<4>()?;
            return Some(record.ttl.min(u32::from_be_bytes(*minimum)));
        }
    }
    None
}

struct Reader<'m> {
    message: &'m [u8],
    at: usize,
}

struct Record<'m> {
    rtype: u16,
    ttl: u32,
    data: &'m [u8],
}

impl<'m> Reader<'m> {
    fn take(&mut self, length: usize) -> Option<&'m [u8]> {
        let taken = self.message.get(self.at..self.at + length)?;
        self.at += length;
        Some(taken)
    }

    /// Passes over a name, which ends with the root or with a pointer.
    fn name(&mut self) -> Option<()> {
        loop {
            match self.take(1)?[0] {
                0 => return Some(()),
                length @ 1..=63 => drop(self.take(length.into())?),
                _ => return self.take(1).map(drop),
            }
        }
    }

    fn record(&mut self) -> Option<Record<'m>> {
        self.name()?;
        let [t0, t1, _, _, l0, l1, l2, l3, d0, d1] = *self.take(10)?.first_chunk()?;
        let length = u16::from_be_bytes([d0, d1]);
        Some(Record {
            rtype: u16::from_be_bytes([t0, t1]),
            ttl: u32::from_be_bytes([l0, l1, l2, l3]),
            data: self.take(length.into())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use hickory_proto::{
        op::{Message, MessageType, OpCode, Query, ResponseCode},
        rr::{
            Name, RData, Record, RecordType,
            rdata::{A, SOA},
        },
    };
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    fn response() -> Message {
        let mut message = Message::new(0, MessageType::Response, OpCode::Query);
        message.add_query(Query::query(name("www.cdn.example."), RecordType::A));
        message
    }

    fn address(ttl: u32) -> Record {
        let data = RData::A(A(Ipv4Addr::LOCALHOST));
        Record::from_rdata(name("www.cdn.example."), ttl, data)
    }

    fn soa(ttl: u32, minimum: u32) -> Record {
        let (server, mailbox) = (name("ns.cdn.example."), name("h.cdn.example."));
        let soa = SOA::new(server, mailbox, 1, 2, 3, 4, minimum);
        Record::from_rdata(name("cdn.example."), ttl, RData::SOA(soa))
    }

    fn of(message: &Message) -> Option<u32> {
        freshness(&message.to_vec().unwrap())
    }

    #[test]
    fn an_answer_is_fresh_as_long_as_its_shortest_record() {
        let mut message = response();
        message.add_answers([address(60), address(20), address(30)]);
        assert_eq!(of(&message), Some(20));
    }

    #[test]
    fn what_is_not_there_is_fresh_as_the_soa_says() {
        let mut message = response();
        message.metadata.response_code = ResponseCode::NXDomain;
        message.add_authorities([soa(300, 60)]);
        assert_eq!(of(&message), Some(60));
    }

    #[test]
    fn errors_are_not_kept() {
        let mut message = response();
        message.add_answers([address(60)]);
        message.metadata.response_code = ResponseCode::ServFail;
        assert_eq!(of(&message), None);
        assert_eq!(of(&response()), None);
        assert_eq!(freshness(b"short"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_not(message in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = freshness(&message);
        }
    }
}
