//! What the scenarios are written with.

pub(crate) mod cdn;
pub(crate) mod client;
pub(crate) mod dns;
pub(crate) mod etcd;
pub(crate) mod fleet;
pub(crate) mod gated;
pub(crate) mod huge;
pub(crate) mod load;
pub(crate) mod metrics;
pub(crate) mod movie;
pub(crate) mod net;
pub(crate) mod origin;
pub(crate) mod pattern;
pub(crate) mod press;
pub(crate) mod process;
pub(crate) mod raw_client;
pub(crate) mod raw_origin;
pub(crate) mod relay;
pub(crate) mod validator;
pub(crate) mod versions;
pub(crate) mod visitor;
pub(crate) mod wait;
