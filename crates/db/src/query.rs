//! What is derived from the text of one file.

use std::sync::Arc;

use floe_hir::{LowerOptions, Lowered, Module, Problem, Scopes, SourceMap};
use floe_syntax::{LineIndex, Parse, ParseOptions, TextEdit};

use crate::{Db, File, source};

/// The tree of a file, and its syntax errors.
///
/// Of a file that is being edited the tree before the last edit is remembered outside of salsa, and only
/// the edited block is parsed anew. That the result is the same is what `floe_syntax::reparse` promises,
/// so the query stays a function of the text.
#[salsa::tracked(no_eq, returns(deref))]
pub fn parse(db: &dyn Db, file: File) -> Arc<Parse> {
    let text = &source(db, file).text;
    let options = ParseOptions::default();
    if file.buffer(db).is_none() {
        return Arc::new(floe_syntax::parse(text, &options));
    }
    let parse = match db.files().take_parse(file) {
        Some((old_text, old)) => {
            let edit = edit_between(&old_text, text);
            floe_syntax::reparse(&old, None, &edit, text, &options).parse
        }
        None => floe_syntax::parse(text, &options),
    };
    let parse = Arc::new(parse);
    db.files().remember_parse(file, text.clone(), parse.clone());
    parse
}

/// The smallest edit that makes one text of another.
fn edit_between(old: &str, new: &str) -> TextEdit {
    let common = old.bytes().zip(new.bytes()).take_while(|(a, b)| a == b).count();
    let start = old.floor_char_boundary(common).min(new.floor_char_boundary(common));
    let (old_rest, new_rest) = (&old[start..], &new[start..]);
    let pairs = old_rest.bytes().rev().zip(new_rest.bytes().rev());
    let common = pairs.take_while(|(a, b)| a == b).count();
    let end = |text: &str| text.ceil_char_boundary(text.len() - common);
    let (old_end, new_end) = (end(old_rest), end(new_rest));
    TextEdit::replace(start as u32..(start + old_end) as u32, &new_rest[..new_end])
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
    fn the_smallest_edit_keeps_characters_whole() {
        let check = |old: &str, new: &str, start: u32, end: u32, insert: &str| {
            assert_eq!(
                edit_between(old, new),
                TextEdit::replace(start..end, insert),
                "{old} {new}"
            );
        };
        check("{ a = 1; }", "{ a = 12; }", 7, 7, "2");
        check("aaa", "aa", 2, 3, "");
        check("", "x", 0, 0, "x");
        check("x é y", "x è y", 2, 4, "è");
        check("same", "same", 4, 4, "");
    }

    #[test]
    fn an_edited_file_has_the_tree_of_its_text() {
        let mut database =
            Database::new(Arc::new(MemorySystem::default()), Vec::new(), Settings::default());
        let path = PathBuf::from("/w/a.nix");
        for text in
            ["{ a = { b = 1; }; }", "{ a = { b = 12; }; }", "{ a = { b = ; }; }", "x: [", ""]
        {
            database.apply(Change::Buffer { path: path.clone(), text: text.into() });
            let parsed = parse(&database, database.file(&path));
            assert_eq!(*parsed, floe_syntax::parse(text, &ParseOptions::default()), "{text}");
        }
    }

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
