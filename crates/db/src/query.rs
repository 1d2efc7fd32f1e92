//! What is derived from the text of one file.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use floe_hir::{BeforeEdit, Landmarks, LowerOptions, Lowered, Module, Problem, Scopes, SourceMap};
use floe_syntax::{Exchange, FlatTree, LineIndex, Parse, ParseOptions, Reparse, Stretch, TextEdit};

use crate::{Db, File, source};

// Of so many files, those that were last looked at, is kept what can be derived anew: a session may come by
// tens of thousands. (The number stands in each attribute, which takes no constant.)

/// The tree of a file, and its syntax errors.
///
/// Of a file that is being edited the tree before the last edit is remembered outside of salsa, and only
/// the edited block is parsed anew. That the result is the same is what `floe_syntax::reparse` promises,
/// so the query stays a function of the text. So it is with `lowered`.
#[salsa::tracked(no_eq, returns(deref), lru = 512)]
pub fn parse(db: &dyn Db, file: File) -> Arc<Parse> {
    let text = &source(db, file).text;
    let options = ParseOptions::default();
    if file.buffer(db).is_none() {
        return Arc::new(floe_syntax::parse(text, &options));
    }
    let edited = match db.files().take_edited(file) {
        Some(old) => old.up_to(text, &options),
        None => {
            let parse = Arc::new(floe_syntax::parse(text, &options));
            Edited { text: text.clone(), parse, lowered: None, later: Vec::new() }
        }
    };
    let parse = edited.parse.clone();
    db.files().remember_edited(file, edited);
    parse
}

/// What was last derived from the text of a file that is being edited.
pub(crate) struct Edited {
    text: Arc<str>,
    parse: Arc<Parse>,
    lowered: Option<(Arc<LoweredFile>, Step)>,
    /// The texts that the file has had since, oldest first, none of which was parsed.
    later: Vec<Arc<str>>,
}

/// So many texts that nobody parses are kept.
const MOST_LATER: usize = 4;

/// Edits so many bytes from each other are far from each other.
const FAR: usize = 4 << 10;

impl Edited {
    /// The file has another text.
    pub(crate) fn note(&mut self, text: &Arc<str>) {
        if self.later.len() < MOST_LATER {
            self.later.push(text.clone());
        }
    }

    /// The same of a later text. Edits far from each other are made one after the other: as one edit, they
    /// would be one of all that lies between.
    fn up_to(mut self, text: &Arc<str>, options: &ParseOptions) -> Edited {
        let later = std::mem::take(&mut self.later);
        let edit = edit_between(&self.text, text);
        let is_far = edit.range.len().max(edit.insert.len()) > FAR;
        let is_known = later.last().is_some_and(|last| Arc::ptr_eq(last, text));
        if !(is_far && is_known) {
            return self.after(&edit, text, options);
        }
        later.iter().fold(self, |before, text| {
            let edit = edit_between(&before.text, text);
            before.after(&edit, text, options)
        })
    }

    fn after(&self, edit: &TextEdit, text: &Arc<str>, options: &ParseOptions) -> Edited {
        let Reparse { parse, exchange, .. } =
            floe_syntax::reparse(&self.parse, None, edit, text, options);
        // The module must be that of the tree before.
        let lowered = self.caught_up().zip(exchange);
        let lowered = lowered.map(|(lowered, exchange)| (lowered, Step::Exchange(exchange)));
        Edited { text: text.clone(), parse: Arc::new(parse), lowered, later: Vec::new() }
    }

    /// The program of the text. Where the next edit came before anybody asked for it, it is lowered now: a
    /// part of it costs less than all of it after the next edit.
    fn caught_up(&self) -> Option<Arc<LoweredFile>> {
        match self.lowered.as_ref()? {
            (lowered, Step::UpToDate) => Some(lowered.clone()),
            (lowered, Step::Exchange(exchange)) => {
                lowered.again(exchange, &self.parse.tree, &self.text)
            }
        }
    }

