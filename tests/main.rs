//! Whole-system scenarios: real processes of the binary, on loopback, each read like a script.
//!
//! Every test has a network of loopback addresses of its own (all of 127.0.0.0/8 is local on
//! Linux), so that tests run side by side and ports need no luck.

#![allow(missing_docs)]

mod harness;

mod admin;
mod at_once;
mod broken_off;
mod cache_commands;
mod cache_suite;
mod coalescing;
mod commands;
mod crash;
mod demo;
mod disk;
mod disk_purged;
mod disk_trouble;
mod dns;
mod dns_alike;
mod dns_conformance;
mod dns_guard;
mod dns_load;
mod dns_measured;
mod dns_policies;
mod dns_reloading;
mod dnssec;
mod draining;
mod examples;
mod explain;
mod failing;
mod faults;
mod folder;
mod herd;
mod hops;
mod house;
mod huge;
mod interim;
mod invalidation;
mod keys;
mod lending;
mod lifecycle;
mod limits;
mod membership;
mod memory;
mod noticing;
mod one_proxy;
mod origin_manners;
mod origins;
mod panic_mode;
mod policy;
mod purging;
mod purging_by_etcd;
mod purging_everywhere;
mod ranges;
mod ranges_broken;
mod ranges_holes;
mod ranges_several;
mod ranges_shared;
mod returning;
mod rolling;
mod safe_keys;
mod shields;
mod spread;
mod stale;
mod streaming;
mod strict_http2;
mod strict_requests;
mod tier_listen;
mod tier_tls;
mod tls;
mod upgrade;
mod whole_cdn;
mod zone;
