//! `workspace/executeCommand`

use std::sync::Arc;

use floe_ide::{FileEdits, SsrRule};
use serde::Deserialize;
use serde_json::json;
use tower_lsp::Client;
use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::ls_types::{ExecuteCommandParams, LSPAny, MessageType, Position, Uri};

use crate::session::{Session, View};

/// Shows what an override changes. Argument: `{ "uri": …, "position": … }` of the override.
pub(crate) const PREVIEW_OVERRIDE: &str = "floe.previewOverride";

/// Searches for expressions of a form and writes them in another. Argument: `{ "rule": "PATTERN ==>>
/// TEMPLATE" }`; with a `"uri"` only in that document, with `"apply": false` the edit is answered instead
/// of made.
pub(crate) const SSR: &str = "floe.ssr";

/// All commands.
pub(crate) const COMMANDS: [&str; 2] = [PREVIEW_OVERRIDE, SSR];

pub(crate) async fn handle(
    session: &Arc<Session>,
    client: &Client,
    params: ExecuteCommandParams,
) -> Result<Option<LSPAny>> {
    match params.command.as_str() {
        PREVIEW_OVERRIDE => preview_override(session, client, params.arguments).await,
        SSR => ssr(session, client, params.arguments).await,
        other => Err(Error::invalid_params(format!(
            "unknown command {other}; expected {}",
            COMMANDS.join(" or ")
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

#[derive(Deserialize)]
struct Replacement {
    rule: String,
    uri: Option<Uri>,
    #[serde(default = "yes")]
    apply: bool,
}

fn yes() -> bool {
    true
}

async fn ssr(
    session: &Arc<Session>,
    client: &Client,
    arguments: Vec<LSPAny>,
) -> Result<Option<LSPAny>> {
    let expected = || {
        let expected = "expected one argument, { \"rule\": \"PATTERN ==>> TEMPLATE\" }";
        Error::invalid_params(expected)
    };
    let argument = arguments.into_iter().next().ok_or_else(expected)?;
    let wanted: Replacement = serde_json::from_value(argument).map_err(|_| expected())?;
    let rule =
        SsrRule::parse(&wanted.rule).map_err(|error| Error::invalid_params(error.to_string()))?;
    let edits = |view: &View<'_>, found: Vec<FileEdits>| {
        let matches = found.iter().map(|found| found.edits.len()).sum::<usize>();
        (matches, found.len(), view.workspace_edit(found))
    };
    let (matches, files, edit) = match &wanted.uri {
        Some(uri) => {
            let found = session.read_document(uri, move |view, file| {
                let found = rule.edits(&floe_db::source(view.db, file).text);
                let found = FileEdits { file, edits: found };
                edits(view, if found.edits.is_empty() { Vec::new() } else { vec![found] })
            });
            found.await?
        }
        None => {
            let found =
                session.read_workspace(move |view| edits(view, rule.workspace_edits(view.db)));
            found.await?
        }
    };
    let mut answer = json!({ "matches": matches, "files": files });
    if !wanted.apply {
        answer["edit"] = json!(edit);
    } else if matches > 0 {
        let client = client.clone();
        // A client may wait for the answer before it makes an edit.
        tokio::spawn(async move {
            if let Err(error) = client.apply_edit(edit).await {
                tracing::warn!(%error, "the client did not make the edit");
            }
        });
    }
    Ok(Some(answer))
}
