//! `textDocument/definition`

use std::sync::Arc;

use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{GotoDefinitionParams, GotoDefinitionResponse};

use crate::session::Session;

pub(crate) async fn handle(
    session: &Arc<Session>,
    params: GotoDefinitionParams,
) -> Result<Option<GotoDefinitionResponse>> {
    let at = params.text_document_position_params;
    session
        .read_document(&at.text_document.uri, move |view, file| {
            let offset = view.lines(file).offset(at.position);
            let targets = floe_ide::goto_definition(view.db, file, offset);
            let locations =
                targets.iter().filter_map(|target| view.location(target.file, target.span));
            Some(GotoDefinitionResponse::Array(locations.collect()))
        })
        .await
}
