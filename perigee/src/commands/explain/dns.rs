//! `perigee explain dns`: what a client is answered, and why.

mod text;

use std::process::ExitCode;

use perigee_config::NodeSummary;
use perigee_geodns::{DnsExplanation, DnsQuestion};
use serde::Serialize;

use super::super::{
    Outcome,
    fleet::{Fleet, Member},
};
use crate::{admin::CallError, cli, style::print};

/// All that is known.
#[derive(Debug, Serialize)]
struct Report {
    question: DnsQuestion,
    /// The version of the file.
    version: String,
    nodes: Vec<Told>,
}

/// A name server, and what it says or why it says nothing.
#[derive(Debug, Serialize)]
struct Told {
    node: String,
    error: Option<String>,
    /// Whether it runs the file that was asked with.
    current: Option<bool>,
    explanation: Option<DnsExplanation>,
}

pub(in crate::commands) async fn run(options: &cli::ExplainDns) -> Outcome {
    let fleet = Fleet::load(&options.config).await?;
    let question = DnsQuestion {
        name: options.name.clone(),
        client: options.client,
    };
    let asked = fleet.that_answer(options.node.as_deref())?;
    let report = Report {
        nodes: ask(asked, &question, &fleet.version).await?,
        question,
        version: fleet.version,
    };
    if options.json {
        print(&format!("{:#}\n", serde_json::json!(report)));
    } else {
        print(&text::of(&report));
    }
    let all_answered = report.nodes.iter().all(|told| told.error.is_none());
    Ok(if all_answered {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn ask(
    members: Vec<Member>,
    question: &DnsQuestion,
    version: &str,
) -> Result<Vec<Told>, String> {
    let ask = |member: Member| {
        let question = question.clone();
        tokio::spawn(async move { (member.node, member.admin.explain_dns(&question).await) })
    };
    let asked: Vec<_> = members.into_iter().map(ask).collect();
    let mut told = Vec::new();
    for answer in asked {
        let (node, explanation) = answer.await.map_err(|e| e.to_string())?;
        told.push(Told::new(&node, explanation, version));
    }
    Ok(told)
}

impl Told {
    fn new(
        node: &NodeSummary,
        explanation: Result<DnsExplanation, CallError>,
        version: &str,
    ) -> Self {
        let error = explanation.as_ref().err().map(ToString::to_string);
        let explanation = explanation.ok();
        Told {
            node: node.name.to_string(),
            error,
            current: explanation
                .as_ref()
                .map(|told| told.config_version == version),
            explanation,
        }
    }
}
