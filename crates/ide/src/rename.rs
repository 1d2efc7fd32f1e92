//! Gives a name another spelling, everywhere in the workspace.
//!
//! The program means the same afterwards, or there is no edit: the new name must not be taken in the
//! same set, no use may fall to another binding of that name in between, and no use of an outer binding
//! of that name may fall to the renamed one. An attribute or an argument can be renamed only where all
//! that happens to its set or function is in sight. An `inherit` that passes the name on becomes a
//! binding, because it has only one name for both sides.

use std::ops::Range;

use floe_db::{Db, File, module, parse, scopes, source, source_map};
use floe_hir::{
    Definition, Expr, ExprId, Module, Name, ScopeOwner, Scopes, Span, Var, Visible, globals,
};
use floe_syntax::{ElementId, FlatTree, SyntaxKind, TextEdit};
use rustc_hash::FxHashSet;
use thiserror::Error;

use crate::config::is_flake;
use crate::cursor::Cursor;
use crate::evaluation::options::is_module;
use crate::flake_outputs::outputs;
use crate::known::{Bound, Place, bindings_beside, name_of};
use crate::modules::{argument_at, option_at};
use crate::references::{Reference, Role, all_references, bound_at};
use crate::uses::{Uses, found_in_opened, lost, selects};
use crate::workspace_index::is_in_workspace;

/// What a rename would be of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenameTarget {
    /// The name under the cursor.
    pub span: Span,
    /// Its spelling.
    pub name: String,
}

/// The edits of one file, in the order of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEdits {
    /// The file.
    pub file: File,
    /// The edits; none overlaps another.
    pub edits: Vec<TextEdit>,
}

/// Why there is no renaming.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "the messages are the documentation")]
pub enum RenameError {
    #[error("there is no name here that a file binds")]
    NothingHere,
    #[error("'{name}' is bound in {file}, which is outside of the workspace")]
    Elsewhere { name: String, file: String },
    #[error(
        "'{name}' is an option or an argument of a module, whose names the module system knows"
    )]
    OfModule { name: String },
    #[error(
        "'{name}' cannot be a name: expected a letter or '_', then letters, digits, '_', '-', \"'\""
    )]
    NoName { name: String },
    #[error("'{name}' means something to the language: {meaning}")]
    OfLanguage { name: String, meaning: &'static str },
    #[error("'{name}' of a flake.nix is a name that Nix, or another flake, knows")]
    OfFlake { name: String },
    #[error("'{name}' is already bound beside it")]
    Taken { name: String },
    #[error("in {file}, line {line}, '{name}' already means something else")]
    Captured { name: String, file: String, line: usize },
    #[error("what {file}, line {line}, computes may be '{name}'; rename it by hand")]
    Computed { name: String, file: String, line: usize },
    #[error(
        "{file}, line {line}, names '{name}' too, and nothing shows that it is evaluated with the option; rename it by hand"
    )]
    Unconnected { name: String, file: String, line: usize },
    #[error(
        "what happens to '{name}' behind {file}, line {line}, the text does not show; rename it by hand"
    )]
    Lost { name: String, file: String, line: usize },
    #[error(
        "{file}, line {line}, hands the set with '{name}' to a function, and the text does not show what that reads of it; rename it by hand"
    )]
    HandedOn { name: String, file: String, line: usize },
    #[error(
        "in {file}, line {line}, two edits would change the same text; rename '{name}' by hand"
    )]
    Overlapping { name: String, file: String, line: usize },
}

/// Whether the name under the cursor can be renamed, as far as its definition tells.
///
/// # Errors
/// Where no file of the workspace binds it.
pub fn prepare_rename(db: &dyn Db, file: File, offset: u32) -> Result<RenameTarget, RenameError> {
    if let Some(option) = option_at(db, file, offset) {
        return Ok(RenameTarget { span: option.span, name: option.name.to_string() });
    }
    let (bound, span) = bound_at(db, file, offset).ok_or(RenameError::NothingHere)?;
    let (module, scopes) = (module(db, bound.file), scopes(db, bound.file));
    let name = name_of(module, scopes, bound.binding).ok_or(RenameError::NothingHere)?.to_string();
    if bound.file != file && !is_in_workspace(db, bound.file) {
        let file = bound.file.path(db).display().to_string();
        return Err(RenameError::Elsewhere { name, file });
    }
    Ok(RenameTarget { span, name })
}

