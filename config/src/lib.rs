//! The one file: parse, validate, point at the line that is wrong, build each role's configuration.
