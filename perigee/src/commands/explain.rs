//! `perigee explain http`: what would become of a request, by the file and by each node.

pub(super) mod dns;
mod text;

use std::{collections::BTreeMap, process::ExitCode, time::SystemTime};

use perigee_config::{Document, NodeSummary};
use perigee_edge::{Explanation, Outline, Places, Question, outline, places};
use serde::Serialize;

use super::{
    Outcome,
    fleet::{Fleet, Member},
};
use crate::{admin::CallError, cli, style::print};

/// All that is known.
#[derive(Debug, Serialize)]
struct Report {
    request: Question,
    /// The version of the file.
    version: String,
    file: ByTheFile,
    nodes: Vec<Told>,
}

/// What the file alone says.
#[derive(Debug, Serialize)]
struct ByTheFile {
    service: String,
    host: String,
    rule: Option<String>,
    policy: BTreeMap<String, String>,
    key: String,
    /// The edges of each PoP in the order in which they own the key.
    owners: BTreeMap<String, Vec<String>>,
    /// In the order in which they are asked.
    shields: Vec<String>,
    origins: Vec<String>,
    /// What a node does that has nothing stored.
    outcome: &'static str,
    because: String,
}

/// A node, and what it says or why it says nothing.
#[derive(Debug, Serialize)]
struct Told {
    node: String,
    role: &'static str,
    pop: Option<String>,
    error: Option<String>,
    /// Whether it runs the file that was asked with.
    current: Option<bool>,
    explanation: Option<Explanation>,
}

pub(super) async fn run(options: &cli::ExplainHttp) -> Outcome {
    let fleet = Fleet::load(&options.config).await?;
    let fields = options.headers.iter();
    let question = Question {
        url: options.url.0.clone(),
        method: options.method.to_string(),
        headers: fields.map(|f| (f.0.clone(), f.1.clone())).collect(),
    };
    let file = ByTheFile::of(&question, &fleet.document)?;
    let asked = fleet.that_store(options.node.as_deref())?;
    let report = Report {
        nodes: ask(asked, &question, &fleet.version).await?,
        request: question,
        version: fleet.version,
        file,
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
    question: &Question,
    version: &str,
) -> Result<Vec<Told>, String> {
    let asked: Vec<_> = members
        .into_iter()
        .map(|member| {
            let question = question.clone();
            tokio::spawn(async move { (member.node, member.admin.explain(&question).await) })
        })
        .collect();
    let mut told = Vec::new();
    for answer in asked {
        let (node, explanation) = answer.await.map_err(|e| e.to_string())?;
        told.push(Told::new(&node, explanation, version));
    }
    Ok(told)
}

impl ByTheFile {
    fn of(question: &Question, document: &Document) -> Result<Self, String> {
        let services = document.services();
        let Outline {
            service,
            host,
            rule,
            policy,
            key,
            origins,
            outcome,
            because,
        } = outline(question, &services, SystemTime::now())?;
        let Places { edges, shields } =
            places(&key, document.edge_nodes(), document.shield_nodes());
        let names = |nodes: Vec<perigee_edge::NodeName>| -> Vec<String> {
            nodes.iter().map(ToString::to_string).collect()
        };
        Ok(ByTheFile {
            service,
            host,
            rule,
            policy,
            key: key.to_string(),
            owners: edges
                .into_iter()
                .map(|(pop, edges)| (pop.to_string(), names(edges)))
                .collect(),
            shields: names(shields),
            origins,
            outcome,
            because,
        })
    }
}

impl Told {
    fn new(node: &NodeSummary, explanation: Result<Explanation, CallError>, version: &str) -> Self {
        let (explanation, error) = match explanation {
            Ok(explanation) => (Some(explanation), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Told {
            node: node.name.to_string(),
            role: node.role.as_str(),
            pop: node.pop.as_ref().map(ToString::to_string),
            error,
            current: explanation.as_ref().map(|e| e.config_version == version),
            explanation,
        }
    }
}
