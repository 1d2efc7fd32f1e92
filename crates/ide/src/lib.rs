//! One module per editor feature, as plain functions from a database to plain data.
