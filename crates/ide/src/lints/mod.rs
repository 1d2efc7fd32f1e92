//! Lints: code that works and should be written otherwise, or does nothing.
//!
//! A lint is a row in [`LINTS`] and a function in one of the files here. It sees a file without syntax
//! errors, reports places, and where it can says which edits mend them. A [`Safety::Safe`] fix never
//! changes what the program means; tests hold every lint to that over whole package sets.

mod again;
mod functions;
mod names;
mod operators;
mod paths;
mod sets;
mod suppressions;
mod syntax;

pub(crate) use self::again::Local;
pub(crate) use self::names::delete_name;
pub(crate) use self::sets::as_inherit;
pub(crate) use self::suppressions::Suppressions;

use std::cell::OnceCell;
use std::path::Path;

use floe_hir::{Expr, ExprId, Module, Scopes, SourceMap, Span, Var};
use floe_syntax::{FlatTree, SyntaxKind, TextEdit};
use rustc_hash::FxHashMap;

use crate::tree::{Node, Tree};

/// One lint.
#[derive(Debug)]
pub struct Lint {
    /// Its name in messages, in `floe.toml`, in comments that suppress it, and in the catalogue.
    pub slug: &'static str,
    /// How it is reported where nothing is configured.
    pub level: Level,
    /// Which of its findings have a fix.
    pub fixes: Fixes,
    rule: Rule,
}

/// How a lint is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Level {
    Allow,
    Hint,
    Warn,
    Error,
}

/// Which findings of a lint have a fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fixes {
    /// None.
    None,
    /// A fix that a person has to look at.
    Review,
    /// Some a safe one.
    Some,
    /// All a safe one.
    All,
}

/// Edits that mend a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What the edits do, as a command.
    pub title: String,
    /// Whether they are made without asking.
    pub safety: Safety,
    /// The edits, which do not overlap.
    pub edits: Vec<TextEdit>,
}

/// Whether a fix may be made without a look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Safety {
    /// The program means the same afterwards.
    Safe,
    /// It may mean something else, in cases that the lint cannot tell.
    Review,
}

/// A place that a lint found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) slug: &'static str,
    pub(crate) level: Level,
    pub(crate) span: Span,
    pub(crate) message: String,
    pub(crate) kind: FindingKind,
    pub(crate) fix: Option<Fix>,
}

/// How an editor may draw a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingKind {
    /// As any other.
    Plain,
    /// The text does nothing: it is drawn faded.
    Unnecessary,
    /// It is drawn struck through.
    Deprecated,
}

/// A lowered file without syntax errors.
pub(crate) struct Input<'a> {
    pub(crate) path: &'a Path,
    /// What is copied to the store with the flake that the file belongs to.
    pub(crate) flake: Option<&'a Path>,
    pub(crate) text: &'a str,
    pub(crate) tree: &'a FlatTree,
    pub(crate) module: &'a Module,
    pub(crate) map: &'a SourceMap,
    pub(crate) scopes: &'a Scopes,
    /// Called now and then. Whoever waits for nothing any more may unwind out of it.
    pub(crate) rest: &'a dyn Fn(),
}

/// Looks at one node.
type Check = fn(&mut Checker<'_>, Node<'_>);

