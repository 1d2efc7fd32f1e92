//! What can stand at the cursor: names in scope, attributes of sets that the text or an evaluation
//! knows, arguments of known functions, options of a NixOS module, packages, files, keywords.
//!
//! A file can have tens of thousands of names in scope. So a name is held against what is written
//! first, and only of the best few anything more is found out.

mod flake;
mod formals;
mod found;
mod keywords;
mod option_reads;
mod option_values;
mod paths;
#[cfg(test)]
mod tests;

use std::rc::Rc;

use floe_db::{Db, File, module, parse, scopes, source, source_map};
use floe_hir::{
    Expr, ExprId, Gate, Module, Name, Param, ScopeOwner, SourceMap, Span, Visible, globals,
};
use floe_syntax::SyntaxKind;
use floe_types::{builtin_doc, builtin_docs};
use rustc_hash::FxHashSet;

use self::found::{Found, Make};
use crate::context::{Context, Step, context};
use crate::cursor::Cursor;
use crate::evaluation::options::{is_module, option_path};
use crate::evaluation::packages::{candidates, package_arguments, package_names};
use crate::hover::{builtin_markdown, doc_comment};
use crate::infer::Typing;
use crate::known::{self, Bound, Place, is_builtins};

/// What can stand at the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completions {
    /// The text that an item replaces.
    pub replace: Span,
    /// The best first.
    pub items: Vec<CompletionItem>,
    /// Whether there are more than these: ask again when more is written, or less.
    pub incomplete: bool,
}

/// One thing that can stand at the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletionItem {
    /// What is shown.
    pub label: String,
    /// What it is.
    pub kind: CompletionKind,
    /// A few words beside it, like a type or where it comes from.
    pub detail: Option<String>,
    /// What it does, as Markdown.
    pub documentation: Option<String>,
    /// What is held against what is written, if that is not the label.
    pub filter: Option<String>,
    /// What is written.
    pub insert: String,
    /// What is written instead by an editor that knows snippets.
    pub snippet: Option<String>,
    /// Where it is bound, for [`completion_details`].
    pub definition: Option<(File, u32)>,
}

/// What a completion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum CompletionKind {
    Variable,
    Parameter,
    Function,
    Attribute,
    Builtin,
    Constant,
    Keyword,
    Option,
    OptionSet,
    Value,
    Package,
    File,
    Folder,
}

/// What is found out about an item only when somebody looks at it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompletionDetails {
    /// Its type.
    pub detail: Option<String>,
    /// Its documentation as Markdown.
    pub documentation: Option<String>,
}

/// The type and documentation of an item, by where it is bound.
pub fn completion_details(db: &dyn Db, file: File, offset: u32) -> CompletionDetails {
    let Some(binding) = source_map(db, file).binding_at(offset) else {
        return CompletionDetails::default();
    };
    let typing = Typing::new(db);
    let mut inference = typing.inference();
    let found = inference.type_of_binding(typing.key(file), binding);
    let detail = (!found.is_unknown()).then(|| inference.display(&found));
    CompletionDetails { detail, documentation: doc_comment(db, Bound { file, binding }) }
}

/// How near a group of names is: the scopes come from 0 on, innermost first.
mod near {
    pub(super) const ARGUMENT: u32 = 0;
    pub(super) const OPTION_VALUE: u32 = 0;
    pub(super) const CONTINUING: u32 = 500;
    pub(super) const WITH: u32 = 1000;
    pub(super) const BUILTIN: u32 = 2000;
    pub(super) const KEYWORD: u32 = 3000;
    pub(super) const PACKAGE: u32 = 1500;
    pub(super) const OLD_OPTION: u32 = 2500;
}

