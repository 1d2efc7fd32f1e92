//! Names that nobody uses, and sets of names that are wider than their use.

use floe_hir::{
    AttrKind, AttrsId, BindingId, Definition, Expr, ExprId, Lambda, Module, Name, Param, Span,
};
use floe_syntax::{SyntaxKind, TextEdit};
use rustc_hash::FxHashSet;

use super::{Checker, delete_entries, delete_entry};
use crate::tree::Node;

/// `let unused = …; in …`
pub(super) fn unused_bindings(checker: &mut Checker<'_>) {
    for (attrs, _) in lets(checker.input.module) {
        for entry in &checker.input.module.attrs[attrs.0 as usize].entries {
            let kept = entry.kind != AttrKind::Plain || entry.name.as_str().starts_with('_');
            if kept || is_used(checker, entry.binding, Some(entry.value)) {
                continue;
            }
            let span = checker.input.map.names[entry.binding.0 as usize];
            let definitions: Vec<Span> = checker.input.map.definitions(entry.binding).collect();
            let tree = checker.tree;
            let mut nodes: Vec<_> = definitions
                .iter()
                .filter_map(|span| tree.token_at(span.start).around(SyntaxKind::Binding))
                .collect();
            let is_whole = nodes.len() == definitions.len();
            nodes.sort_by_key(|node| node.start());
            // Those that stand beside each other go together, with their line.
            let is_beside = |a: &Node<'_>, b: &Node<'_>| {
                tree.text()[a.end() as usize..b.start() as usize].trim().is_empty()
            };
            let edits: Vec<TextEdit> = nodes
                .chunk_by(is_beside)
                .map(|nodes| delete_entries(nodes[0], nodes[nodes.len() - 1]))
                .collect();
            let finding = checker.report(span, format!("nothing uses '{}'", entry.name));
            // Where an attribute path was merged, each of its places has to go.
            if is_whole {
                finding.unnecessary().fix(format!("Remove '{}'", entry.name), edits);
            }
        }
    }
}

/// `let inherit (lib) unused; in …`
pub(super) fn unused_inherits(checker: &mut Checker<'_>) {
    for (attrs, _) in lets(checker.input.module) {
        for entry in &checker.input.module.attrs[attrs.0 as usize].entries {
            if entry.kind == AttrKind::Plain || is_used(checker, entry.binding, None) {
                continue;
            }
            let span = checker.input.map.names[entry.binding.0 as usize];
            let tree = checker.tree;
            let Some(attr) = tree.token_at(span.start).around(SyntaxKind::Attr) else { continue };
            let edit = match attr.parent().filter(|inherit| inherit.is(SyntaxKind::Inherit)) {
                Some(inherit) if inherit.all_of(SyntaxKind::Attr).count() == 1 => {
                    delete_entry(inherit)
                }
                _ => delete_name(attr),
            };
            checker
                .report(span, format!("nothing uses '{}'", entry.name))
                .unnecessary()
                .fix(format!("Remove '{}'", entry.name), vec![edit]);
        }
    }
}

/// `with set; …` where no name can come from the set.
pub(super) fn unused_with(checker: &mut Checker<'_>) {
    let module = checker.input.module;
    let asked = checker.input.scopes.asked_withs(module);
    for id in ids(module) {
        if !matches!(module.expr(id), Expr::With { .. }) || asked.contains(&id) {
            continue;
        }
        let span = checker.input.map.exprs[id.0 as usize];
        let Some(node) = node_at(checker, span, SyntaxKind::With) else { continue };
        let Some(body) = node.expr(1) else { continue };
        // A comment between stays; `with a; b` in a `with`'s place fits wherever the whole did.
        let semicolon = node.child(SyntaxKind::Semicolon).map_or(body.start(), Node::end);
        let end = if checker.input.text[semicolon as usize..body.start() as usize].contains('#') {
            semicolon
        } else {
            body.start()
        };
        let head = Span { start: node.start(), end: semicolon };
        // `x:with a; b` must not become the URL `x:b`.
        let before = &checker.input.text[..node.start() as usize];
        let apart = if before.ends_with(|c: char| !c.is_whitespace()) { " " } else { "" };
        checker
            .report(head, "no name comes from this 'with'")
            .unnecessary()
            .fix("Remove the 'with'", vec![TextEdit::replace(node.start()..end, apart)]);
    }
}

