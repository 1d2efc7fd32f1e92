//! Calls: functions that only pass on, functions that are old, functions that are not called.

use floe_hir::{Expr, Param, Span};
use floe_syntax::{Precedence, SyntaxKind, TextEdit};

use super::Checker;
use crate::tree::{Node, Tightness, in_place_of};

/// `x: f x`
pub(super) fn eta_reduction(checker: &mut Checker<'_>, node: Node<'_>) {
    let Some(param) = node.child(SyntaxKind::Param) else { return };
    let (Some(name), Some(body)) = (param.child(SyntaxKind::Ident), node.expr(0)) else { return };
    let body = body.without_parens();
    if param.child(SyntaxKind::At).is_some() || !body.is(SyntaxKind::Apply) || node.has_comment() {
        return;
    }
    let (Some(function), Some(argument)) = (body.expr(0), body.expr(1)) else { return };
    // A name and attributes of it: whatever is computed would be computed at another time.
    let is_named = function.is(SyntaxKind::Variable)
        || function.is(SyntaxKind::Select)
            && function.child(SyntaxKind::OrKw).is_none()
            && function.expr(0).is_some_and(|base| base.is(SyntaxKind::Variable));
    let uses_it = function.descendants().any(|inside| inside.is_variable(name.text()));
    if !is_named || uses_it || !argument.is_variable(name.text()) {
        return;
    }
    let text = in_place_of(node, function.text(), function.tightness());
    checker
        .report(node.span(), format!("this function only calls '{}'", function.text()))
        .fix_to_review(
            format!("Use '{}'", function.text()),
            vec![TextEdit::replace(node.range(), text)],
        );
}

/// `[ import ./x.nix ]`, which is a list of two elements
pub(super) fn application_in_list(checker: &mut Checker<'_>, node: Node<'_>) {
    const CALLED: &[&str] = &[
        "import",
        "throw",
        "abort",
        "toString",
        "baseNameOf",
        "dirOf",
        "fetchTarball",
        "fetchGit",
    ];
    let elements: Vec<Node<'_>> = node.exprs().collect();
    for pair in elements.windows(2) {
        let [function, argument] = pair else { continue };
        let Some(name) = CALLED.iter().find(|name| checker.is_global(*function, name)) else {
            continue;
        };
        let span = Span { start: function.start(), end: argument.end() };
        let message = format!(
            "'{name}' and what follows are two elements of the list; a call needs parentheses"
        );
        let edits = vec![TextEdit::insert(span.start, "("), TextEdit::insert(span.end, ")")];
        checker.report(span, message).fix_to_review("Put the call in parentheses", edits);
    }
}

/// `isNull x`, `builtins.toPath x`
pub(super) fn deprecated_builtin(checker: &mut Checker<'_>, node: Node<'_>) {
    let (name, function) = match node.kind() {
        SyntaxKind::Apply => {
            let Some(function) = node.expr(0) else { return };
            (builtin(checker, function), function)
        }
        // A call is told as a whole.
        _ if node.parent().is_some_and(|parent| {
            parent.is(SyntaxKind::Apply) && parent.expr(0) == Some(node)
                || parent.is(SyntaxKind::Select) && builtin(checker, parent).is_some()
        }) =>
        {
            return;
        }
        _ => (builtin(checker, node), node),
    };
    match name {
        Some("isNull") => {
            let span = function.span();
            let argument = node.is(SyntaxKind::Apply).then(|| node.expr(1)).flatten();
            let loses_comment =
                node.children_with_trivia().any(|child| child.is(SyntaxKind::Comment));
            let finding =
                checker.report(span, "'isNull' is deprecated: compare with null").deprecated();
            if let Some(argument) = argument.filter(|_| !loses_comment) {
                let text = format!("{} == null", argument.text());
                let text = in_place_of(node, &text, Tightness::Operator(Precedence::Equality));
                finding.fix("Compare with null", vec![TextEdit::replace(node.range(), text)]);
            }
        }
        Some("toPath") => {
            let message = "'toPath' is deprecated: append a string to a path with '+', or make it absolute with '/. + x'";
            checker.report(function.span(), message).deprecated();
        }
        _ => {}
    }
}