/// What can stand at an offset.
pub fn completion(db: &dyn Db, file: File, offset: u32) -> Completions {
    let cursor = Cursor::new(&parse(db, file).tree, &source(db, file).text, offset);
    let (context, replace) = context(&cursor);
    let written = &cursor.text[replace.start as usize..offset as usize];
    let mut found = Found::new(db, file, written);
    match context {
        Context::Expression => {
            option_values::option_values(db, file, &cursor, &mut found);
            expression(db, file, &cursor, &mut found);
        }
        Context::String => option_values::option_values(db, file, &cursor, &mut found),
        Context::Attribute { base, path } => {
            if let Some(expr) = source_map(db, file).expr_around(base.start, base.end) {
                attributes_and_packages(db, Place { file, expr }, &path, 0, &mut found);
            }
        }
        Context::Binding { path, around } => {
            if path.is_empty() {
                arguments(db, file, &cursor, &mut found);
                keywords::of_binding(&cursor, &mut found);
            }
            options(db, file, &around, &path, &mut found);
            flake::attributes(db, file, &around, &path, &mut found);
        }
        Context::Inherit { from: None } => visible(db, file, &cursor, &mut found),
        Context::Inherit { from: Some(set) } => {
            if let Some(expr) = source_map(db, file).expr_around(set.start, set.end) {
                attributes_and_packages(db, Place { file, expr }, &[], 0, &mut found);
            }
        }
        Context::Formal => formals::formals(db, file, &cursor, &mut found),
        Context::Path(text) => paths::path(db, file, &text, &mut found),
        Context::SearchPath(text) => paths::search_path(db, &text, &mut found),
        Context::Nothing => {}
    }
    let (items, is_cut) = found.finish();
    // What an evaluation will tell is in the list of the next time.
    Completions { replace, items, incomplete: is_cut || db.lacks_answers() }
}

/// A name as an attribute is written: in quotes unless it can stand without.
pub(crate) fn attribute_text(name: &str) -> String {
    if floe_syntax::is_identifier(name) {
        return name.to_owned();
    }
    quoted(name)
}

/// A string as it is written.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace("${", "\\${");
    format!("\"{escaped}\"")
}

fn expression<'a>(db: &'a dyn Db, file: File, cursor: &Cursor<'_>, found: &mut Found<'a>) {
    visible(db, file, cursor, found);
    for global in globals().iter().filter(|global| global.gate == Gate::Always) {
        let name = global.name.as_str();
        // Who wants `__head` writes `builtins.head`.
        if !name.starts_with("__") {
            builtin(name, found);
        }
    }
    keywords::of_expression(cursor, found);
}

/// How many enclosing `with`s are looked into: each may depend on all those around it.
const MOST_WITHS: usize = 16;

/// The names that are bound around the cursor, innermost first.
fn visible<'a>(db: &'a dyn Db, file: File, cursor: &Cursor<'_>, found: &mut Found<'a>) {
    let (module, map) = (module(db, file), source_map(db, file));
    let scopes = scopes(db, file);
    let expr = innermost(cursor, map, module);
    let mut withs = Vec::new();
    let (mut scope, mut last_owner) = (0, None);
    let mut from = None;
    for name in scopes.visible(module, expr) {
        match name {
            Visible::Binding(name, binding) => {
                let owner = scopes.owner(binding);
                if scope == 0 || owner != last_owner {
                    scope += 1;
                    let name = map.names[binding.0 as usize];
                    from = owner.and_then(|owner| bound_by(cursor, owner, name)).map(Rc::from);
                }
                last_owner = owner;
                let label = name.as_str();
                if found.fits(label) && floe_syntax::is_identifier(label) {
                    let uses = scopes.references(binding).len() as u32;
                    let bound = Bound { file, binding };
                    let make = Make::Bound(bound, CompletionKind::Variable, from.clone());
                    found.offer(label, scope.min(near::WITH - 1), uses, make);
                }
            }
            Visible::With(with) => {
                if let Expr::With { set, .. } = module.expr(with) {
                    withs.push(set);
                }
            }
            Visible::Global(..) => {}
        }
    }
    found.only_identifiers = true;
    found.mark_cut(withs.len() > MOST_WITHS);
    for (set, nearness) in withs.into_iter().take(MOST_WITHS).zip(near::WITH..) {
        let span = map.exprs[set.0 as usize];
        let text = cursor.text.get(span.start as usize..span.end as usize).unwrap_or_default();
        found.from = (text.len() <= 40).then(|| format!("with {text}").into());
        attributes_and_packages(db, Place { file, expr: set }, &[], nearness, found);
        found.from = None;
    }
    found.only_identifiers = false;
}

