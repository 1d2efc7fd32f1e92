//! `textDocument/inlayHint` and `inlayHint/resolve`

use std::sync::Arc;

use floe_ide::InlayKind;
use serde_json::json;
use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{
    InlayHint, InlayHintKind, InlayHintLabel, InlayHintParams, InlayHintTooltip, MarkupContent,
    MarkupKind,
};

use crate::session::Session;

pub(crate) async fn handle(
    session: &Arc<Session>,
    params: InlayHintParams,
) -> Result<Option<Vec<InlayHint>>> {
    let options = session.preferences().inlay_hints;
    session
        .read_document(&params.text_document.uri, move |view, file| {
            let lines = view.lines(file);
            let range = lines.span(params.range);
            let hints = floe_ide::inlay_hints(view.db, file, range, &options).into_iter();
            let hints = hints.map(|hint| InlayHint {
                position: lines.position(hint.offset),
                label: InlayHintLabel::String(hint.label),
                kind: match hint.kind {
                    InlayKind::Closing => None,
                    InlayKind::Parameter => Some(InlayHintKind::PARAMETER),
                    InlayKind::Type => Some(InlayHintKind::TYPE),
                },
                text_edits: None,
                // Shown when the mouse rests on the hint, and sent then.
                tooltip: None,
                padding_left: Some(hint.kind == InlayKind::Closing),
                padding_right: Some(hint.kind == InlayKind::Parameter),
                data: hint.tooltip.map(|tooltip| json!({ "tooltip": tooltip })),
            });
            Some(hints.collect())
        })
        .await
}

pub(crate) fn resolve(mut hint: InlayHint) -> InlayHint {
    let tooltip = hint.data.as_ref().and_then(|data| data.get("tooltip")?.as_str());
    hint.tooltip = tooltip.map(|tooltip| {
        let value = tooltip.to_owned();
        InlayHintTooltip::MarkupContent(MarkupContent { kind: MarkupKind::Markdown, value })
    });
    hint
}
