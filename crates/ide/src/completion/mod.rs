//! What can stand at the cursor: names in scope, attributes of sets that the text or an evaluation
//! knows, arguments of known functions, options of a NixOS module, packages, files, keywords.
//!
//! A file can have tens of thousands of names in scope. So a name is held against what is written
//! first, and only of the best few anything more is found out.

mod arguments;
mod flake;
mod formals;
mod found;
mod keywords;
mod option_reads;
mod option_values;
mod paths;
#[cfg(test)]
mod tests;
mod usage;

use std::rc::Rc;

use floe_db::{Db, File, module, parse, scopes, source, source_map};
use floe_hir::{Expr, ExprId, Gate, Module, Name, ScopeOwner, SourceMap, Span, Visible, globals};
use floe_syntax::SyntaxKind;
use floe_types::{builtin_doc, builtin_docs};

use self::found::{Found, Make};
use self::usage::Kind;
use crate::context::{Context, Step, context};
use crate::cursor::Cursor;
use crate::evaluation::options::{is_module, option_path};
use crate::evaluation::packages::{Candidate, candidates, package_info, package_names};
use crate::hover::{builtin_markdown, doc_comment, part_markdown};
use crate::infer::Typing;
use crate::known::{Bound, Place, is_builtins};
use crate::navigation::{library_functions, library_member, library_type, select};

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
    /// What [`completion_details`] can find out more about.
    pub subject: Option<CompletionSubject>,
}

/// What an item stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompletionSubject {
    /// A name that a file binds.
    Binding {
        /// The file.
        file: File,
        /// Where the name begins.
        offset: u32,
    },
    /// A part of a package set, or of its library.
    Package {
        /// The package set, as the inside of `<…>`: `nixpkgs`.
        set: String,
        /// The attributes that lead there.
        attributes: Vec<String>,
    },
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

/// The type and documentation of an item; of a package, its name with the version, and its description.
pub fn completion_details(db: &dyn Db, subject: &CompletionSubject) -> CompletionDetails {
    match subject {
        CompletionSubject::Binding { file, offset } => binding_details(db, *file, *offset),
        CompletionSubject::Package { set, attributes } => {
            let part = Candidate::new(set.clone(), attributes.clone());
            library_details(db, &part).unwrap_or_else(|| package_details(db, &part))
        }
    }
}

/// The type of a part of the library, and what its file says about it.
fn library_details(db: &dyn Db, part: &Candidate) -> Option<CompletionDetails> {
    let typing = Typing::new(db);
    let mut inference = typing.inference();
    let found = library_type(db, &typing, &mut inference, std::slice::from_ref(part))?;
    let bound = library_member(db, &typing, &mut inference, part);
    let detail = (!found.is_unknown()).then(|| inference.display(&found));
    let documentation = bound.and_then(|bound| doc_comment(db, bound));
    (detail.is_some() || documentation.is_some())
        .then_some(CompletionDetails { detail, documentation })
}

fn package_details(db: &dyn Db, part: &Candidate) -> CompletionDetails {
    let Some(Some(info)) = package_info(db, part.intern(db)).known(db) else {
        return CompletionDetails::default();
    };
    let name = part.path.last().map_or("", String::as_str);
    let markdown = part_markdown(db, None, name, info);
    CompletionDetails {
        detail: info.name.clone().or_else(|| info.value.clone()),
        documentation: (!markdown.is_empty()).then_some(markdown),
    }
}

/// The type and documentation of what is bound at a place.
fn binding_details(db: &dyn Db, file: File, offset: u32) -> CompletionDetails {
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
    /// Behind those that are documented one by one.
    pub(super) const OPTIONAL_ARGUMENT: u32 = 200;
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
            arguments::documented(db, file, &cursor, &around, &path, &mut found);
            if path.is_empty() {
                arguments::arguments(db, file, &cursor, &mut found);
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
    let join = |base: Candidate| Rc::new(base.join(path.iter().cloned()));
    let parts: Vec<Rc<Candidate>> = candidates(db, base).into_iter().map(join).collect();
    attributes(db, base, path, &parts, nearness, found);
    option_reads::options_of(db, base, path, nearness, found);
    packages(db, &parts, found);
}

/// The attributes of a value, as far as the text shows them.
fn attributes<'a>(
    db: &'a dyn Db,
    base: Place,
    path: &[String],
    parts: &[Rc<Candidate>],
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
    let written = inference.type_of(typing.key(base.file), base.expr);
    let path: Vec<Name> = path.iter().map(|name| Name::new(name)).collect();
    let written = select(&mut inference, written, &path).filter(|of| !of.is_unknown());
    let library = parts.iter().find(|part| part.in_library().is_some());
    let known =
        |inference: &mut _| library_type(db, &typing, inference, std::slice::from_ref(&**library?));
    let Some(of) = written.or_else(|| known(&mut inference)) else { return };
    let functions = library.map(|part| library_functions(db, part.intern(db)));
    let kind = kind_of_set(parts);
    for attribute in inference.attributes(&of).0 {
        let label = attribute.name.as_str();
        // That an argument has what is being written after its name, only that itself says.
        let is_itself = attribute.binding.is_none() && found.is_written(label);
        if is_itself || !found.fits(label) {
            continue;
        }
        let is_function = functions.is_some_and(|functions| functions.contains(&attribute.name));
        let make = match (library, attribute.binding) {
            (Some(part), _) => {
                let kind = match is_function {
                    true => CompletionKind::Function,
                    false => CompletionKind::Attribute,
                };
                Make::Part(part.clone(), kind, found.from.clone())
            }
            (None, Some((key, binding))) => {
                let bound = Bound { file: typing.file(key), binding };
                Make::Bound(bound, CompletionKind::Attribute, found.from.clone())
            }
            (None, None) => Make::Kind(CompletionKind::Attribute),
        };
        found.offer_attribute(attribute.name, nearness, kind, make);
    }
}

/// What a value is that can be these parts of a package set.
fn kind_of_set(parts: &[Rc<Candidate>]) -> Kind {
    if parts.iter().any(|part| part.path.is_empty()) {
        Kind::Packages
    } else if parts.iter().any(|part| part.in_library().is_some_and(<[String]>::is_empty)) {
        Kind::Library
    } else {
        Kind::Other
    }
}

/// The attributes of a package set.
fn packages<'a>(db: &'a dyn Db, parts: &[Rc<Candidate>], found: &mut Found<'a>) {
    let kind = kind_of_set(parts);
    for part in parts {
        let Some(names) = package_names(db, part.intern(db)).known(db) else { continue };
        for name in names {
            let make = Make::Part(part.clone(), CompletionKind::Package, found.from.clone());
            found.offer_attribute(*name, near::PACKAGE, kind, make);
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
    let make = Make::Fill(kind, Box::new(fill));
    found.offer_attribute(Name::new(name), near::BUILTIN, Kind::Other, make);
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
