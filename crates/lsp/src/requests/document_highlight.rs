//! `textDocument/documentHighlight`

use std::sync::Arc;

use floe_ide::Access;
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
            let found = floe_ide::highlights(view.db, file, lines.offset(at.position))?;
            let highlights = found.into_iter().map(|highlight| DocumentHighlight {
                range: lines.range(highlight.span),
                kind: Some(match highlight.access {
                    Access::Write => DocumentHighlightKind::WRITE,
                    Access::Read => DocumentHighlightKind::READ,
                }),
            });
            Some(highlights.collect())
        })
        .await
}
