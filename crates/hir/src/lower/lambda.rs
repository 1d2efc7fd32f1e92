//! Functions.

use floe_syntax::{ElementId, SyntaxKind};

use super::{Lowering, span_of};
use crate::{Expr, ExprId, Formal, Lambda, Name, Param, Problem, ProblemKind, Span};

/// A formal argument or the name at the `@`, before its default is lowered.
struct Argument {
    local: u32,
    name: Name,
    span: Span,
    default: Option<ElementId>,
}

impl Lowering<'_> {
    pub(super) fn lambda(&mut self, id: ElementId, span: Span, name: Option<Name>) -> ExprId {
        let tree = self.tree;
        let param = self.begin_lambda(id, span);
        // As in C++ Nix, a function that a named function returns at once has the name too.
        let body = match self.first_expr(id) {
            Some(body) if tree.get(self.unwrap_parens(body)).kind == SyntaxKind::Lambda => {
                self.named_expr(body, name)
            }
            body => self.expr_or_missing(body, span.end),
        };
        self.names.leave();
        let lambda = self.add_lambda(Lambda { param, body, name });
        self.add(Expr::Lambda(lambda), span)
    }

    /// Enters the function's environment.
    pub(super) fn begin_lambda(&mut self, id: ElementId, span: Span) -> Param {
        let tree = self.tree;
        let param = self.children(id).find(|child| tree.get(*child).kind == SyntaxKind::Param);
        self.names.enter();
        match param {
            Some(param) => self.param(param, span),
            None => Param::Pattern { formals: Vec::new(), ellipsis: true, at: None },
        }
    }

    fn param(&mut self, id: ElementId, lambda: Span) -> Param {
        let tree = self.tree;
        let mut ident = None;
        let mut pattern = None;
        for child in self.children(id) {
            let element = tree.get(child);
            match element.kind {
                SyntaxKind::Ident => ident = Some(element),
                SyntaxKind::Pattern => pattern = Some(child),
                _ => {}
            }
        }
        let at = ident.map(|element| {
            let local = self.names.local(self.text_of(element));
            Argument { local, name: self.names.name(local), span: span_of(element), default: None }
        });
        match (pattern, at) {
            (None, Some(Argument { local, name, span, .. })) => {
                self.names.bind(local, 0);
                Param::Simple { name, binding: self.add_binding(span, span) }
            }
            (pattern, at) => self.pattern(pattern, at, lambda),
        }
    }

    fn pattern(&mut self, pattern: Option<ElementId>, at: Option<Argument>, lambda: Span) -> Param {
        let tree = self.tree;
        let mut arguments = Vec::new();
        let mut ellipsis = false;
        for child in pattern.into_iter().flat_map(|pattern| tree.children(pattern)) {
            match tree.get(child).kind {
                SyntaxKind::Formal => arguments.extend(self.formal(child)),
                SyntaxKind::Ellipsis => ellipsis = true,
                _ => {}
            }
        }
        arguments.sort_unstable_by_key(|argument| (argument.name, argument.span.start));
        self.report_duplicate_arguments(&mut arguments, at.as_ref(), lambda);

        let mut formals = Vec::with_capacity(arguments.len());
        for (argument, slot) in arguments.iter().zip(0..) {
            self.names.bind(argument.local, slot);
            let binding = self.add_binding(argument.span, argument.span);
            formals.push(Formal { name: argument.name, default: None, binding });
        }
        let at = at.map(|at| {
            self.names.bind(at.local, arguments.len() as u32);
            (at.name, self.add_binding(at.span, at.span))
        });
        for (formal, argument) in formals.iter_mut().zip(&arguments) {
            formal.default = argument.default.map(|default| self.expr(default));
        }
        Param::Pattern { formals, ellipsis, at }
    }

    fn formal(&mut self, id: ElementId) -> Option<Argument> {
        let tree = self.tree;
        let mut children = tree.children(id);
        let ident = tree.get(children.next()?);
        if ident.kind != SyntaxKind::Ident {
            return None;
        }
        let local = self.names.local(self.text_of(ident));
        let default = children.find(|child| self.is_expr(*child));
        Some(Argument { local, name: self.names.name(local), span: span_of(ident), default })
    }

    /// Reports and removes arguments of the same name but the first.
    fn report_duplicate_arguments(
        &mut self,
        arguments: &mut Vec<Argument>,
        at: Option<&Argument>,
        lambda: Span,
    ) {
        let mut previous = None;
        arguments.retain(|argument| {
            let duplicate = previous.replace(argument.name) == Some(argument.name);
            if duplicate {
                self.problems.push(duplicate_argument(argument.name, argument.span, lambda));
            }
            !duplicate
        });
        // C++ Nix points at the whole function here.
        if let Some(at) = at
            && arguments.iter().any(|argument| argument.local == at.local)
        {
            self.problems.push(duplicate_argument(at.name, lambda, lambda));
        }
    }
}

/// C++ Nix compares the arguments when it has read the whole function.
fn duplicate_argument(name: Name, span: Span, lambda: Span) -> Problem {
    Problem { span, noticed_at: lambda.end, kind: ProblemKind::DuplicateArgument(name) }
}
