//! `perigee edge --listen ... --origin ...`: one caching reverse proxy.
