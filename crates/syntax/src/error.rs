//! Syntax errors, in the words of the reference implementation.
//!
//! C++ Nix stops at the first error and this parser does not, but the first message here is meant to
//! be the one that Nix prints, so that a search for it finds the same answers.

use std::fmt;

use crate::SyntaxKind;

/// One syntax error and the text that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Byte offset at which the offending text starts.
    pub start: u32,
    /// Byte offset just past it. Equal to `start` at the end of the file.
    pub end: u32,
    /// What is wrong.
    pub kind: SyntaxErrorKind,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(formatter)
    }
}

impl std::error::Error for SyntaxError {}

/// What is wrong with a piece of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyntaxErrorKind {
    /// A token where the grammar has no place for it.
    Unexpected {
        /// The token that was found.
        found: Terminal,
        /// What could have stood there; empty where that is more than four things.
        expected: &'static [Terminal],
    },
    /// `./a/` without anything behind the slash.
    TrailingSlash,
    /// An integer literal that does not fit into 64 bits.
    InvalidInteger(Box<str>),
    /// A floating-point literal out of range.
    InvalidFloat(Box<str>),
    /// A NUL byte in a string literal, given as its text.
    NulInString(Box<str>),
    /// `|>` or `<|` without [`crate::ParseOptions::pipe_operators`].
    PipeOperatorsDisabled,
    /// Expressions nested deeper than [`crate::MAX_NESTING`].
    NestedTooDeeply,
    /// The text is longer than the 4 GiB that offsets can address. The tree is empty.
    TooLong,
}

impl fmt::Display for SyntaxErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unexpected { found, expected } => {
                write!(formatter, "syntax error, unexpected {found}")?;
                for (position, terminal) in expected.iter().enumerate() {
                    let lead = if position == 0 { ", expecting" } else { " or" };
                    write!(formatter, "{lead} {terminal}")?;
                }
                Ok(())
            }
            Self::TrailingSlash => formatter.write_str("path has a trailing slash"),
            Self::InvalidInteger(text) => write!(formatter, "invalid integer '{text}'"),
            Self::InvalidFloat(text) => write!(formatter, "invalid float '{text}'"),
            Self::NulInString(text) => write!(
                formatter,
                "input string '{}' cannot be represented as Nix string because it contains null bytes",
                text.replace('\0', "␀")
            ),
            Self::PipeOperatorsDisabled => formatter.write_str(
                "experimental Nix feature 'pipe-operators' is disabled; \
                 add '--extra-experimental-features pipe-operators' to enable it",
            ),
            Self::NestedTooDeeply => write!(
                formatter,
                "expressions are nested more than {} levels deep",
                crate::MAX_NESTING
            ),
            Self::TooLong => formatter.write_str("the file is longer than 4 GiB"),
        }
    }
}

/// A terminal symbol of the grammar, as messages name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// A token of this kind. [`SyntaxKind::PathFragment`] is the start of a path,
    /// [`SyntaxKind::StringFragment`] text in `"…"`, [`SyntaxKind::IndentedQuote`] an opening one.
    Token(SyntaxKind),
    /// A path that starts with `~/`.
    HomePath,
    /// The place where a path's text ends.
    PathEnd,
    /// Text in `''…''`.
    IndentedStringFragment,
    /// The `''` that closes a string.
    IndentedStringEnd,
    /// The end of the text.
    EndOfFile,
}

impl fmt::Display for Terminal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::HomePath => "'~/…' path",
            Self::PathEnd => "end of path",
            Self::IndentedStringFragment => "indented string",
            Self::IndentedStringEnd => "end of an indented string",
            Self::EndOfFile => "end of file",
            Self::Token(kind) => match kind {
                SyntaxKind::Ident => "identifier",
                SyntaxKind::Int => "integer",
                SyntaxKind::Float => "floating-point literal",
                SyntaxKind::Uri => "URI",
                SyntaxKind::SearchPath => "'<…>' path",
                SyntaxKind::PathFragment => "path",
                SyntaxKind::StringFragment => "string",
                SyntaxKind::IndentedQuote => "start of an indented string",
                SyntaxKind::AssertKw => "'assert'",
                SyntaxKind::ElseKw => "'else'",
                SyntaxKind::IfKw => "'if'",
                SyntaxKind::InKw => "'in'",
                SyntaxKind::InheritKw => "'inherit'",
                SyntaxKind::LetKw => "'let'",
                SyntaxKind::OrKw => "'or'",
                SyntaxKind::RecKw => "'rec'",
                SyntaxKind::ThenKw => "'then'",
                SyntaxKind::WithKw => "'with'",
                SyntaxKind::StringQuote => "'\"'",
                SyntaxKind::LBrace => "'{'",
                SyntaxKind::RBrace => "'}'",
                SyntaxKind::LBracket => "'['",
                SyntaxKind::RBracket => "']'",
                SyntaxKind::LParen => "'('",
                SyntaxKind::RParen => "')'",
                SyntaxKind::DollarBrace => "'${'",
                SyntaxKind::Semicolon => "';'",
                SyntaxKind::Colon => "':'",
                SyntaxKind::Comma => "','",
                SyntaxKind::At => "'@'",
                SyntaxKind::Dot => "'.'",
                SyntaxKind::Ellipsis => "'...'",
                SyntaxKind::Question => "'?'",
                SyntaxKind::Assign => "'='",
                SyntaxKind::Bang => "'!'",
                SyntaxKind::EqEq => "'=='",
                SyntaxKind::NotEq => "'!='",
                SyntaxKind::Less => "'<'",
                SyntaxKind::LessEq => "'<='",
                SyntaxKind::Greater => "'>'",
                SyntaxKind::GreaterEq => "'>='",
                SyntaxKind::AndAnd => "'&&'",
                SyntaxKind::OrOr => "'||'",
                SyntaxKind::Arrow => "'->'",
                SyntaxKind::Plus => "'+'",
                SyntaxKind::Minus => "'-'",
                SyntaxKind::Star => "'*'",
                SyntaxKind::Slash => "'/'",
                SyntaxKind::SlashSlash => "'//'",
                SyntaxKind::PlusPlus => "'++'",
                SyntaxKind::PipeRight => "'|>'",
                SyntaxKind::PipeLeft => "'<|'",
                _ => "invalid token",
            },
        })
    }
}