/// The edits that rename the name under the cursor, by file.
///
/// # Errors
/// Where it cannot be renamed, or the program would mean something else afterwards.
pub fn rename(
    db: &dyn Db,
    file: File,
    offset: u32,
    new: &str,
) -> Result<Vec<FileEdits>, RenameError> {
    check_new(new)?;
    if let Some(option) = option_at(db, file, offset) {
        let new = Name::new(new);
        return if option.name == new { Ok(Vec::new()) } else { option.rename(new) };
    }
    if let Some(argument) = argument_at(db, file, offset) {
        let new = Name::new(new);
        return if argument.name == new { Ok(Vec::new()) } else { argument.rename(new) };
    }
    prepare_rename(db, file, offset)?;
    let (bound, _) = bound_at(db, file, offset).ok_or(RenameError::NothingHere)?;
    let (module, scopes) = (module(db, bound.file), scopes(db, bound.file));
    let old = name_of(module, scopes, bound.binding).ok_or(RenameError::NothingHere)?;
    let new = Name::new(new);
    if old == new {
        return Ok(Vec::new());
    }
    let references = all_references(db, bound);
    let renaming = Renaming { db, bound, old, new };
    renaming.check(&references)?;
    edits_by_file(&renaming, &references)
}

fn check_new(new: &str) -> Result<(), RenameError> {
    if !floe_syntax::is_identifier(new) {
        return Err(RenameError::NoName { name: new.to_owned() });
    }
    match meaning_of_variable(new) {
        Some(meaning) => Err(RenameError::OfLanguage { name: new.to_owned(), meaning }),
        None => Ok(()),
    }
}

/// What a variable of this name is read as, whoever binds it.
fn meaning_of_variable(name: &str) -> Option<&'static str> {
    Some(match name {
        "or" => "behind a selection it names what stands for a missing attribute",
        "__sub" => "'-' calls what is bound to it",
        "__lessThan" => "'<' and the other comparisons call what is bound to it",
        "__mul" => "'*' calls what is bound to it",
        "__div" => "'/' calls what is bound to it",
        "__findFile" | "__nixPath" => "'<…>' is looked up by it",
        "__curPos" => "it is the position that it is written at",
        _ => return None,
    })
}

/// What a set that has an attribute of this name is taken for.
fn meaning_of_attribute(name: &str) -> Option<&'static str> {
    Some(match name {
        "__functor" => "a set that has it can be called",
        "__functionArgs" => "it says which arguments a set that can be called has",
        "__toString" => "it makes a string of the set",
        "outPath" => "a set that has it is a path where one is asked for",
        "drvPath" => "a set that has it is built where a derivation is asked for",
        "__overrides" => "its attributes take the place of those beside it",
        "recurseForDerivations" => "derivations are looked for in sets that have it",
        "__structuredAttrs" | "__ignoreNulls" | "__contentAddressed" | "__impure" => {
            "a derivation is made in another way where it is set"
        }
        _ => return None,
    })
}

/// The edits of references, which are in the order of the files.
///
/// # Errors
/// Where two of them would change the same text.
pub(crate) fn edits_by_file(
    renaming: &Renaming<'_>,
    references: &[(File, Reference)],
) -> Result<Vec<FileEdits>, RenameError> {
    let mut edits: Vec<FileEdits> = Vec::new();
    for (file, reference) in references {
        if edits.last().is_none_or(|edits| edits.file != *file) {
            edits.push(FileEdits { file: *file, edits: Vec::new() });
        }
        if let Some(edits) = edits.last_mut() {
            let more = renaming.edits(*file, reference, &edits.edits);
            edits.edits.extend(more);
        }
    }
    for edits in &mut edits {
        edits.edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
        let overlap = edits.edits.windows(2).find(|two| two[1].range.start < two[0].range.end);
        if let Some(at) = overlap.map(|two| two[1].range.clone()) {
            let span = Span { start: at.start, end: at.end };
            let (file, line) = place_of(renaming.db, edits.file, span);
            return Err(RenameError::Overlapping { name: renaming.old.to_string(), file, line });
        }
    }
    Ok(edits)
}

/// A line as a message names it: the file as seen from the workspace's folder, and the number.
pub(crate) fn place_of(db: &dyn Db, file: File, span: Span) -> (String, usize) {
    let text = &source(db, file).text;
    let line = text[..span.start as usize].matches('\n').count() + 1;
    let path = file.path(db);
    let roots = db.workspace().roots(db);
    let shown = roots.iter().find_map(|root| path.strip_prefix(root).ok()).unwrap_or(path);
    (shown.display().to_string(), line)
}

/// A binding that is given another name.
pub(crate) struct Renaming<'a> {
    pub(crate) db: &'a dyn Db,
    pub(crate) bound: Bound,
    pub(crate) old: Name,
    pub(crate) new: Name,
}

