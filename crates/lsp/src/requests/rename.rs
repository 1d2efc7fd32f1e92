//! `textDocument/rename`

use std::collections::HashMap;
use std::sync::Arc;

use floe_hir::Span;
use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::ls_types::{RenameParams, TextEdit, WorkspaceEdit};

use crate::session::Session;

pub(crate) async fn handle(
    session: &Arc<Session>,
    params: RenameParams,
) -> Result<Option<WorkspaceEdit>> {
    let at = params.text_document_position;
    session
        .read_document(&at.text_document.uri, move |view, file| {
            let offset = view.lines(file).offset(at.position);
            let edits = floe_ide::rename(view.db, file, offset, &params.new_name)
                .map_err(|error| Error::invalid_params(error.to_string()))?;
            let changes = edits.into_iter().filter_map(|edits| {
                let lines = view.lines(edits.file);
                let uri = view.location(edits.file, Span::default())?.uri;
                let edits = edits.edits.into_iter().map(|edit| {
                    let span = Span { start: edit.range.start, end: edit.range.end };
                    TextEdit::new(lines.range(span), edit.insert)
                });
                Some((uri, edits.collect()))
            });
            Ok(Some(WorkspaceEdit::new(changes.collect::<HashMap<_, _>>())))
        })
        .await?
}
