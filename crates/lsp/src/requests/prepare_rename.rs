//! `textDocument/prepareRename`

use std::sync::Arc;

use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::ls_types::{PrepareRenameResponse, TextDocumentPositionParams};

use crate::session::Session;

pub(crate) async fn handle(
    session: &Arc<Session>,
    params: TextDocumentPositionParams,
) -> Result<Option<PrepareRenameResponse>> {
    session
        .read_document(&params.text_document.uri, move |view, file| {
            let lines = view.lines(file);
            let target = floe_ide::prepare_rename(view.db, file, lines.offset(params.position));
            let target = target.map_err(|error| Error::invalid_params(error.to_string()))?;
            Ok(Some(PrepareRenameResponse::RangeWithPlaceholder {
                range: lines.range(target.span),
                placeholder: target.name,
            }))
        })
        .await?
}