impl Renaming<'_> {
    fn check(&self, references: &[(File, Reference)]) -> Result<(), RenameError> {
        self.check_meaning()?;
        self.check_names(references)?;
        let owner = scopes(self.db, self.bound.file).owner(self.bound.binding);
        match lost(self.db, self.bound, &[self.old, self.new]) {
            Ok(uses) => self.check_uses(references, &uses, owner),
            // Whoever evaluates modules calls them.
            Err(place) if place.file == self.bound.file && self.is_result_of_module(place) => {
                Err(RenameError::OfModule { name: self.old.to_string() })
            }
            Err(place) => {
                let (file, line) = place_of(self.db, place.file, self.span(place));
                Err(RenameError::Lost { name: self.old.to_string(), file, line })
            }
        }
    }

    /// Neither name may be one that the language, or whoever evaluates a flake, reads a meaning into.
    fn check_meaning(&self) -> Result<(), RenameError> {
        let (module, scopes) = (module(self.db, self.bound.file), scopes(self.db, self.bound.file));
        let is_attribute = !is_bound_lexically(self.db, self.bound);
        for name in [self.old, self.new] {
            let of_attribute = || meaning_of_attribute(name.as_str()).filter(|_| is_attribute);
            if let Some(meaning) = meaning_of_variable(name.as_str()).or_else(of_attribute) {
                return Err(RenameError::OfLanguage { name: name.to_string(), meaning });
            }
        }
        let of_flake = || Err(RenameError::OfFlake { name: self.old.to_string() });
        match scopes.owner(self.bound.binding) {
            Some(ScopeOwner::Attrs(attrs))
                if is_attribute && is_flake(self.db, self.bound.file) =>
            {
                let Some(literal) = crate::uses::literal_of(module, scopes, attrs) else {
                    return Ok(());
                };
                let mut around = scopes.ancestors(literal);
                match around.any(|around| matches!(module.expr(around), Expr::Lambda(_))) {
                    true => Ok(()),
                    false => of_flake(),
                }
            }
            Some(ScopeOwner::Lambda(lambda))
                if self.is_formal() && outputs(self.db, self.bound.file) == Some(lambda) =>
            {
                of_flake()
            }
            _ => Ok(()),
        }
    }

    /// The new name must be free, and none of the uses may come to mean something else.
    pub(crate) fn check_names(&self, references: &[(File, Reference)]) -> Result<(), RenameError> {
        let (module, scopes) = (module(self.db, self.bound.file), scopes(self.db, self.bound.file));
        if names_beside(module, scopes, self.bound).contains(&self.new) {
            return Err(RenameError::Taken { name: self.new.to_string() });
        }
        for (file, reference) in references {
            self.check_reference(*file, reference)?;
        }
        self.check_hidden()
    }

    /// No variable of the new name may fall to the binding.
    pub(crate) fn check_hidden(&self) -> Result<(), RenameError> {
        let (module, scopes) = (module(self.db, self.bound.file), scopes(self.db, self.bound.file));
        let map = source_map(self.db, self.bound.file);
        for id in (0..module.exprs.len() as u32).map(ExprId) {
            if spelling(module, scopes, id) == Some(self.new)
                && is_hidden_by(module, scopes, id, self.new, self.bound)
            {
                return Err(self.captured(self.bound.file, map.exprs[id.0 as usize]));
            }
        }
        Ok(())
    }

    /// No use may fall to another binding.
    pub(crate) fn check_reference(
        &self,
        file: File,
        reference: &Reference,
    ) -> Result<(), RenameError> {
        let (module, scopes) = (module(self.db, file), scopes(self.db, file));
        let text = &source(self.db, file).text;
        let written = &text[reference.span.start as usize..reference.span.end as usize];
        let falls = match reference.role {
            Role::Variable(expr) => falls_to_another(module, scopes, expr, self.new, self.bound),
            // `inherit x;` becomes `x = new;`, which looks for `new` in the set itself first.
            Role::Inherit(expr, inner) => {
                let inner = Bound { file, binding: inner };
                falls_to_another(module, scopes, expr, self.new, self.bound)
                    || is_recursive(module, scopes, inner)
                        && names_beside(module, scopes, inner).contains(&self.new)
            }
            // What sugar wrote cannot be rewritten.
            _ => !is_written(written, self.old),
        };
        if falls { Err(self.captured(file, reference.span)) } else { Ok(()) }
    }

    /// Where all uses of the set or function are in sight: each of them is one that the new name fits.
    fn check_uses(
        &self,
        references: &[(File, Reference)],
        uses: &Uses,
        owner: Option<ScopeOwner>,
    ) -> Result<(), RenameError> {
        let captured = |place: Place| Err(self.captured(place.file, self.span(place)));
        for selected in &uses.selected {
            if selects(self.db, *selected, self.new) {
                return captured(selected.0);
            }
            let known = references.iter().any(|(file, reference)| {
                let (Role::Key { expr, .. } | Role::InheritFrom { expr, .. }) = reference.role
                else {
                    return false;
                };
                (*file, expr) == (selected.0.file, selected.0.expr)
            });
            if selects(self.db, *selected, self.old) && !known {
                let (file, line) = place_of(self.db, selected.0.file, self.span(selected.0));
                return Err(RenameError::Lost { name: self.old.to_string(), file, line });
            }
        }
        if let Some(place) = found_in_opened(self.db, &uses.opened, self.new) {
            return captured(place);
        }
        let Some(ScopeOwner::Lambda(_)) = owner else {
            let in_module = uses.escapes.is_none()
                && is_module(self.db, self.bound.file)
                && !is_bound_lexically(self.db, self.bound);
            let name = || self.old.to_string();
            return if in_module { Err(RenameError::OfModule { name: name() }) } else { Ok(()) };
        };
        // Every call must say the argument by its name, where a literal set can be edited.
        let arguments: FxHashSet<(File, ExprId)> = references
            .iter()
            .filter_map(|(file, reference)| match reference.role {
                Role::Argument(binding) => {
                    let scopes = scopes(self.db, *file);
                    let module = floe_db::module(self.db, *file);
                    let entry = crate::known::entry_of(module, scopes, binding)?;
                    Some((*file, scopes.parent(entry.value)?))
                }
                _ => None,
            })
            .collect();
        let has_default = self.has_default();
        let calls = uses.called.iter().map(|(place, index)| (*place, *index, false));
        let filled_in = uses.filled_in.iter().map(|place| (*place, 1, true));
        for (call, index, filled_in) in calls.chain(filled_in) {
            let module = floe_db::module(self.db, call.file);
            let Expr::Apply { args, .. } = module.expr(call.expr) else { continue };
            let arg = module.list(args)[index];
            let given = arguments.contains(&(call.file, arg));
            let is_literal = matches!(module.expr(arg), Expr::Attrs(_));
            if !given && (filled_in || !is_literal || !has_default) {
                let (file, line) = place_of(self.db, call.file, self.span(call));
                return Err(RenameError::Lost { name: self.old.to_string(), file, line });
            }
        }
        if self.is_formal() && is_module(self.db, self.bound.file) {
            return Err(RenameError::OfModule { name: self.old.to_string() });
        }
        Ok(())
    }

    fn is_result_of_module(&self, lost: Place) -> bool {
        lost.expr == module(self.db, lost.file).root && is_module(self.db, lost.file)
    }

    fn formal(&self) -> Option<floe_hir::Formal> {
        let (module, scopes) = (module(self.db, self.bound.file), scopes(self.db, self.bound.file));
        let ScopeOwner::Lambda(lambda) = scopes.owner(self.bound.binding)? else { return None };
        match &module.lambdas[lambda.0 as usize].param {
            floe_hir::Param::Pattern { formals, .. } => {
                formals.iter().find(|formal| formal.binding == self.bound.binding).copied()
            }
            floe_hir::Param::Simple { .. } => None,
        }
    }

    fn is_formal(&self) -> bool {
        self.formal().is_some()
    }

    fn has_default(&self) -> bool {
        self.formal().is_some_and(|formal| formal.default.is_some())
    }

    fn span(&self, place: Place) -> Span {
        source_map(self.db, place.file).exprs[place.expr.0 as usize]
    }

    fn captured(&self, file: File, span: Span) -> RenameError {
        let (file, line) = place_of(self.db, file, span);
        RenameError::Captured { name: self.new.to_string(), file, line }
    }

    /// The edits for one reference, behind those for the references before it in the file.
    fn edits(&self, file: File, reference: &Reference, before: &[TextEdit]) -> Vec<TextEdit> {
        let span = reference.span;
        let (old, new) = (self.old, self.new);
        match reference.role {
            Role::Definition | Role::Variable(_) | Role::Key { .. } => {
                vec![replace(span, new.to_string())]
            }
            Role::Text => vec![replace(span, format!("\"{new}\""))],
            // It stays available under its old name: `old = new;`.
            Role::Inherit(..) | Role::InheritFrom { .. } => {
                self.out_of_inherit(file, span, (old, new), before)
            }
            // It gets its value from where it did, under the new name.
            Role::InheritedDefinition => self.out_of_inherit(file, span, (new, old), before),
            Role::Argument(binding) => {
                let (module, scopes) = (module(self.db, file), scopes(self.db, file));
                match crate::known::entry_of(module, scopes, binding).map(|entry| entry.kind) {
                    Some(floe_hir::AttrKind::Plain) => vec![replace(span, new.to_string())],
                    _ => self.out_of_inherit(file, span, (new, old), before),
                }
            }
        }
    }

    /// Takes a name out of its `inherit` and binds one name to another there: `bound = set.value;`.
    fn out_of_inherit(
        &self,
        file: File,
        name: Span,
        (bound, value): (Name, Name),
        before: &[TextEdit],
    ) -> Vec<TextEdit> {
        let text = &source(self.db, file).text;
        let tree = &parse(self.db, file).tree;
        let cursor = Cursor::new(tree, text, name.end);
        let is_around = |id: &ElementId| {
            tree.get(*id).kind == SyntaxKind::Inherit && tree.get(*id).start < name.start
        };
        let Some(inherit) = cursor.nodes.iter().rev().find(|id| is_around(id)) else {
            return Vec::new();
        };
        let of_kind = |kind| tree.children(*inherit).filter(move |id| tree.get(*id).kind == kind);
        let set =
            of_kind(SyntaxKind::InheritFrom).next().and_then(|from| inherited(tree, text, from));
        let clause = tree.get(*inherit);
        let (open, close) = match &set {
            Some(set) if !set.is_closed => (format!("{bound} = ("), format!(").{value};")),
            Some(_) => (format!("{bound} = "), format!(".{value};")),
            None => (format!("{bound} = "), format!("{value};")),
        };
        if of_kind(SyntaxKind::Attr).count() <= 1 {
            let set = set.map_or(clause.end..clause.end, |set| set.range);
            return match set.is_empty() {
                true => vec![TextEdit::replace(clause.start..clause.end, open + &close)],
                // What is written between stays, with the edits in it.
                false => vec![
                    TextEdit::replace(clause.start..set.start, open),
                    TextEdit::replace(set.end..clause.end, close),
                ],
            };
        }
        let set = set.map_or_else(String::new, |set| edited(text, set.range, before));
        // The white space before the name goes with it.
        let blank = text[..name.start as usize].trim_end().len() as u32;
        vec![
            TextEdit::delete(blank..name.end),
            TextEdit::insert(clause.end, format!(" {open}{set}{close}")),
        ]
    }
}

