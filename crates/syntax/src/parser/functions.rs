//! Functions and their parameters.

use super::bindings::{DOT_OR_ASSIGN, IN_SET};
use super::recovery::{Awaited, starts_expression};
use super::{Completed, Parser, SyntaxKind::*, Terminal};

const COLON: &[Terminal] = &[Terminal::Token(Colon)];
const COLON_OR_AT: &[Terminal] = &[Terminal::Token(Colon), Terminal::Token(At)];
const L_BRACE: &[Terminal] = &[Terminal::Token(LBrace)];
const R_BRACE: &[Terminal] = &[Terminal::Token(RBrace)];
const IDENT: &[Terminal] = &[Terminal::Token(Ident)];
const FORMAL: &[Terminal] =
    &[Terminal::Token(Ident), Terminal::Token(Ellipsis), Terminal::Token(RBrace)];
const BEHIND_FORMAL: &[Terminal] = &[Terminal::Token(RBrace), Terminal::Token(Comma)];

/// What a `{` at the start of an expression opens.
pub(super) enum Brace {
    AttrSet,
    Pattern,
}

impl Parser<'_> {
    /// Looks behind the current `{`. Also reports a lone `{ a }`, which the reference takes for a
    /// pattern and which becomes a set here: that is what it more likely grows into.
    pub(super) fn classify_brace(&mut self) -> Brace {
        let is_pattern_behind = |ahead| matches!(self.nth(ahead), Some(Colon | At));
        let is_pattern = match (self.nth(1), self.nth(2)) {
            (Some(RBrace), _) => is_pattern_behind(2),
            (Some(Ellipsis), _) | (Some(Ident), Some(Comma | Question)) => true,
            (Some(Ident), Some(RBrace)) => {
                let is_pattern = is_pattern_behind(3);
                if !is_pattern {
                    self.unexpected_at(self.position + 3, COLON_OR_AT);
                }
                is_pattern
            }
            // A comma is missing, perhaps.
            (Some(Ident | Comma), Some(Ident | Ellipsis)) => {
                let names = (1..)
                    .take_while(|ahead| matches!(self.nth(*ahead), Some(Ident | Comma | Ellipsis)))
                    .count();
                self.nth(names + 1) == Some(RBrace) && is_pattern_behind(names + 2)
            }
            _ => false,
        };
        if is_pattern { Brace::Pattern } else { Brace::AttrSet }
    }

    pub(super) fn lambda(&mut self) -> Completed {
        let marker = self.start();
        let expected = self.param();
        if self.eat(Colon) {
            self.expression();
        } else {
            self.unexpected(expected);
            if self.current().is_some_and(starts_expression) {
                self.expression();
            }
        }
        self.complete(marker, Lambda)
    }

    /// Returns what has to follow.
    fn param(&mut self) -> &'static [Terminal] {
        let marker = self.start();
        let expected = if self.eat(Ident) {
            if self.eat(At) {
                if self.at(LBrace) {
                    self.pattern(false);
                } else {
                    self.unexpected(L_BRACE);
                }
            }
            COLON
        } else {
            self.pattern(true);
            if self.eat(At) {
                if !self.eat(Ident) {
                    self.unexpected(IDENT);
                }
                COLON
            } else {
                COLON_OR_AT
            }
        };
        self.complete(marker, Param);
        expected
    }

    fn pattern(&mut self, could_be_set: bool) {
        let marker = self.start();
        self.bump();
        let first = self.position;
        self.only_awaiting(Awaited::R_BRACE.and(Awaited::COMMA), |parser| {
            let mut expected = if could_be_set && parser.at(Comma) { IN_SET } else { FORMAL };
            loop {
                match parser.current() {
                    Some(RBrace) => {
                        parser.bump();
                        break;
                    }
                    Some(Ident) => {
                        if expected != FORMAL {
                            parser.unexpected(expected);
                        }
                        let is_first = parser.position == first;
                        let has_default = parser.formal();
                        expected = BEHIND_FORMAL;
                        let is_next = parser.at(Ident) || parser.at(Ellipsis);
                        if is_first && could_be_set && !has_default && is_next {
                            // Up to here the reference still sees an attribute path, too.
                            parser.unexpected(DOT_OR_ASSIGN);
                        }
                    }
                    Some(Ellipsis) => {
                        if expected != FORMAL {
                            parser.unexpected(expected);
                        }
                        parser.bump();
                        expected = R_BRACE;
                    }
                    Some(Comma) if expected == BEHIND_FORMAL => {
                        parser.bump();
                        expected = FORMAL;
                    }
                    None => {
                        parser.unexpected(expected);
                        break;
                    }
                    Some(found) => {
                        parser.unexpected(expected);
                        let error = parser.start();
                        parser.skip_one();
                        parser.complete(error, Error);
                        if found == Comma {
                            expected = FORMAL;
                        }
                    }
                }
            }
        });
        self.complete(marker, Pattern);
    }

    /// Returns whether there is a default.
    fn formal(&mut self) -> bool {
        let marker = self.start();
        self.bump();
        let has_default = self.eat(Question);
        if has_default {
            self.expression();
        }
        self.complete(marker, Formal);
        has_default
    }
}
