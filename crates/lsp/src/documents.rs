//! The texts that the client has open, edited as its notifications say.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use floe_hir::Span;
use floe_syntax::{ColumnEncoding, LineIndex, Stretch};
use rustc_hash::FxHashMap;
use tower_lsp::ls_types::{TextDocumentContentChangeEvent, Uri};

use crate::ordering::Arrival;
use crate::position::Lines;

/// All open documents. Changes are numbered in the order of their arrival.
#[derive(Default)]
pub(crate) struct Documents {
    open: FxHashMap<PathBuf, Document>,
    changes: u64,
}

/// An open document.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// As the client spells it; it is answered in the same spelling.
    pub(crate) uri: Uri,
    pub(crate) text: Arc<str>,
    /// Where its lines begin.
    lines: Arc<LineIndex>,
    /// The client's own count of edits.
    pub(crate) version: i32,
    changed: Arrival,
}

impl Documents {
    pub(crate) fn arrival(&self) -> Arrival {
        Arrival(self.changes)
    }

    pub(crate) fn get(&self, path: &Path) -> Option<&Document> {
        self.open.get(path)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&PathBuf, &Document)> {
        self.open.iter()
    }

    /// Whether the document has changed, or was opened or closed, since a message arrived.
    pub(crate) fn changed_since(&self, path: &Path, arrival: Arrival) -> bool {
        self.open.get(path).is_some_and(|document| document.changed > arrival)
    }

    pub(crate) fn open(&mut self, path: PathBuf, uri: Uri, version: i32, text: Arc<str>) {
        let changed = self.count();
        let lines = Arc::new(LineIndex::new(&text));
        self.open.insert(path, Document { uri, text, lines, version, changed });
    }

    /// Applies edits, each to the text that the one before left. `None` where nothing is open.
    pub(crate) fn change(
        &mut self,
        path: &Path,
        version: i32,
        edits: &[TextDocumentContentChangeEvent],
        encoding: ColumnEncoding,
    ) -> Option<Arc<str>> {
        let changed = self.count();
        let document = self.open.get_mut(path)?;
        let text = (document.text.clone(), document.lines.clone());
        (document.text, document.lines) = apply(text, edits, encoding);
        document.version = version;
        document.changed = changed;
        Some(document.text.clone())
    }

    pub(crate) fn close(&mut self, path: &Path) -> Option<Document> {
        self.count();
        self.open.remove(path)
    }

    fn count(&mut self) -> Arrival {
        self.changes += 1;
        Arrival(self.changes)
    }
}

fn apply(
    (mut text, mut lines): (Arc<str>, Arc<LineIndex>),
    edits: &[TextDocumentContentChangeEvent],
    encoding: ColumnEncoding,
) -> (Arc<str>, Arc<LineIndex>) {
    for edit in edits {
        let Some(range) = edit.range else {
            text = edit.text.as_str().into();
            lines = Arc::new(LineIndex::new(&text));
            continue;
        };
        let Span { start, end } = Lines::new(&text, &lines, encoding).span(range);
        let (before, after) = (&text[..start as usize], &text[end as usize..]);
        text = [before, &edit.text, after].concat().into();
        let stretch = Stretch { old: start..end, new: start..start + edit.text.len() as u32 };
        lines = Arc::new(lines.edited(&stretch, &text));
    }
    (text, lines)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use tower_lsp::ls_types::{Position, Range};

    use super::*;

    fn edit(start: (u32, u32), end: (u32, u32), text: &str) -> TextDocumentContentChangeEvent {
        let range = Range::new(Position::new(start.0, start.1), Position::new(end.0, end.1));
        TextDocumentContentChangeEvent { range: Some(range), range_length: None, text: text.into() }
    }

    #[track_caller]
    fn check(
        encoding: ColumnEncoding,
        text: &str,
        edits: &[TextDocumentContentChangeEvent],
        expected: &Expect,
    ) {
        let lines = Arc::new(LineIndex::new(text));
        let (edited, lines) = apply((text.into(), lines), edits, encoding);
        expected.assert_eq(&edited);
        assert_eq!(*lines, LineIndex::new(&edited));
    }

    #[test]
    fn edits_apply_one_after_the_other() {
        check(
            ColumnEncoding::Utf16,
            "{\n  a = 1;\n}\n",
            &[edit((1, 2), (1, 3), "bc"), edit((1, 5), (1, 5), "\n "), edit((3, 0), (3, 1), "")],
            &expect![[r#"
                {
                  bc 
                 = 1;

            "#]],
        );
    }

    #[test]
    fn a_character_is_what_the_client_counts() {
        let text = "\"ä𝄞\" x";
        for (encoding, at) in
            [(ColumnEncoding::Utf8, 8), (ColumnEncoding::Utf16, 5), (ColumnEncoding::Utf32, 4)]
        {
            let edits = [edit((0, at + 1), (0, at + 2), "y")];
            check(encoding, text, &edits, &expect![[r#""ä𝄞" y"#]]);
        }
    }

    #[test]
    fn a_position_out_of_reach_is_the_nearest_one() {
        let edits =
            [edit((0, 99), (0, 99), "b"), edit((9, 9), (9, 9), "c"), edit((0, 1), (0, 0), "-")];
        check(ColumnEncoding::Utf16, "a\r\n", &edits, &expect!["a-b\r\nc"]);
    }
}
