//! The Nix grammar: lexer, error-tolerant parser, lossless trees.

pub mod ast;
mod edit;
mod error;
mod flat;
mod green;
mod kind;
mod lexer;
mod operators;
mod parser;
mod reparse;
mod strings;

pub use edit::{ColumnEncoding, EditError, LineColumn, LineIndex, Stretch, TextEdit, apply_edits};
pub use error::{SyntaxError, SyntaxErrorKind, Terminal};
pub use flat::{Children, Element, ElementId, FlatTree};
pub use green::{MAX_GREEN_DEPTH, NixLanguage, SyntaxElement, SyntaxNode, SyntaxToken};
pub use kind::SyntaxKind;
pub use lexer::{is_identifier, keyword_or_identifier};
pub use operators::{Associativity, Precedence, binary_operator};
pub use parser::{MAX_NESTING, Parse, ParseOptions, parse};
pub use reparse::{Exchange, Reparse, reparse};
pub use strings::{StringPart, strip_indentation, unescape_string};

pub use rowan::{self, GreenNode, TextRange, TextSize};
