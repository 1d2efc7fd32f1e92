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
use floe_syntax::{SyntaxError, SyntaxKind, TextEdit};

use crate::tree::{Node, Tree, indented};

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
        errors: &parse.errors,
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
    errors: &'a [SyntaxError],
}

impl<'a> Context<'a> {
    /// The token at the cursor, which may be at the end of a word. Nothing in a file whose tree has holes,
    /// where a rewrite could go astray.
    fn token(&self) -> Option<Node<'a>> {
        let offset = self.selection.start;
        let before = self.tree.token_at(offset.saturating_sub(1));
        let behind = self.tree.token_at(offset);
        let (word, next) = (before.text(), behind.text());
        let ends_word = word.ends_with(is_of_a_word) && !next.starts_with(char::is_alphanumeric);
        let token = match before.end() == offset && ends_word {
            true => before,
            false => behind,
        };
        (self.errors.is_empty() && token.is_token()).then_some(token)
    }

    /// The expression that the selection is, spaces around it left out.
    fn selected(&self) -> Option<Node<'a>> {
        let text = &self.text[self.selection.start as usize..self.selection.end as usize];
        let start = self.selection.start + (text.len() - text.trim_start().len()) as u32;
        let end = self.selection.end - (text.len() - text.trim_end().len()) as u32;
        if !self.errors.is_empty() || start >= end {
            return None;
        }
        // Of nodes with the same text the outermost, which its place tells most about.
        let around = self.tree.token_at(start).ancestors();
        let exact = around.filter(|node| node.is_expr() && node.span() == Span { start, end });
        // A name in quotes looks like an expression.
        exact.last().filter(|node| !node.parent().is_some_and(|around| around.is(SyntaxKind::Attr)))
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

fn is_of_a_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '\''
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

/// What parentheses hold, if nothing but white space is beside it: that needs none where it is a value of
/// its own.
fn unwrapped(expr: Node<'_>) -> Node<'_> {
    let mut node = expr;
    while node.is(SyntaxKind::Paren)
        && !node.children_with_trivia().any(|child| child.is(SyntaxKind::Comment))
        && let Some(inside) = node.expr(0)
    {
        node = inside;
    }
    node
}

/// The end of an entry, a comment behind it on its line included.
fn end_of_line(context: &Context<'_>, entry: Node<'_>) -> u32 {
    let end = context.tree.line_end(entry.end());
    let rest = context.text[entry.end() as usize..end as usize].trim_start();
    if rest.starts_with('#') { end } else { entry.end() }
}

#[cfg(test)]
mod tests;
