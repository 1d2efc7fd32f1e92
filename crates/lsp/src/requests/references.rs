//! `textDocument/references`

use std::sync::Arc;

use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{Location, ReferenceParams};

use crate::session::Session;

pub(crate) async fn handle(
    session: &Arc<Session>,
    params: ReferenceParams,
) -> Result<Option<Vec<Location>>> {
    let at = params.text_document_position;
    let declaration = params.context.include_declaration;
    session
        .read_document(&at.text_document.uri, move |view, file| {
            let offset = view.lines(file).offset(at.position);
            let found = floe_ide::references(view.db, file, offset)?.into_iter();
            let wanted = found.filter(|found| declaration || !found.is_definition);
            Some(wanted.filter_map(|found| view.location(found.file, found.span)).collect())
        })
        .await
}
