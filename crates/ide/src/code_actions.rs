//! All that can be done at a place: fixes of what is wrong there, ways to ignore it, and assists.

use std::path::PathBuf;

use floe_db::{Db, File, source};
use floe_hir::Span;
use floe_syntax::{SyntaxKind, TextEdit};

use crate::assists::{AssistKind, assists};
use crate::diagnostics::{Diagnostic, diagnostics};
use crate::infer::type_diagnostics;
use crate::linting::lint_findings;
use crate::lints::{Fix, Safety, lint};
use crate::misspelt::{misspelt_option, other_names};
use crate::ssr::SsrRule;
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
    /// All safe fixes of this lint in the workspace: what [`crate::fix_workspace`] gives.
    FixWorkspace(&'static str),
    /// What this rule replaces in the workspace: see [`SsrRule::workspace_edits`].
    ReplaceInWorkspace(String),
}

/// For so many findings of a selection something is offered: nobody reads longer menus.
const MOST_FINDINGS: usize = 100;

/// The actions for a selection.
pub fn code_actions(db: &dyn Db, file: File, selection: Span) -> Vec<CodeAction> {
    let mut actions = Vec::new();
    let of_types = type_diagnostics(db, file).iter().cloned();
    let here: Vec<Diagnostic> = diagnostics(db, file)
        .into_iter()
        .chain(of_types)
        .filter(|found| found.span.start <= selection.end && selection.start <= found.span.end)
        .take(MOST_FINDINGS)
        .collect();
    for diagnostic in &here {
        if let Some(fix) = &diagnostic.fix {
            actions.push(fixing(fix.clone(), diagnostic));
        }
        let others = other_names(db, file, diagnostic).into_iter();
        actions.extend(others.map(|fix| fixing(fix, diagnostic)));
    }
    if let Some((span, fixes)) = misspelt_option(db, file, selection.start) {
        let message = "this option does not exist".to_owned();
        let diagnostic = Diagnostic::error(span, "unknown-option", message);
        actions.extend(fixes.into_iter().map(|fix| fixing(fix, &diagnostic)));
    }
    for (error, fix) in syntax_fixes(db, file, selection) {
        let span = Span { start: error.start, end: error.end };
        let diagnostic = Diagnostic::error(span, "syntax-error", error.to_string());
        actions.push(fixing(fix, &diagnostic));
    }
    let tree = Tree::new(&floe_db::parse(db, file).tree, &source(db, file).text);
    for diagnostic in &here {
        let Some(lint) = lint(diagnostic.code) else { continue };
        let is_safe = |fix: &Fix| fix.safety == Safety::Safe;
        if diagnostic.fix.as_ref().is_some_and(is_safe) {
            let all = |place: &str, change: CodeChange| CodeAction {
                title: format!("Fix all '{}' in the {place}", lint.slug),
                kind: AssistKind::QuickFix,
                change,
                diagnostic: Some(diagnostic.clone()),
                is_preferred: false,
            };
            let same = lint_findings(db, file).iter().filter(|found| found.slug == lint.slug);
            if same.filter(|found| found.fix.as_ref().is_some_and(is_safe)).count() > 1 {
                actions.push(all("file", CodeChange::FixAll(lint.slug)));
            }
            actions.push(all("workspace", CodeChange::FixWorkspace(lint.slug)));
        }
        if let Some(edit) = suppression(&tree, diagnostic) {
            let title = format!("Ignore '{}' here", lint.slug);
            let change = CodeChange::Edits { edits: vec![edit], new_file: None };
            // One comment is for all findings of its line.
            if actions.iter().all(|action| action.title != title || action.change != change) {
                actions.push(CodeAction {
                    title,
                    kind: AssistKind::QuickFix,
                    change,
                    diagnostic: Some(diagnostic.clone()),
                    is_preferred: false,
                });
            }
        }
    }
    actions.extend(assists(db, file, selection).into_iter().map(|assist| CodeAction {
        title: assist.title,
        kind: assist.kind,
        change: CodeChange::Edits { edits: assist.edits, new_file: assist.new_file },
        diagnostic: None,
        is_preferred: false,
    }));
    actions.extend(replacements(db, file, selection));
    actions
}