fn replace(span: Span, text: String) -> TextEdit {
    TextEdit::replace(span.start..span.end, text)
}

/// The set of an `inherit (set) …`.
struct InheritedSet {
    range: Range<u32>,
    /// Whether a dot can follow it.
    is_closed: bool,
}

fn inherited(tree: &FlatTree, text: &str, from: ElementId) -> Option<InheritedSet> {
    let inner = tree.children(from).find(|id| !tree.get(*id).kind.is_token())?;
    let inner = tree.get(inner);
    let is_closed = match inner.kind {
        SyntaxKind::Variable | SyntaxKind::AttrSet | SyntaxKind::Paren => true,
        SyntaxKind::Select => !text[inner.start as usize..inner.end as usize].contains(" or "),
        _ => false,
    };
    Some(InheritedSet { range: inner.start..inner.end, is_closed })
}

/// A part of a text, with the edits that are made in it.
fn edited(text: &str, range: Range<u32>, edits: &[TextEdit]) -> String {
    let mut part = text[range.start as usize..range.end as usize].to_owned();
    let inside =
        edits.iter().filter(|edit| range.start <= edit.range.start && edit.range.end <= range.end);
    let mut inside: Vec<TextEdit> = inside
        .map(|edit| {
            let moved = edit.range.start - range.start..edit.range.end - range.start;
            TextEdit::replace(moved, edit.insert.clone())
        })
        .collect();
    inside.sort_by_key(|edit| std::cmp::Reverse(edit.range.start));
    for edit in inside {
        part.replace_range(edit.range.start as usize..edit.range.end as usize, &edit.insert);
    }
    part
}

