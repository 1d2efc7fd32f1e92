//! What is wrong with a file although its syntax is right, in the words of C++ Nix.
//!
//! Literals out of range are the lexer's to report: `floe_syntax::SyntaxErrorKind`.

use std::fmt;

use crate::{Identifier, Name, Span};

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: C++ Nix points at the start of it.
    pub span: Span,
    /// How far C++ Nix has read the text when it notices: of all mistakes of a file, syntax errors
    /// included, it reports the one with the smallest number. Variables are looked up last.
    pub noticed_at: u32,
    /// What.
    pub kind: ProblemKind,
}

/// Which mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// An attribute has two definitions that cannot be merged.
    DuplicateAttribute {
        /// The path, in the set or `let` that has both definitions.
        path: Vec<Name>,
        /// The first definition.
        previous: Span,
    },
    /// A function names two of its arguments alike.
    DuplicateArgument(Name),
    /// A variable is bound nowhere.
    UndefinedVariable(Name),
    /// `let ${e} = …; in …`
    DynamicAttributeInLet,
    /// `inherit ${e};`
    DynamicAttributeInInherit,
}

impl ProblemKind {
    /// The message of C++ Nix. `position` says how it prints an offset of the text:
    /// `/etc/nixos/configuration.nix:3:5`.
    pub fn message(&self, position: impl FnOnce(u32) -> String) -> String {
        match self {
            ProblemKind::DuplicateAttribute { previous, .. } => {
                format!("{self} at {}", position(previous.start))
            }
            _ => self.to_string(),
        }
    }
}

/// The message without the second position that a duplicate attribute's has, see
/// [`ProblemKind::message`].
impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProblemKind::DuplicateAttribute { path, .. } => {
                f.write_str("attribute '")?;
                for (index, name) in path.iter().enumerate() {
                    let dot = if index == 0 { "" } else { "." };
                    write!(f, "{dot}{}", Identifier(name.as_str()))?;
                }
                f.write_str("' already defined")
            }
            ProblemKind::DuplicateArgument(name) => {
                write!(f, "duplicate formal function argument '{}'", Identifier(name.as_str()))
            }
            ProblemKind::UndefinedVariable(name) => {
                write!(f, "undefined variable '{}'", Identifier(name.as_str()))
            }
            ProblemKind::DynamicAttributeInLet => {
                f.write_str("dynamic attributes not allowed in let")
            }
            ProblemKind::DynamicAttributeInInherit => {
                f.write_str("dynamic attributes not allowed in inherit")
            }
        }
    }
}
