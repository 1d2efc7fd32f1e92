//! The salsa database: files as inputs, parse, lower, resolve and evaluate queries.
