//! Mistakes that the lowering finds, as errors of evaluation.

use floe_hir::{Problem, ProblemKind, Span};

use crate::error::{ErrorKind, Origin, Position};

/// The kind of error that a problem is.
pub(crate) fn kind(problem: &Problem) -> ErrorKind {
    match problem.kind {
        ProblemKind::DuplicateAttribute { .. } => ErrorKind::DuplicateAttribute,
        ProblemKind::DuplicateArgument(_) => ErrorKind::DuplicateFormal,
        ProblemKind::UndefinedVariable(_) => ErrorKind::UndefinedVariable,
        ProblemKind::DynamicAttributeInLet | ProblemKind::DynamicAttributeInInherit => {
            ErrorKind::DynamicAttribute
        }
    }
}

/// The message of a problem of a text.
pub(crate) fn message(problem: &Problem, origin: &Origin, text: &str) -> String {
    problem.kind.message(|offset| {
        Position::new(origin.clone(), text, Span { start: offset, end: offset }).to_string()
    })
}