/// `rec { … }` where no attribute refers to another.
pub(super) fn unused_rec(checker: &mut Checker<'_>) {
    for (attrs, span) in recursive_sets(checker.input.module, checker) {
        let entries = &checker.input.module.attrs[attrs.0 as usize].entries;
        let is_used = entries.iter().any(|entry| {
            !checker.input.scopes.references(entry.binding).is_empty()
                || entry.name.as_str() == "__overrides"
        });
        if is_used {
            continue;
        }
        let Some(node) = node_at(checker, span, SyntaxKind::AttrSet) else { continue };
        let (Some(keyword), Some(brace)) =
            (node.child(SyntaxKind::RecKw), node.child(SyntaxKind::LBrace))
        else {
            continue;
        };
        let between = &checker.input.text[keyword.end() as usize..brace.start() as usize];
        let end = if between.trim().is_empty() { brace.start() } else { keyword.end() };
        checker
            .report(keyword.span(), "no attribute refers to another, so 'rec' does nothing")
            .unnecessary()
            .fix("Remove 'rec'", vec![TextEdit::delete(keyword.start()..end)]);
    }
}

/// `rec { … }` as an argument, whose attributes other code can override without the references among
/// them following.
pub(super) fn rec_to_let(checker: &mut Checker<'_>) {
    for (attrs, span) in recursive_sets(checker.input.module, checker) {
        let entries = &checker.input.module.attrs[attrs.0 as usize].entries;
        let mut used = entries
            .iter()
            .filter(|entry| !checker.input.scopes.references(entry.binding).is_empty())
            .map(|entry| entry.name.as_str())
            .collect::<Vec<_>>();
        used.sort_unstable();
        let Some(node) = node_at(checker, span, SyntaxKind::AttrSet) else { continue };
        let is_argument = node.parent().is_some_and(|parent| parent.is(SyntaxKind::Apply));
        let Some(keyword) = node.child(SyntaxKind::RecKw) else { continue };
        if is_argument && !used.is_empty() && used.len() * 2 <= entries.len() {
            let message = format!(
                "only {} referred to: a 'let', or 'finalAttrs', says so and survives an override",
                listed(&used)
            );
            checker.report(keyword.span(), message);
        }
    }
}

/// `x: …` that does not use `x`.
pub(super) fn unused_arguments(checker: &mut Checker<'_>) {
    /// What overlays, overrides and fixed points are always handed.
    const KEPT: &[&str] = &["self", "super", "final", "prev", "old", "oldAttrs", "finalAttrs"];
    for (_, lambda) in lambdas(checker.input.module) {
        let Param::Simple { name, binding } = &lambda.param else { continue };
        let kept = name.as_str().starts_with('_') || KEPT.contains(&name.as_str());
        if kept || is_used(checker, *binding, None) {
            continue;
        }
        let span = checker.input.map.names[binding.0 as usize];
        let edits = vec![TextEdit::insert(span.start, "_")];
        checker
            .report(span, format!("the function does not use its argument '{name}'"))
            .unnecessary()
            .fix_to_review(format!("Rename it to '_{name}'"), edits);
    }
}

/// `{ unused, ... }: …`. Without `...` a name has to stand here for the function to take it.
pub(super) fn unused_formals(checker: &mut Checker<'_>) {
    /// What every module is handed, be it a file or written among others, and names for completeness.
    const MODULE: &[&str] = &[
        "config",
        "lib",
        "pkgs",
        "options",
        "modulesPath",
        "utils",
        "self",
        "self'",
        "inputs",
        "inputs'",
        "system",
        "specialArgs",
    ];
    for (_, lambda) in lambdas(checker.input.module) {
        if matches!(&lambda.param, Param::Pattern { ellipsis: true, .. }) {
            report_formals(checker, lambda, |name| MODULE.contains(&name.as_str()));
        }
    }
}

