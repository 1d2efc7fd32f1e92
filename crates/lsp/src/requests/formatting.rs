//! `textDocument/formatting`, `textDocument/rangeFormatting`, `textDocument/onTypeFormatting`

use std::sync::Arc;

use floe_db::source;
use tower_lsp::jsonrpc::{Error, ErrorCode, Result};
use tower_lsp::ls_types::{
    DocumentFormattingParams, DocumentOnTypeFormattingParams, DocumentRangeFormattingParams,
    MessageType, Range, TextEdit, Uri,
};

use crate::session::Session;

pub(crate) async fn document(
    session: &Arc<Session>,
    params: DocumentFormattingParams,
) -> Result<Option<Vec<TextEdit>>> {
    format(session, &params.text_document.uri, None).await
}

pub(crate) async fn range(
    session: &Arc<Session>,
    params: DocumentRangeFormattingParams,
) -> Result<Option<Vec<TextEdit>>> {
    format(session, &params.text_document.uri, Some(params.range)).await
}

/// A formatter that fails is an error of the request, and a message: few editors show the former.
async fn format(
    session: &Arc<Session>,
    uri: &Uri,
    range: Option<Range>,
) -> Result<Option<Vec<TextEdit>>> {
    let options = session.preferences().formatting.clone();
    let edits = session
        .read_document(uri, move |view, file| {
            let text = &source(view.db, file).text;
            let edits = match range.map(|range| view.lines(file).span(range)) {
                None => floe_ide::format_edits(text, &options),
                Some(range) => floe_ide::format_range_edits(text, range, &options),
            };
            edits.map(|edits| view.text_edits(file, edits))
        })
        .await?;
    edits.map(Some).map_err(|error| {
        let message = error.to_string();
        if let Some(client) = session.connection().cloned() {
            let message = message.clone();
            tokio::spawn(async move { client.show_message(MessageType::WARNING, message).await });
        }
        Error { code: ErrorCode::ServerError(REQUEST_FAILED), message: message.into(), data: None }
    })
}

/// The protocol's code for a request that was right and could not be answered.
const REQUEST_FAILED: i64 = -32803;

pub(crate) async fn on_type(
    session: &Arc<Session>,
    params: DocumentOnTypeFormattingParams,
) -> Result<Option<Vec<TextEdit>>> {
    let at = params.text_document_position;
    let unit = match params.options.insert_spaces {
        true => " ".repeat((params.options.tab_size as usize).min(16)),
        false => "\t".to_owned(),
    };
    session
        .read_document(&at.text_document.uri, move |view, file| {
            let offset = view.lines(file).offset(at.position);
            let edits = floe_ide::on_type_edits(view.db, file, offset, &params.ch, &unit);
            Some(view.text_edits(file, edits))
        })
        .await
}
