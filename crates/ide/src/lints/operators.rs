//! Conditions and operators that say less than they seem to.

use floe_syntax::{Precedence, SyntaxKind, TextEdit};

use super::Checker;
use crate::tree::{Node, Tightness, in_place_of};

/// `if x then true else false`
pub(super) fn redundant_if(checker: &mut Checker<'_>, node: Node<'_>) {
    let (Some(condition), Some(then), Some(otherwise)) = (node.expr(0), node.expr(1), node.expr(2))
    else {
        return;
    };
    let (text, tightness) = match (boolean(checker, then), boolean(checker, otherwise)) {
        (Some(true), Some(false)) => (condition.text().to_owned(), condition.tightness()),
        (Some(false), Some(true)) => (negated(condition), Tightness::Operator(Precedence::Not)),
        _ => return,
    };
    let finding = checker.report(node.span(), "this 'if' gives its own condition");
    // Comments between the parts would be lost.
    if !loses_comment(node, &[condition]) {
        let edit = TextEdit::replace(node.range(), in_place_of(node, &text, tightness));
        finding.fix("Use the condition", vec![edit]);
    }
}

/// `x // { }` and `{ } // x`
pub(super) fn redundant_update(checker: &mut Checker<'_>, node: Node<'_>) {
    redundant_operand(checker, node, SyntaxKind::SlashSlash, |operand| {
        operand.is(SyntaxKind::AttrSet) && operand.entries().next().is_none()
    });
}

/// `x ++ [ ]` and `[ ] ++ x`
pub(super) fn redundant_concatenation(checker: &mut Checker<'_>, node: Node<'_>) {
    redundant_operand(checker, node, SyntaxKind::PlusPlus, |operand| {
        operand.is(SyntaxKind::List) && operand.expr(0).is_none()
    });
}

