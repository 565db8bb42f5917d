//! What the zone says to a question (RFC 1034 section 4.3.2), written record by record.

mod additional;
mod hinted;
mod refusal;
mod signed;

pub(crate) use signed::{Signing, Stop};

use std::{net::IpAddr, time::SystemTime};

use perigee_dns_wire::{Owner, Question, Section, Writer, ede, is_within, rcode, rtype};
use smallvec::SmallVec;

use self::signed::Spot;
use super::{Facts, Memo};
use crate::{
    dnssec::Use,
    policy::{Client, choose},
    snapshot::{Family, Snapshot},
    zone::{Cut, Found, INFRASTRUCTURE_TTL, Node, ZoneService},
};

/// Aliases that are followed inside the zone.
pub(crate) const MAX_ALIASES: usize = 8;

/// Data of HINFO: one small record in place of everything (RFC 8482 section 4.2).
const MINIMAL_ANY: &[u8] = b"\x07RFC8482\x00";

/// One question on its way through the zone.
pub(crate) struct Resolve<'s, 'a, 'b> {
    pub(crate) snapshot: &'s Snapshot,
    /// For what is costly: chosen addresses.
    pub(crate) memo: &'a mut Memo,
    pub(crate) writer: &'a mut Writer<'b>,
    pub(crate) question: &'a Question<'a>,
    pub(crate) client: Client,
    pub(crate) now: SystemTime,
    /// If the zone is signed.
    pub(crate) signing: Option<Signing<'s>>,
    pub(crate) facts: Facts<'s>,
}