    /// The program, if it is that of the text and nothing is wrong with it.
    pub(crate) fn lowered(&self, text: &Arc<str>) -> Option<floe_eval::fs::Lowered> {
        let Some((lowered, Step::UpToDate)) = &self.lowered else { return None };
        let is_right = self.parse.errors.is_empty() && lowered.problems.is_empty();
        (is_right && Arc::ptr_eq(&self.text, text)).then(|| floe_eval::fs::Lowered {
            text: text.clone(),
            module: lowered.module.clone(),
            source_map: lowered.source_map.clone(),
        })
    }
}

/// What lies between a tree and a module.
enum Step {
    /// The module is that of the tree.
    UpToDate,
    /// It is that of the tree before this was exchanged.
    Exchange(Exchange),
}

/// The smallest edit that makes one text of another.
fn edit_between(old: &str, new: &str) -> TextEdit {
    let common = common_prefix(old.as_bytes(), new.as_bytes());
    let start = old.floor_char_boundary(common).min(new.floor_char_boundary(common));
    let (old_rest, new_rest) = (&old[start..], &new[start..]);
    let common = common_suffix(old_rest.as_bytes(), new_rest.as_bytes());
    let end = |text: &str| text.ceil_char_boundary(text.len() - common);
    let (old_end, new_end) = (end(old_rest), end(new_rest));
    TextEdit::replace(start as u32..(start + old_end) as u32, &new_rest[..new_end])
}

/// Blocks of this many bytes are compared at once, byte by byte only where they differ.
const COMPARED: usize = 1 << 10;

fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    let blocks = a.chunks(COMPARED).zip(b.chunks(COMPARED));
    let equal = COMPARED * blocks.take_while(|(a, b)| a == b && a.len() == COMPARED).count();
    equal + a[equal..].iter().zip(&b[equal..]).take_while(|(a, b)| a == b).count()
}

fn common_suffix(a: &[u8], b: &[u8]) -> usize {
    let blocks = a.rchunks(COMPARED).zip(b.rchunks(COMPARED));
    let equal = COMPARED * blocks.take_while(|(a, b)| a == b && a.len() == COMPARED).count();
    let (a, b) = (&a[..a.len() - equal], &b[..b.len() - equal]);
    equal + a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count()
}

/// Where the lines of a file begin.
#[salsa::tracked(no_eq, returns(deref), lru = 512)]
pub fn line_index(db: &dyn Db, file: File) -> Arc<LineIndex> {
    let text = &source(db, file).text;
    if file.buffer(db).is_none() {
        return Arc::new(LineIndex::new(text));
    }
    let lines = match db.files().take_lines(file) {
        Some((old, lines)) => {
            let edit = edit_between(&old, text);
            let new = edit.range.start..edit.range.start + edit.insert.len() as u32;
            lines.edited(&Stretch { old: edit.range, new }, text)
        }
        None => LineIndex::new(text),
    };
    let lines = Arc::new(lines);
    db.files().remember_lines(file, text.clone(), lines.clone());
    lines
}

/// The program that a file is. What depends on this alone is not computed again when a comment or the
/// white space changes.
#[salsa::tracked(returns(deref), lru = 512)]
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

/// Which names are visible where, and what refers to what. They are those of another module: to compare
/// them would only tell that.
#[salsa::tracked(no_eq, lru = 512)]
pub fn scopes(db: &dyn Db, file: File) -> Scopes {
    Scopes::new(module(db, file))
}

/// Which of the programs that a file has been it is now; no two files share a number.
pub fn generation(db: &dyn Db, file: File) -> Generation {
    lowered(db, file).generation
}

/// Which part of a file's text was parsed and lowered anew since it was the program of that generation.
/// Everything else has the same tree and the same program, and every name there means the same, only
/// offsets and ids have moved. `None` where nothing of the kind is known.
pub fn changed_since(db: &dyn Db, file: File, generation: Generation) -> Option<Stretch> {
    let lowered = lowered(db, file);
    let from = lowered.steps.iter().position(|(before, _)| *before == generation)?;
    let stretches = lowered.steps[from..].iter().map(|(_, stretch)| stretch.clone());
    stretches.reduce(|before, next| before.then(&next))
}

