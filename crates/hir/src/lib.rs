//! Position-free lowered Nix expressions with names resolved to slots.
//!
//! `floe-syntax` comes in, a [`Module`] and the [`SourceMap`] beside it go out. Nothing here knows of
//! values, files or salsa.

mod expr;
mod name;

pub use expr::*;
pub use name::Name;
