//! `perigee query`: a small dig.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use ipnet::IpNet;
use perigee_geodns::{QueryRecord, QueryResponse};

use super::Outcome;
use crate::{cli, style::print, table::Table};

const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) async fn run(query: &cli::Query) -> Outcome {
    let begun = Instant::now();
    let record_type = query.record_type.to_ascii_uppercase();
    let response = perigee_geodns::query(
        query.server,
        &query.name,
        &record_type,
        query.client,
        TIMEOUT,
        query.tcp,
    )
    .await
    .map_err(|e| e.to_string())?;
    let transport = if response.tcp { "TCP" } else { "UDP" };
    let ms = begun.elapsed().as_secs_f64() * 1_000.0;
    let server = query.server;
    let mut text = text(&response, query.client);
    text += &format!("; {server} over {transport} in {ms:.1} ms\n");
    print(&text);
    let answered = response.rcode == "NOERROR" || response.rcode == "NXDOMAIN";
    Ok(if answered {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn text(response: &QueryResponse, client: Option<IpNet>) -> String {
    let authority = match response.authoritative {
        true => "authoritative",
        false => "not authoritative",
    };
    let mut text = format!("; {}, {authority}", response.rcode);
    if let (Some(client), Some(scope)) = (client, response.scope) {
        text += &format!("; for a client in {client} the answer holds for /{scope}");
    }
    text += "\n";
    if response.answers.is_empty() {
        text += "; no records\n";
    }
    text + &records(&response.answers) + &records(&response.authority)
}

fn records(records: &[QueryRecord]) -> String {
    let mut table = Table::new(&["", ">", "", ""]);
    for record in records {
        let ttl = record.ttl.to_string();
        table.row([
            record.name.clone(),
            ttl,
            record.rtype.clone(),
            record.data.clone(),
        ]);
    }
    let lines = table.lines();
    lines
        .iter()
        .skip(1)
        .map(|line| format!("{line}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_records_and_for_whom_they_hold() {
        let response = QueryResponse {
            rcode: "NOERROR".into(),
            authoritative: true,
            tcp: false,
            answers: vec![QueryRecord {
                name: "www.cdn.test.".into(),
                ttl: 20,
                rtype: "A".into(),
                data: "127.0.2.1".into(),
            }],
            authority: Vec::new(),
            scope: Some(16),
        };
        let client = "193.0.6.0/24".parse().expect("a network");
        assert_eq!(
            text(&response, Some(client)),
            "; NOERROR, authoritative; for a client in 193.0.6.0/24 the answer holds for /16\n\
             www.cdn.test.  20  A  127.0.2.1\n"
        );
    }
}