#[derive(Debug)]
enum Rule {
    /// Looks at each node of some kinds. What it finds follows from the node, what is around it, and the
    /// lines that it stands in: where none of that has changed, it is not asked again.
    Nodes(&'static [SyntaxKind], Check),
    /// Looks at the file as a whole.
    File(fn(&mut Checker<'_>)),
    /// Looks at what the others found.
    Suppressions,
    /// What the type checker finds, which looks into other files as well.
    Types,
}

macro_rules! lints {
    ($($slug:literal $level:ident $fixes:ident $rule:expr;)*) => {
        &[$(Lint { slug: $slug, level: Level::$level, fixes: Fixes::$fixes, rule: $rule },)*]
    };
}

use Rule::{File, Nodes};
use SyntaxKind as K;

/// All lints, in the order in which they are listed.
pub static LINTS: &[Lint] = lints! {
    // What does nothing.
    "unused-binding"          Warn  Some   File(names::unused_bindings);
    "unused-inherit"          Warn  All    File(names::unused_inherits);
    "unused-with"             Warn  All    File(names::unused_with);
    "unused-rec"              Warn  All    File(names::unused_rec);
    "unused-argument"         Hint  Review File(names::unused_arguments);
    "unused-formal"           Hint  Review File(names::unused_formals);
    "unused-package-argument" Allow Review File(names::unused_package_arguments);
    "unused-argument-set"     Warn  All    File(names::unused_argument_sets);
    "empty-let"               Warn  All    Nodes(&[K::LetIn], sets::empty_let);
    "empty-inherit"           Warn  All    Nodes(&[K::Inherit], sets::empty_inherit);
    "redundant-parentheses"   Hint  All    Nodes(&[K::Paren], syntax::redundant_parentheses);
    "redundant-if"            Warn  All    Nodes(&[K::If], operators::redundant_if);
    "redundant-update"        Warn  All    Nodes(&[K::Binary], operators::redundant_update);
    "redundant-concatenation" Hint  All    Nodes(&[K::Binary], operators::redundant_concatenation);
    "redundant-interpolation" Hint  Some   Nodes(&[K::String], syntax::redundant_interpolation);
    "constant-condition"      Hint  Some   Nodes(&[K::If, K::Assert], operators::constant_condition);

    // What is likely a mistake.
    "misleading-or"           Warn  Review Nodes(&[K::Apply], operators::misleading_or);
    "application-in-list"     Warn  Review Nodes(&[K::List], functions::application_in_list);
    "ambiguous-with"          Allow None   File(names::ambiguous_with);
    "home-path"               Warn  None   Nodes(&[K::Path], paths::home_path);
    "path-outside-flake"      Warn  None   Nodes(&[K::Path], paths::path_outside_flake);
    "path-to-string"          Allow None   Nodes(&[K::Apply], paths::path_to_string);

    // What is old.
    "legacy-let"              Warn  All    Nodes(&[K::LegacyLet], sets::legacy_let);
    "url-literal"             Warn  All    Nodes(&[K::Literal], syntax::url_literal);
    "deprecated-builtin"      Hint  Some   Nodes(&[K::Apply, K::Select, K::Variable], functions::deprecated_builtin);
    "deprecated-lib"          Hint  Review Nodes(&[K::Select], functions::deprecated_lib);

    // What can be said more simply.
    "bool-comparison"         Hint  Some   Nodes(&[K::Binary], operators::bool_comparison);
    "negated-comparison"      Hint  All    Nodes(&[K::Unary], operators::negated_comparison);
    "manual-or"               Hint  All    Nodes(&[K::If], operators::manual_or);
    "eta-reduction"           Hint  Review Nodes(&[K::Lambda], functions::eta_reduction);
    "manual-inherit"          Hint  All    Nodes(&[K::Binding], sets::manual_inherit);
    "manual-inherit-from"     Allow All    Nodes(&[K::Binding], sets::manual_inherit_from);
    "quoted-attribute"        Allow All    Nodes(&[K::Attr], sets::quoted_attribute);
    "repeated-path"           Allow None   Nodes(&[K::AttrSet, K::LetIn], sets::repeated_path);
    "rec-to-let"              Allow None   File(names::rec_to_let);
    "broad-with"              Allow None   Nodes(&[K::With], names::broad_with);

    // What fails whenever it is evaluated.
    "not-a-function"          Error None   Rule::Types;
    "type-mismatch"           Error None   Rule::Types;
    "cannot-coerce"           Error None   Rule::Types;
    "missing-attribute"       Error None   Rule::Types;
    "missing-argument"        Error None   Rule::Types;
    "unexpected-argument"     Error None   Rule::Types;

    // The comments that suppress lints.
    "unused-suppression"      Hint  All    Rule::Suppressions;
};

/// The lint of this slug.
pub fn lint(slug: &str) -> Option<&'static Lint> {
    LINTS.iter().find(|lint| lint.slug == slug)
}

impl Lint {
    /// Whether it is about what values are, so that the type checker and evaluation find it.
    pub(crate) fn is_of_types(&self) -> bool {
        matches!(self.rule, Rule::Types)
    }
}

impl Level {
    /// The level of this name in `floe.toml`.
    pub fn named(name: &str) -> Option<Level> {
        [Level::Allow, Level::Hint, Level::Warn, Level::Error]
            .into_iter()
            .find(|level| level.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Level::Allow => "allow",
            Level::Hint => "hint",
            Level::Warn => "warn",
            Level::Error => "error",
        }
    }
}

/// How each lint is reported, in the order of [`LINTS`].
pub(crate) type Levels = Vec<Level>;

/// What the lints find in a file, in the order of the text. `level` says how each is reported.
pub(crate) fn findings(input: &Input<'_>, level: impl Fn(&Lint) -> Level) -> Vec<Finding> {
    let levels: Levels = LINTS.iter().map(level).collect();
    let tree = Tree::new(input.tree, input.text);
    let local = again::local(input, &tree, &levels, tree.all());
    all_findings(input, &levels, &local)
}

/// What the lints find, of which those that look at one node after the other have run already.
pub(crate) fn all_findings(input: &Input<'_>, levels: &Levels, local: &[Local]) -> Vec<Finding> {
    let tree = Tree::new(input.tree, input.text);
    let mut checker = Checker::new(input, &tree);
    for (lint, level) in LINTS.iter().zip(levels).filter(|(_, level)| **level > Level::Allow) {
        if let File(check) = lint.rule {
            (input.rest)();
            checker.current = (lint, *level);
            check(&mut checker);
        }
    }
    let mut found = checker.found;
    found.extend(local.iter().map(|local| local.finding.clone()));
    let mut found = suppressions::apply(&tree, found, |slug| {
        LINTS.iter().zip(levels).find(|(lint, _)| lint.slug == slug).map(|(_, level)| *level)
    });
    found.sort_by_key(|finding| (finding.span.start, finding.span.end));
    found
}

/// What a rule works with.
struct Checker<'a> {
    input: &'a Input<'a>,
    tree: &'a Tree<'a>,
    current: (&'static Lint, Level),
    /// The variables that are near, by where they stand.
    variables: OnceCell<FxHashMap<u32, ExprId>>,
    /// The bytes in which most variables are that are asked for.
    near: Span,
    depth_in_flake: OnceCell<Option<usize>>,
    found: Vec<Finding>,
}

impl<'a> Checker<'a> {
    fn new(input: &'a Input<'a>, tree: &'a Tree<'a>) -> Checker<'a> {
        Checker {
            input,
            tree,
            current: (&LINTS[0], Level::Allow),
            variables: OnceCell::new(),
            near: Span { start: 0, end: u32::MAX },
            depth_in_flake: OnceCell::new(),
            found: Vec::new(),
        }
    }
}

impl Checker<'_> {
    /// Reports what the current lint found; gives it back to be added to.
    fn report(&mut self, span: Span, message: impl Into<String>) -> &mut Finding {
        let (lint, level) = self.current;
        self.found.push(Finding {
            slug: lint.slug,
            level,
            span,
            message: message.into(),
            kind: FindingKind::Plain,
            fix: None,
        });
        self.found.last_mut().expect("just added")
    }

