//! From the database's files and bytes to the protocol's URIs and positions.

use std::path::Path;

use floe_db::{File, line_index, peek, source};
use floe_hir::Span;
use floe_ide::FileEdits;
use floe_syntax::LineIndex;
use tower_lsp::ls_types::{Location, TextEdit, Uri, WorkspaceEdit};

use crate::position::Lines;
use crate::session::View;

impl<'a> View<'a> {
    /// The positions of a file's text.
    pub(crate) fn lines(&self, file: File) -> Lines<'a> {
        let text = &source(self.db, file).text;
        Lines::new(text, line_index(self.db, file), self.session.client().encoding)
    }

    /// A range of a file. `None` for a path that no URI can name.
    pub(crate) fn location(&self, file: File, span: Span) -> Option<Location> {
        let uri = self.uri(file.path(self.db))?;
        Some(Location::new(uri, self.lines(file).range(span)))
    }

    /// Edits of a file, as the protocol has them.
    pub(crate) fn text_edits(
        &self,
        file: File,
        edits: Vec<floe_syntax::TextEdit>,
    ) -> Vec<TextEdit> {
        let lines = self.lines(file);
        let edits = edits.into_iter().map(|edit| {
            let span = Span { start: edit.range.start, end: edit.range.end };
            TextEdit::new(lines.range(span), edit.insert)
        });
        edits.collect()
    }

    /// Edits of several files.
    pub(crate) fn workspace_edit(&self, found: Vec<FileEdits>) -> WorkspaceEdit {
        let changes = found.into_iter().filter_map(|FileEdits { file, edits }| {
            Some((self.uri(file.path(self.db))?, self.text_edits(file, edits)))
        });
        WorkspaceEdit::new(changes.collect())
    }

    /// Several ranges of a file. The text of one that nobody has open is looked at, and not kept: there can
    /// be thousands of them.
    pub(crate) fn locations(&self, file: File, spans: impl Iterator<Item = Span>) -> Vec<Location> {
        let Some(uri) = self.uri(file.path(self.db)) else { return Vec::new() };
        let encoding = self.session.client().encoding;
        let of = |lines: Lines<'_>| {
            spans.map(|span| Location::new(uri.clone(), lines.range(span))).collect()
        };
        if file.buffer(self.db).is_some() {
            return of(self.lines(file));
        }
        let Ok(text) = peek(self.db, file) else { return Vec::new() };
        of(Lines::new(&text, &LineIndex::new(&text), encoding))
    }

    /// The URI of a path, in the client's spelling where the client has the file open.
    fn uri(&self, path: &Path) -> Option<Uri> {
        if let Some(document) = self.session.documents().get(path) {
            return Some(document.uri.clone());
        }
        Uri::from_file_path(path)
    }
}
