//! Signatures, and signed denials, beside what is answered (RFC 4035 section 3.1, RFC 9824).

use perigee_dns_wire::{Full, Owner, RrSet, Section, rcode, rtype};
use smallvec::SmallVec;

use super::Resolve;
use crate::{
    dnssec::{MISSING, Overspent, Set, Signer, Standing, Use, nsec, ordered},
    snapshot::Family,
    zone::{Cut, Node},
};

/// How the zone is signed for this asker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signing<'s> {
    pub(crate) signer: &'s Signer,
    /// DO: signatures are wanted.
    pub(crate) wanted: bool,
    /// CO: NXDOMAIN may be said with a compact denial.
    pub(crate) compact_ok: bool,
    pub(crate) standing: Standing,
}

/// Whose records are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot<'n> {
    /// In lower case, as it is signed.
    pub(super) name: &'n [u8],
    /// As it is written.
    pub(super) owner: Owner<'n>,
    pub(super) usage: Use,
}

impl<'n> Spot<'n> {
    /// A name of the zone.
    pub(super) fn of(name: &'n [u8]) -> Self {
        Spot {
            name,
            owner: Owner::Name(name),
            usage: Use::Lasting,
        }
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// What must be there does not fit.
    Full,
    /// A signature would have to be made, and no more may be.
    Overspent,
}

impl From<Full> for Stop {
    fn from(_: Full) -> Self {
        Stop::Full
    }
}

impl From<Overspent> for Stop {
    fn from(_: Overspent) -> Self {
        Stop::Overspent
    }
}

type Types = SmallVec<[u16; 16]>;

impl<'s> Resolve<'s, '_, '_> {
    pub(super) fn is_wanted(&self) -> bool {
        self.signing.is_some_and(|signing| signing.wanted)
    }

    /// A set, and its signatures if they are wanted.
    pub(super) fn set(
        &mut self,
        section: Section,
        spot: Spot<'_>,
        set: &RrSet,
    ) -> Result<(), Stop> {
        self.writer.rrset(section, spot.owner, set)?;
        self.sign(section, spot, set.rtype, set.ttl, set.rdata())
    }

    /// Signatures of a set that is written, if they are wanted.
    pub(super) fn sign<'d>(
        &mut self,
        section: Section,
        spot: Spot<'_>,
        rtype: u16,
        ttl: u32,
        rdata: impl Iterator<Item = &'d [u8]>,
    ) -> Result<(), Stop> {
        match self.signing.filter(|signing| signing.wanted) {
            Some(signing) => self.rrsigs(signing, section, spot, rtype, ttl, rdata),
            None => Ok(()),
        }
    }

