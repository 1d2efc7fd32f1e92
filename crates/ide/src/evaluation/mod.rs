//! What only evaluation tells: options, packages, errors, overrides. Each file here has a tracked query
//! that asks the worker, and plain data for an answer.

pub(crate) mod all_options;
pub(crate) mod check;
mod declarations;
mod option_cache;
pub(crate) mod option_list;
mod option_tree;
pub(crate) mod option_types;
pub(crate) mod options;
pub(crate) mod overrides;
mod own_options;
pub(crate) mod packages;
mod values;

use std::path::PathBuf;

use floe_db::{Db, line_index};
use floe_eval::error::{Origin, Position};
use floe_hir::Span;

use crate::NavigationTarget;

/// A line of a file, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceLine {
    pub(crate) path: PathBuf,
    pub(crate) line: u32,
}

impl SourceLine {
    /// The line of a place that is in a file.
    pub(crate) fn of(position: &Position) -> Option<SourceLine> {
        match &position.origin {
            Origin::File(path) => Some(SourceLine { path: path.clone(), line: position.line }),
            _ => None,
        }
    }

    /// Reads what nixpkgs writes into `meta.position`: `/path/default.nix:12`.
    pub(crate) fn parse(text: &str) -> Option<SourceLine> {
        let (path, line) = text.rsplit_once(':')?;
        Some(SourceLine { path: path.into(), line: line.parse().ok()? })
    }

    /// The line as a place to go to: its first character.
    pub(crate) fn target(&self, db: &dyn Db) -> Option<NavigationTarget> {
        let file = crate::known::imported_file(db, &self.path)?;
        let text = &floe_db::source(db, file).text;
        let line = line_index(db, file).line_range(self.line.saturating_sub(1))?;
        let indent = text[line.start as usize..line.end as usize]
            .bytes()
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count() as u32;
        let start = line.start + indent;
        Some(NavigationTarget { file, span: Span { start, end: start } })
    }
}
