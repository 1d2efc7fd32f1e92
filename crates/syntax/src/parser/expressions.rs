//! Expressions: control, operators, application, selection, atoms.

use super::recovery::{Awaited, starts_operand};
use super::{Completed, MAX_NESTING, Parser, SyntaxKind::*, Terminal};
use crate::error::SyntaxErrorKind;
use crate::kind::SyntaxKind;
use crate::operators::{Associativity, Precedence, binary_operator};

const THEN: &[Terminal] = &[Terminal::Token(ThenKw)];
const ELSE: &[Terminal] = &[Terminal::Token(ElseKw)];
const SEMICOLON: &[Terminal] = &[Terminal::Token(Semicolon)];
const R_PAREN: &[Terminal] = &[Terminal::Token(RParen)];
const R_BRACE: &[Terminal] = &[Terminal::Token(RBrace)];
const QUOTE: &[Terminal] = &[Terminal::Token(StringQuote)];
const DOLLAR_BRACE: &[Terminal] = &[Terminal::Token(DollarBrace)];
const L_BRACE: &[Terminal] = &[Terminal::Token(LBrace)];
const IN_INDENTED_STRING: &[Terminal] =
    &[Terminal::IndentedStringFragment, Terminal::Token(DollarBrace), Terminal::IndentedStringEnd];
const END_OF_FILE: &[Terminal] = &[Terminal::EndOfFile];

