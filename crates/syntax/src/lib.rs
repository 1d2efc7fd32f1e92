//! The Nix grammar: lexer, error-tolerant parser, lossless trees.

mod error;
mod flat;
mod kind;
mod lexer;
mod parser;
mod strings;

pub use error::{SyntaxError, SyntaxErrorKind, Terminal};
pub use flat::{Children, Element, ElementId, FlatTree};
pub use kind::SyntaxKind;
pub use lexer::{is_identifier, keyword_or_identifier};
pub use parser::{MAX_NESTING, Parse, ParseOptions, parse};
pub use strings::{StringPart, strip_indentation, unescape_string};
