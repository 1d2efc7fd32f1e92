//! The error-tolerant parser: tokens in, a list of events out, from which the tree is built.
//!
//! A recursive descent over the grammar of the reference implementation (its `parser.y`), except that
//! it goes on after an error. Three rules keep recovery predictable:
//!
//! * Braces dominate. What `{` or `${` opens ends at its `}` or at the end of the text, nowhere else,
//!   exactly as the lexer counts them; so a string's end is always found.
//! * A construct that meets a token for which an enclosing construct waits ends there.
//! * Inside a set or `let`, a name followed by `=` starts a binding, whatever came before it.

mod bindings;
mod expressions;
mod functions;
mod recovery;

use crate::error::{SyntaxError, SyntaxErrorKind, Terminal};
use crate::flat::FlatTree;
use crate::flat::build::{Event, build};
use crate::kind::SyntaxKind::{self, *};
use crate::lexer::{self, Lexed, Token};

use recovery::Awaited;

/// What a parser may accept beyond the language's stable part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ParseOptions {
    /// Accept `|>` and `<|` without an error. They get their nodes either way.
    pub pipe_operators: bool,
}

/// The result of [`parse`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parse {
    /// The tree; its text is the input.
    pub tree: FlatTree,
    /// The errors in the order of the text. There is none exactly if the text is syntactically valid.
    pub errors: Vec<SyntaxError>,
}

/// How many expressions may be nested in each other. Everything deeper is an error, so that a hostile
/// file cannot take memory out of proportion to its length.
pub const MAX_NESTING: u32 = 500_000;

/// Parses the text of a file. Never fails: what is wrong is in [`Parse::errors`].
pub fn parse(text: &str, options: &ParseOptions) -> Parse {
    if u32::try_from(text.len()).is_err() {
        let error = SyntaxError { start: 0, end: 0, kind: SyntaxErrorKind::TooLong };
        return Parse { tree: build("", &[], &[], &mut []), errors: vec![error] };
    }
    let lexed = lexer::lex(text);
    finish(text, lexed, options, |parser| parser.source_file())
}

/// Parses the text of one bracketed construct, or of one binding of a set. It starts with its first token.
pub(crate) fn parse_block(text: &str, kind: SyntaxKind, options: &ParseOptions) -> Parse {
    finish(text, lexer::lex(text), options, |parser| {
        match kind {
            Binding => parser.only_awaiting(Awaited::IN_SET, Parser::binding),
            List => parser.list(),
            Paren => parser.parenthesised(),
            Interpolation => parser.interpolation(),
            _ => parser.attr_set(kind),
        };
    })
}

/// Parses a run of whole entries of a set or `let`: `closing` is the token that ends the text, the last
/// entry's `;` or what closes the set. `None` if the entries do not end exactly there.
pub(crate) fn parse_entries(
    text: &str,
    parent: Entries,
    closing: SyntaxKind,
    options: &ParseOptions,
) -> Option<Parse> {
    let lexed = lexer::lex(text);
    let last = *lexed.tokens.last()?;
    if last.kind != closing || last.end as usize != text.len() || !lexed.is_closed {
        return None;
    }
    let behind = if closing == Semicolon { last.end } else { last.end + 1 };
    let entries = lexed.tokens.len() - usize::from(closing != Semicolon);
    let mut parsed = 0;
    let parse = finish(text, lexed, options, |parser| {
        parser.entries(parent);
        parsed = parser.position;
    });
    // What looked further than the text goes would have seen something else in the whole text.
    let stayed_inside = parse.errors.iter().all(|error| error.start < behind);
    (parsed == entries && stayed_inside).then_some(parse)
}

/// What a run of entries is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entries {
    /// `{ … }`
    Set,
    /// `rec { … }` or `let { … }`
    KeywordSet,
    /// `let … in`
    Let,
}

