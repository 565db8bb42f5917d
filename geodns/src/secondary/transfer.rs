//! The zone, sent whole over TCP (RFC 5936): also to who asks for what has changed (RFC 1995 section 4).

use std::sync::Arc;

use perigee_dns_wire::{
    Full, Header, Owner, ReplyOpt, Request, Section, Writer, class, opcode, rcode, rtype,
};

use super::ZoneCopy;
use crate::asker::{Asker, Transport};

/// Octets of a message: small enough to be made and sent between others.
const MESSAGE: usize = 16_384;

/// A transfer, message by message.
#[derive(Debug)]
pub(crate) struct Transfer {
    copy: Arc<ZoneCopy>,
    header: Header,
    question: Vec<u8>,
    has_opt: bool,
    /// The next record: the set, and the place in it. The SOA record is before the first one and
    /// behind the last.
    at: (usize, usize),
    ended: bool,
}

impl Transfer {
    /// The transfer that a message asks for, if it does and may.
    pub(crate) fn of(copy: &Arc<ZoneCopy>, message: &[u8], asker: Asker) -> Option<Self> {
        if asker.transport != Transport::Tcp || !copy.is_for(asker.address.ip()) {
            return None;
        }
        let request = Request::read(message).ok()?;
        let question = request.question.as_ref()?;
        let is_transfer = matches!(question.rtype, rtype::AXFR | rtype::IXFR);
        let is_ours = question.class == class::IN && *question.name() == *copy.apex;
        let is_query = request.error.is_none() && request.header.opcode == opcode::QUERY;
        (is_transfer && is_ours && is_query).then(|| Transfer {
            copy: Arc::clone(copy),
            header: request.header,
            question: question.wire.to_vec(),
            has_opt: request.edns.is_some(),
            at: (0, 0),
            ended: false,
        })
    }

    /// Writes the next message, and tells its length; `None` behind the last.
    pub(crate) fn write(&mut self, out: &mut [u8]) -> Option<usize> {
        if self.ended {
            return None;
        }
        let small = out.len().min(MESSAGE);
        let written = self.message(out.get_mut(..small)?);
        // A record may be larger than that, but not than what there is.
        let written = written.or_else(|| self.message(out));
        self.ended |= written.is_none();
        written
    }

    /// A message of as many records as fit; `None` if that is none.
    fn message(&mut self, out: &mut [u8]) -> Option<usize> {
        let opt = self.has_opt.then(ReplyOpt::default);
        let reserved = opt.as_ref().map_or(0, ReplyOpt::len);
        let mut writer = Writer::new(out, self.header, &self.question, reserved).ok()?;
        let before = self.at;
        while !self.ended && self.next(&mut writer).is_ok() {}
        if self.at == before {
            return None;
        }
        writer.set_authoritative();
        Some(writer.finish(rcode::NOERROR, opt.as_ref()))
    }

    /// Writes one record.
    fn next(&mut self, writer: &mut Writer<'_>) -> Result<(), Full> {
        let copy = Arc::clone(&self.copy);
        let (set, place) = self.at;
        let soa = (&copy.apex, &copy.soa);
        let is_last = set > copy.records.len();
        let (owner, records) = match set.checked_sub(1).map(|set| copy.records.get(set)) {
            Some(Some((owner, records))) => (owner, records),
            None | Some(None) => soa,
        };
        let data = records.rdata().nth(place).unwrap_or_default();
        let owner = Owner::Name(owner);
        writer.record(Section::Answer, owner, records.rtype, records.ttl, data)?;
        self.at = match place + 1 < records.rdata().len() {
            true => (set, place + 1),
            false => (set + 1, 0),
        };
        self.ended = is_last;
        Ok(())
    }
}
