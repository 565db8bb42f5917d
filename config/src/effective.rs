//! What a node runs on where there is `[membership]`: what it knows by itself, what was applied, and
//! the nodes that are registered.

use std::path::Path;

use perigee_edge::{Member, Role};
use toml::{Table, Value};

use crate::{
    Document,
    document::parse_whole,
    sections::{Edge, File, GeoDns, Shield},
};

/// Tables that each machine may have its own of: they are taken from the node's own file, if they are
/// there.
const OWN_TABLES: [&str; 6] = [
    "membership",
    "storage",
    "admin",
    "log",
    "shutdown",
    "reload",
];
const NODE_TABLES: [&str; 3] = ["edges", "shields", "geodns"];

/// Which nodes a configuration is to have.
#[derive(Clone, Copy, Debug)]
pub enum Nodes<'a> {
    /// Those that are in the texts.
    Written,
    /// Those that are registered, in place of edges and shields of the texts.
    Registered(&'a [Member]),
    /// Both, for tools: who is not registered is to be seen, too.
    Both(&'a [Member]),
}

impl Document {
    /// What the node of this name runs on. Services, PoPs, zone and all other policy come from the
    /// text that was applied, if there is one, and so does the version. From this file come the
    /// node's own entry, the keys of `[cdn]` that it has, and its own `[membership]`, `[storage]`,
    /// `[admin]`, `[log]`, `[shutdown]` and `[reload]`. No name: what tools see.
    ///
    /// # Errors
    /// What is wrong with all of it together.
    pub fn effective(
        &self,
        name: Option<&str>,
        applied: Option<&str>,
        nodes: Nodes<'_>,
    ) -> Result<Document, String> {
        let file = self.folder.join("cdn.toml");
        let mut document = match applied {
            None => {
                let mut document = self.by_itself(&file, nodes)?;
                document.published = self.published;
                document
            }
            Some(applied) => {
                let text = merged(&self.text, applied, name)?;
                parse_whole(&text, &file)
                    .map_err(|problems| {
                        in_words("what was applied, with this node's own file", &problems)
                    })?
                    .of_version(applied)
            }
        };
        let (members, keep) = match nodes {
            Nodes::Written => return Ok(document),
            Nodes::Registered(members) => (members, false),
            Nodes::Both(members) => (members, true),
        };
        place(&mut document.file, members, name, keep);
        Ok(document)
    }

    /// As long as nothing was applied.
    fn by_itself(&self, file: &Path, nodes: Nodes<'_>) -> Result<Document, String> {
        parse_whole(&self.text, file).map_err(|problems| {
            let why = in_words("this node's own file", &problems);
            let lacks = match nodes {
                Nodes::Written => "without etcd it is not known what was applied (perigee apply)",
                Nodes::Registered(_) | Nodes::Both(_) => {
                    "nothing has been applied yet (perigee apply)"
                }
            };
            format!("{lacks}, and by itself {why}")
        })
    }
}

fn in_words(what: &str, problems: &[crate::Problem]) -> String {
    let words = problems.iter().map(|problem| match &problem.help {
        Some(help) => format!("{} ({help})", problem.message),
        None => problem.message.clone(),
    });
    format!(
        "{what} is not right: {}",
        words.collect::<Vec<_>>().join("; ")
    )
}

/// One text of two.
fn merged(own: &str, applied: &str, name: Option<&str>) -> Result<String, String> {
    let table = |what: &str, text: &str| {
        text.parse::<Table>()
            .map_err(|error| format!("{what} does not parse: {}", error.message()))
    };
    let mut own = table("this node's own file", own)?;
    let mut all = table("what was applied", applied)?;
    for key in OWN_TABLES {
        if let Some(value) = own.remove(key) {
            all.insert(key.to_owned(), value);
        }
    }
    if let Some(Value::Table(cdn)) = own.remove("cdn") {
        merge_cdn(&mut all, cdn);
    }
    if let Some(name) = name {
        for key in NODE_TABLES {
            own_entry(&mut all, key, own.remove(key), name);
        }
    }
    toml::to_string(&all).map_err(|error| format!("both together cannot be written: {error}"))
}

/// What this node has in its own `[cdn]` counts; a secret is had in one of two ways.
fn merge_cdn(all: &mut Table, own: Table) {
    let applied = all.entry("cdn").or_insert_with(|| Table::new().into());
    let Some(applied) = applied.as_table_mut() else {
        return;
    };
    if own.contains_key("secret") || own.contains_key("secret_env") {
        applied.remove("secret");
        applied.remove("secret_env");
    }
    applied.extend(own);
}

/// This node is what its own file says that it is, if that says something.
fn own_entry(all: &mut Table, key: &str, own: Option<Value>, name: &str) {
    let is_it = |entry: &Value| entry.get("name").and_then(Value::as_str) == Some(name);
    let Some(Value::Array(own)) = own else {
        return;
    };
    let Some(entry) = own.into_iter().find(is_it) else {
        return;
    };
    for other in NODE_TABLES {
        if let Some(Value::Array(entries)) = all.get_mut(other) {
            entries.retain(|entry| !is_it(entry));
        }
    }
    let entries = all.entry(key).or_insert_with(|| Value::Array(Vec::new()));
    if let Some(entries) = entries.as_array_mut() {
        entries.push(entry);
    }
}

/// Puts the registered nodes in place of those of the text, but for this node and the name servers:
/// what the zone says of itself does not change when one of them dies.
fn place(file: &mut File, members: &[Member], own: Option<&str>, keep: bool) {
    let is_own = |name: &str| own == Some(name);
    let is_registered = |name: &str| {
        let mut names = members.iter().map(|member| member.node.name.as_str());
        names.any(|registered| registered == name)
    };
    let stays = |name: &str| is_own(name) || (keep && !is_registered(name));
    file.edges.retain(|edge| stays(&edge.name.0));
    file.shields.retain(|shield| stays(&shield.name.0));
    for member in members
        .iter()
        .filter(|member| !is_own(member.node.name.as_str()))
    {
        let name = member.node.name.as_str();
        let taken = file.nodes().any(|node| node.name.0 == name);
        if taken || !has_place(file, member) {
            continue;
        }
        let text = entry(member);
        // A record that the rules of the file do not allow is passed over: it is another one's mistake.
        match member.node.role {
            Role::Edge => file.edges.extend(toml::from_str::<Edge>(&text)),
            Role::Shield => file.shields.extend(toml::from_str::<Shield>(&text)),
            Role::GeoDns => file.geodns.extend(toml::from_str::<GeoDns>(&text)),
        }
    }
    // The same order on all nodes, whoever registered first.
    file.edges.sort_by(|a, b| a.name.0.cmp(&b.name.0));
    file.shields.sort_by(|a, b| a.name.0.cmp(&b.name.0));
}

/// Whether it stands in a PoP that there is, or in none.
fn has_place(file: &File, member: &Member) -> bool {
    let pop = member.node.pop.as_ref().map(|pop| pop.as_str());
    pop.is_none_or(|pop| file.pops.iter().any(|known| known.name.0 == pop))
}

/// A member as the file would have it. Where it listens is its own matter.
fn entry(member: &Member) -> String {
    let mut table = Table::new();
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            table.insert(key.to_owned(), value);
        }
    };
    let text = |text: &dyn ToString| Some(Value::String(text.to_string()));
    let node = &member.node;
    set("name", text(&node.name));
    set("pop", node.pop.as_ref().and_then(|pop| text(pop)));
    let listen = match node.role {
        Role::GeoDns => node.address.to_string(),
        Role::Edge | Role::Shield => format!("0.0.0.0:{}", node.address.port()),
    };
    set("listen", Some(Value::Array(vec![listen.into()])));
    set("admin", member.admin.as_ref().and_then(|admin| text(admin)));
    if node.role != Role::GeoDns {
        set("tier_address", text(&node.address));
        set("weight", Some(Value::Integer(node.weight.into())));
    } else {
        set("host", member.host.as_ref().and_then(|host| text(host)));
    }
    if node.role != Role::Shield {
        set("address", member.ipv4.as_ref().and_then(|ip| text(ip)));
        set("address6", member.ipv6.as_ref().and_then(|ip| text(ip)));
    }
    toml::to_string(&table).unwrap_or_default()
}

#[cfg(test)]
mod tests;
