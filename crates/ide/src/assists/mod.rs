//! Assists: rewrites that an editor offers at the cursor. One file each.
//!
//! An assist looks at the tree around the selection and gives edits, or nothing where it does not apply.
//! What it rewrites means the same afterwards, unless its title says that something is added. Comments
//! and indentation stay.

mod add_argument;
mod add_missing_arguments;
mod extract_file;
mod extract_let;
mod extract_option;
mod final_attrs;
mod flatten_path;
mod import_lib;
mod inherit;
mod inline_binding;
mod invert_if;
mod names;
mod pack_path;
mod paste_data;
mod quote_attribute;
mod rec_to_let;
mod rewrite_string;
mod sort;
mod with_to_explicit;

use std::path::PathBuf;

use floe_db::{Db, File, module, parse, problems, scopes, source, source_map};
use floe_hir::{Module, Scopes, SourceMap, Span};
use floe_syntax::{SyntaxKind, TextEdit};

use crate::tree::{Node, Tree};

/// A rewrite that can be made at the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assist {
    /// What it does, as a command.
    pub title: String,
    /// What sort of rewrite it is.
    pub kind: AssistKind,
    /// The edits of the file.
    pub edits: Vec<TextEdit>,
    /// A file that it makes, with its text.
    pub new_file: Option<(PathBuf, String)>,
}

/// The sorts of rewrites that editors tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum AssistKind {
    QuickFix,
    Extract,
    Inline,
    Rewrite,
}

type Rule = fn(&Context<'_>) -> Option<Assist>;

const ASSISTS: &[Rule] = &[
    add_argument::assist,
    import_lib::assist,
    add_missing_arguments::assist,
    inherit::to_inherit,
    inherit::from_inherit,
    flatten_path::assist,
    pack_path::assist,
    inline_binding::assist,
    extract_let::assist,
    extract_let::to_argument,
    extract_option::assist,
    extract_file::assist,
    rewrite_string::to_indented,
    rewrite_string::to_plain,
    quote_attribute::assist,
    with_to_explicit::to_selects,
    with_to_explicit::to_let,
    rec_to_let::assist,
    final_attrs::assist,
    sort::list,
    sort::attributes,
    invert_if::assist,
    paste_data::json,
    paste_data::toml,
];

/// The assists for a selection; an empty one is the cursor.
pub fn assists(db: &dyn Db, file: File, selection: Span) -> Vec<Assist> {
    let text = &source(db, file).text;
    let clamp = |offset: u32| text.floor_char_boundary((offset as usize).min(text.len())) as u32;
    let start = clamp(selection.start);
    let selection = Span { start, end: clamp(selection.end).max(start) };
    let parse = parse(db, file);
    let tree = Tree::new(&parse.tree, text);
    let context = Context {
        db,
        file,
        text,
        tree: &tree,
        module: module(db, file),
        map: source_map(db, file),
        scopes: scopes(db, file),
        selection,
        has_errors: !parse.errors.is_empty(),
    };
    ASSISTS.iter().filter_map(|assist| assist(&context)).collect()
}

/// What an assist works with.
struct Context<'a> {
    db: &'a dyn Db,
    file: File,
    text: &'a str,
    tree: &'a Tree<'a>,
    module: &'a Module,
    map: &'a SourceMap,
    scopes: &'a Scopes,
    selection: Span,
    has_errors: bool,
}

impl<'a> Context<'a> {
    /// The token at the cursor. Nothing in a file whose tree has holes, where a rewrite could go astray.
    fn token(&self) -> Option<Node<'a>> {
        let token = self.tree.token_at(self.selection.start);
        (!self.has_errors && token.is_token()).then_some(token)
    }

    /// The expression that the selection is, spaces around it left out.
    fn selected(&self) -> Option<Node<'a>> {
        let text = &self.text[self.selection.start as usize..self.selection.end as usize];
        let start = self.selection.start + (text.len() - text.trim_start().len()) as u32;
        let end = self.selection.end - (text.len() - text.trim_end().len()) as u32;
        if self.has_errors || start >= end {
            return None;
        }
        // Of nodes with the same text the outermost, which its place tells most about.
        let around = self.tree.token_at(start).ancestors();
        let exact = around.filter(|node| node.is_expr() && node.span() == Span { start, end });
        exact.last()
    }

    /// The variable at the cursor that nothing binds.
    fn undefined(&self) -> Option<Node<'a>> {
        let offset = self.selection.start;
        let mut undefined = problems(self.db, self.file)
            .iter()
            .filter(|problem| matches!(problem.kind, floe_hir::ProblemKind::UndefinedVariable(_)));
        let problem =
            undefined.find(|problem| problem.span.start <= offset && offset <= problem.span.end)?;
        let token = self.tree.token_at(problem.span.start);
        token.ancestors().find(|node| {
            node.span() == problem.span
                && matches!(node.kind(), SyntaxKind::Variable | SyntaxKind::Attr)
        })
    }
}

fn rewrite(title: impl Into<String>, edits: Vec<TextEdit>) -> Option<Assist> {
    Some(Assist { title: title.into(), kind: AssistKind::Rewrite, edits, new_file: None })
}

/// A name that nothing in the file has that could be meant instead: attributes are in nobody's way.
fn fresh_name(context: &Context<'_>, wanted: &str) -> String {
    let is_taken = |name: &str| {
        let mut same =
            context.tree.all().filter(|node| node.is(SyntaxKind::Ident) && node.text() == name);
        same.any(|node| !is_attribute(node))
    };
    if !is_taken(wanted) {
        return wanted.to_owned();
    }
    (2..).map(|number| format!("{wanted}{number}")).find(|name| !is_taken(name)).unwrap_or_default()
}

/// Whether an identifier is a key of a set that makes no names of its keys, or selected by a dot.
fn is_attribute(ident: Node<'_>) -> bool {
    let path = ident.parent().filter(|attr| attr.is(SyntaxKind::Attr)).and_then(Node::parent);
    let Some(path) = path.filter(|path| path.is(SyntaxKind::AttrPath)) else { return false };
    let Some(owner) = path.parent() else { return false };
    let is_first = path.start() == ident.start();
    !owner.is(SyntaxKind::Binding)
        || !is_first
        || owner.parent().is_some_and(|set| {
            set.is(SyntaxKind::AttrSet) && set.child(SyntaxKind::RecKw).is_none()
        })
}

/// A node's text with `indentation` put before (or, where negative, taken from) each line but the first.
/// Lines that begin inside of a string are part of its value, or of what its value is measured by, and
/// stay.
fn indented(node: Node<'_>, by: i64) -> String {
    let text = node.text();
    let strings: Vec<Span> = node
        .descendants()
        .filter(|inside| inside.is(SyntaxKind::StringFragment))
        .map(Node::span)
        .collect();
    let mut result = String::with_capacity(text.len());
    let mut offset = node.start();
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let in_string = strings.iter().any(|string| string.start < offset && offset <= string.end);
        if index == 0 || in_string || line.trim().is_empty() {
            result += line;
        } else if by >= 0 {
            result += &" ".repeat(by as usize);
            result += line;
        } else {
            let spaces = line.len() - line.trim_start_matches(' ').len();
            result += &line[spaces.min(by.unsigned_abs() as usize)..];
        }
        offset += line.len() as u32;
    }
    result
}

#[cfg(test)]
mod tests;
