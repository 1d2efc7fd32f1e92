//! What is said above a line: for an override, what it changes.
//!
//! Which lines have something to say is known from the text; what, only an evaluation tells. So an editor
//! is told the places at once, and asks about those that it shows.

use floe_db::{Db, File, source_map};
use floe_hir::Span;

use crate::override_preview::{known_overrides, override_preview};

/// The calls of a file that override a package.
pub fn lens_places(db: &dyn Db, file: File) -> Vec<Span> {
    let map = source_map(db, file);
    known_overrides(db, file).map(|call| map.exprs[call.0 as usize]).collect()
}

/// What to say above the call that is around an offset. Nothing while an evaluation has no answer.
pub fn lens_title(db: &dyn Db, file: File, offset: u32) -> Option<String> {
    override_preview(db, file, offset).map(|preview| preview.summary)
}