impl Parser<'_> {
    pub(super) fn source_file(&mut self) {
        let file = self.start();
        self.expression();
        if self.current().is_some() {
            self.unexpected(END_OF_FILE);
            let error = self.start();
            while self.current().is_some() {
                self.skip_one();
            }
            self.complete(error, Error);
        }
        self.complete(file, SourceFile);
    }

    /// Any expression. If there is none, reports the current token and takes nothing.
    pub(super) fn expression(&mut self) -> Option<Completed> {
        self.nested(|parser| match (parser.current()?, parser.nth(1)) {
            (Ident, Some(Colon | At)) => Some(parser.lambda()),
            (LBrace, _) => match parser.classify_brace() {
                super::functions::Brace::Pattern => Some(parser.lambda()),
                super::functions::Brace::AttrSet => parser.pipeline(),
            },
            (IfKw, _) => Some(parser.if_then_else()),
            (WithKw, _) => Some(parser.with_or_assert(With)),
            (AssertKw, _) => Some(parser.with_or_assert(Assert)),
            (LetKw, following) if following != Some(LBrace) => Some(parser.let_in()),
            _ => parser.pipeline(),
        })
        .or_else(|| {
            if self.current().is_none() {
                self.unexpected(&[]);
            }
            None
        })
    }

    /// Recursion follows the nesting of the text, so the stack grows with it.
    pub(super) fn nested(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Option<Completed>,
    ) -> Option<Completed> {
        if self.nesting >= MAX_NESTING {
            self.error_at(self.position, SyntaxErrorKind::NestedTooDeeply);
            let error = self.start();
            while self.current().is_some() {
                self.bump();
            }
            return Some(self.complete(error, Error));
        }
        self.nesting += 1;
        let result = stacker::maybe_grow(64 << 10, 4 << 20, || parse(self));
        self.nesting -= 1;
        result
    }

    fn if_then_else(&mut self) -> Completed {
        let marker = self.start();
        self.bump();
        let has_then = self.awaiting(Awaited::THEN.and(Awaited::ELSE), |parser| {
            parser.expression();
            parser.expect_behind_expression(ThenKw, THEN)
        });
        let has_else = self.awaiting(Awaited::ELSE, |parser| {
            if has_then {
                parser.expression();
            }
            parser.expect_behind_expression(ElseKw, ELSE)
        });
        if has_else {
            self.expression();
        }
        self.complete(marker, If)
    }

    fn with_or_assert(&mut self, kind: SyntaxKind) -> Completed {
        let marker = self.start();
        self.bump();
        let has_body = self.awaiting(Awaited::SEMICOLON, |parser| {
            parser.expression();
            parser.expect_behind_expression(Semicolon, SEMICOLON)
        });
        if has_body {
            self.expression();
        }
        self.complete(marker, kind)
    }

    fn pipeline(&mut self) -> Option<Completed> {
        let mut left = self.operation(Precedence::Implication)?;
        match self.current() {
            Some(PipeRight) => {
                while self.at(PipeRight) {
                    let marker = self.precede(left);
                    self.pipe_operator();
                    self.operation(Precedence::Implication);
                    left = self.complete(marker, Binary);
                }
            }
            Some(PipeLeft) => left = self.pipe_left(left),
            _ => {}
        }
        Some(left)
    }

    fn pipe_left(&mut self, left: Completed) -> Completed {
        let marker = self.precede(left);
        self.pipe_operator();
        self.nested(|parser| {
            let operand = parser.operation(Precedence::Implication)?;
            Some(if parser.at(PipeLeft) { parser.pipe_left(operand) } else { operand })
        });
        self.complete(marker, Binary)
    }

    fn pipe_operator(&mut self) {
        if !self.options.pipe_operators {
            self.error_at(self.position, SyntaxErrorKind::PipeOperatorsDisabled);
        }
        self.bump();
    }

    /// Operands joined by operators that bind at least as tightly as `minimum`.
    fn operation(&mut self, minimum: Precedence) -> Option<Completed> {
        let mut left = match self.current() {
            Some(Bang) => self.unary(Precedence::Not),
            Some(Minus) => self.unary(Precedence::Negation),
            _ => self.application()?,
        };
        let mut unassociative = None;
        while let Some((precedence, associativity)) = self.current().and_then(binary_operator)
            && precedence >= minimum
        {
            if unassociative == Some(precedence) {
                self.unexpected(&[]);
            }
            let marker = self.precede(left);
            let is_has_attr = self.at(Question);
            self.bump();
            if is_has_attr {
                self.attr_path_behind_expression();
                left = self.complete(marker, HasAttr);
                continue;
            }
            match associativity {
                Associativity::Right => self.nested(|parser| parser.operation(precedence)),
                Associativity::Left => self.operation(precedence.next()),
                Associativity::None => {
                    unassociative = Some(precedence);
                    self.operation(precedence.next())
                }
            };
            left = self.complete(marker, Binary);
        }
        Some(left)
    }

    fn unary(&mut self, precedence: Precedence) -> Completed {
        let marker = self.start();
        self.bump();
        self.nested(|parser| parser.operation(precedence));
        self.complete(marker, Unary)
    }

    fn application(&mut self) -> Option<Completed> {
        let mut function = self.selection()?;
        while self.current().is_some_and(starts_operand) && self.awaited_binding().is_none() {
            let marker = self.precede(function);
            self.selection();
            function = self.complete(marker, Apply);
        }
        Some(function)
    }

    pub(super) fn selection(&mut self) -> Option<Completed> {
        let operand = self.operand()?;
        match self.current() {
            Some(Dot) => {
                let marker = self.precede(operand);
                self.bump();
                self.attr_path_behind_expression();
                if self.eat(OrKw) {
                    self.nested(Self::selection);
                }
                Some(self.complete(marker, Select))
            }
            // nixpkgs has a function of this name, so `f or` applies `f` to it.
            Some(OrKw) => {
                let marker = self.precede(operand);
                self.leaf(Variable);
                Some(self.complete(marker, Apply))
            }
            _ => Some(operand),
        }
    }

    fn operand(&mut self) -> Option<Completed> {
        if self.awaited_binding().is_some() && self.is_on_new_line() {
            // The next binding already; whoever takes the end of this one reports it.
            return None;
        }
        Some(match self.current() {
            Some(Ident) => self.leaf(Variable),
            Some(Int | Float | Uri) => self.leaf(Literal),
            Some(SearchPath) => self.leaf(PathSearch),
            Some(PathFragment) => self.path(),
            Some(StringQuote) => self.string(),
            Some(IndentedQuote) => self.indented_string(),
            Some(LParen) => self.parenthesised(),
            Some(LBracket) => return self.nested(|parser| Some(parser.list())),
            Some(LBrace) => self.attr_set(AttrSet),
            Some(RecKw) => self.attr_set(AttrSet),
            Some(LetKw) if self.nth(1) == Some(LBrace) => self.attr_set(LegacyLet),
            Some(LetKw) => {
                self.unexpected_at(self.position + 1, L_BRACE);
                return self.expression();
            }
            Some(IfKw | WithKw | AssertKw) => {
                self.unexpected(&[]);
                return self.expression();
            }
            _ => {
                self.unexpected(&[]);
                return None;
            }
        })
    }

    fn path(&mut self) -> Completed {
        let marker = self.start();
        let first = self.position;
        self.bump();
        while self.is_adjacent() {
            match self.tokens.get(self.position) {
                Some(token) if token.kind == DollarBrace => {
                    self.interpolation();
                }
                // What follows a path fragment directly belongs to it, except another home path.
                Some(token)
                    if token.kind == PathFragment
                        && self.text.as_bytes()[token.start as usize] != b'~' =>
                {
                    self.bump();
                    if self.position == first + 2 {
                        self.double_slash_before_interpolation(first);
                    }
                }
                _ => break,
            }
        }
        self.complete(marker, Path)
    }

    /// Two fragments in a row (`./a//b`) are accepted by the reference only if they are not the whole
    /// path.
    fn double_slash_before_interpolation(&mut self, first: usize) {
        if self.is_adjacent() && self.at(DollarBrace) {
            return;
        }
        let is_fragment = self.is_adjacent() && self.at(PathFragment);
        let (position, found) = if is_fragment {
            (self.position, Terminal::Token(StringFragment))
        } else {
            (first + 1, Terminal::PathEnd)
        };
        self.error_at(position, SyntaxErrorKind::Unexpected { found, expected: DOLLAR_BRACE });
    }

    pub(super) fn string(&mut self) -> Completed {
        self.quoted(StringQuote, String, QUOTE)
    }

    fn indented_string(&mut self) -> Completed {
        self.quoted(IndentedQuote, IndentedString, IN_INDENTED_STRING)
    }

    fn quoted(
        &mut self,
        quote: SyntaxKind,
        kind: SyntaxKind,
        expected: &'static [Terminal],
    ) -> Completed {
        let marker = self.start();
        self.bump();
        loop {
            match self.current() {
                Some(StringFragment) => self.bump(),
                Some(DollarBrace) => {
                    self.interpolation();
                }
                Some(found) if found == quote => {
                    self.bump();
                    break;
                }
                _ => {
                    self.unexpected(expected);
                    break;
                }
            }
        }
        self.complete(marker, kind)
    }

    pub(super) fn interpolation(&mut self) -> Completed {
        let marker = self.start();
        self.bump();
        self.only_awaiting(Awaited::R_BRACE, |parser| {
            parser.expression();
            parser.expect_behind_expression(RBrace, R_BRACE);
        });
        self.complete(marker, Interpolation)
    }

    pub(super) fn parenthesised(&mut self) -> Completed {
        let marker = self.start();
        self.bump();
        self.awaiting(Awaited::R_PAREN, |parser| {
            parser.expression();
            parser.expect_behind_expression(RParen, R_PAREN);
        });
        self.complete(marker, Paren)
    }

    pub(super) fn list(&mut self) -> Completed {
        let marker = self.start();
        self.bump();
        self.awaiting(Awaited::R_BRACKET, |parser| {
            while !parser.eat(RBracket) {
                if parser.current().is_some_and(starts_operand)
                    && parser.awaited_binding().is_none()
                {
                    parser.selection();
                    continue;
                }
                parser.unexpected_behind_expression(&[]);
                if parser.is_awaited() {
                    break;
                }
                let error = parser.start();
                parser.skip_one();
                parser.complete(error, Error);
            }
        });
        self.complete(marker, List)
    }
}
