//! `textDocument/definition`, `…/declaration`, `…/typeDefinition` and `…/implementation`

use std::sync::Arc;

use floe_db::{Db, File};
use floe_ide::NavigationTarget;
use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{GotoDefinitionParams, GotoDefinitionResponse};

use crate::session::Session;

/// The places that `find` gives for the position.
pub(crate) async fn handle(
    session: &Arc<Session>,
    params: GotoDefinitionParams,
    find: fn(&dyn Db, File, u32) -> Vec<NavigationTarget>,
) -> Result<Option<GotoDefinitionResponse>> {
    let at = params.text_document_position_params;
    let places = session.read_until_known(&at.text_document.uri, move |view, file| {
        let targets = find(view.db, file, view.lines(file).offset(at.position)).into_iter();
        let places: Vec<_> =
            targets.filter_map(|target| view.location(target.file, target.span)).collect();
        (!places.is_empty()).then_some(places)
    });
    Ok(Some(GotoDefinitionResponse::Array(places.await?.unwrap_or_default())))
}
