//! All that can be done at a place: fixes of what is wrong there, ways to ignore it, and assists.

use std::path::PathBuf;

use floe_db::{Db, File, source};
use floe_hir::Span;
use floe_syntax::{SyntaxKind, TextEdit};

use crate::assists::{AssistKind, assists};
use crate::diagnostics::{Diagnostic, diagnostics, lint_findings};
use crate::infer::type_diagnostics;
use crate::lints::{Fix, Safety, lint};
use crate::syntax_fixes::syntax_fixes;
use crate::tree::Tree;

/// Something that can be done at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeAction {
    /// What it does, as a command.
    pub title: String,
    /// What sort of action it is.
    pub kind: AssistKind,
    /// What is done.
    pub change: CodeChange,
    /// What it mends.
    pub diagnostic: Option<Diagnostic>,
    /// Whether it is the one to take, of those for the same diagnostic.
    pub is_preferred: bool,
}

/// What a code action does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeChange {
    /// Edits of the file, and perhaps a new file with its text.
    Edits {
        /// The edits.
        edits: Vec<TextEdit>,
        /// The new file.
        new_file: Option<(PathBuf, String)>,
    },
    /// All safe fixes of this lint in the file: what [`crate::fix_all`] gives, when it is asked for.
    FixAll(&'static str),
}

/// The actions for a selection.
pub fn code_actions(db: &dyn Db, file: File, selection: Span) -> Vec<CodeAction> {
    let mut actions = Vec::new();
    let of_types = type_diagnostics(db, file).iter().cloned();
    let here: Vec<Diagnostic> = diagnostics(db, file)
        .into_iter()
        .chain(of_types)
        .filter(|found| found.span.start <= selection.end && selection.start <= found.span.end)
        .collect();
    for diagnostic in &here {
        if let Some(fix) = &diagnostic.fix {
            actions.push(fixing(fix.clone(), diagnostic));
        }
    }
    for (error, fix) in syntax_fixes(db, file, selection) {
        let span = Span { start: error.start, end: error.end };
        let diagnostic = Diagnostic::error(span, "syntax-error", error.to_string());
        actions.push(fixing(fix, &diagnostic));
    }
    for diagnostic in &here {
        let Some(lint) = lint(diagnostic.code) else { continue };
        let is_safe = |fix: &Fix| fix.safety == Safety::Safe;
        let same = lint_findings(db, file).iter().filter(|found| found.slug == lint.slug);
        let fixable = same.filter(|found| found.fix.as_ref().is_some_and(is_safe)).count();
        if fixable > 1 && diagnostic.fix.as_ref().is_some_and(is_safe) {
            actions.push(CodeAction {
                title: format!("Fix all '{}' in the file", lint.slug),
                kind: AssistKind::QuickFix,
                change: CodeChange::FixAll(lint.slug),
                diagnostic: Some(diagnostic.clone()),
                is_preferred: false,
            });
        }
        if let Some(edit) = suppression(db, file, diagnostic) {
            actions.push(CodeAction {
                title: format!("Ignore '{}' here", lint.slug),
                kind: AssistKind::QuickFix,
                change: CodeChange::Edits { edits: vec![edit], new_file: None },
                diagnostic: Some(diagnostic.clone()),
                is_preferred: false,
            });
        }
    }
    actions.extend(assists(db, file, selection).into_iter().map(|assist| CodeAction {
        title: assist.title,
        kind: assist.kind,
        change: CodeChange::Edits { edits: assist.edits, new_file: assist.new_file },
        diagnostic: None,
        is_preferred: false,
    }));
    actions
}

fn fixing(fix: Fix, diagnostic: &Diagnostic) -> CodeAction {
    CodeAction {
        title: fix.title,
        kind: AssistKind::QuickFix,
        is_preferred: fix.safety == Safety::Safe,
        change: CodeChange::Edits { edits: fix.edits, new_file: None },
        diagnostic: Some(diagnostic.clone()),
    }
}

/// A comment that suppresses a finding, on the line before it. Nothing where that would be text of a
/// string.
fn suppression(db: &dyn Db, file: File, diagnostic: &Diagnostic) -> Option<TextEdit> {
    let text = &source(db, file).text;
    let tree = Tree::new(&floe_db::parse(db, file).tree, text);
    let line = tree.line_start(diagnostic.span.start);
    let in_string = tree.all().any(|node| {
        node.is(SyntaxKind::StringFragment) && node.start() < line && line <= node.end()
    });
    let indentation = tree.indentation(diagnostic.span.start);
    let comment = format!("{indentation}# floe-ignore: {}\n", diagnostic.code);
    (!in_string).then(|| TextEdit::insert(line, comment))
}
