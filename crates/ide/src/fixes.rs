//! Making the fixes of lints, as many as fit together, until nothing is left to fix.

use std::path::Path;

use floe_db::{Db, File, peek};
use floe_hir::{LowerOptions, Scopes, lower};
use floe_syntax::{ParseOptions, TextEdit, apply_edits};

use crate::config::{config_of, flake_source_of};
use crate::formatting::line_edits;
use crate::lints::{Finding, Fixes, Input, LINTS, Level, Lint, Safety, findings};
use crate::rename::FileEdits;
use crate::workspace_index::workspace_files;

/// Nested findings are fixed from the outside in, one layer in each pass.
const MOST_PASSES: usize = 100;

/// A file after its fixes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// The text.
    pub text: String,
    /// How many findings were fixed.
    pub fixes: usize,
}

/// Makes all safe fixes of a file, those of one lint if `only` names it. Nothing for a file with syntax
/// errors, or without anything to fix.
pub fn fix_all(db: &dyn Db, file: File, only: Option<&str>) -> Option<Fixed> {
    // Most files of a workspace are looked at once: nothing of them is kept.
    let text = peek(db, file).ok()?;
    let levels = levels(db, file);
    let fixes = |lint: &Lint| match lint.fixes {
        _ if only.is_some_and(|only| only != lint.slug) => Level::Allow,
        Fixes::None | Fixes::Review => Level::Allow,
        Fixes::Some | Fixes::All => levels[index(lint)],
    };
    let flake = flake_source_of(db, file);
    fix_text(&text, file.path(db), flake, fixes)
}

/// Makes all safe fixes in the files of the workspace, those of one lint if `only` names it.
pub fn fix_workspace(db: &dyn Db, only: Option<&str>) -> Vec<FileEdits> {
    let edits = |file: File| {
        db.unwind_if_revision_cancelled();
        let fixed = fix_all(db, file, only)?;
        Some(FileEdits { file, edits: line_edits(&peek(db, file).ok()?, &fixed.text) })
    };
    workspace_files(db).iter().filter_map(|file| edits(*file)).collect()
}

/// How each lint is reported in a file, in the order of [`LINTS`]. Where the `floe.toml` cannot be
/// read, as if there were none.
pub(crate) fn levels(db: &dyn Db, file: File) -> Vec<Level> {
    let found = config_of(db, file);
    let config = found.and_then(|(at, config)| Some((at, config.as_ref().ok()?)));
    let path = file.path(db);
    LINTS
        .iter()
        .map(|lint| match config {
            Some((at, config)) => {
                let folder = at.path(db).parent().unwrap_or(Path::new("/"));
                config.level(lint, path.strip_prefix(folder).unwrap_or(path))
            }
            None => lint.level,
        })
        .collect()
}

pub(crate) fn index(lint: &Lint) -> usize {
    LINTS.iter().position(|other| other.slug == lint.slug).unwrap_or_default()
}

/// The same for a text alone.
pub(crate) fn fix_text(
    text: &str,
    path: &Path,
    flake: Option<&Path>,
    level: impl Fn(&Lint) -> Level,
) -> Option<Fixed> {
    let mut fixed = Fixed { text: text.to_owned(), fixes: 0 };
    for _ in 0..MOST_PASSES {
        let found = findings_in(&fixed.text, path, flake, &level)?;
        let (edits, fixes) = compatible(&found);
        let mut next = fixed.text.clone();
        if fixes == 0 || apply_edits(&mut next, &edits).is_err() {
            break;
        }
        // A fix that breaks a file is a mistake of ours; the file must not pay for it.
        if !floe_syntax::parse(&next, &ParseOptions::default()).errors.is_empty() {
            tracing::error!(path = %path.display(), "a fix would break the file");
            break;
        }
        fixed = Fixed { text: next, fixes: fixed.fixes + fixes };
    }
    (fixed.fixes > 0).then_some(fixed)
}

fn findings_in(
    text: &str,
    path: &Path,
    flake: Option<&Path>,
    level: impl Fn(&Lint) -> Level,
) -> Option<Vec<Finding>> {
    let parse = floe_syntax::parse(text, &ParseOptions::default());
    let lowered = lower(&parse.tree, text, &LowerOptions::default());
    if !parse.errors.is_empty() || !lowered.problems.is_empty() {
        return None;
    }
    let scopes = Scopes::new(&lowered.module);
    let input = Input {
        path,
        flake,
        text,
        tree: &parse.tree,
        module: &lowered.module,
        map: &lowered.source_map,
        scopes: &scopes,
        rest: &|| {},
    };
    Some(findings(&input, level))
}

/// The edits of safe fixes of which no two touch the same stretch of text: what one of them says of its
/// surroundings has to be true when it is made.
fn compatible(found: &[Finding]) -> (Vec<TextEdit>, usize) {
    let mut fixes: Vec<(u32, u32, &[TextEdit])> = found
        .iter()
        .filter_map(|finding| {
            let fix = finding.fix.as_ref().filter(|fix| fix.safety == Safety::Safe)?;
            let start = fix.edits.iter().map(|edit| edit.range.start).min()?;
            let end = fix.edits.iter().map(|edit| edit.range.end).max()?;
            Some((start, end, fix.edits.as_slice()))
        })
        .collect();
    // Of two that start together the longer one goes first: it is around the other.
    fixes.sort_by_key(|(start, end, _)| (*start, std::cmp::Reverse(*end)));
    let (mut edits, mut count, mut reached) = (Vec::new(), 0, None);
    for (start, end, fix) in fixes {
        if reached.is_some_and(|reached| start <= reached) {
            continue;
        }
        edits.extend_from_slice(fix);
        reached = Some(end);
        count += 1;
    }
    (edits, count)
}
