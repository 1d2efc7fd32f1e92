//! `textDocument/selectionRange`

use std::sync::Arc;

use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{Range, SelectionRange, SelectionRangeParams};

use crate::session::Session;

pub(crate) async fn handle(
    session: &Arc<Session>,
    params: SelectionRangeParams,
) -> Result<Option<Vec<SelectionRange>>> {
    session
        .read_document(&params.text_document.uri, move |view, file| {
            let lines = view.lines(file);
            let nest = |position| {
                let spans = floe_ide::selection_ranges(view.db, file, lines.offset(position));
                let outermost_first = spans.into_iter().rev();
                let nested = outermost_first.fold(None, |parent, span| {
                    Some(SelectionRange { range: lines.range(span), parent: parent.map(Box::new) })
                });
                // The answer has one range for each position, whatever is there.
                let empty = SelectionRange { range: Range::new(position, position), parent: None };
                nested.unwrap_or(empty)
            };
            Some(params.positions.iter().copied().map(nest).collect())
        })
        .await
}
