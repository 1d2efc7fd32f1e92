//! `textDocument/hover`

use std::sync::Arc;

use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{Hover, HoverContents, HoverParams, MarkupContent, MarkupKind};

use crate::session::Session;

pub(crate) async fn handle(session: &Arc<Session>, params: HoverParams) -> Result<Option<Hover>> {
    let at = params.text_document_position_params;
    session
        .read_until_known(&at.text_document.uri, move |view, file| {
            let lines = view.lines(file);
            let hover = floe_ide::hover(view.db, file, lines.offset(at.position))?;
            Some(Hover {
                range: Some(lines.range(hover.span)),
                contents: HoverContents::Markup(MarkupContent {
                    kind: MarkupKind::Markdown,
                    value: hover.markdown,
                }),
            })
        })
        .await
}
