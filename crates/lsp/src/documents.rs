//! The texts that the client has open, edited as its notifications say.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use floe_syntax::{ColumnEncoding, LineIndex};
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
        self.open.insert(path, Document { uri, text, version, changed });
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
        document.text = apply(&document.text, edits, encoding);
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
    text: &Arc<str>,
    edits: &[TextDocumentContentChangeEvent],
    encoding: ColumnEncoding,
) -> Arc<str> {
    let mut text = text.clone();
    for edit in edits {
        text = match edit.range {
            None => edit.text.as_str().into(),
            Some(range) => {
                let index = LineIndex::new(&text);
                let span = Lines::new(&text, &index, encoding).span(range);
                let (before, after) = (&text[..span.start as usize], &text[span.end as usize..]);
                [before, &edit.text, after].concat().into()
            }
        };
    }
    text
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
        expected.assert_eq(&apply(&text.into(), edits, encoding));
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
