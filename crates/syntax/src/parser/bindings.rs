//! Sets, `let`, bindings, attribute paths.

use super::recovery::Awaited;
use super::{Completed, Entries, Parser, SyntaxKind::*, Terminal};
use crate::kind::SyntaxKind;

const SEMICOLON: &[Terminal] = &[Terminal::Token(Semicolon)];
const R_PAREN: &[Terminal] = &[Terminal::Token(RParen)];
const L_BRACE: &[Terminal] = &[Terminal::Token(LBrace)];
pub(super) const DOT_OR_ASSIGN: &[Terminal] = &[Terminal::Token(Dot), Terminal::Token(Assign)];
const ATTR: &[Terminal] = &[
    Terminal::Token(Ident),
    Terminal::Token(OrKw),
    Terminal::Token(DollarBrace),
    Terminal::Token(StringQuote),
];
// What the reference names between bindings: its tables have settled on `inherit` by then, and of the
// set without a keyword they do not even remember the `}`.
pub(super) const IN_SET: &[Terminal] = &[Terminal::Token(InheritKw)];
const IN_KEYWORD_SET: &[Terminal] = &[Terminal::Token(InheritKw), Terminal::Token(RBrace)];
const IN_LET: &[Terminal] = &[Terminal::Token(InKw), Terminal::Token(InheritKw)];

impl Parser<'_> {
    /// `{ … }`, `rec { … }` or `let { … }`.
    pub(super) fn attr_set(&mut self, kind: SyntaxKind) -> Completed {
        let marker = self.start();
        let has_keyword = !self.at(LBrace);
        if has_keyword {
            self.bump();
        }
        if self.eat(LBrace) {
            let expected = if has_keyword { IN_KEYWORD_SET } else { IN_SET };
            self.only_awaiting(Awaited::IN_SET, |parser| {
                parser.bindings(expected);
                if !parser.eat(RBrace) {
                    parser.unexpected(expected);
                }
            });
        } else {
            self.unexpected(L_BRACE);
        }
        self.complete(marker, kind)
    }

    /// The entries alone, in a node that stands for what they are part of.
    pub(super) fn entries(&mut self, parent: Entries) {
        let marker = self.start();
        let (awaited, expected) = match parent {
            Entries::Set => (Awaited::IN_SET, IN_SET),
            Entries::KeywordSet => (Awaited::IN_SET, IN_KEYWORD_SET),
            Entries::Let => (Awaited::IN.and(Awaited::BINDING), IN_LET),
        };
        self.only_awaiting(awaited, |parser| parser.bindings(expected));
        self.complete(marker, AttrSet);
    }

    pub(super) fn let_in(&mut self) -> Completed {
        let marker = self.start();
        self.bump();
        let has_body = self.awaiting(Awaited::IN.and(Awaited::BINDING), |parser| {
            parser.bindings(IN_LET);
            let has_body = parser.eat(InKw);
            if !has_body {
                parser.unexpected(IN_LET);
            }
            has_body
        });
        if has_body {
            self.expression();
        }
        self.complete(marker, LetIn)
    }

    fn bindings(&mut self, expected: &'static [Terminal]) {
        while let Some(kind) = self.current() {
            if starts_attr(kind) {
                self.binding();
            } else if kind == InheritKw {
                self.inherit();
            } else if kind != Semicolon && self.is_awaited() {
                break;
            } else {
                self.unexpected(expected);
                let error = self.start();
                if !self.at(Semicolon) {
                    self.awaiting(Awaited::SEMICOLON, |parser| {
                        while !parser.is_awaited() {
                            parser.skip_one();
                        }
                    });
                }
                self.eat(Semicolon);
                self.complete(error, Error);
            }
        }
    }

    pub(super) fn binding(&mut self) -> Completed {
        let marker = self.start();
        self.awaiting(Awaited::SEMICOLON, |parser| {
            parser.attr_path(false);
            if parser.eat(Assign) {
                parser.expression();
                parser.expect_behind_expression(Semicolon, SEMICOLON);
                return;
            }
            parser.unexpected(DOT_OR_ASSIGN);
            match parser.current() {
                // The names of a list or a pattern, most likely: each its own unfinished binding.
                Some(Comma) => {
                    let error = parser.start();
                    parser.bump();
                    parser.complete(error, Error);
                }
                Some(kind) if starts_attr(kind) => {}
                _ => {
                    parser.skip_to(Semicolon);
                    parser.eat(Semicolon);
                }
            }
        });
        self.complete(marker, Binding)
    }

    fn inherit(&mut self) {
        let marker = self.start();
        self.bump();
        self.awaiting(Awaited::SEMICOLON, |parser| {
            if parser.at(LParen) {
                let from = parser.start();
                parser.bump();
                parser.awaiting(Awaited::R_PAREN, |parser| {
                    parser.expression();
                    parser.expect_behind_expression(RParen, R_PAREN);
                });
                parser.complete(from, InheritFrom);
            }
            while parser.current().is_some_and(starts_attr) && parser.awaited_binding().is_none() {
                parser.attr();
            }
            parser.expect_behind_expression(Semicolon, &[]);
        });
        self.complete(marker, Inherit);
    }

    /// The path behind the `.` or `?` of an expression. There is no node if there is no name.
    pub(super) fn attr_path_behind_expression(&mut self) {
        if self.is_at_unfinished_path() {
            return;
        }
        match self.current() {
            Some(kind) if starts_attr(kind) || self.is_at_keyword_as_name() => self.attr_path(true),
            _ => self.unexpected(ATTR),
        }
    }

    fn attr_path(&mut self, behind_expression: bool) {
        let marker = self.start();
        loop {
            match self.current() {
                Some(kind) if starts_attr(kind) => self.attr(),
                _ => {
                    self.unexpected(ATTR);
                    if self.is_at_keyword_as_name() {
                        let error = self.start();
                        self.bump();
                        self.complete(error, Error);
                    }
                    break;
                }
            }
            if !self.eat(Dot) || (behind_expression && self.is_at_unfinished_path()) {
                break;
            }
        }
        self.complete(marker, AttrPath);
    }

    /// Behind the dot of `x.`, with the next binding on the next line. Its name is no part of the path;
    /// the missing semicolon is what will be reported.
    fn is_at_unfinished_path(&self) -> bool {
        self.awaited_binding().is_some() && self.is_on_new_line()
    }

    /// Directly behind the dot of `lib.in`, which is how `lib.init` looks while it is being typed.
    fn is_at_keyword_as_name(&self) -> bool {
        let is_keyword = matches!(
            self.current(),
            Some(AssertKw | ElseKw | IfKw | InKw | InheritKw | LetKw | RecKw | ThenKw | WithKw)
        );
        is_keyword && self.is_adjacent()
    }

    fn attr(&mut self) {
        match self.current() {
            Some(Ident | OrKw) => {
                self.leaf(Attr);
            }
            current => {
                let marker = self.start();
                if current == Some(StringQuote) {
                    self.string();
                } else {
                    self.interpolation();
                }
                self.complete(marker, Attr);
            }
        }
    }
}

fn starts_attr(kind: SyntaxKind) -> bool {
    matches!(kind, Ident | OrKw | StringQuote | DollarBrace)
}