fn redundant_operand(
    checker: &mut Checker<'_>,
    node: Node<'_>,
    operator: SyntaxKind,
    is_empty: impl Fn(Node<'_>) -> bool,
) {
    let (Some(left), Some(right)) = (node.expr(0), node.expr(1)) else { return };
    if node.operator() != Some(operator) {
        return;
    }
    let (empty, kept) = if is_empty(right.without_parens()) {
        (right, left)
    } else if is_empty(left.without_parens()) {
        (left, right)
    } else {
        return;
    };
    // What is empty for a comment's sake is a place to fill.
    if empty.has_comment() {
        return;
    }
    let finding = checker.report(node.span(), format!("'{}' adds nothing here", empty.text()));
    if !loses_comment(node, &[kept]) {
        let text = in_place_of(node, kept.text(), kept.tightness());
        finding
            .fix(format!("Remove '{}'", empty.text()), vec![TextEdit::replace(node.range(), text)]);
    }
}

/// `if true then a else b`, `assert true; a`
pub(super) fn constant_condition(checker: &mut Checker<'_>, node: Node<'_>) {
    let Some(condition) = node.expr(0) else { return };
    let Some(is_true) = boolean(checker, condition) else { return };
    let kept = if node.is(SyntaxKind::Assert) && !is_true {
        // `assert false` is a way to say that this place is never reached.
        return;
    } else if node.is(SyntaxKind::Assert) || is_true {
        node.expr(1)
    } else {
        node.expr(2)
    };
    let Some(kept) = kept else { return };
    let message = format!("the condition is always {is_true}");
    let finding = checker.report(condition.span(), message);
    if !loses_comment(node, &[kept]) {
        let text = in_place_of(node, kept.text(), kept.tightness());
        finding.fix("Keep what is chosen", vec![TextEdit::replace(node.range(), text)]);
    }
}

/// `a.b or f x`, which is `(a.b or f) x`; and `f or`, which is no default at all.
pub(super) fn misleading_or(checker: &mut Checker<'_>, node: Node<'_>) {
    let (Some(function), Some(argument)) = (node.expr(0), node.expr(1)) else { return };
    if argument.is_variable("or") {
        let message = "this 'or' is an argument: a default stands behind an attribute path only";
        checker.report(argument.span(), message);
        return;
    }
    let Some(default) = function.is(SyntaxKind::Select).then(|| function.expr(1)).flatten() else {
        return;
    };
    // An attribute that is a function, called with or without the default, is meant like this.
    let gives_up = ["throw", "abort"].iter().any(|name| {
        checker.is_global(default, name)
            || (default.is(SyntaxKind::Select)
                && default.text().strip_suffix(*name).is_some_and(|before| before.ends_with('.')))
    });
    if !gives_up {
        return;
    }
    let outermost = node
        .ancestors()
        .take_while(|around| around.is(SyntaxKind::Apply))
        .filter(|around| around.start() == node.start())
        .last()
        .unwrap_or(node);
    let message = format!(
        "'or' takes '{}' alone; what follows is given to the attribute where there is one",
        default.text()
    );
    let edits =
        vec![TextEdit::insert(default.start(), "("), TextEdit::insert(outermost.end(), ")")];
    checker.report(default.span(), message).fix_to_review("Put the default in parentheses", edits);
}

/// `x == true`
pub(super) fn bool_comparison(checker: &mut Checker<'_>, node: Node<'_>) {
    let (Some(left), Some(right)) = (node.expr(0), node.expr(1)) else { return };
    let is_equal = match node.operator() {
        Some(SyntaxKind::EqEq) => true,
        Some(SyntaxKind::NotEq) => false,
        _ => return,
    };
    let (other, constant) = match (boolean(checker, left), boolean(checker, right)) {
        (None, Some(constant)) => (left, constant),
        (Some(constant), None) => (right, constant),
        _ => return,
    };
    if is_compared_with_more(checker, node, other) {
        return;
    }
    let (text, tightness) = if is_equal == constant {
        (other.text().to_owned(), other.tightness())
    } else {
        (negated(other), Tightness::Operator(Precedence::Not))
    };
    let is_safe = is_boolean(checker, other);
    let loses = loses_comment(node, &[other]);
    let finding = checker.report(node.span(), format!("a comparison with {constant}"));
    if loses {
        return;
    }
    let edits = vec![TextEdit::replace(node.range(), in_place_of(node, &text, tightness))];
    let title = format!("Write '{}'", shortened(&text));
    // `null == true` is false, while `null` alone is no condition.
    if is_safe { finding.fix(title, edits) } else { finding.fix_to_review(title, edits) }
}

/// `!(a == b)`
pub(super) fn negated_comparison(checker: &mut Checker<'_>, node: Node<'_>) {
    let Some(operand) = node.expr(0).filter(|operand| operand.is(SyntaxKind::Paren)) else {
        return;
    };
    let comparison = operand.without_parens();
    let opposite = match comparison.operator() {
        _ if node.operator() != Some(SyntaxKind::Bang) || !comparison.is(SyntaxKind::Binary) => {
            return;
        }
        Some(SyntaxKind::EqEq) => "!=",
        Some(SyntaxKind::NotEq) => "==",
        _ => return,
    };
    let (Some(left), Some(right)) = (comparison.expr(0), comparison.expr(1)) else { return };
    let operator = comparison.children().find(|child| child.is_token());
    let Some(operator) = operator else { return };
    let text = comparison.text();
    let from = (operator.start() - comparison.start()) as usize;
    let text = format!("{}{opposite}{}", &text[..from], &text[from + 2..]);
    let loses = loses_comment(node, &[left, right]);
    let finding =
        checker.report(node.span(), format!("a negated comparison: '{opposite}' says it"));
    if !loses {
        let text = in_place_of(node, &text, Tightness::Operator(Precedence::Equality));
        finding.fix(format!("Use '{opposite}'"), vec![TextEdit::replace(node.range(), text)]);
    }
}

/// `if x ? a then x.a else d`
pub(super) fn manual_or(checker: &mut Checker<'_>, node: Node<'_>) {
    let (Some(condition), Some(then), Some(otherwise)) = (node.expr(0), node.expr(1), node.expr(2))
    else {
        return;
    };
    let (condition, then) = (condition.without_parens(), then.without_parens());
    if !condition.is(SyntaxKind::HasAttr)
        || !then.is(SyntaxKind::Select)
        || then.child(SyntaxKind::OrKw).is_some()
    {
        return;
    }
    let parts = |node: Node<'_>| {
        let names: Option<Vec<String>> = node.attrs().into_iter().map(Node::name).collect();
        Some((node.expr(0)?.text().to_owned(), names?))
    };
    if parts(condition).is_none() || parts(condition) != parts(then) {
        return;
    }
    let default = otherwise.without_parens();
    let default_text = if default.tightness() >= Tightness::Selection {
        default.text().to_owned()
    } else {
        format!("({})", default.text())
    };
    let loses = loses_comment(node, &[then, default]);
    let finding = checker.report(node.span(), "'or' gives the default of an attribute");
    if !loses {
        let text = format!("{} or {default_text}", then.text());
        let text = in_place_of(node, &text, Tightness::Selection);
        finding.fix("Use 'or'", vec![TextEdit::replace(node.range(), text)]);
    }
}

