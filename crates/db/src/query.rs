//! What is derived from the text of one file.

use std::sync::Arc;

use floe_hir::{LowerOptions, Lowered, Module, Problem, Scopes, SourceMap};
use floe_syntax::{LineIndex, Parse, ParseOptions};

use crate::{Db, File, source};

/// The tree of a file, and its syntax errors.
#[salsa::tracked(no_eq)]
pub fn parse(db: &dyn Db, file: File) -> Parse {
    floe_syntax::parse(&source(db, file).text, &ParseOptions::default())
}

/// Where the lines of a file begin.
#[salsa::tracked(no_eq)]
pub fn line_index(db: &dyn Db, file: File) -> LineIndex {
    LineIndex::new(&source(db, file).text)
}

/// The program that a file is. What depends on this alone is not computed again when a comment or the
/// white space changes.
#[salsa::tracked(returns(deref))]
pub fn module(db: &dyn Db, file: File) -> Arc<Module> {
    lowered(db, file).module.clone()
}

/// Where the parts of [`module`] stand in the text.
pub fn source_map(db: &dyn Db, file: File) -> &SourceMap {
    &lowered(db, file).source_map
}

/// What is wrong with a file beyond its syntax.
pub fn problems(db: &dyn Db, file: File) -> &[Problem] {
    &lowered(db, file).problems
}

/// Which names are visible where, and what refers to what.
#[salsa::tracked]
pub fn scopes(db: &dyn Db, file: File) -> Scopes {
    Scopes::new(module(db, file))
}

struct LoweredFile {
    module: Arc<Module>,
    source_map: SourceMap,
    problems: Vec<Problem>,
}

#[salsa::tracked(no_eq)]
fn lowered(db: &dyn Db, file: File) -> LoweredFile {
    let text = &source(db, file).text;
    let Lowered { module, source_map, problems } =
        floe_hir::lower(&parse(db, file).tree, text, &LowerOptions::default());
    LoweredFile { module: Arc::new(module), source_map, problems }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::{Change, Database, MemorySystem, Settings};

    #[test]
    fn a_comment_changes_no_derived_fact() {
        let mut database =
            Database::new(Arc::new(MemorySystem::default()), Vec::new(), Settings::default());
        let mut look = |text: &str| {
            let path = PathBuf::from("/w/a.nix");
            database.apply(Change::Buffer { path: path.clone(), text: text.into() });
            std::ptr::from_ref(scopes(&database, database.file(&path)))
        };
        let before = look("let a = 1; in a");
        assert_eq!(look("# comment\nlet a  = 1; in a"), before);
        assert_ne!(look("let a = 1; in a + a"), before);
    }
}
