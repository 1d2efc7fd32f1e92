//! The evaluator of the Nix language.
