//! What is no mistake in the file, but good to know where it is checked.

use std::path::Path;

use perigee_geodns::Zone;

use super::Env;
use crate::{Document, units::OriginTarget};

impl Document {
    /// What a good file still lacks on this machine: environment variables that are not set, files
    /// that are not there, PoPs without edges, a disk that is of no use. Looks at the file system.
    pub fn notes(&self, env: Env<'_>) -> Vec<String> {
        let secrets = [self.secret(env).err(), self.admin_token(env).err()];
        let mut notes: Vec<String> = secrets.into_iter().flatten().map(|error| error.0).collect();
        notes.extend(self.missing_files());
        notes.extend(self.doubtful_disk());
        notes.extend(self.doubtful_zone(env));
        notes.extend(self.blind_policies());
        for pop in &self.file.pops {
            // Where nodes register, they need not be in the file.
            if !self.nodes_register()
                && !self.file.edges.iter().any(|edge| edge.pop.0 == pop.name.0)
            {
                notes.push(format!("no edge stands in the PoP {:?}", pop.name.0));
            }
        }
        notes
    }

    /// What leads nowhere in the zone. One that is broken is told by [`Document::broken`].
    fn doubtful_zone(&self, env: Env<'_>) -> Vec<String> {
        let zone = self.file.geodns.first().and_then(|server| {
            let config = self.geodns(&server.name.0, env).ok()?;
            Zone::load(&config).ok()
        });
        zone.map_or_else(Vec::new, |zone| zone.leads_nowhere())
    }

    /// Which policies ask for what no database tells.
    fn blind_policies(&self) -> Vec<String> {
        let Some(dns) = &self.file.dns else {
            return Vec::new();
        };
        if dns.database.is_some() || !dns.databases.is_empty() {
            return Vec::new();
        }
        let blind = dns.policies.iter().filter(|policy| {
            policy.rules.0.iter().any(|rule| {
                !rule.continents.is_empty()
                    || !rule.countries.is_empty()
                    || !rule.subdivisions.is_empty()
                    || !rule.asns.is_empty()
            })
        });
        blind
            .map(|policy| {
                format!(
                    "the policy {:?} asks for continents, countries or autonomous systems, and none \
                     is known of any client: write `databases` into [dns]",
                    policy.name.0
                )
            })
            .collect()
    }

    /// What keeps the disk from being of use.
    fn doubtful_disk(&self) -> Vec<String> {
        let storage = &self.file.storage;
        let Some(disk) = &storage.disk else {
            return Vec::new();
        };
        let path = disk.path.from(&self.folder);
        let mut notes = Vec::new();
        if path.exists() && !path.is_dir() {
            notes.push(format!(
                "{} is not a folder, so nodes with [storage.disk] will not start",
                path.display()
            ));
        }
        if disk.size.0 < storage.build().capacity {
            notes.push(
                "`size` of [storage.disk] is less than `memory`: the disk keeps less than the memory does"
                    .to_owned(),
            );
        }
        notes
    }

    fn missing_files(&self) -> Vec<String> {
        let mut files = Vec::new();
        for certificate in &self.file.certificates {
            files.push(("certificate", certificate.cert.from(&self.folder)));
            files.push(("key", certificate.key.from(&self.folder)));
        }
        if let Some(signed) = self.signed_zone() {
            files.push((
                "folder of keys, which `perigee dnssec init` makes,",
                signed.config.keys,
            ));
        }
        // Those of nodes are on the nodes' machines.
        if let Some(tls) = &self.file.tier.tls {
            let ca = tls.files(&self.folder, "{node}").ca;
            if !ca.to_string_lossy().contains("{node}") {
                files.push(("authority of [tier.tls]", ca));
            }
        }
        if let Some(tls) = self.file.dns.as_ref().and_then(|dns| dns.tls.as_ref()) {
            for (what, path) in [("certificate", &tls.cert), ("key", &tls.key)] {
                let path = path.of(&self.folder, "{node}");
                if !path.to_string_lossy().contains("{node}") {
                    files.push((what, path));
                }
            }
        }
        if let Some(dns) = &self.file.dns {
            for path in dns.database.iter().chain(&dns.databases) {
                files.push(("database", path.from(&self.folder)));
            }
            for path in dns.networks_file.iter().chain(&dns.latency_file) {
                files.push(("table", path.from(&self.folder)));
            }
        }
        if let Some(path) = self
            .file
            .dns
            .as_ref()
            .and_then(|dns| dns.zone_file.as_ref())
        {
            files.push(("zone file", path.from(&self.folder)));
        }
        for origin in self
            .file
            .services
            .iter()
            .flat_map(|service| service.origins.iter())
        {
            match &origin.target {
                OriginTarget::Folder(path) => files.push(("folder", self.folder.join(path))),
                OriginTarget::Url { ca: Some(path), .. } => {
                    files.push(("CA file", self.folder.join(path)));
                }
                OriginTarget::Url { .. } => {}
            }
        }
        files
            .into_iter()
            .filter(|(_, path)| !Path::exists(path))
            .map(|(what, path)| format!("the {what} {} is not on this machine", path.display()))
            .collect()
    }
}