/// The same for a function that is a whole file and takes exactly what it names: `callPackage` hands it
/// whatever it names, so a name that is not used is a dependency too many, or kept for overrides.
pub(super) fn unused_package_arguments(checker: &mut Checker<'_>) {
    let module = checker.input.module;
    let top: Vec<ExprId> = top_functions(module, module.root).collect();
    for (id, lambda) in lambdas(module) {
        if top.contains(&id) && matches!(&lambda.param, Param::Pattern { ellipsis: false, .. }) {
            report_formals(checker, lambda, |_| false);
        }
    }
}

/// `{ … }@args: …` that does not use `args`.
pub(super) fn unused_argument_sets(checker: &mut Checker<'_>) {
    for (_, lambda) in lambdas(checker.input.module) {
        let Param::Pattern { at: Some((name, binding)), .. } = &lambda.param else { continue };
        if name.as_str().starts_with('_') || is_used(checker, *binding, None) {
            continue;
        }
        let span = checker.input.map.names[binding.0 as usize];
        let token = checker.tree.token_at(span.start);
        let Some(param) = token.around(SyntaxKind::Param) else { continue };
        let Some(pattern) = param.child(SyntaxKind::Pattern) else { continue };
        let range = if pattern.start() < span.start {
            pattern.end()..span.end
        } else {
            span.start..pattern.start()
        };
        let removes_comment =
            checker.input.text[range.start as usize..range.end as usize].contains(['#', '*']);
        let finding = checker.report(span, format!("nothing uses '{name}'")).unnecessary();
        if !removes_comment {
            finding.fix(format!("Remove '@{name}'"), vec![TextEdit::delete(range)]);
        }
    }
}

/// A name under two `with`s, which either can supply.
pub(super) fn ambiguous_with(checker: &mut Checker<'_>) {
    let (module, scopes) = (checker.input.module, checker.input.scopes);
    let mut told = FxHashSet::default();
    for id in ids(module) {
        let Some(Definition::With { name, sets }) = scopes.definition(module, id) else { continue };
        if sets.len() < 2 || !told.insert((name, sets[0])) {
            continue;
        }
        let span = checker.input.map.exprs[id.0 as usize];
        checker.report(
            span,
            format!(
                "'{name}' can come from any of {} enclosing 'with's; the innermost wins",
                sets.len()
            ),
        );
    }
}

/// `with lib;` over a whole file, or for three names or fewer.
pub(super) fn broad_with(checker: &mut Checker<'_>, node: Node<'_>) {
    let Some(body) = node.expr(1) else { return };
    let is_file = node.ancestors().skip(1).all(|around| {
        matches!(around.kind(), SyntaxKind::Lambda | SyntaxKind::LetIn | SyntaxKind::SourceFile)
    });
    if !is_file && !body.is(SyntaxKind::AttrSet) {
        return;
    }
    let Some(semicolon) = node.child(SyntaxKind::Semicolon) else { return };
    let head = Span { start: node.start(), end: semicolon.end() };
    checker.report(
        head,
        "this 'with' spans so much code that a reader cannot tell where a name comes from",
    );
}

fn report_formals(checker: &mut Checker<'_>, lambda: &Lambda, exempt: impl Fn(Name) -> bool) {
    let Param::Pattern { formals, at, .. } = &lambda.param else { return };
    // Whoever uses the whole set may use this name of it.
    if at.is_some_and(|(_, binding)| is_used(checker, binding, None)) {
        return;
    }
    for formal in formals {
        let kept = formal.name.as_str().starts_with('_') || exempt(formal.name);
        if kept || is_used(checker, formal.binding, formal.default) {
            continue;
        }
        let span = checker.input.map.names[formal.binding.0 as usize];
        let token = checker.tree.token_at(span.start);
        let edit = token.around(SyntaxKind::Formal).map(delete_formal);
        let message = format!("the function does not use its argument '{}'", formal.name);
        let finding = checker.report(span, message).unnecessary();
        if let Some(edit) = edit {
            finding.fix_to_review(format!("Remove '{}'", formal.name), vec![edit]);
        }
    }
}

