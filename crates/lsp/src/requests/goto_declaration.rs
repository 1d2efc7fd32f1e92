//! `textDocument/declaration`

use std::sync::Arc;

use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::request::{GotoDeclarationParams, GotoDeclarationResponse};

use crate::session::Session;

pub(crate) async fn handle(
    session: &Arc<Session>,
    params: GotoDeclarationParams,
) -> Result<Option<GotoDeclarationResponse>> {
    let at = params.text_document_position_params;
    session
        .read_document(&at.text_document.uri, move |view, file| {
            let offset = view.lines(file).offset(at.position);
            let targets = floe_ide::goto_declaration(view.db, file, offset).into_iter();
            let locations = targets.filter_map(|target| view.location(target.file, target.span));
            Some(GotoDeclarationResponse::Array(locations.collect()))
        })
        .await
}
