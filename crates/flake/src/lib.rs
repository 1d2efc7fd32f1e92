//! Flake references and lock files.
