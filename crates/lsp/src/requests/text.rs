//! `floe/text`: what the server takes the text of a document to be. For tests, and for whoever looks for
//! the reason of a strange answer.

use std::sync::Arc;

use serde::Deserialize;
use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::TextDocumentIdentifier;

use crate::server::Server;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Params {
    text_document: TextDocumentIdentifier,
}

pub(crate) async fn handle(server: &Server, params: Params) -> Result<String> {
    let session = server.session.clone();
    let read = |view: &crate::session::View<'_>, file| {
        let text: Arc<str> = floe_db::source(view.db, file).text.clone();
        text.to_string()
    };
    session.read_document(&params.text_document.uri, read).await
}
