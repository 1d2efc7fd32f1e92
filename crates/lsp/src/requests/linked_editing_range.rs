//! `textDocument/linkedEditingRange`

use std::sync::Arc;

use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{LinkedEditingRangeParams, LinkedEditingRanges};

use crate::session::Session;

pub(crate) async fn handle(
    session: &Arc<Session>,
    params: LinkedEditingRangeParams,
) -> Result<Option<LinkedEditingRanges>> {
    let at = params.text_document_position_params;
    session
        .read_document(&at.text_document.uri, move |view, file| {
            let lines = view.lines(file);
            let offset = lines.offset(at.position);
            let spans = floe_ide::linked_editing_ranges(view.db, file, offset)?;
            Some(LinkedEditingRanges {
                ranges: spans.into_iter().map(|span| lines.range(span)).collect(),
                word_pattern: Some(floe_ide::NAME_PATTERN.to_owned()),
            })
        })
        .await
}
