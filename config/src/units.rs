//! Values as they are written in the file. Each says what it expected when it cannot be read.

mod cookie;
mod duration;
mod endpoint_url;
mod fields;
mod list;
mod log;
mod names;
mod net;
mod number;
mod origin;
mod path;
mod region;
mod scalar;
mod secret;
mod shares;
mod size;

pub(crate) use cookie::CookieKey;
pub(crate) use duration::{Lifetime, Period, Ttl};
pub(crate) use endpoint_url::EndpointUrl;
pub(crate) use fields::{
    CookieName, CookiePattern, Extension, FieldName, KeyField, ParameterPattern, PathPattern,
    TargetedField,
};
pub(crate) use list::UpTo;
pub(crate) use log::{AccessLogTarget, LevelName};
pub(crate) use names::{
    Contact, DnsName, EnvName, HostPattern, Name, ServiceName, TrustName, ZoneName,
};
pub(crate) use net::{Address, Ip4, Ip6, Net, is_of_one};
pub(crate) use number::{Count, Degrees, Factor, PartialShare, PositiveShare, Share, Whole};
pub(crate) use origin::{Origin, OriginTarget, hint as origin_hint};
pub(crate) use path::{FilePath, HttpPath, NodePath};
pub(crate) use region::{Asn, Continent, Country, Subdivision};
pub(crate) use scalar::{OneOrMore, Scalar};
pub(crate) use secret::Secret;
pub(crate) use shares::PopShares;
pub(crate) use size::Bytes;