/// A formal argument with the comma that belongs to it.
pub(crate) fn delete_formal(formal: Node<'_>) -> TextEdit {
    match (formal.following(), formal.previous()) {
        (Some(comma), _) if comma.is(SyntaxKind::Comma) => {
            let next = comma.following().map_or(comma.end(), Node::start);
            let text = formal.tree().text();
            let has_comment = text[comma.end() as usize..next as usize].contains(['#', '*']);
            TextEdit::delete(formal.start()..if has_comment { comma.end() } else { next })
        }
        (_, Some(comma)) if comma.is(SyntaxKind::Comma) => {
            TextEdit::delete(comma.start()..formal.end())
        }
        _ => TextEdit::delete(formal.range()),
    }
}

/// A name of an `inherit` with the white space before it.
pub(crate) fn delete_name(attr: Node<'_>) -> TextEdit {
    let before = attr.tree().text()[..attr.start() as usize].trim_end();
    let line = &before[before.rfind('\n').map_or(0, |at| at + 1)..];
    // Behind a comment the line break has to stay.
    let start = if line.contains('#') { attr.start() } else { before.len() as u32 };
    TextEdit::delete(start..attr.end())
}

fn ids(module: &Module) -> impl Iterator<Item = ExprId> + use<> {
    (0..module.exprs.len() as u32).map(ExprId)
}

fn lets(module: &Module) -> impl Iterator<Item = (AttrsId, ExprId)> {
    module.exprs.iter().filter_map(|expr| match expr {
        Expr::Let { attrs, body } => Some((*attrs, *body)),
        _ => None,
    })
}

fn lambdas(module: &Module) -> impl Iterator<Item = (ExprId, &Lambda)> {
    ids(module).filter_map(|id| match module.expr(id) {
        Expr::Lambda(lambda) => Some((id, &module.lambdas[lambda.0 as usize])),
        _ => None,
    })
}

/// The function that the file is, and those that it gives right away.
fn top_functions(module: &Module, root: ExprId) -> impl Iterator<Item = ExprId> {
    std::iter::successors(Some(root), |id| match module.expr(*id) {
        Expr::Lambda(lambda) => Some(module.lambdas[lambda.0 as usize].body),
        Expr::Let { body, .. } | Expr::With { body, .. } | Expr::Assert { body, .. } => Some(body),
        _ => None,
    })
}

fn recursive_sets<'a>(
    module: &'a Module,
    checker: &Checker<'a>,
) -> impl Iterator<Item = (AttrsId, Span)> + use<'a> {
    let map = checker.input.map;
    ids(module).filter_map(move |id| match module.expr(id) {
        Expr::Attrs(attrs) if module.attrs[attrs.0 as usize].recursive => {
            Some((attrs, map.exprs[id.0 as usize]))
        }
        _ => None,
    })
}

/// Whether something other than its own value refers to a binding.
fn is_used(checker: &Checker<'_>, binding: BindingId, value: Option<ExprId>) -> bool {
    let map = checker.input.map;
    let own = value.map(|value| map.exprs[value.0 as usize]);
    checker.input.scopes.references(binding).iter().any(|reference| {
        let span = map.exprs[reference.0 as usize];
        own.is_none_or(|own| span.start < own.start || own.end < span.end)
    })
}

/// The node of a kind that begins and ends where the span does.
fn node_at<'a>(checker: &Checker<'a>, span: Span, kind: SyntaxKind) -> Option<Node<'a>> {
    let token = checker.tree.token_at(span.start);
    token.ancestors().find(|node| node.is(kind) && node.span() == span)
}

fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    match quoted.as_slice() {
        [one] => format!("{one} is"),
        many => format!("{} are", many.join(", ")),
    }
}
