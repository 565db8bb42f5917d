//! What a node runs on: its own file, and, where that has `[membership]`, what was applied and who is
//! registered. What cannot be used changes nothing: the node goes on with what it had.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use perigee_config::{Document, Nodes};
use perigee_edge::{Applied, Member, Members, Membership, News, Registration, Source};
use tokio::{sync::watch, time::timeout};

use super::{
    Role,
    reload::{Loaded, NotLoaded},
};

/// How often a node looks at itself for what it tells the others.
const TELL: Duration = Duration::from_millis(500);
/// How long a node that stops waits for etcd to take its registration out.
const LEAVE: Duration = Duration::from_secs(2);

/// Where the configuration of a node comes from.
pub(super) struct Sources {
    file: PathBuf,
    name: String,
    membership: Option<Membership>,
    good: Mutex<Good>,
}

/// What could be used.
struct Good {
    /// The file as it was when it was last right.
    own: Document,
    /// What was applied, and runs.
    applied: Option<Arc<Applied>>,
    /// Why what was applied last does not run, if so.
    refused: Option<String>,
}

impl Sources {
    /// Reads the file, and asks etcd if the file says so.
    pub(super) async fn open(file: &Path, name: &str, own: Document) -> Result<Self, String> {
        let config = own.membership(Some(name), &env).map_err(text)?;
        let membership = match config {
            None => None,
            Some(config) => {
                let expected = own.members().into_iter().map(expected).collect();
                Some(Membership::open(config, name.into(), expected).await?)
            }
        };
        Ok(Sources {
            file: file.to_owned(),
            name: name.to_owned(),
            membership,
            good: Mutex::new(Good {
                own,
                applied: None,
                refused: None,
            }),
        })
    }

    /// What the node starts on. What was applied and cannot be used is told, and done without.
    pub(super) fn first(&self) -> Result<Document, String> {
        let Some(membership) = &self.membership else {
            return Ok(self.good().own.clone());
        };
        let members = membership.members();
        let mut good = self.good();
        let newest = members.applied.clone();
        match self.together(&good.own, newest.as_deref(), &members) {
            Ok(document) => {
                good.applied = newest;
                Ok(document)
            }
            Err(why) => {
                let alone = self.together(&good.own, None, &members);
                let alone = alone.map_err(|_| why.clone())?;
                tracing::error!("{why}: starting with the file");
                good.refused = Some(why);
                Ok(alone)
            }
        }
    }

    /// Reads all of it anew, and has it taken up: the newest that can be.
    pub(super) fn load(
        &self,
        take: impl Fn(&Document) -> Result<Loaded, NotLoaded>,
    ) -> Result<Loaded, NotLoaded> {
        let read = Document::load(&self.file);
        let Some(membership) = &self.membership else {
            return take(&read.map_err(text)?);
        };
        let own = match read {
            Ok(own) => own,
            Err(why) => {
                tracing::error!("{why}");
                tracing::error!("going on with the file as it was");
                self.good().own.clone()
            }
        };
        let config = own.membership(Some(&self.name), &env).map_err(text)?;
        if config.as_ref() != Some(membership.config()) {
            let why = "[membership] cannot change while running; restart the node for that";
            return Err(why.to_owned().into());
        }
        let members = membership.members();
        let attempt = |applied: Option<&Applied>| {
            let document = self.together(&own, applied, &members)?;
            let member = document.member(&self.name).map_err(text)?;
            take(&document).map(|loaded| (loaded, member))
        };
        let newest = members.applied.clone();
        let taken = attempt(newest.as_deref());
        let mut good = self.good();
        match taken {
            Ok((loaded, member)) => {
                (good.own, good.applied, good.refused) = (own, newest, None);
                self.tell(member, None);
                Ok(loaded)
            }
            Err(refused) if good.applied == newest => Err(refused),
            Err(refused) => {
                let why = refused.problems.join("; ");
                if good.refused.as_ref() != Some(&why) {
                    let version = newest.map(|applied| applied.version.clone());
                    tracing::error!(version, "what was applied cannot be used here: {why}");
                    good.refused = Some(why.clone());
                }
                let (mut loaded, member) = attempt(good.applied.as_deref())?;
                // It may be put right.
                loaded.files.extend(refused.files);
                self.tell(member, Some(why));
                Ok(loaded)
            }
        }
    }

    /// All that is known, as one.
    fn together(
        &self,
        own: &Document,
        applied: Option<&Applied>,
        members: &Members,
    ) -> Result<Document, String> {
        let registered: Vec<Member> = members.nodes.iter().map(|n| n.member.clone()).collect();
        let nodes = match members.source {
            Source::Nowhere => Nodes::Written,
            Source::LastView | Source::Etcd => Nodes::Registered(&registered),
        };
        let text = applied.map(|applied| applied.text.as_str());
        let document = own.effective(Some(&self.name), text, nodes)?;
        Ok(match applied {
            Some(applied) => document.published_at(applied.at),
            None => document,
        })
    }

    /// Counts changes that the file does not show.
    pub(super) fn elsewhere(&self) -> Option<watch::Receiver<u64>> {
        self.membership.as_ref().map(Membership::plans)
    }

    /// Registers the node that runs, and tells how it does, for as long as it is polled.
    pub(super) async fn register(&self, document: &Document, role: &dyn Role) {
        let (Some(membership), Ok(member)) = (&self.membership, document.member(&self.name)) else {
            return std::future::pending().await;
        };
        let started = SystemTime::now().duration_since(UNIX_EPOCH);
        membership.register(Registration {
            member,
            news: News {
                config_version: document.version(),
                problem: self.good().refused.clone(),
                started: started.unwrap_or_default().as_secs(),
                ..News::default()
            },
        });
        loop {
            tokio::time::sleep(TELL).await;
            let readiness = role.readiness();
            membership.tell(|said| {
                said.news.load = readiness.load;
                said.news.draining = readiness.draining;
                said.news.config_version = readiness.config_version;
            });
        }
    }

    /// The node has stopped: the others need not wait for its lease to end.
    pub(super) async fn leave(&self) {
        if let Some(membership) = &self.membership
            && timeout(LEAVE, membership.leave()).await.is_err()
        {
            tracing::warn!("etcd does not answer: the registration stays until its lease ends");
        }
    }

    fn tell(&self, member: Member, problem: Option<String>) {
        if let Some(membership) = &self.membership {
            membership.tell(|said| {
                said.member = member;
                said.news.problem = problem;
            });
        }
    }

    fn good(&self) -> MutexGuard<'_, Good> {
        self.good.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A node that the file names, and that has a lease's time to register.
fn expected(member: Member) -> Registration {
    Registration {
        member,
        news: News::default(),
    }
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[allow(clippy::needless_pass_by_value)] // The shape of `map_err`.
fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
