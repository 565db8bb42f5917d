//! The message around an answer: header, question, OPT, and the size that it may have.

use ipnet::IpNet;
use perigee_dns_wire::{ClientSubnet, Edns, Question, ReplyOpt, Request, Writer, ede, rcode};

use super::{
    Facts, Memo, Terms,
    resolve::{Resolve, Signing, Stop},
};
use crate::{policy::Client, snapshot::Snapshot};

/// The largest UDP message for those who do not say what they can take (RFC 1035 section 4.2.1).
const PLAIN_UDP_PAYLOAD: u16 = 512;
/// Responses over encrypted transports are padded to a multiple of this (RFC 8467 section 4.1).
const PADDING_BLOCK: u16 = 468;

/// How a request is to be answered, whatever the answer is.
pub(crate) struct Reply<'s, 't> {
    snapshot: &'s Snapshot,
    terms: &'t Terms,
    opt: Option<ReplyOpt<'s>>,
    /// Octets that the whole message may have.
    limit: usize,
}

impl<'s, 't> Reply<'s, 't> {
    pub(crate) fn new(snapshot: &'s Snapshot, request: &Request<'_>, terms: &'t Terms) -> Self {
        let edns = request.edns.as_ref();
        let payload = edns.map_or(PLAIN_UDP_PAYLOAD, |edns| {
            let theirs = edns.udp_payload.max(PLAIN_UDP_PAYLOAD);
            theirs.min(snapshot.max_udp_payload)
        });
        Reply {
            snapshot,
            terms,
            opt: edns.map(|edns| opt(snapshot, edns, terms)),
            limit: if terms.is_udp() {
                usize::from(payload)
            } else {
                usize::from(u16::MAX)
            },
        }
    }

    /// A code, and nothing else: nothing was used of the client's network.
    pub(crate) fn code(
        mut self,
        request: &Request<'_>,
        rcode: u16,
        out: &mut [u8],
    ) -> Option<(usize, Facts<'s>)> {
        let facts = Facts {
            rcode,
            rtype: request.question.as_ref().map(|question| question.rtype),
            ..Facts::default()
        };
        if let Some(opt) = &mut self.opt {
            opt.subnet = None;
        }
        let writer = self.begin(request, out)?;
        Some((self.end(writer, facts), facts))
    }

    /// TC, and nothing else.
    pub(crate) fn truncated(
        &self,
        request: &Request<'_>,
        out: &mut [u8],
    ) -> Option<(usize, Facts<'s>)> {
        let facts = Facts {
            rtype: request.question.as_ref().map(|question| question.rtype),
            truncated: true,
            ..Facts::default()
        };
        let writer = self.begin(request, out)?;
        Some((self.end(writer, facts), facts))
    }

    pub(crate) fn answer(
        &self,
        request: &Request<'_>,
        question: &Question<'_>,
        memo: &mut Memo,
        out: &mut [u8],
    ) -> Option<(usize, Facts<'s>)> {
        let mut writer = self.begin(request, out)?;
        let start = writer.mark();
        let mut resolve = Resolve {
            snapshot: self.snapshot,
            memo,
            writer: &mut writer,
            question,
            client: self.client(request.edns.as_ref()),
            now: self.terms.now,
            signing: self.signing(request.edns.as_ref()),
            facts: Facts {
                rtype: Some(question.rtype),
                ..Facts::default()
            },
        };
        let fits = resolve.resolve();
        let mut facts = resolve.facts;
        if let Err(stop) = fits {
            // The answer goes whole, with TC, so that OPT stays and the client asks again over TCP.
            // Who does that is proven, and more may be signed for it.
            writer.roll_back(start);
            facts.truncated = self.terms.is_udp();
            if !facts.truncated {
                (facts.rcode, facts.authoritative) = (rcode::SERVFAIL, false);
            }
            if stop == Stop::Overspent {
                facts.extended_error = Some(ede::OTHER);
            }
        }
        Some((self.end(writer, facts), facts))
    }

    /// If the zone is signed.
    fn signing(&self, edns: Option<&Edns<'_>>) -> Option<Signing<'s>> {
        let signer = self.snapshot.signer.as_deref()?;
        Some(Signing {
            signer,
            wanted: edns.is_some_and(|edns| edns.dnssec_ok),
            compact_ok: edns.is_some_and(|edns| edns.compact_ok),
            standing: self.terms.standing(),
        })
    }

    fn begin<'b>(&self, request: &Request<'_>, out: &'b mut [u8]) -> Option<Writer<'b>> {
        let limit = self.limit.min(out.len());
        let question = request
            .question
            .as_ref()
            .map_or(&[][..], |question| question.wire);
        let reserved = self.opt.as_ref().map_or(0, ReplyOpt::len);
        let (out, _) = out.split_at_mut(limit);
        Writer::new(out, request.header, question, reserved).ok()
    }

    fn end(&self, mut writer: Writer<'_>, facts: Facts<'_>) -> usize {
        if facts.authoritative {
            writer.set_authoritative();
        }
        if facts.truncated {
            writer.set_truncated();
        }
        let Some(mut opt) = self.opt else {
            return writer.finish(facts.rcode, None);
        };
        if let Some((subnet, scope)) = &mut opt.subnet {
            // RFC 7871 section 7.2.1: nothing was used of a client that withholds itself.
            *scope = if subnet.source == 0 { 0 } else { facts.scope };
        }
        opt.extended_error = facts.extended_error;
        writer.finish(facts.rcode, Some(&opt))
    }

    fn client(&self, edns: Option<&Edns<'_>>) -> Client {
        let source = || Client::Source(self.terms.asker.address.ip());
        match edns.and_then(|edns| subnet(self.snapshot, edns, self.terms)) {
            None => source(),
            // RFC 7871 section 7.1.2: the client's address must not be used.
            Some(subnet) if subnet.source == 0 => Client::Withheld,
            // A prefix longer than its address was refused when it was read.
            Some(subnet) => {
                IpNet::new(subnet.address, subnet.source).map_or_else(|_| source(), Client::Subnet)
            }
        }
    }
}

/// RFC 6891 section 6.1.1: who sends OPT gets OPT.
fn opt<'s>(snapshot: &'s Snapshot, edns: &Edns<'_>, terms: &Terms) -> ReplyOpt<'s> {
    ReplyOpt {
        udp_payload: snapshot.max_udp_payload,
        dnssec_ok: edns.dnssec_ok,
        // RFC 9824 section 5.1: by those who deny so.
        compact_ok: edns.compact_ok && edns.dnssec_ok && snapshot.signer.is_some(),
        subnet: subnet(snapshot, edns, terms).map(|subnet| (subnet, 0)),
        cookie: terms.cookie.filter(|_| edns.cookie.is_some()),
        keepalive: (edns.tcp_keepalive && terms.has_keepalive()).then_some(snapshot.tcp_keepalive),
        nsid: snapshot
            .nsid
            .as_ref()
            .filter(|_| edns.nsid)
            .map(|name| name.as_str().as_bytes()),
        extended_error: None,
        padding: (edns.padding && terms.is_encrypted()).then_some(PADDING_BLOCK),
    }
}

/// The client's network, of those who may tell it. To others the option is one that is not known
/// here: not used, and not sent back (RFC 7871 section 11.2 wants it limited).
fn subnet(snapshot: &Snapshot, edns: &Edns<'_>, terms: &Terms) -> Option<ClientSubnet> {
    let may = || snapshot.places.takes_subnets_of(terms.asker.address.ip());
    edns.subnet.filter(|_| may())
}
