//! `workspace/executeCommand`

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;
use tower_lsp::Client;
use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::ls_types::{ExecuteCommandParams, LSPAny, MessageType, Position, Uri};

use crate::session::Session;

/// Shows what an override changes. Argument: `{ "uri": …, "position": … }` of the override.
pub(crate) const PREVIEW_OVERRIDE: &str = "floe.previewOverride";

pub(crate) async fn handle(
    session: &Arc<Session>,
    client: &Client,
    params: ExecuteCommandParams,
) -> Result<Option<LSPAny>> {
    match params.command.as_str() {
        PREVIEW_OVERRIDE => preview_override(session, client, params.arguments).await,
        other => Err(Error::invalid_params(format!(
            "unknown command {other}; expected {PREVIEW_OVERRIDE}"
        ))),
    }
}

#[derive(Deserialize)]
struct Place {
    uri: Uri,
    position: Position,
}

/// The preview is answered as Markdown for a client that shows it itself, and its summary is shown as a
/// message for all others.
async fn preview_override(
    session: &Arc<Session>,
    client: &Client,
    arguments: Vec<LSPAny>,
) -> Result<Option<LSPAny>> {
    let expected =
        || Error::invalid_params("expected one argument, { \"uri\": …, \"position\": … }");
    let argument = arguments.into_iter().next().ok_or_else(expected)?;
    let place: Place = serde_json::from_value(argument).map_err(|_| expected())?;
    let preview = session
        .read_until_known(&place.uri, move |view, file| {
            let offset = view.lines(file).offset(place.position);
            floe_ide::override_preview(view.db, file, offset)
        })
        .await?;
    let Some(preview) = preview else { return Ok(None) };
    let (client, summary) = (client.clone(), preview.summary.clone());
    // The answer does not wait for the client to read the message.
    tokio::spawn(async move { client.show_message(MessageType::INFO, summary).await });
    Ok(Some(json!({ "summary": preview.summary, "markdown": preview.markdown })))
}
