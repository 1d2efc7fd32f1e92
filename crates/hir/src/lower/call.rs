//! Applications: all arguments of one call together, pipes included.

use floe_syntax::{ElementId, SyntaxKind};

use super::{Lowering, span_of};
use crate::{Expr, ExprId, Span};

/// What one `Apply` or pipe node says.
struct Call {
    function: Option<ElementId>,
    argument: Option<ElementId>,
    /// Where C++ Nix reports it.
    position: Span,
}

impl Lowering<'_> {
    /// An `Apply` node, or a `Binary` one with a pipe.
    ///
    /// C++ Nix appends an argument to the call that the function is, if it is one: parentheses leave
    /// no trace there, so `(f a) b` is one call too, and it stays at the position of `f a`.
    pub(super) fn call(&mut self, id: ElementId, whole: Span) -> ExprId {
        let mut position = whole;
        let mut arguments = Vec::new();
        let mut written = Some(id);
        let mut function = id;
        while let Some(call) = self.one_call(function) {
            position = call.position;
            arguments.push(call.argument);
            written = call.function;
            let Some(next) = written else { break };
            function = self.unwrap_parens(next);
        }
        if let Some(sugar) = self.sugared_call(function) {
            position = sugar;
        }
        let fun = self.expr_or_missing(written.map(|_| function), whole.start);
        if let Some(written) = written
            && written != function
        {
            self.wrapped(fun, span_of(self.tree.get(written)));
        }
        let mark = self.exprs.len();
        for argument in arguments.into_iter().rev() {
            let argument = self.expr_or_missing(argument, whole.end);
            self.exprs.push(argument);
        }
        let args = self.take_list(mark);
        let call = Expr::Apply { fun, args };
        if position.start == whole.start {
            self.add(call, whole)
        } else {
            self.add_operator(call, whole, position)
        }
    }

    fn one_call(&self, id: ElementId) -> Option<Call> {
        let element = self.tree.get(id);
        match element.kind {
            SyntaxKind::Apply => {
                let mut exprs = self.children(id).filter(|child| self.is_expr(*child));
                let (function, argument) = (exprs.next(), exprs.next());
                Some(Call { function, argument, position: span_of(element) })
            }
            SyntaxKind::Binary => {
                let operator = self.tree.get(self.operator(id)?);
                let [left, right] = self.operands(id, operator.kind);
                let (function, argument) = match operator.kind {
                    SyntaxKind::PipeLeft => (left, right),
                    SyntaxKind::PipeRight => (right, left),
                    _ => return None,
                };
                Some(Call { function, argument, position: span_of(operator) })
            }
            _ => None,
        }
    }

    /// The position of an expression that C++ Nix parses to a call although it is not written as one.
    fn sugared_call(&self, id: ElementId) -> Option<Span> {
        let element = self.tree.get(id);
        match element.kind {
            SyntaxKind::PathSearch => Some(span_of(element)),
            SyntaxKind::Unary => {
                let operator = self.tree.get(self.children(id).next()?);
                (operator.kind == SyntaxKind::Minus).then(|| span_of(element))
            }
            SyntaxKind::Binary => {
                use SyntaxKind as K;
                let operator = self.tree.get(self.operator(id)?);
                matches!(operator.kind, K::Minus | K::Star | K::Slash | K::Less | K::Greater)
                    .then(|| span_of(operator))
            }
            _ => None,
        }
    }
}