    /// The variable whose node this is.
    fn variable(&self, node: Node<'_>) -> Option<Var> {
        let Input { module, map, .. } = self.input;
        let variables = || {
            let ids = (0..module.exprs.len() as u32).map(ExprId);
            let ids = ids.filter(|id| matches!(module.expr(*id), Expr::Var(_)));
            ids.map(|id| (map.exprs[id.0 as usize].start, id))
        };
        let is_near = |start: u32| self.near.start <= start && start < self.near.end;
        let found = if is_near(node.start()) {
            let near = || variables().filter(|(start, _)| is_near(*start)).collect();
            self.variables.get_or_init(near).get(&node.start()).copied()
        } else {
            variables().find(|(start, _)| *start == node.start()).map(|(_, id)| id)
        };
        match module.expr(found?) {
            Expr::Var(var) => Some(var),
            _ => None,
        }
    }

    /// How many folders lie between the source of the flake that the file belongs to and the file, if it is
    /// in one.
    fn depth_in_flake(&self) -> Option<usize> {
        *self.depth_in_flake.get_or_init(|| {
            let folder = self.input.path.parent()?;
            Some(
                folder
                    .strip_prefix(self.input.flake?)
                    .map_or(0, |below| below.components().count()),
            )
        })
    }

    /// Whether the node is a variable that means the global of this name.
    fn is_global(&self, node: Node<'_>, name: &str) -> bool {
        node.is_variable(name) && matches!(self.variable(node), Some(Var::Global(_)))
    }
}

impl Finding {
    fn unnecessary(&mut self) -> &mut Finding {
        self.kind = FindingKind::Unnecessary;
        self
    }

    fn deprecated(&mut self) -> &mut Finding {
        self.kind = FindingKind::Deprecated;
        self
    }

    fn fix(&mut self, title: impl Into<String>, edits: Vec<TextEdit>) {
        self.fix = Some(Fix { title: title.into(), safety: Safety::Safe, edits });
    }

    fn fix_to_review(&mut self, title: impl Into<String>, edits: Vec<TextEdit>) {
        self.fix = Some(Fix { title: title.into(), safety: Safety::Review, edits });
    }
}

/// The edit that takes an entry out of a set or `let`: its whole line where it has one to itself.
pub(crate) fn delete_entry(node: Node<'_>) -> TextEdit {
    delete_entries(node, node)
}

/// [`delete_entry`] of all entries from one to another.
fn delete_entries(first: Node<'_>, last: Node<'_>) -> TextEdit {
    let tree = first.tree();
    let text = tree.text();
    let (start, end) = (first.start(), last.end());
    let (line_start, line_end) = (tree.line_start(start), tree.line_end(end));
    let is_blank = |from: u32, to: u32| text[from as usize..to as usize].trim().is_empty();
    if is_blank(line_start, start) && is_blank(end, line_end) {
        let rest = &text[line_end as usize..];
        let line_break = rest.len() - rest.trim_start_matches('\r').len();
        let line_break = line_break + usize::from(rest[line_break..].starts_with('\n'));
        // A line that ends the text, or one that something stands before, keeps its break.
        return TextEdit::delete(line_start..line_end + line_break as u32);
    }
    let behind = &text[end as usize..];
    let spaces = behind.len() - behind.trim_start_matches(' ').len();
    let touches = text[..start as usize].ends_with(|c: char| !c.is_whitespace());
    TextEdit::delete(start..end + if touches { 0 } else { spaces as u32 })
}

#[cfg(test)]
mod tests;
