//! What the server asks of the client once it is introduced: the configuration, and to be told of changes.

use std::sync::Arc;

use serde_json::{Value, json};
use tower_lsp::Client;
use tower_lsp::ls_types::{
    ConfigurationItem, DidChangeWatchedFilesRegistrationOptions, FileSystemWatcher, GlobPattern,
    Registration,
};

use crate::session::Session;

/// Asks for what the server wants to be told, and for the configuration. Returns when all is answered.
pub(crate) async fn introduce(session: Arc<Session>, client: Client) {
    let facts = session.client();
    let mut registrations = Vec::new();
    if facts.registers_configuration {
        registrations
            .push(registration("workspace/didChangeConfiguration", json!({ "section": "floe" })));
    }
    if facts.watches_files {
        // An evaluation reads files of any name.
        let watchers = ["**/*"].map(|pattern| FileSystemWatcher {
            glob_pattern: GlobPattern::String(pattern.to_owned()),
            kind: None,
        });
        let options = DidChangeWatchedFilesRegistrationOptions { watchers: watchers.into() };
        let options = serde_json::to_value(options).unwrap_or_default();
        registrations.push(registration("workspace/didChangeWatchedFiles", options));
    }
    if !registrations.is_empty()
        && let Err(error) = client.register_capability(registrations).await
    {
        tracing::warn!(%error, "the client refuses to watch; watching by ourselves");
        session.watch_disk();
    }
    pull(&session, &client).await;
}

/// The client says that its configuration is different now: with it, or to have it asked for.
pub(crate) fn changed(session: &Arc<Session>, settings: &Value) {
    if settings.is_object() && session.configure(settings) {
        refresh(session);
    }
    if let Some(client) =
        session.connection().cloned().filter(|_| session.client().has_configuration)
    {
        let session = session.clone();
        tokio::spawn(async move { pull(&session, &client).await });
    }
}

async fn pull(session: &Arc<Session>, client: &Client) {
    if !session.client().has_configuration {
        return;
    }
    let item = ConfigurationItem { scope_uri: None, section: Some("floe".to_owned()) };
    match client.configuration(vec![item]).await {
        Ok(answer) => {
            let changed = answer.first().is_some_and(|settings| session.configure(settings));
            if changed {
                refresh(session);
            }
        }
        Err(error) => tracing::info!(%error, "the client keeps its configuration to itself"),
    }
}

/// Has the client ask again for what the configuration changes.
fn refresh(session: &Session) {
    let Some(client) = session.connection().cloned() else { return };
    let facts = session.client();
    tokio::spawn(async move {
        if facts.refreshes_hints {
            let _ = client.inlay_hint_refresh().await;
        }
        if facts.refreshes_tokens {
            let _ = client.semantic_tokens_refresh().await;
        }
        if facts.pulls_diagnostics {
            let _ = client.workspace_diagnostic_refresh().await;
        }
    });
}

fn registration(method: &str, options: Value) -> Registration {
    Registration {
        id: format!("floe:{method}"),
        method: method.to_owned(),
        register_options: Some(options),
    }
}
