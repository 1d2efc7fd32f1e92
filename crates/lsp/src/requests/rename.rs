//! `textDocument/rename`

use std::sync::Arc;

use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::ls_types::{RenameParams, WorkspaceEdit};

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
            Ok(Some(view.workspace_edit(edits)))
        })
        .await?
}
