//! Position-free lowered Nix expressions with names resolved to slots.
//!
//! `floe-syntax` comes in, a [`Module`] and the [`SourceMap`] beside it go out. Nothing here knows of
//! values, files or salsa.

mod dump;
mod expr;
mod globals;
mod lower;
mod name;
mod problem;
mod scopes;
mod show;

pub use dump::dump;
pub use expr::*;
pub use globals::{Feature, Gate, Global, global, globals};
pub use lower::{
    BeforeEdit, Landmarks, LowerOptions, Lowered, lower, lower_again, lower_for_edits,
};
pub use name::Name;
pub use problem::{Problem, ProblemKind};
pub use scopes::{Definition, ScopeOwner, Scopes, Visible};
pub use show::{Escaped, Identifier, Quoted, Show};
