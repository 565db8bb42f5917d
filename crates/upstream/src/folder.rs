//! A folder as an origin.