/// The boolean that is written here, if it is one.
fn boolean(checker: &Checker<'_>, node: Node<'_>) -> Option<bool> {
    let node = node.without_parens();
    [true, false].into_iter().find(|value| checker.is_global(node, &value.to_string()))
}

fn negated(node: Node<'_>) -> String {
    if node.tightness() >= Tightness::Operator(Precedence::Not) {
        format!("!{}", node.text())
    } else {
        format!("!({})", node.text())
    }
}

/// Whether an expression gives a boolean or an error.
fn is_boolean(checker: &Checker<'_>, node: Node<'_>) -> bool {
    use SyntaxKind::*;
    let node = node.without_parens();
    match node.kind() {
        HasAttr => true,
        Unary => node.operator() == Some(Bang),
        Binary => matches!(
            node.operator(),
            Some(EqEq | NotEq | Less | LessEq | Greater | GreaterEq | AndAnd | OrOr | Arrow)
        ),
        Variable => boolean(checker, node).is_some(),
        _ => false,
    }
}

/// Whether the condition that a comparison is a part of compares the operand with something that is no
/// boolean, too: `x == true || x == null`.
fn is_compared_with_more(checker: &Checker<'_>, comparison: Node<'_>, operand: Node<'_>) -> bool {
    use SyntaxKind::*;
    let connects = |node: Node<'_>| match node.kind() {
        Paren | If => true,
        Unary => node.operator() == Some(Bang),
        Binary => matches!(node.operator(), Some(AndAnd | OrOr | Arrow)),
        _ => false,
    };
    let around = comparison.ancestors().skip(1).take_while(|around| connects(*around));
    let mut parts = vec![around.last().unwrap_or(comparison)];
    while let Some(part) = parts.pop() {
        if connects(part) {
            parts.extend(part.exprs());
        } else if let (Some(EqEq | NotEq), Some(left), Some(right)) =
            (part.operator(), part.expr(0), part.expr(1))
        {
            let is_other = |one: Node<'_>, other: Node<'_>| {
                one.text() == operand.text() && !is_boolean(checker, other)
            };
            if is_other(left, right) || is_other(right, left) {
                return true;
            }
        }
    }
    false
}

/// Whether a comment of the node stands in none of its parts that are kept.
fn loses_comment(node: Node<'_>, kept: &[Node<'_>]) -> bool {
    node.descendants().filter(|inside| inside.is(SyntaxKind::Comment)).any(|comment| {
        !kept.iter().any(|kept| kept.start() <= comment.start() && comment.end() <= kept.end())
    })
}

fn shortened(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.len() == text.len() && line.chars().count() <= 40 {
        return text.to_owned();
    }
    format!("{}…", line.chars().take(40).collect::<String>())
}