fn finish(
    text: &str,
    lexed: Lexed,
    options: &ParseOptions,
    grammar: impl FnOnce(&mut Parser<'_>),
) -> Parse {
    let mut parser = Parser {
        text,
        options: *options,
        tokens: &lexed.tokens,
        position: 0,
        events: Vec::with_capacity(lexed.tokens.len() * 2 + 8),
        errors: Vec::new(),
        error_before: 0,
        quiet: false,
        awaited: Awaited::NOTHING,
        nesting: 0,
    };
    grammar(&mut parser);
    let Parser { mut events, mut errors, position, .. } = parser;
    if !lexed.errors.is_empty() {
        // Where both complain about the same place the lexer does so first.
        errors.splice(0..0, lexed.errors);
        errors.sort_by_key(|error| error.start);
    }
    Parse { tree: build(text, &lexed.tokens[..position], &lexed.trivia, &mut events), errors }
}

struct Parser<'a> {
    text: &'a str,
    options: ParseOptions,
    tokens: &'a [Token],
    position: usize,
    events: Vec<Event>,
    errors: Vec<SyntaxError>,
    /// Tokens before this one have had their error; one is enough for each.
    error_before: usize,
    /// Inside text that an error has already been reported for.
    quiet: bool,
    awaited: Awaited,
    nesting: u32,
}

/// The start of a node that is not finished yet.
#[must_use = "a node that is started must be completed"]
struct Marker(usize);

/// A finished node, which can still be wrapped into another.
#[derive(Clone, Copy)]
struct Completed(usize);

impl Parser<'_> {
    fn current(&self) -> Option<SyntaxKind> {
        self.nth(0)
    }

    fn nth(&self, ahead: usize) -> Option<SyntaxKind> {
        self.tokens.get(self.position + ahead).map(|token| token.kind)
    }

    fn at(&self, kind: SyntaxKind) -> bool {
        self.current() == Some(kind)
    }

    /// Whether no trivia stands before the current token.
    fn is_adjacent(&self) -> bool {
        match self.tokens[..self.tokens.len().min(self.position + 1)] {
            [.., previous, current] => previous.end == current.start,
            _ => false,
        }
    }

    /// Whether a line break stands before the current token.
    fn is_on_new_line(&self) -> bool {
        match self.tokens[..self.tokens.len().min(self.position + 1)] {
            [.., previous, current] => {
                self.text[previous.end as usize..current.start as usize].contains('\n')
            }
            _ => false,
        }
    }

    fn bump(&mut self) {
        if self.position < self.tokens.len() {
            self.events.push(Event::Token);
            self.position += 1;
        }
    }

    fn eat(&mut self, kind: SyntaxKind) -> bool {
        let found = self.at(kind);
        if found {
            self.bump();
        }
        found
    }

    fn start(&mut self) -> Marker {
        self.events.push(Event::Start { kind: Error, parent: 0 });
        Marker(self.events.len() - 1)
    }

    #[allow(clippy::needless_pass_by_value, reason = "a marker is used up")]
    fn complete(&mut self, marker: Marker, kind: SyntaxKind) -> Completed {
        if let Event::Start { kind: slot, .. } = &mut self.events[marker.0] {
            *slot = kind;
        }
        self.events.push(Event::Finish);
        Completed(marker.0)
    }

    /// A node of the current token alone.
    fn leaf(&mut self, kind: SyntaxKind) -> Completed {
        self.events.push(Event::Leaf { kind, parent: 0 });
        self.position += 1;
        Completed(self.events.len() - 1)
    }

    /// Starts a node whose first child is the completed one.
    fn precede(&mut self, child: Completed) -> Marker {
        let marker = self.start();
        let distance = (marker.0 - child.0) as u32;
        match &mut self.events[child.0] {
            Event::Start { parent, .. } | Event::Leaf { parent, .. } => *parent = distance,
            Event::Token | Event::Finish | Event::Placed => {}
        }
        marker
    }

    /// Reports the current token.
    fn unexpected(&mut self, expected: &'static [Terminal]) {
        self.unexpected_at(self.position, expected);
    }

    fn unexpected_at(&mut self, position: usize, expected: &'static [Terminal]) {
        let found = match self.tokens.get(position) {
            None => Terminal::EndOfFile,
            Some(Token { kind: PathFragment, start, .. })
                if self.text.as_bytes()[*start as usize] == b'~' =>
            {
                Terminal::HomePath
            }
            Some(token) => Terminal::Token(token.kind),
        };
        self.error_at(position, SyntaxErrorKind::Unexpected { found, expected });
    }

    fn error_at(&mut self, position: usize, kind: SyntaxErrorKind) {
        if self.quiet || position < self.error_before {
            return;
        }
        self.error_before = position + 1;
        let end_of_file = self.text.len() as u32;
        let (start, end) = match self.tokens.get(position) {
            Some(token) => (token.start, token.end),
            None => (end_of_file, end_of_file),
        };
        self.errors.push(SyntaxError { start, end, kind });
    }
}

#[cfg(test)]
mod tests;
