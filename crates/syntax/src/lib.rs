//! The Nix grammar: lexer, error-tolerant parser, lossless trees.

mod flat;
mod kind;

pub use flat::{Children, Element, ElementId, FlatTree};
pub use kind::SyntaxKind;
