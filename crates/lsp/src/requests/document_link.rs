//! `textDocument/documentLink` and `documentLink/resolve`

use std::str::FromStr;
use std::sync::Arc;

use floe_ide::LinkTarget;
use serde_json::json;
use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{DocumentLink, DocumentLinkParams, Uri};

use crate::session::Session;

pub(crate) async fn handle(
    session: &Arc<Session>,
    params: DocumentLinkParams,
) -> Result<Option<Vec<DocumentLink>>> {
    let uri = params.text_document.uri.clone();
    session
        .read_document(&params.text_document.uri, move |view, file| {
            let lines = view.lines(file);
            let links = floe_ide::document_links(view.db, file).into_iter().map(|link| {
                let target = link.target.as_ref().and_then(uri_of);
                // Where a path leads, the disk knows; it is asked when somebody follows the link.
                let data = target.is_none().then(|| json!({ "uri": uri }));
                DocumentLink { range: lines.range(link.span), target, tooltip: None, data }
            });
            Some(links.collect())
        })
        .await
}

pub(crate) async fn resolve(
    session: &Arc<Session>,
    mut link: DocumentLink,
) -> Result<DocumentLink> {
    let uri = link.data.as_ref().and_then(|data| data.get("uri")?.as_str());
    let Some(uri) = uri.and_then(|uri| Uri::from_str(uri).ok()) else { return Ok(link) };
    let start = link.range.start;
    link.target = session
        .read_document(&uri, move |view, file| {
            let offset = view.lines(file).offset(start);
            uri_of(&floe_ide::link_target(view.db, file, offset)?)
        })
        .await?;
    Ok(link)
}

fn uri_of(target: &LinkTarget) -> Option<Uri> {
    match target {
        LinkTarget::Path(path) => Uri::from_file_path(path),
        LinkTarget::Url(url) => Uri::from_str(url).ok(),
    }
}
