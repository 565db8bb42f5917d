//! What the zone says to a question (RFC 1034 section 4.3.2), written record by record.

mod additional;
mod refusal;

use std::{net::IpAddr, time::SystemTime};

use perigee_dns_wire::{Full, Owner, Question, Section, Writer, ede, is_within, rcode, rtype};

use super::{Facts, Memo};
use crate::{
    policy::{Client, choose},
    snapshot::{Family, Snapshot},
    zone::{Cut, Found, INFRASTRUCTURE_TTL, Node, ZoneService},
};

/// Aliases that are followed inside the zone.
const MAX_ALIASES: usize = 8;

/// Data of HINFO: one small record in place of everything (RFC 8482 section 4.2).
const MINIMAL_ANY: &[u8] = b"\x07RFC8482\x00";

/// One question on its way through the zone.
pub(crate) struct Resolve<'s, 'a, 'b> {
    pub(crate) snapshot: &'s Snapshot,
    /// For what is costly: chosen addresses, signatures.
    pub(crate) memo: &'a mut Memo,
    pub(crate) writer: &'a mut Writer<'b>,
    pub(crate) question: &'a Question<'a>,
    pub(crate) client: Client,
    pub(crate) now: SystemTime,
    pub(crate) facts: Facts<'s>,
}

impl<'s> Resolve<'s, '_, '_> {
    /// Writes the answer, and tells by `facts` what it is.
    ///
    /// # Errors
    /// [`Full`] if what must be there does not fit.
    pub(crate) fn resolve(&mut self) -> Result<(), Full> {
        if let Some((rcode, extended_error)) = refusal::refusal(self.question) {
            return self.code(rcode, extended_error);
        }
        let question = self.question;
        let (mut name, mut owner) = (&*question.name, Owner::Question);
        for _ in 0..=MAX_ALIASES {
            let found = self.snapshot.zone.lookup(name);
            if !matches!(found, Found::Outside) {
                self.facts.authoritative = true;
            }
            let node = match found {
                Found::Outside if owner == Owner::Question => {
                    return self.code(rcode::REFUSED, Some(ede::NOT_AUTHORITATIVE));
                }
                // The client goes on elsewhere.
                Found::Outside => return Ok(()),
                Found::Missing => {
                    self.facts.rcode = rcode::NXDOMAIN;
                    return self.negative();
                }
                Found::Delegated(cut) => return self.delegated(cut, name, owner),
                Found::Node { node, wildcard } => {
                    self.facts.name = Some(wildcard.unwrap_or(&node.name));
                    node
                }
            };
            let alias = node.rrset(rtype::CNAME);
            let Some(alias) = alias.filter(|_| question.rtype != rtype::CNAME) else {
                return self.node(node, owner);
            };
            self.writer.rrset(Section::Answer, owner, alias)?;
            match alias.rdata().next() {
                // RFC 8482 section 4.3: an alias is the whole of what is there.
                Some(target) if question.rtype != rtype::ANY => {
                    (name, owner) = (target, Owner::Name(target));
                }
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    /// The records of a name that is no alias.
    fn node(&mut self, node: &'s Node, owner: Owner<'_>) -> Result<(), Full> {
        let rtype = self.question.rtype;
        if let Some(set) = node.rrset(rtype) {
            self.writer.rrset(Section::Answer, owner, set)?;
            additional::add(&self.snapshot.zone, self.writer, set);
            return Ok(());
        }
        match (&node.service, rtype) {
            (Some(service), rtype::A) => self.addresses(service, Family::V4, owner),
            (Some(service), rtype::AAAA) => self.addresses(service, Family::V6, owner),
            (_, rtype::ANY) if !node.is_empty_non_terminal() => self.writer.record(
                Section::Answer,
                owner,
                rtype::HINFO,
                INFRASTRUCTURE_TTL,
                MINIMAL_ANY,
            ),
            _ => self.negative(),
        }
    }

    /// A service's addresses.
    fn addresses(
        &mut self,
        service: &'s ZoneService,
        family: Family,
        owner: Owner<'_>,
    ) -> Result<(), Full> {
        let memo = &mut self.memo.chosen;
        let chosen = choose(self.snapshot, service, family, self.client, self.now, memo);
        self.facts.scope = chosen.scope;
        if chosen.addresses.is_empty() {
            return self.negative();
        }
        self.facts.pop = chosen.pop;
        for address in chosen.addresses.iter() {
            let (section, ttl) = (Section::Answer, chosen.ttl);
            match address {
                IpAddr::V4(v4) => {
                    self.writer
                        .record(section, owner, rtype::A, ttl, &v4.octets())?;
                }
                IpAddr::V6(v6) => {
                    self.writer
                        .record(section, owner, rtype::AAAA, ttl, &v6.octets())?;
                }
            }
        }
        Ok(())
    }

    /// At a delegation or below it: a referral, but for what the parent says of the child (RFC 4035
    /// section 3.1.4.1).
    fn delegated(&mut self, cut: &'s Cut, name: &[u8], owner: Owner<'_>) -> Result<(), Full> {
        self.facts.name = Some(&cut.name);
        if self.question.rtype == rtype::DS && *cut.name == *name {
            return match &cut.ds {
                Some(ds) => self.writer.rrset(Section::Answer, owner, ds),
                None => self.negative(),
            };
        }
        // Behind an alias, AA is about that (RFC 1035 section 4.1.1).
        self.facts.authoritative = owner != Owner::Question;
        let at_cut = Owner::Name(&cut.name);
        self.writer.rrset(Section::Authority, at_cut, &cut.ns)?;
        for (server, addresses) in &cut.glue {
            let written = self
                .writer
                .rrset(Section::Additional, Owner::Name(server), addresses);
            // RFC 9471: without these the child cannot be found.
            if written.is_err() && is_within(server, &cut.name) {
                return Err(Full);
            }
        }
        Ok(())
    }

    /// NXDOMAIN or NODATA, with the SOA that says for how long (RFC 2308).
    fn negative(&mut self) -> Result<(), Full> {
        let zone = &self.snapshot.zone;
        let owner = Owner::Name(&zone.apex().name);
        self.writer
            .rrset(Section::Authority, owner, zone.negative_soa())
    }

    fn code(&mut self, rcode: u16, extended_error: Option<u16>) -> Result<(), Full> {
        self.facts.rcode = rcode;
        self.facts.extended_error = extended_error;
        Ok(())
    }
}
