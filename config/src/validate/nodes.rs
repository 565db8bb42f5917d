//! Names of nodes and PoPs, and references to them.

use super::{Report, Unique};
use crate::{
    at::At,
    sections::File,
    suggest::{list, nearest},
    units::Name,
};

pub(super) fn check(file: &File, report: &mut Report<'_>) {
    let pops = file.pops.iter().map(|pop| &pop.name);
    unique(report, "PoP", pops);
    unique(report, "node", file.nodes().map(|node| node.name));
    for pop in file.nodes().filter_map(|node| node.pop) {
        known_pop(file, report, pop);
    }
    for shield in file.pops.iter().flat_map(|pop| &pop.shields) {
        known_shield(file, report, shield);
    }
}

/// A shield, or a PoP with shields.
fn known_shield(file: &File, report: &mut Report<'_>, name: &At<Name>) {
    let names = || {
        let places = file.shields.iter().filter_map(|shield| shield.pop.as_ref());
        let shields = file.shields.iter().map(|shield| &shield.name);
        shields.chain(places).map(|name| name.0.as_str())
    };
    if names().any(|known| known == name.0) {
        return;
    }
    let help = match nearest(&name.0, names()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None if file.shields.is_empty() => "the file has no shields: take `shields` out".to_owned(),
        None => format!("there are {}", list(names(), "and")),
    };
    report.error(
        &name.span,
        format!(
            "no shield is named {:?}, and none stands in a PoP of that name",
            name.0
        ),
        help,
    );
}

/// Names that differ only in case are the same: they are part of DNS names too.
fn unique<'f>(report: &mut Report<'_>, what: &str, names: impl Iterator<Item = &'f At<Name>>) {
    let mut seen = Unique::new();
    for name in names {
        if let Some(first) = seen.insert(name.0.to_ascii_lowercase(), &name.span) {
            let line = report.line(&first);
            report.error(
                &name.span,
                format!("a second {what} is named {:?}", name.0),
                format!("the first one is on line {line}"),
            );
        }
    }
}

/// The PoP that is referred to must be there.
pub(super) fn known_pop(file: &File, report: &mut Report<'_>, pop: &At<Name>) {
    let names = || file.pops.iter().map(|pop| pop.name.0.as_str());
    if report.is_part() || names().any(|name| name == pop.0) {
        return;
    }
    let help = match nearest(&pop.0, names()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None if file.pops.is_empty() => {
            format!(
                "write it: [[pops]] with name = {:?}, latitude and longitude",
                pop.0
            )
        }
        None => format!("the PoPs are {}", list(names(), "and")),
    };
    report.error(
        &pop.span,
        format!("there is no PoP named {:?}", pop.0),
        help,
    );
}