    fn rrsigs<'d>(
        &mut self,
        signing: Signing<'_>,
        section: Section,
        spot: Spot<'_>,
        rtype: u16,
        ttl: u32,
        rdata: impl Iterator<Item = &'d [u8]>,
    ) -> Result<(), Stop> {
        let set = Set {
            owner: spot.name,
            rtype,
            ttl,
            rdata: &ordered(rdata),
        };
        let (writer, mut written) = (&mut *self.writer, Ok(()));
        let each = |data: &[u8]| {
            if written.is_ok() {
                written = writer.record(section, spot.owner, rtype::RRSIG, ttl, data);
            }
        };
        let (signer, standing) = (signing.signer, signing.standing);
        signer.sign(&set, spot.usage, standing, self.now, each)?;
        Ok(written?)
    }

    /// The records that show the zone's keys.
    pub(super) fn key_set(&self, node: &Node, rtype: u16) -> Option<&'s RrSet> {
        let signing = self.signing.filter(|_| node.is_apex)?;
        signing.signer.set(rtype)
    }

    /// The name is not there: NXDOMAIN. With a compact denial it is NOERROR, but for those who say that
    /// they know better (RFC 9824 sections 3.2 and 5.1).
    pub(super) fn missing(&mut self, spot: Spot<'_>) -> Result<(), Stop> {
        let compact = self.signing.filter(|signing| signing.wanted);
        if compact.is_none_or(|signing| signing.compact_ok) {
            self.facts.rcode = rcode::NXDOMAIN;
        }
        let usage = Use::Passing;
        self.negative(Spot { usage, ..spot }, &MISSING)
    }

    /// The name has no records of the type that is asked for.
    pub(super) fn no_data(&mut self, spot: Spot<'_>, node: &Node) -> Result<(), Stop> {
        if !self.is_wanted() {
            return self.negative(spot, &[]);
        }
        let mut types = self.types(node);
        types.retain(|rtype| *rtype != self.question.rtype);
        self.negative(spot, &types)
    }

    /// SOA, which says for how long (RFC 2308), and NSEC, which says what there is.
    fn negative(&mut self, spot: Spot<'_>, types: &[u16]) -> Result<(), Stop> {
        let zone = &self.snapshot.zone;
        let soa = zone.negative_soa();
        self.set(Section::Authority, Spot::of(&zone.apex().name), soa)?;
        if self.is_wanted() {
            self.nsec(Section::Authority, spot, types)?;
        }
        Ok(())
    }

    fn nsec(&mut self, section: Section, spot: Spot<'_>, types: &[u16]) -> Result<(), Stop> {
        // RFC 9077: as long as the denial by SOA.
        let ttl = self.snapshot.zone.negative_soa().ttl;
        let data = nsec(spot.name, types);
        self.writer
            .record(section, spot.owner, rtype::NSEC, ttl, &data)?;
        self.sign(section, spot, rtype::NSEC, ttl, std::iter::once(&*data))
    }

    /// Who asks for NSEC itself gets it, and who asks for RRSIG that of one set, as for ANY (RFC 8482
    /// section 7).
    pub(super) fn of_signed_zone(&mut self, spot: Spot<'_>, node: &Node) -> Result<(), Stop> {
        let types = self.types(node);
        match (self.signing, self.question.rtype) {
            (Some(_), rtype::NSEC) => self.nsec(Section::Answer, spot, &types),
            (Some(signing), rtype::RRSIG) => {
                let ttl = self.snapshot.zone.negative_soa().ttl;
                let data = nsec(spot.name, &types);
                let data = std::iter::once(&*data);
                self.rrsigs(signing, Section::Answer, spot, rtype::NSEC, ttl, data)
            }
            _ => self.no_data(spot, node),
        }
    }

    /// Which types a name has.
    fn types(&self, node: &Node) -> Types {
        let mut types: Types = node.rrsets.iter().map(|set| set.rtype).collect();
        if node.service.is_some() {
            let families = [(Family::V4, rtype::A), (Family::V6, rtype::AAAA)];
            let has = families
                .iter()
                .filter(|(family, _)| self.snapshot.has_family(*family));
            types.extend(has.map(|(_, rtype)| *rtype));
        }
        if let Some(signing) = self.signing.filter(|_| node.is_apex) {
            types.extend(signing.signer.sets().iter().map(|set| set.rtype));
        }
        types.extend([rtype::RRSIG, rtype::NSEC]);
        types
    }

    /// What the parent says of a child's keys: DS, or that there is none (RFC 4035 section 3.1.4).
    pub(super) fn child_keys(&mut self, cut: &Cut) -> Result<(), Stop> {
        if !self.is_wanted() {
            return Ok(());
        }
        let spot = Spot::of(&cut.name);
        match &cut.ds {
            Some(ds) => self.set(Section::Authority, spot, ds),
            None => self.nsec(Section::Authority, spot, &AT_CUT),
        }
    }

    /// DS is asked for, and there is none.
    pub(super) fn no_ds(&mut self, cut: &Cut) -> Result<(), Stop> {
        self.negative(Spot::of(&cut.name), &AT_CUT)
    }
}

/// The types of a delegation without DS (RFC 9824 section 3.4).
const AT_CUT: [u16; 3] = [rtype::NS, rtype::RRSIG, rtype::NSEC];

#[cfg(test)]
mod tests;