/// What a comment under the cursor says to replace: `# PATTERN ==>> TEMPLATE`.
fn replacements(db: &dyn Db, file: File, selection: Span) -> Vec<CodeAction> {
    let text = &source(db, file).text;
    // Few texts have it, and making a tree of each is not for nothing.
    if !text.contains("==>>") {
        return Vec::new();
    }
    let tree = Tree::new(&floe_db::parse(db, file).tree, text);
    let offset = text.floor_char_boundary((selection.start as usize).min(text.len())) as u32;
    let comment = tree.token_at(offset);
    if !comment.is(SyntaxKind::Comment) {
        return Vec::new();
    }
    let written = comment.text().trim_start_matches(['#', '/', '*']).trim_end_matches(['/', '*']);
    let Ok(rule) = SsrRule::parse(written) else { return Vec::new() };
    let action = |place: &str, change: CodeChange| CodeAction {
        title: format!("Replace in the {place}: {}", written.trim()),
        kind: AssistKind::Rewrite,
        change,
        diagnostic: None,
        is_preferred: false,
    };
    let edits = rule.edits(text);
    let mut actions = Vec::new();
    if !edits.is_empty() {
        actions.push(action("file", CodeChange::Edits { edits, new_file: None }));
    }
    actions.push(action("workspace", CodeChange::ReplaceInWorkspace(written.trim().to_owned())));
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
fn suppression(tree: &Tree<'_>, diagnostic: &Diagnostic) -> Option<TextEdit> {
    let line = tree.line_start(diagnostic.span.start);
    // A line that begins with an interpolation begins at the end of a fragment.
    let before = tree.token_at(line.saturating_sub(1));
    let in_string = [before, tree.token_at(line)].into_iter().any(|token| {
        token.is(SyntaxKind::StringFragment) && token.start() < line && line <= token.end()
    });
    let indentation = tree.indentation(diagnostic.span.start);
    let comment = format!("{indentation}# floe-ignore: {}\n", diagnostic.code);
    (!in_string).then(|| TextEdit::insert(line, comment))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::fixture;

    fn titles(text: &str) -> Vec<String> {
        let fixture = fixture(text);
        let at = Span { start: fixture.offset, end: fixture.offset };
        let actions = code_actions(&fixture.db, fixture.file, at);
        actions.into_iter().map(|action| action.title).collect()
    }

    #[test]
    fn a_finding_is_fixed_here_in_the_file_and_in_the_workspace_or_ignored() {
        assert_eq!(
            titles("x: [ (if $0x then true else false) (if x then true else false) ]"),
            [
                "Use the condition",
                "Fix all 'redundant-if' in the file",
                "Fix all 'redundant-if' in the workspace",
                "Ignore 'redundant-if' here",
            ]
        );
        assert_eq!(titles("{ a = $01 2; }"), ["Ignore 'not-a-function' here"]);
    }

    #[test]
    fn all_of_a_kind_in_the_workspace() {
        let fixture = fixture(
            "//- /w/a.nix\nx: if x then true else false\n//- /w/b.nix\nx: x // { }\n//- /w/c.nix\nx: if x then false else true\n//- /w/d.nix\nif\n",
        );
        let fixed = |only| -> Vec<String> {
            let found = crate::fixes::fix_workspace(&fixture.db, only);
            let shown = found.into_iter().map(|found| {
                let mut text = source(&fixture.db, found.file).text.to_string();
                floe_syntax::apply_edits(&mut text, &found.edits).unwrap();
                format!("{}: {text}", found.file.path(&fixture.db).display())
            });
            shown.collect()
        };
        assert_eq!(fixed(Some("redundant-if")), ["/w/a.nix: x: x\n", "/w/c.nix: x: !x\n"]);
        assert_eq!(fixed(None).len(), 3);
    }

    #[test]
    fn a_comment_replaces_what_it_says() {
        let text = "# isNull $x ==>>$0 $x == null\nx: isNull x";
        let titles = titles(text);
        assert!(
            titles.contains(&"Replace in the file: isNull $x ==>> $x == null".to_owned())
                && titles
                    .contains(&"Replace in the workspace: isNull $x ==>> $x == null".to_owned()),
            "{titles:?}"
        );
    }
}