/// Which builtin a function is, by its global name or as an attribute of `builtins`.
fn builtin<'t>(checker: &Checker<'_>, function: Node<'t>) -> Option<&'t str> {
    if function.is(SyntaxKind::Variable) {
        return checker.is_global(function, function.text()).then(|| function.text());
    }
    let base = function.is(SyntaxKind::Select).then(|| function.expr(0)).flatten()?;
    match function.attrs().as_slice() {
        [attr] if checker.is_global(base, "builtins") => Some(attr.text()),
        _ => None,
    }
}

/// `stdenv.lib`, `lib.mdDoc`
pub(super) fn deprecated_lib(checker: &mut Checker<'_>, node: Node<'_>) {
    const OLD: &[(&str, &str)] = &[
        ("mdDoc", "descriptions are Markdown by themselves"),
        ("literalExample", "use 'lib.literalExpression'"),
        ("fakeSha256", "use 'lib.fakeHash'"),
        ("fakeSha512", "use 'lib.fakeHash'"),
        ("nixpkgsVersion", "use 'lib.version'"),
        ("mkFixStrictness", "leave it out"),
        ("crossLists", "use 'lib.mapCartesianProduct'"),
        ("zipWithNames", "use 'lib.zipAttrsWithNames'"),
        ("mkPackageOptionMD", "use 'lib.mkPackageOption'"),
    ];
    let Some(base) = node.expr(0) else { return };
    let attrs = node.attrs();
    if base.is_variable("stdenv") && attrs.first().is_some_and(|attr| attr.text() == "lib") {
        let span = Span { start: base.start(), end: attrs[0].end() };
        checker.report(span, "'stdenv.lib' is deprecated: take 'lib' as an argument").deprecated();
        let edits = lib_argument(checker, node, span);
        if let (Some(edits), Some(finding)) = (edits, checker.found.last_mut()) {
            finding.fix_to_review("Take 'lib' as an argument", edits);
        }
        return;
    }
    let Some(first) = attrs.first().filter(|_| base.is_variable("lib")) else { return };
    if let Some((name, instead)) = OLD.iter().find(|(name, _)| *name == first.text()) {
        checker.report(first.span(), format!("'lib.{name}' is deprecated: {instead}")).deprecated();
    }
}

/// `lib` for `stdenv.lib`, and an argument `lib` of the function that has `stdenv`, unless it has both.
fn lib_argument(checker: &Checker<'_>, node: Node<'_>, span: Span) -> Option<Vec<TextEdit>> {
    let lambdas = node.ancestors().filter(|around| around.is(SyntaxKind::Lambda));
    let pattern = lambdas
        .filter_map(|lambda| lambda.child(SyntaxKind::Param)?.child(SyntaxKind::Pattern))
        .find(|pattern| formal(*pattern, "stdenv").is_some())?;
    let mut edits = vec![TextEdit::replace(span.start..span.end, "lib")];
    if formal(pattern, "lib").is_none() {
        let stdenv = formal(pattern, "stdenv")?;
        edits.insert(0, TextEdit::insert(stdenv.start(), "lib, "));
    }
    // Something else may be called `lib` in between.
    let lowered = &checker.input.module.lambdas;
    let rebinds = lowered.iter().any(|lambda| match &lambda.param {
        Param::Simple { name, .. } => name.as_str() == "lib",
        Param::Pattern { .. } => false,
    });
    let binds = checker.input.module.exprs.iter().any(|expr| match expr {
        Expr::Let { attrs, .. } => checker.input.module.attrs[attrs.0 as usize]
            .entries
            .iter()
            .any(|entry| entry.name.as_str() == "lib"),
        _ => false,
    });
    (!rebinds && !binds).then_some(edits)
}

fn formal<'t>(pattern: Node<'t>, name: &str) -> Option<Node<'t>> {
    pattern
        .all_of(SyntaxKind::Formal)
        .find(|formal| formal.child(SyntaxKind::Ident).is_some_and(|ident| ident.text() == name))
}
