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
            let mut found = floe_ide::references(view.db, file, offset)?;
            found.retain(|found| declaration || !found.is_definition);
            let by_file = found.chunk_by(|one, next| one.file == next.file);
            let locations = by_file.flat_map(|found| {
                view.locations(found[0].file, found.iter().map(|found| found.span))
            });
            Some(locations.collect())
        })
        .await
}