impl<'s> Resolve<'s, '_, '_> {
    /// Writes the answer, and tells by `facts` what it is.
    ///
    /// # Errors
    /// [`Stop`] if what must be there does not fit, or cannot be signed.
    pub(crate) fn resolve(&mut self) -> Result<(), Stop> {
        if let Some((rcode, extended_error)) = refusal::refusal(self.question) {
            return self.code(rcode, extended_error);
        }
        let question = self.question;
        let name = question.name();
        let mut spot = Spot {
            name: &name,
            owner: Owner::Question,
            usage: Use::Lasting,
        };
        for _ in 0..=MAX_ALIASES {
            let found = self.snapshot.zone.lookup(spot.name);
            if !matches!(found, Found::Outside) {
                self.facts.authoritative = true;
            }
            let node = match found {
                Found::Outside if spot.owner == Owner::Question => {
                    return self.code(rcode::REFUSED, Some(ede::NOT_AUTHORITATIVE));
                }
                // The client goes on elsewhere.
                Found::Outside => return Ok(()),
                Found::Missing => return self.missing(spot),
                Found::Delegated(cut) => return self.delegated(cut, spot),
                Found::Node { node, wildcard } => {
                    self.facts.name = Some(wildcard.unwrap_or(&node.name));
                    // It is answered, and signed, as if it were there by itself: nobody can tell.
                    spot.usage = wildcard.map_or(Use::Lasting, |_| Use::Passing);
                    node
                }
            };
            let alias = node.rrset(rtype::CNAME).filter(|_| self.is_led_on());
            let Some(alias) = alias else {
                return self.node(node, spot);
            };
            self.set(Section::Answer, spot, alias)?;
            match alias.rdata().next() {
                // RFC 8482 section 4.3: an alias is the whole of what is there.
                Some(target) if question.rtype != rtype::ANY => {
                    spot = Spot::of(target);
                }
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    /// Whether an alias leads to what is asked for: not to itself, nor to what each name of a signed
    /// zone has (RFC 4035 section 2.5).
    fn is_led_on(&self) -> bool {
        match self.question.rtype {
            rtype::CNAME => false,
            rtype::NSEC | rtype::RRSIG => self.signing.is_none(),
            _ => true,
        }
    }

    /// The records of a name that is no alias.
    fn node(&mut self, node: &'s Node, spot: Spot<'_>) -> Result<(), Stop> {
        let rtype = self.question.rtype;
        let set = node.rrset(rtype).or_else(|| self.key_set(node, rtype));
        if let Some((set, service)) = set.and_then(|set| Some((set, node.hinted(set)?))) {
            return self.hinted(set, service, spot);
        }
        if let Some(set) = set {
            self.set(Section::Answer, spot, set)?;
            self.add(set);
            return Ok(());
        }
        match (&node.service, rtype) {
            (Some(service), rtype::A) => self.addresses(node, service, Family::V4, spot),
            (Some(service), rtype::AAAA) => self.addresses(node, service, Family::V6, spot),
            (_, rtype::ANY) if !node.is_empty_non_terminal() => {
                let (section, ttl) = (Section::Answer, INFRASTRUCTURE_TTL);
                self.writer
                    .record(section, spot.owner, rtype::HINFO, ttl, MINIMAL_ANY)?;
                let data = std::iter::once(MINIMAL_ANY);
                self.sign(section, spot, rtype::HINFO, ttl, data)
            }
            _ => self.of_signed_zone(spot, node),
        }
    }

    /// A service's addresses.
    fn addresses(
        &mut self,
        node: &'s Node,
        service: &'s ZoneService,
        family: Family,
        spot: Spot<'_>,
    ) -> Result<(), Stop> {
        let memo = &mut self.memo.chosen;
        let chosen = choose(self.snapshot, service, family, self.client, self.now, memo);
        self.facts.scope = chosen.scope;
        if chosen.addresses.is_empty() {
            return self.no_data(spot, node);
        }
        self.facts.pop = chosen.pop;
        let (section, ttl) = (Section::Answer, chosen.ttl);
        match family {
            Family::V4 => {
                let octets = chosen.addresses.iter().filter_map(|address| match address {
                    IpAddr::V4(v4) => Some(v4.octets()),
                    IpAddr::V6(_) => None,
                });
                self.each(section, spot, rtype::A, ttl, octets)
            }
            Family::V6 => {
                let octets = chosen.addresses.iter().filter_map(|address| match address {
                    IpAddr::V4(_) => None,
                    IpAddr::V6(v6) => Some(v6.octets()),
                });
                self.each(section, spot, rtype::AAAA, ttl, octets)
            }
        }
    }

    /// Records in this order, and their signatures.
    fn each<const N: usize>(
        &mut self,
        section: Section,
        spot: Spot<'_>,
        rtype: u16,
        ttl: u32,
        data: impl Iterator<Item = [u8; N]>,
    ) -> Result<(), Stop> {
        let wanted = self.is_wanted();
        let mut all: SmallVec<[[u8; N]; 16]> = SmallVec::new();
        for data in data {
            self.writer.record(section, spot.owner, rtype, ttl, &data)?;
            if wanted {
                all.push(data);
            }
        }
        self.sign(section, spot, rtype, ttl, all.iter().map(|data| &data[..]))
    }

    /// At a delegation or below it: a referral, but for what the parent says of the child (RFC 4035
    /// section 3.1.4.1).
    fn delegated(&mut self, cut: &'s Cut, spot: Spot<'_>) -> Result<(), Stop> {
        self.facts.name = Some(&cut.name);
        if self.question.rtype == rtype::DS && *cut.name == *spot.name {
            return match &cut.ds {
                Some(ds) => self.set(Section::Answer, spot, ds),
                None => self.no_ds(cut),
            };
        }
        // Behind an alias, AA is about that (RFC 1035 section 4.1.1).
        self.facts.authoritative = spot.owner != Owner::Question;
        let at_cut = Owner::Name(&cut.name);
        self.writer.rrset(Section::Authority, at_cut, &cut.ns)?;
        self.child_keys(cut)?;
        for (server, addresses) in &cut.glue {
            let written = self
                .writer
                .rrset(Section::Additional, Owner::Name(server), addresses);
            // RFC 9471: without these the child cannot be found.
            if written.is_err() && is_within(server, &cut.name) {
                return Err(Stop::Full);
            }
        }
        Ok(())
    }

    fn code(&mut self, rcode: u16, extended_error: Option<u16>) -> Result<(), Stop> {
        self.facts.rcode = rcode;
        self.facts.extended_error = extended_error;
        Ok(())
    }
}
