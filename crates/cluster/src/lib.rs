//! Who is in the CDN: the hash ring (pure), the nodes, the credential by which they know each
//! other and the fields they send each other, what they say of themselves (readiness), the live
//! view of their health, the purge log.

mod admission;
mod credential;
mod etcd;
mod latencies;
mod markers;
mod membership;
mod node;
mod probe;
mod purge_log;
mod readiness;
mod ring;
#[cfg(test)]
mod test_certs;
#[cfg(test)]
#[path = "../../../tests/harness/etcd.rs"]
mod test_etcd;
#[cfg(test)]
mod test_node;
mod tier_client;
mod tls;
mod trust;
mod view;

pub use admission::{Caller, caller, no_node, vouch};
pub use credential::{Credential, CredentialError, Proof, Refused};
pub use etcd::{Change, Entries, Entry, Etcd, EtcdConfig, EtcdError, Watch, Written};
pub use latencies::{LATENCIES_PATH, MOST_PREFIXES, NodeLatencies};
pub use markers::{AUTH_FIELD, Markers, VIA_FIELD, admit, admit_node, is_ours, stamp, strip};
pub use membership::{
    Application, Applied, MAX_APPLIED, Member, Members, Membership, MembershipConfig, News,
    Registration, Source, look,
};
pub use node::{Node, NodeName, PopName, Role};
pub use perigee_health::{Spill, SpillConfig};
pub use probe::{ProbeError, Prober};
pub use purge_log::{
    Carry, Cursor, EtcdKeeper, Followed, Follower, Keeper, Moment, NodeKeeper, PURGES_PATH, Page,
    PurgeEntry, PurgeLog, Reading, Refills, Step, Touch, asked, new_id,
};
pub use readiness::{READY_PATH, Readiness};
pub use ring::{LoadBound, Owners, OwnersWithin, Ring, Standing};
pub use tier_client::TierClient;
pub use tls::{TierTls, TlsError, TlsFiles, server_name};
pub use trust::{Trust, TrustConfig};
pub use view::{NodeHealth, View, ViewConfig};