/// What binds the names of a scope around the cursor, one of which stands at `name`.
fn bound_by(cursor: &Cursor<'_>, owner: ScopeOwner, name: Span) -> Option<&'static str> {
    match owner {
        ScopeOwner::Lambda(_) => Some("argument"),
        ScopeOwner::With(_) => None,
        ScopeOwner::Attrs(_) => {
            let around = cursor.nodes.iter().rev().map(|node| cursor.get(*node));
            let mut sets = around.filter(|node| node.start <= name.start && name.end <= node.end);
            sets.find_map(|node| match node.kind {
                SyntaxKind::LetIn | SyntaxKind::LegacyLet => Some("let"),
                SyntaxKind::AttrSet => Some("rec"),
                _ => None,
            })
        }
    }
}

/// The innermost expression around the cursor. In white space the hole behind the last token counts,
/// which is what the cursor is about to fill.
fn innermost(cursor: &Cursor<'_>, map: &SourceMap, module: &Module) -> ExprId {
    let mut end = cursor.token.map_or(cursor.offset, |token| cursor.get(token).end);
    // The hole behind a `=` stands before it.
    if cursor.token_kind() == Some(SyntaxKind::Assign) {
        let path = cursor.tree.children(cursor.node()).next();
        end = path.map_or(end, |path| cursor.get(path).end);
    }
    let found = map.expr_at(end.min(cursor.offset)).unwrap_or(module.root);
    // Behind the `?` of an argument there is no hole; the default sees what the body sees.
    match module.expr(found) {
        Expr::Lambda(lambda) if cursor.token_kind() == Some(SyntaxKind::Question) => {
            module.lambdas[lambda.0 as usize].body
        }
        _ => found,
    }
}

fn attributes_and_packages<'a>(
    db: &'a dyn Db,
    base: Place,
    path: &[String],
    nearness: u32,
    found: &mut Found<'a>,
) {
    attributes(db, base, path, nearness, found);
    option_reads::options_of(db, base, path, nearness, found);
    packages(db, base, path, found);
}

/// The attributes of a value, as far as the text shows them.
fn attributes<'a>(
    db: &'a dyn Db,
    base: Place,
    path: &[String],
    nearness: u32,
    found: &mut Found<'a>,
) {
    if path.is_empty() && is_builtins(module(db, base.file), base.expr) {
        for doc in builtin_docs() {
            builtin(doc.name, found);
        }
        return;
    }
    let typing = Typing::new(db);
    let mut inference = typing.inference();
    let mut of = inference.type_of(typing.key(base.file), base.expr);
    for name in path {
        match inference.attribute(&of, Name::new(name)) {
            Some(next) => of = next,
            None => return,
        }
    }
    for attribute in inference.attributes(&of).0 {
        let label = attribute.name.as_str();
        // That an argument has what is being written after its name, only that itself says.
        let is_itself = attribute.binding.is_none() && found.is_written(label);
        if is_itself || !found.fits(label) {
            continue;
        }
        let make = match attribute.binding {
            Some((key, binding)) => {
                let bound = Bound { file: typing.file(key), binding };
                Make::Bound(bound, CompletionKind::Attribute, found.from.clone())
            }
            None => Make::Kind(CompletionKind::Attribute),
        };
        found.offer(label, nearness, 0, make);
    }
}

