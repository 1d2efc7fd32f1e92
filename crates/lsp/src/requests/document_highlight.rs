//! `textDocument/documentHighlight`

use std::sync::Arc;

use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{DocumentHighlight, DocumentHighlightKind, DocumentHighlightParams};

use crate::session::Session;

pub(crate) async fn handle(
    session: &Arc<Session>,
    params: DocumentHighlightParams,
) -> Result<Option<Vec<DocumentHighlight>>> {
    let at = params.text_document_position_params;
    session
        .read_document(&at.text_document.uri, move |view, file| {
            let lines = view.lines(file);
            let references = floe_ide::references(view.db, file, lines.offset(at.position))?;
            let highlight = |found: &floe_ide::Reference| DocumentHighlight {
                range: lines.range(found.span),
                kind: Some(if found.is_definition() {
                    DocumentHighlightKind::WRITE
                } else {
                    DocumentHighlightKind::READ
                }),
            };
            Some(references.iter().map(highlight).collect())
        })
        .await
}
