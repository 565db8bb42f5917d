//! An empty table is what the room that owns it does by default.

use perigee_edge::{
    ClientLimits, EndpointLimits, HotCopies, LoadBound, MemoryConfig, Policy, PoolConfig,
};
use perigee_geodns::ViewConfig;
use serde::de::DeserializeOwned;

use super::*;

fn empty<T: DeserializeOwned>() -> T {
    toml::from_str("").expect("an empty table is enough")
}

#[test]
fn empty_tables_are_the_rooms_defaults() {
    assert_eq!(empty::<Limits>().build(), ClientLimits::default());
    assert_eq!(empty::<Storage>().build(), MemoryConfig::default());
    assert_eq!(empty::<OriginLimits>().build(), EndpointLimits::default());
    assert_eq!(empty::<OriginPool>().build(), PoolConfig::default());
    assert_eq!(empty::<Ring>().load_bound(), LoadBound::default());
    assert_eq!(empty::<Ring>().copies(), HotCopies::default());
    assert_eq!(empty::<Health>().build(), ViewConfig::default());
    assert_eq!(empty::<Cache>().build(false), Policy::default());
    assert_eq!(empty::<Cache>().build(true), Policy::for_files());
    let dns: Dns = toml::from_str("zone = 'a'").expect("a zone is enough");
    assert_eq!(dns.limits.build(), perigee_geodns::Limits::default());
}

#[test]
fn a_tier_is_given_up_sooner_but_waits_longer_for_an_answer_than_an_origin() {
    let (tier, origin) = (empty::<Tier>().build(), EndpointLimits::default());
    assert!(tier.connect_timeout < origin.connect_timeout);
    assert!(tier.first_byte_timeout > origin.first_byte_timeout);
}

/// Written out and read again, defaults are the same: so the schema tells values that can be used.
#[test]
fn defaults_can_be_written() {
    fn round_trip<T: serde::Serialize + DeserializeOwned + std::fmt::Debug>() {
        let text = toml::to_string(&empty::<T>()).expect("can be written");
        let again: T = toml::from_str(&text).unwrap_or_else(|e| panic!("{text}\n{e}"));
        assert_eq!(format!("{again:?}"), format!("{:?}", empty::<T>()));
    }
    round_trip::<Limits>();
    round_trip::<Storage>();
    round_trip::<OriginLimits>();
    round_trip::<OriginPool>();
    round_trip::<Tier>();
    round_trip::<Ring>();
    round_trip::<Health>();
    round_trip::<Cache>();
    round_trip::<Shutdown>();
    round_trip::<Log>();
    round_trip::<Reload>();
}
