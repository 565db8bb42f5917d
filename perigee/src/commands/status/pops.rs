//! What each PoP is being given, as the name servers say it.

use perigee_geodns::PopStatus;

use crate::table::Table;

/// A PoP, as all name servers together see it.
#[derive(Debug)]
struct Pop<'a> {
    /// As the name server sees it that sees the fewest edges: what is wrong is told.
    worst: &'a PopStatus,
    answers_per_second: f64,
    spill: f64,
}

/// A row for each PoP; nothing if no name server has told.
pub(super) fn table<'a>(told: impl Iterator<Item = &'a [PopStatus]>) -> String {
    let pops = together(told);
    if pops.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["pop", ">edges", ">load", ">answers/s", ">gives away", "why"]);
    for pop in &pops {
        let PopStatus {
            pop: name,
            edges,
            usable,
            load,
            why,
            ..
        } = pop.worst;
        table.row([
            name.clone(),
            format!("{usable}/{edges}"),
            load.map(percent).unwrap_or_default(),
            format!("{:.1}", pop.answers_per_second),
            percent(pop.spill),
            why.clone(),
        ]);
    }
    format!("\n{table}")
}

fn together<'a>(told: impl Iterator<Item = &'a [PopStatus]>) -> Vec<Pop<'a>> {
    let mut pops: Vec<Pop<'a>> = Vec::new();
    for status in told.flatten() {
        match pops.iter_mut().find(|pop| pop.worst.pop == status.pop) {
            Some(pop) => {
                pop.answers_per_second += status.answers_per_second;
                pop.spill = pop.spill.max(status.spill);
                if status.usable < pop.worst.usable {
                    pop.worst = status;
                }
            }
            None => pops.push(Pop {
                worst: status,
                answers_per_second: status.answers_per_second,
                spill: status.spill,
            }),
        }
    }
    pops
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(usable: usize, answers_per_second: f64, spill: f64, why: &str) -> PopStatus {
        PopStatus {
            pop: "fra".to_owned(),
            edges: 2,
            usable,
            load: Some(0.91),
            spill,
            answers_per_second,
            why: why.to_owned(),
        }
    }

    #[test]
    fn name_servers_are_added_up_and_the_worst_is_told() {
        let servers = [[told(2, 3.0, 0.1, "")], [told(1, 4.5, 0.2, "1 of 2 edges")]];
        let text = table(servers.iter().map(|pops| &pops[..]));
        let row = text.lines().last().unwrap_or_default();
        let cells: Vec<_> = row.split_whitespace().collect();
        let expected = "fra 1/2 91 % 7.5 20 % 1 of 2 edges";
        assert_eq!(cells.join(" "), expected, "{text}");
    }

    #[test]
    fn without_name_servers_there_is_no_table() {
        assert_eq!(table(std::iter::empty()), "");
    }
}
