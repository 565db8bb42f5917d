//! The zone, as the GeoDNS takes it.

use std::{ops::Range, path::Path};

use perigee_geodns::{Contents, NameServer, RecordText, Soa};

use crate::sections::{Dns, DnsRecord, File, Service};

impl File {
    /// The names in DNS that a service has, and where they are written: none without a zone.
    pub(crate) fn dns_names<'f>(&self, service: &'f Service) -> Vec<(String, &'f Range<usize>)> {
        let Some(dns) = &self.dns else {
            return Vec::new();
        };
        let zone = &dns.zone.0;
        match &service.dns.names {
            None => vec![(format!("{}.{zone}", service.name.0), &service.name.span)],
            Some(names) => names
                .iter()
                .map(|name| (name.below(zone), &name.span))
                .collect(),
        }
    }

    /// The name servers.
    pub(crate) fn name_servers(&self, dns: &Dns) -> Vec<NameServer> {
        let nodes = self
            .nodes()
            .filter(|node| node.role == perigee_geodns::Role::GeoDns);
        nodes
            .zip(&self.geodns)
            .map(|(node, server)| NameServer {
                name: server.host(&dns.zone),
                addresses: node.told(),
            })
            .collect()
    }
}

impl Dns {
    /// The SOA record with this serial number.
    pub(crate) fn soa(&self, serial: u32) -> Soa {
        let rname = match &self.contact {
            Some(contact) => contact.0.clone(),
            None => format!("hostmaster.{}", self.zone.0),
        };
        Soa {
            rname,
            serial,
            refresh: self.soa.refresh.0,
            retry: self.soa.retry.0,
            expire: self.soa.expire.0,
            negative_ttl: self.negative_ttl.0,
        }
    }

    /// Records, and who may have a copy. Paths are below this folder.
    pub(crate) fn contents(&self, folder: &Path) -> Contents {
        Contents {
            records: self.records.iter().map(|record| text(record)).collect(),
            zone_file: self.zone_file.as_ref().map(|path| path.from(folder)),
            serial_is_time: self.soa.serial.is_none(),
            notify: self.notify.iter().map(|address| address.0).collect(),
            transfer_to: self.transfer_to.iter().map(|net| net.0).collect(),
        }
    }
}

fn text(record: &DnsRecord) -> RecordText {
    RecordText {
        name: record.name.value.clone(),
        rtype: record.rtype.value.clone(),
        ttl: record.ttl.0,
        data: record.data.iter().map(|data| data.value.clone()).collect(),
    }
}