fn names_beside(module: &Module, scopes: &Scopes, bound: Bound) -> Vec<Name> {
    bindings_beside(module, scopes, bound.binding).into_iter().map(|(name, _)| name).collect()
}

/// Whether a text is a name as it can be written: bare or in quotes.
fn is_written(text: &str, name: Name) -> bool {
    text == name.as_str()
        || text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) == Some(name.as_str())
}

/// Whether only the text around a binding can use it: a `let`, an argument without a name outside.
fn is_bound_lexically(db: &dyn Db, bound: Bound) -> bool {
    let (module, scopes) = (module(db, bound.file), scopes(db, bound.file));
    match scopes.owner(bound.binding) {
        Some(ScopeOwner::Attrs(attrs)) => {
            let literal = crate::uses::literal_of(module, scopes, attrs);
            literal.is_some_and(|literal| matches!(module.expr(literal), Expr::Let { .. }))
        }
        _ => true,
    }
}

fn is_recursive(module: &Module, scopes: &Scopes, bound: Bound) -> bool {
    match scopes.owner(bound.binding) {
        Some(ScopeOwner::Attrs(attrs)) => module.attrs[attrs.0 as usize].recursive,
        _ => false,
    }
}

/// Whether a use of `binding` would mean something else if it were spelled `new`.
fn falls_to_another(
    module: &Module,
    scopes: &Scopes,
    expr: ExprId,
    new: Name,
    bound: Bound,
) -> bool {
    let binding = bound.binding;
    // A use through `with` gives way to every lexical binding of the name, and to global names.
    let lexical = matches!(module.expr(expr), Expr::Var(Var::Local { .. }));
    for visible in scopes.visible(module, expr) {
        match visible {
            Visible::Binding(_, found) if found == binding && lexical => return false,
            Visible::Binding(name, _) | Visible::Global(name, _) if name == new => return true,
            _ => {}
        }
    }
    false
}