/// The number of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Generation(u64);

impl Generation {
    fn next() -> Generation {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Generation(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// How many edits are remembered.
const MOST_STEPS: usize = 32;

pub(crate) struct LoweredFile {
    module: Arc<Module>,
    source_map: Arc<SourceMap>,
    problems: Vec<Problem>,
    landmarks: Landmarks,
    generation: Generation,
    /// The generations before, oldest first, and what changed from each to the next.
    steps: Vec<(Generation, Stretch)>,
}

impl LoweredFile {
    fn new(
        (lowered, landmarks): (Lowered, Landmarks),
        steps: Vec<(Generation, Stretch)>,
    ) -> Arc<LoweredFile> {
        let Lowered { module, source_map, problems } = lowered;
        let (module, source_map) = (Arc::new(module), Arc::new(source_map));
        let generation = Generation::next();
        Arc::new(LoweredFile { module, source_map, problems, landmarks, generation, steps })
    }

    /// The program after one exchange, if that saves lowering all of it.
    fn again(&self, exchange: &Exchange, tree: &FlatTree, text: &str) -> Option<Arc<LoweredFile>> {
        let LoweredFile { module, source_map, problems, landmarks, .. } = self;
        let before = BeforeEdit { module, source_map, problems, landmarks };
        let options = LowerOptions::default();
        let again = floe_hir::lower_again(before, exchange, tree, text, &options)?;
        Some(LoweredFile::new(again, self.steps_after(exchange)))
    }

    fn steps_after(&self, exchange: &Exchange) -> Vec<(Generation, Stretch)> {
        let Exchange { old_text, new_text, .. } = exchange;
        let step = Stretch { old: old_text.clone(), new: new_text.clone() };
        let from = (self.steps.len() + 1).saturating_sub(MOST_STEPS);
        self.steps[from..].iter().cloned().chain([(self.generation, step)]).collect()
    }
}

/// Of a file that is being edited, what was edited is lowered anew.
#[salsa::tracked(no_eq, returns(deref), lru = 512)]
fn lowered(db: &dyn Db, file: File) -> Arc<LoweredFile> {
    let text = &source(db, file).text;
    let parse = parse(db, file);
    let options = LowerOptions::default();
    if file.buffer(db).is_none() {
        let lowered = floe_hir::lower(&parse.tree, text, &options);
        return LoweredFile::new((lowered, Landmarks::default()), Vec::new());
    }
    let edited = db.files().take_edited(file);
    let again = edited.as_ref().and_then(|edited| match &edited.lowered {
        Some((old, Step::Exchange(exchange))) if std::ptr::eq(&*edited.parse, parse) => {
            old.again(exchange, &parse.tree, text)
        }
        _ => None,
    });
    let lowered = again.unwrap_or_else(|| {
        LoweredFile::new(floe_hir::lower_for_edits(&parse.tree, text, &options), Vec::new())
    });
    if let Some(edited) = edited {
        let lowered = Some((lowered.clone(), Step::UpToDate));
        db.files().remember_edited(file, Edited { lowered, ..edited });
    }
    lowered
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
            let lowered = floe_hir::lower(&parsed.tree, text, &LowerOptions::default());
            let file = database.file(&path);
            assert_eq!(*module(&database, file), lowered.module, "{text}");
            assert_eq!(*source_map(&database, file), lowered.source_map, "{text}");
            assert_eq!(problems(&database, file), lowered.problems, "{text}");
        }
    }

    #[test]
    fn edits_that_only_the_parser_has_seen_are_lowered_in_parts_all_the_same() {
        let mut database =
            Database::new(Arc::new(MemorySystem::default()), Vec::new(), Settings::default());
        let path = PathBuf::from("/w/a.nix");
        let file = database.file(&path);
        let text = |first: &str, last: &str| {
            let entries: String =
                (0..200).map(|number| format!("  a{number} = f {number};\n")).collect();
            format!("f: {{\n  first = {first};\n{entries}  last = {last};\n}}\n")
        };
        let edit = |database: &mut Database, text: String| {
            database.apply(Change::Buffer { path: path.clone(), text: text.into() });
            parse(database, file).tree.clone()
        };
        edit(&mut database, text("1", "2"));
        let before = generation(&database, file);
        edit(&mut database, text("f 1", "2"));
        edit(&mut database, text("f 1", "f 2"));
        let tree = edit(&mut database, text("f 1", "f 2 3"));

        let new = text("f 1", "f 2 3");
        let lowered = floe_hir::lower(&tree, &new, &LowerOptions::default());
        assert_eq!(*module(&database, file), lowered.module);
        assert_eq!(*source_map(&database, file), lowered.source_map);
        // From the first edit to the last.
        let stretch = changed_since(&database, file, before).unwrap().new;
        assert!(new[..stretch.start as usize].trim_end().ends_with('{'), "{stretch:?}");
        assert!(new[stretch.end as usize..].trim_start().starts_with('}'), "{stretch:?}");
    }

    #[test]
    fn edits_far_from_each_other_that_nobody_has_seen_are_made_one_after_the_other() {
        let mut database =
            Database::new(Arc::new(MemorySystem::default()), Vec::new(), Settings::default());
        let path = PathBuf::from("/w/a.nix");
        let file = database.file(&path);
        let text = |first: &str, last: &str| {
            let entries: String =
                (0..2000).map(|number| format!("  a{number} = f {number};\n")).collect();
            format!("f: {{\n  first = {first};\n{entries}  last = {last};\n}}\n")
        };
        let edit = |database: &mut Database, text: String| {
            database.apply(Change::Buffer { path: path.clone(), text: text.into() });
        };
        edit(&mut database, text("1", "2"));
        let mut texts = vec![("1".to_owned(), "2".to_owned())];
        // One more than are kept, and fewer.
        for edits in [2, MOST_LATER, MOST_LATER + 1] {
            let before = generation(&database, file);
            for number in 0..edits {
                let (first, last) = texts.last().cloned().unwrap();
                texts.push(match number % 2 {
                    0 => (format!("f {first}"), last),
                    _ => (first, format!("g {last}")),
                });
                let (first, last) = texts.last().unwrap();
                edit(&mut database, text(first, last));
            }
            let (first, last) = texts.last().unwrap();
            let new = text(first, last);
            let fresh = floe_syntax::parse(&new, &ParseOptions::default());
            assert_eq!(*parse(&database, file), fresh);
            let lowered = floe_hir::lower(&fresh.tree, &new, &LowerOptions::default());
            assert_eq!(*module(&database, file), lowered.module);
            assert_eq!(*source_map(&database, file), lowered.source_map);
            assert_eq!(changed_since(&database, file, before).is_some(), edits <= MOST_LATER);
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

    #[test]
    fn what_was_derived_from_a_file_that_was_left_long_ago_is_let_go_and_comes_back() {
        let mut database =
            Database::new(Arc::new(MemorySystem::default()), Vec::new(), Settings::default());
        let path = |number: usize| PathBuf::from(format!("/w/{number}.nix"));
        let text = |number: usize| format!("let a = {number}; in a");
        let mut modules = Vec::new();
        for number in 0..600 {
            let path = path(number);
            database.apply(Change::Buffer { path: path.clone(), text: text(number).into() });
            let file = database.file(&path);
            modules.push(Arc::downgrade(&lowered(&database, file).module));
            scopes(&database, file);
            if number > 0 {
                database.apply(Change::Closed { path });
            }
        }
        let kept = |numbers: std::ops::Range<usize>| {
            modules[numbers].iter().filter(|module| module.strong_count() > 0).count()
        };
        // The first one is still open, and the next edit of it wants its program.
        assert_eq!((kept(0..1), kept(1..80), kept(100..600)), (1, 0, 500));

        let file = database.file(&path(0));
        let parsed = floe_syntax::parse(&text(0), &ParseOptions::default());
        let fresh = floe_hir::lower(&parsed.tree, &text(0), &LowerOptions::default());
        assert_eq!(*module(&database, file), fresh.module);
    }
}
