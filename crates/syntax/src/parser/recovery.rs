//! How the parser goes on behind an error. See the rules in the parent module.

use super::{Parser, SyntaxKind::*, Terminal};
use crate::kind::SyntaxKind;

/// What the enclosing constructs wait for, up to the innermost brace.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Awaited(u16);

impl Awaited {
    pub(super) const NOTHING: Awaited = Awaited(0);
    pub(super) const R_BRACE: Awaited = Awaited(1);
    pub(super) const R_BRACKET: Awaited = Awaited(1 << 1);
    pub(super) const R_PAREN: Awaited = Awaited(1 << 2);
    pub(super) const SEMICOLON: Awaited = Awaited(1 << 3);
    pub(super) const COMMA: Awaited = Awaited(1 << 4);
    pub(super) const IN: Awaited = Awaited(1 << 5);
    pub(super) const THEN: Awaited = Awaited(1 << 6);
    pub(super) const ELSE: Awaited = Awaited(1 << 7);
    /// The next binding of a set or `let`.
    pub(super) const BINDING: Awaited = Awaited(1 << 8);

    /// What a set hides its surroundings with.
    pub(super) const IN_SET: Awaited = Awaited::R_BRACE.and(Awaited::BINDING);

    pub(super) const fn and(self, other: Awaited) -> Awaited {
        Awaited(self.0 | other.0)
    }

    fn includes(self, other: Awaited) -> bool {
        self.0 & other.0 != 0
    }
}

impl Parser<'_> {
    /// Parses something inside of which `more` is awaited, too.
    pub(super) fn awaiting<R>(&mut self, more: Awaited, parse: impl FnOnce(&mut Self) -> R) -> R {
        self.only_awaiting(self.awaited.and(more), parse)
    }

    /// Parses the inside of braces, which hides what is awaited outside.
    pub(super) fn only_awaiting<R>(
        &mut self,
        awaited: Awaited,
        parse: impl FnOnce(&mut Self) -> R,
    ) -> R {
        let outer = std::mem::replace(&mut self.awaited, awaited);
        let result = parse(self);
        self.awaited = outer;
        result
    }

    /// Whether an enclosing construct can go on here.
    pub(super) fn is_awaited(&self) -> bool {
        let Some(kind) = self.current() else { return true };
        let awaited = match kind {
            RBrace => Awaited::R_BRACE,
            RBracket => Awaited::R_BRACKET,
            RParen => Awaited::R_PAREN,
            Semicolon => Awaited::SEMICOLON,
            Comma => Awaited::COMMA,
            InKw => Awaited::IN,
            ThenKw => Awaited::THEN,
            ElseKw => Awaited::ELSE,
            InheritKw => Awaited::BINDING,
            _ => return self.awaited_binding().is_some(),
        };
        self.awaited.includes(awaited)
    }

    /// If bindings are awaited and one starts here, the position of its `=`.
    pub(super) fn awaited_binding(&self) -> Option<usize> {
        if self.awaited.includes(Awaited::BINDING) { self.binding_start() } else { None }
    }

    /// The position of the `=` if the current token starts an attribute path with one behind it.
    /// Interpolated names are not recognised, their end is not worth searching; nor are paths longer than
    /// any that people write, which keeps this constant in time.
    pub(super) fn binding_start(&self) -> Option<usize> {
        let mut position = self.position;
        for _ in 0..100 {
            position += match self.tokens.get(position)?.kind {
                Ident | OrKw => 1,
                StringQuote => {
                    let text = usize::from(self.tokens.get(position + 1)?.kind == StringFragment);
                    if self.tokens.get(position + 1 + text)?.kind != StringQuote {
                        return None;
                    }
                    text + 2
                }
                _ => return None,
            };
            match self.tokens.get(position)?.kind {
                Assign => return Some(position),
                Dot => position += 1,
                _ => return None,
            }
        }
        None
    }

    /// Takes a token that must follow an expression. If it is not there, reports what is, and skips to
    /// it unless something that is awaited outside comes first.
    pub(super) fn expect_behind_expression(
        &mut self,
        kind: SyntaxKind,
        expected: &'static [Terminal],
    ) -> bool {
        if self.eat(kind) {
            return true;
        }
        self.unexpected_behind_expression(expected);
        self.skip_to(kind);
        self.eat(kind)
    }

    /// Reports what follows an expression. The reference takes the name of a following binding as an
    /// argument, so it complains about the `=` only.
    pub(super) fn unexpected_behind_expression(&mut self, expected: &'static [Terminal]) {
        let position = self.awaited_binding().unwrap_or(self.position);
        self.unexpected_at(position, expected);
    }

    /// Puts everything up to a token of this kind, or up to something awaited, into an error node.
    pub(super) fn skip_to(&mut self, kind: SyntaxKind) {
        if self.at(kind) || self.is_awaited() {
            return;
        }
        let error = self.start();
        while !self.at(kind) && !self.is_awaited() {
            self.skip_one();
        }
        self.complete(error, Error);
    }

    /// Takes the current token, or the whole construct that it starts. Braces and quotes are never
    /// taken apart. Something must be left of the text.
    pub(super) fn skip_one(&mut self) {
        let quiet = std::mem::replace(&mut self.quiet, true);
        self.nested(|parser| {
            if parser.binding_start().is_some() {
                return Some(parser.binding());
            }
            match parser.current() {
                Some(DollarBrace) => Some(parser.interpolation()),
                Some(LBrace | StringQuote | IndentedQuote | PathFragment) => parser.expression(),
                Some(kind) if starts_expression(kind) && parser.nth(1) != Some(Assign) => {
                    parser.expression()
                }
                _ => {
                    parser.bump();
                    None
                }
            }
        });
        self.quiet = quiet;
    }
}

/// Whether an operand can start with such a token.
pub(super) fn starts_operand(kind: SyntaxKind) -> bool {
    matches!(
        kind,
        Ident
            | Int
            | Float
            | Uri
            | SearchPath
            | PathFragment
            | StringQuote
            | IndentedQuote
            | LParen
            | LBrace
            | LBracket
            | RecKw
            | LetKw
    )
}

/// Whether an expression can start with such a token.
pub(super) fn starts_expression(kind: SyntaxKind) -> bool {
    starts_operand(kind) || matches!(kind, Minus | Bang | IfKw | WithKw | AssertKw)
}