/// Whether a variable spelled `new` would mean `binding` if that were spelled `new`.
fn is_hidden_by(module: &Module, scopes: &Scopes, expr: ExprId, new: Name, bound: Bound) -> bool {
    let binding = bound.binding;
    for visible in scopes.visible(module, expr) {
        match visible {
            Visible::Binding(_, found) if found == binding => return true,
            Visible::Binding(name, _) if name == new => return false,
            _ => {}
        }
    }
    false
}

/// How a variable is spelled.
fn spelling(module: &Module, scopes: &Scopes, expr: ExprId) -> Option<Name> {
    match scopes.definition(module, expr)? {
        Definition::Binding(binding) => name_of(module, scopes, binding),
        Definition::With { name, .. } | Definition::Undefined(name) => Some(name),
        Definition::Global(id) => Some(globals()[id.0 as usize].name),
        Definition::Imported(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::fixture::fixture;

    fn check(text: &str, new: &str, expected: &Expect) {
        let fixture = fixture(text);
        let shown = match rename(&fixture.db, fixture.file, fixture.offset, new) {
            Ok(edits) => edits
                .iter()
                .map(|edits| {
                    let mut text = source(&fixture.db, edits.file).text.to_string();
                    floe_syntax::apply_edits(&mut text, &edits.edits).unwrap();
                    text
                })
                .collect::<Vec<_>>()
                .join("//-\n"),
            Err(error) => format!("error: {error}"),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn every_use_and_the_definition() {
        check("let $0a = 1; in a + (b: a) a", "c", &expect!["let c = 1; in c + (b: c) c"]);
        check("{ a ? 1, b ? $0a }: a", "c", &expect!["{ c ? 1, b ? c }: c"]);
        check(
            "let s = { a = 1; }; in s.$0a + (with s; a)",
            "c",
            &expect!["let s = { c = 1; }; in s.c + (with s; c)"],
        );
    }

    #[test]
    fn an_inherit_becomes_a_binding() {
        check(
            "let $0a = 1; b = 2; in { inherit a b; }",
            "c",
            &expect!["let c = 1; b = 2; in { inherit b; a = c; }"],
        );
        check("let $0a = 1; in { inherit a; }", "c", &expect!["let c = 1; in { a = c; }"]);
        check(
            "let inherit (import ./x) a b; in $0a + b",
            "c",
            &expect!["let inherit (import ./x) b; c = (import ./x).a; in c + b"],
        );
        check(
            "let s = { a = 1; }; in { inherit (s) a$0; }",
            "c",
            &expect!["let s = { c = 1; }; in { a = s.c; }"],
        );
    }

    #[test]
    fn a_set_that_is_inherited_from_is_edited_where_it_is_written() {
        check("let inherit ({ $0a = 1; }) a; in a", "c", &expect!["let a = { c = 1; }.c; in a"]);
        check(
            "let inherit ({ $0a = 1; b = 2; }) a b; in a + b",
            "c",
            &expect!["let inherit ({ c = 1; b = 2; }) b; a = { c = 1; b = 2; }.c; in a + b"],
        );
        check(
            "let inherit (let s = { $0a = 1; }; in s) a; in a",
            "c",
            &expect!["let a = (let s = { c = 1; }; in s).c; in a"],
        );
    }

    #[test]
    fn not_to_or_of_names_that_mean_something_to_the_language() {
        let operator = expect![
            "error: '__sub' means something to the language: '-' calls what is bound to it"
        ];
        check("let $0a = 1; in a - 1", "__sub", &operator);
        check("let $0__sub = a: b: a; in 2 - 1", "subtract", &operator);
        check(
            "let $0a = 1; in { inherit a; }",
            "or",
            &expect![
                "error: 'or' means something to the language: behind a selection it names what stands for a missing attribute"
            ],
        );
        check(
            "let s = { $0__functor = self: x: x; }; in s 1",
            "call",
            &expect![
                "error: '__functor' means something to the language: a set that has it can be called"
            ],
        );
        check(
            "let s = { $0path = ./.; }; in s.path",
            "outPath",
            &expect![
                "error: 'outPath' means something to the language: a set that has it is a path where one is asked for"
            ],
        );
        check("let $0outPath = 1; in outPath", "path", &expect!["let path = 1; in path"]);
    }

    #[test]
    fn the_outputs_of_a_flake_that_it_asks_itself_for() {
        let flake = |outputs: &str| format!("//- /w/flake.nix\n{{ outputs = {outputs}; }}");
        check(
            &flake("{ self }: { $0y = 3; x = self.y; z = with self; y; }"),
            "c",
            &expect!["{ outputs = { self }: { c = 3; x = self.c; z = with self; c; }; }"],
        );
        check(
            &flake(
                "{ self, ... }@inputs: let inherit (self) y; in { $0y = 3; x = y + inputs.self.y; }",
            ),
            "c",
            &expect![
                "{ outputs = { self, ... }@inputs: let y = self.c; in { c = 3; x = y + inputs.self.c; }; }"
            ],
        );
        check(
            &flake("inputs: let inherit (inputs) self; in { y = 3; x = self.$0y; }"),
            "c",
            &expect!["{ outputs = inputs: let inherit (inputs) self; in { c = 3; x = self.c; }; }"],
        );
        check(
            "//- /w/flake.nix\n{ outputs = { self }: { lib = import ./lib.nix; x = self.lib.f 1; }; }\n//- /w/lib.nix\n{ $0f = x: x; }",
            "c",
            &expect![[r#"
                { c = x: x; }//-
                { outputs = { self }: { lib = import ./lib.nix; x = self.lib.c 1; }; }
            "#]],
        );
    }

    #[test]
    fn not_where_a_flake_hands_itself_on() {
        let check = |outputs: &str, expected: &Expect| {
            check(&format!("//- /w/flake.nix\n{{ outputs = {outputs}; }}"), "c", expected);
        };
        let lost = expect![
            "error: what happens to 'y' behind flake.nix, line 1, the text does not show; rename it by hand"
        ];
        check("{ self }: { $0y = 3; x = import ./x.nix self; }", &lost);
        check("{ self, ... }@inputs: { $0y = 3; x = import ./x.nix { inherit inputs; }; }", &lost);
        check("{ self }: { $0y = 3; x = n: self.${n}; }", &lost);
        check("{ self }: { $0y = 3; x = self.outputs.y; }", &lost);
        check("{ self }: { overlays.default = final: prev: { $0y = 3; x = final.y; }; }", &lost);
        let of_flake =
            expect!["error: 'nixpkgs' of a flake.nix is a name that Nix, or another flake, knows"];
        check("{ self, $0nixpkgs }: nixpkgs.lib", &of_flake);
    }

    #[test]
    fn not_where_unknown_callers_may_give_the_result_back() {
        let lost = expect![
            "error: what happens to 'foo' behind overlay.nix, line 1, the text does not show; rename it by hand"
        ];
        let overlay = "//- /w/overlay.nix\nfinal: prev: { $0foo = 5; bar = final.foo; }";
        check(overlay, "c", &lost);
        check(
            &format!(
                "{overlay}\n//- /w/flake.nix\n{{ outputs = {{ self }}: {{ overlays.default = import ./overlay.nix; }}; }}"
            ),
            "c",
            &expect![
                "error: what happens to 'foo' behind flake.nix, line 1, the text does not show; rename it by hand"
            ],
        );
        check(
            "//- /w/default.nix\nrec { callPackage = import ./call.nix; a = callPackage ./a.nix { }; }\n//- /w/a.nix\n{ }: { $0x = 1; }\n//- /w/b.nix\n{ a }: a.x",
            "c",
            &expect![
                "error: what happens to 'x' behind default.nix, line 1, the text does not show; rename it by hand"
            ],
        );
    }

    #[test]
    fn not_to_a_name_that_is_taken() {
        check("let $0a = 1; b = 2; in a", "b", &expect!["error: 'b' is already bound beside it"]);
        check("{ $0a, b }: a", "b", &expect!["error: 'b' is already bound beside it"]);
    }

    #[test]
    fn not_where_a_use_would_fall_to_another_binding() {
        check(
            "let $0a = 1; in\nb: a",
            "b",
            &expect!["error: in default.nix, line 2, 'b' already means something else"],
        );
        check(
            "let $0a = 1; in\nrec { b = 2; inherit a; }",
            "b",
            &expect!["error: in default.nix, line 2, 'b' already means something else"],
        );
    }

    #[test]
    fn not_where_it_would_take_the_uses_of_another_binding() {
        check(
            "b:\nlet $0a = 1; in\n b",
            "b",
            &expect!["error: in default.nix, line 3, 'b' already means something else"],
        );
        check(
            "with {};\nlet $0a = 1; in\n b",
            "b",
            &expect!["error: in default.nix, line 3, 'b' already means something else"],
        );
        check(
            "let $0a = 1; in\n map",
            "map",
            &expect!["error: in default.nix, line 2, 'map' already means something else"],
        );
    }

    #[test]
    fn not_where_a_global_name_would_take_a_use_through_with() {
        check(
            "let s = { $0a = 1; }; in with s; a",
            "map",
            &expect!["error: in default.nix, line 1, 'map' already means something else"],
        );
    }

    #[test]
    fn not_to_what_is_no_name_and_not_of_what_is_not_bound_here() {
        check(
            "let $0a = 1; in a",
            "in",
            &expect![[
                r#"error: 'in' cannot be a name: expected a letter or '_', then letters, digits, '_', '-', "'""#
            ]],
        );
        check(
            "let $0a = 1; in a",
            "a b",
            &expect![[
                r#"error: 'a b' cannot be a name: expected a letter or '_', then letters, digits, '_', '-', "'""#
            ]],
        );
        check("$0map", "x", &expect!["error: there is no name here that a file binds"]);
    }

    #[test]
    fn an_attribute_in_all_files_that_select_it() {
        check(
            "//- /w/a.nix\nlet b = import ./b.nix; inherit (b) x; in [ x b.x (b ? x) (with b; x) ]\n//- /w/b.nix\nrec { $0x = 1; y = x; }\n",
            "z",
            &expect![[r#"
                rec { z = 1; y = z; }
                //-
                let b = import ./b.nix; x = b.z; in [ x b.z (b ? z) (with b; x) ]
            "#]],
        );
    }

    #[test]
    fn an_argument_where_it_is_given() {
        check(
            "//- /w/a.nix\nlet c = 1; f = import ./b.nix; in [ (f { x = 1; }) (import ./b.nix { x = c; }) ]\n//- /w/b.nix\nargs@{ $0x, ... }: x + args.x\n",
            "z",
            &expect![[r#"
                args@{ z, ... }: z + args.z
                //-
                let c = 1; f = import ./b.nix; in [ (f { z = 1; }) (import ./b.nix { z = c; }) ]
            "#]],
        );
        check(
            "let f = { a, b ? 1 }: a + b; a = 2; in f { inherit $0a; }",
            "c",
            &expect!["let f = { a, b ? 1 }: a + b; c = 2; in f { a = c; }"],
        );
    }

    #[test]
    fn not_where_it_gets_out_of_sight() {
        check(
            "let s = { $0a = 1; }; in builtins.attrNames s",
            "b",
            &expect![
                "error: what happens to 'a' behind default.nix, line 1, the text does not show; rename it by hand"
            ],
        );
        check(
            "let s = { $0a = 1; }; in x: s.${x}",
            "b",
            &expect![
                "error: what happens to 'a' behind default.nix, line 1, the text does not show; rename it by hand"
            ],
        );
        check(
            "let f = { $0a }: a; in map f [ ]",
            "b",
            &expect![
                "error: what happens to 'a' behind default.nix, line 1, the text does not show; rename it by hand"
            ],
        );
        check(
            "//- /w/a.nix\n{ callPackage }: callPackage ./b.nix { }\n//- /w/b.nix\n{ $0stdenv }: stdenv\n",
            "b",
            &expect![
                "error: what happens to 'stdenv' behind a.nix, line 1, the text does not show; rename it by hand"
            ],
        );
    }

    #[test]
    fn not_where_somebody_asks_for_the_new_name() {
        check(
            "let s = { $0a = 1; }; in { inherit (s) b; }",
            "b",
            &expect!["error: in default.nix, line 1, 'b' already means something else"],
        );
        check(
            "let s = { $0a = 1; }; in s ? b",
            "b",
            &expect!["error: in default.nix, line 1, 'b' already means something else"],
        );
        check(
            "let s = { $0a = 1; } // { b = 2; }; in s.a",
            "b",
            &expect![
                "error: what happens to 'a' behind default.nix, line 1, the text does not show; rename it by hand"
            ],
        );
        check(
            "b: let s = { $0a = 1; }; in with { b = 1; }; with s; [ a b ]",
            "b",
            &expect!["error: in default.nix, line 1, 'b' already means something else"],
        );
        check(
            "let s = { $0a = 1; }; in with { c = 1; }; with s; [ a c ]",
            "c",
            &expect!["error: in default.nix, line 1, 'c' already means something else"],
        );
    }

    #[test]
    fn not_what_the_module_system_knows() {
        check(
            "{ config, ... }: { $0services.x = 1; }",
            "b",
            &expect![
                "error: 'services' is an option or an argument of a module, whose names the module system knows"
            ],
        );
        check(
            "{ $0config, ... }: { services.x = config.y; }",
            "b",
            &expect![
                "error: 'config' is an option or an argument of a module, whose names the module system knows"
            ],
        );
    }
}
