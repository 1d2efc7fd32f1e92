//! The `floe` program: argument parsing and terminal output around the library crates.

fn main() {}
