//! Calls: functions that only pass on, functions that are old, functions that are not called.

use floe_hir::Span;
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
    let function = match node.kind() {
        SyntaxKind::Apply => node.expr(0),
        _ => Some(node),
    };
    let Some(function) = function else { return };
    let Some(name) = old_builtin(checker, function) else { return };
    // A call is told as a whole.
    let is_called = |parent: Node<'_>| parent.is(SyntaxKind::Apply) && parent.expr(0) == Some(node);
    if !node.is(SyntaxKind::Apply) && node.parent().is_some_and(is_called) {
        return;
    }
    if name == "toPath" {
        let message = "'toPath' is deprecated: append a string to a path with '+', or make it absolute with '/. + x'";
        checker.report(function.span(), message).deprecated();
        return;
    }
    let argument = node.is(SyntaxKind::Apply).then(|| node.expr(1)).flatten();
    let loses_comment = node.children_with_trivia().any(|child| child.is(SyntaxKind::Comment));
    let message = "'isNull' is deprecated: compare with null";
    let finding = checker.report(function.span(), message).deprecated();
    if let Some(argument) = argument.filter(|_| !loses_comment) {
        let text = format!("{} == null", argument.text());
        let text = in_place_of(node, &text, Tightness::Operator(Precedence::Equality));
        finding.fix("Compare with null", vec![TextEdit::replace(node.range(), text)]);
    }
}

/// Which deprecated builtin a function is, by its global name or as an attribute of `builtins`. Most
/// functions are none, which their text tells at once.
fn old_builtin<'t>(checker: &Checker<'_>, function: Node<'t>) -> Option<&'t str> {
    let is_old = |name: &&str| matches!(*name, "isNull" | "toPath");
    if function.is(SyntaxKind::Variable) {
        let name = Some(function.text()).filter(is_old)?;
        return checker.is_global(function, name).then_some(name);
    }
    let base = function.is(SyntaxKind::Select).then(|| function.expr(0)).flatten()?;
    if !base.is_variable("builtins") {
        return None;
    }
    match function.attrs().as_slice() {
        [attr] if checker.is_global(base, "builtins") => Some(attr.text()).filter(is_old),
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
        let edits = lib_argument(node, span);
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
fn lib_argument(node: Node<'_>, span: Span) -> Option<Vec<TextEdit>> {
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
    let is_inside = |around: &Node<'_>| !pattern.ancestors().any(|outer| outer == *around);
    let is_lib = !node.ancestors().take_while(is_inside).any(binds_lib);
    is_lib.then_some(edits)
}

fn binds_lib(around: Node<'_>) -> bool {
    match around.kind() {
        SyntaxKind::Lambda => around
            .child(SyntaxKind::Param)
            .and_then(|param| param.child(SyntaxKind::Ident))
            .is_some_and(|name| name.text() == "lib"),
        SyntaxKind::LetIn => around.entries().any(|entry| match entry.kind() {
            SyntaxKind::Inherit => entry.all_of(SyntaxKind::Attr).any(|attr| attr.text() == "lib"),
            _ => entry.attrs().first().is_some_and(|attr| attr.text() == "lib"),
        }),
        _ => false,
    }
}

fn formal<'t>(pattern: Node<'t>, name: &str) -> Option<Node<'t>> {
    pattern
        .all_of(SyntaxKind::Formal)
        .find(|formal| formal.child(SyntaxKind::Ident).is_some_and(|ident| ident.text() == name))
}