/// The arguments that a function takes by name, in a set that it is called with: those that it cannot do
/// without come first.
fn arguments<'a>(db: &'a dyn Db, file: File, cursor: &Cursor<'_>, found: &mut Found<'a>) {
    let mut nodes = cursor.nodes.iter().rev().map(|node| cursor.get(*node));
    let Some(set) = nodes.find(|node| {
        !matches!(
            node.kind,
            SyntaxKind::Binding | SyntaxKind::AttrPath | SyntaxKind::Attr | SyntaxKind::Error
        )
    }) else {
        return;
    };
    if set.kind != SyntaxKind::AttrSet {
        return;
    }
    let (module, scopes) = (module(db, file), scopes(db, file));
    let Some(literal) = source_map(db, file).expr_around(set.start, set.end) else { return };
    let Expr::Attrs(attrs) = module.expr(literal) else { return };
    let given: FxHashSet<Name> =
        module.attrs[attrs.0 as usize].entries.iter().map(|entry| entry.name).collect();
    let mut offer = |file: File, name: Name, binding, optional| {
        // What is being written is in the set already.
        if !given.contains(&name) || found.is_written(name.as_str()) {
            let make = Make::Bound(Bound { file, binding }, CompletionKind::Parameter, None);
            found.offer(name.as_str(), near::ARGUMENT + u32::from(optional), 0, make);
        }
    };
    let place = Place { file, expr: literal };
    if let Some((file, lambda)) = known::pattern_that_takes(db, place) {
        let lambda = &floe_db::module(db, file).lambdas[lambda.0 as usize];
        if let Param::Pattern { formals, .. } = &lambda.param {
            for formal in formals {
                offer(file, formal.name, formal.binding, formal.default.is_some());
            }
        }
        return;
    }
    let Some(Expr::Apply { fun, args }) = scopes.parent(literal).map(|call| module.expr(call))
    else {
        return;
    };
    let typing = Typing::new(db);
    let mut inference = typing.inference();
    let mut function = inference.type_of(typing.key(file), fun);
    for _ in module.list(args).iter().take_while(|arg| **arg != literal) {
        function = inference.result(&function);
    }
    if let Some((arguments, _)) = inference.arguments(&function) {
        for argument in arguments {
            let (key, binding) = argument.binding;
            offer(typing.file(key), argument.name, binding, argument.optional);
        }
        return;
    }
    // What is in the package set is known only by evaluation.
    if module.list(args).first() != Some(&literal) {
        return;
    }
    for function in candidates(db, Place { file, expr: fun }) {
        let arguments = package_arguments(db, function.intern(db));
        for (name, optional) in arguments.known(db).into_iter().flatten() {
            if !given.contains(name) || found.is_written(name.as_str()) {
                let make = Make::Kind(CompletionKind::Parameter);
                found.offer(name.as_str(), near::ARGUMENT + u32::from(*optional), 0, make);
            }
        }
    }
}

/// The attributes of a package set.
fn packages<'a>(db: &'a dyn Db, base: Place, path: &[String], found: &mut Found<'a>) {
    for candidate in candidates(db, base) {
        let candidate = candidate.join(path.iter().cloned());
        let Some(names) = package_names(db, candidate.intern(db)).known(db) else { continue };
        for name in names {
            found.offer(name.as_str(), near::PACKAGE, 0, Make::Kind(CompletionKind::Package));
        }
    }
}

/// The options that a set in a module can define.
fn options<'a>(
    db: &'a dyn Db,
    file: File,
    around: &[Step],
    path: &[String],
    found: &mut Found<'a>,
) {
    let Some(steps) = option_path(around, path) else { return };
    if !is_module(db, file) {
        return;
    }
    option_reads::offer_options(db, file, &steps, 0, found);
}

fn builtin(name: &'static str, found: &mut Found<'_>) {
    if !found.fits(name) {
        return;
    }
    let kind = match name {
        "true" | "false" | "null" => CompletionKind::Constant,
        _ => CompletionKind::Builtin,
    };
    let fill = move |item: &mut CompletionItem| {
        let doc = builtin_doc(name);
        name.clone_into(&mut item.insert);
        item.detail = doc.map(|doc| doc.signature.to_owned());
        item.documentation = doc.map(builtin_markdown);
    };
    found.offer(name, near::BUILTIN, 0, Make::Fill(kind, Box::new(fill)));
}

/// What a bound name is, by what it is bound to.
fn kind_of(db: &dyn Db, bound: Bound, name: &str, otherwise: CompletionKind) -> CompletionKind {
    let (module, scopes) = (module(db, bound.file), scopes(db, bound.file));
    match scopes.owner(bound.binding) {
        Some(ScopeOwner::Lambda(_)) => CompletionKind::Parameter,
        Some(ScopeOwner::Attrs(attrs)) => {
            let entries = &module.attrs[attrs.0 as usize].entries;
            let found = entries.binary_search_by_key(&Name::new(name), |entry| entry.name);
            let value = found.ok().map(|index| module.expr(entries[index].value));
            match value {
                Some(Expr::Lambda(_)) => CompletionKind::Function,
                _ => otherwise,
            }
        }
        _ => otherwise,
    }
}
