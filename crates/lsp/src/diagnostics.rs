//! Pushing diagnostics: those of the text at once, those of evaluation after a pause in typing. A client
//! that asks for diagnostics is sent only those of evaluation; one that takes nothing unasked is told when to
//! ask again.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use floe_db::{Db, File, source};
use floe_ide::{FindingKind, Severity};
use rustc_hash::FxHashMap;
use tower_lsp::Client;
use tower_lsp::ls_types::{
    CodeDescription, Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, DiagnosticTag,
    NumberOrString, Uri,
};

use crate::progress::Progress;
use crate::session::{Session, View, lock};

/// How long nothing must change before open files are evaluated, while somebody types.
const PAUSE: Duration = Duration::from_millis(30);

/// A change after so long is the only one or the first of several: who types on is faster. It is evaluated at
/// once, and the next one interrupts that.
const IDLE: Duration = Duration::from_millis(150);

/// What the client shows for a document.
#[derive(Default)]
struct Shown {
    text: Vec<Diagnostic>,
    evaluated: Vec<Diagnostic>,
    /// The version that the client was last told about, if it was.
    version: Option<i32>,
    uri: Option<Uri>,
}

/// Publishes for as long as the session lasts.
pub(crate) async fn publish(session: Arc<Session>, client: Client) {
    let mut shown = FxHashMap::<PathBuf, Shown>::default();
    let facts = session.client();
    let pushes_text = !facts.pulls_diagnostics;
    let mut last_change: Option<Instant> = None;
    loop {
        let was_idle = last_change.is_none_or(|last| last.elapsed() > IDLE);
        last_change = Some(Instant::now());
        forget_closed(&session, &client, &mut shown).await;
        let found =
            if pushes_text { compute(&session, text_diagnostics).await } else { Vec::new() };
        for (path, uri, version, diagnostics) in found {
            let shown = shown.entry(path).or_default();
            shown.uri = Some(uri);
            if shown.version != Some(version) || shown.text != diagnostics {
                shown.version = Some(version);
                shown.text = diagnostics;
                send(&client, shown).await;
                session.note_shown();
            }
        }
        tokio::select! {
            () = session.revised.notified() => continue,
            () = tokio::time::sleep(if was_idle { Duration::ZERO } else { PAUSE }) => {}
        }
        let (mut lenses_changed, mut evaluated_changed) = (false, false);
        let progress = Progress::start(&session, "Evaluating");
        let found = compute(&session, evaluated_diagnostics).await;
        drop(progress);
        for (path, uri, version, diagnostics) in found {
            lenses_changed = true;
            let before = lock(&session.evaluated).insert(path.clone(), diagnostics.clone());
            evaluated_changed |= before.unwrap_or_default() != diagnostics;
            if !facts.is_pushed_evaluated {
                continue;
            }
            let shown = shown.entry(path).or_default();
            if !pushes_text {
                (shown.uri, shown.version) = (Some(uri), Some(version));
            }
            if shown.version == Some(version) && shown.evaluated != diagnostics {
                shown.evaluated = diagnostics;
                send(&client, shown).await;
            }
        }
        if lenses_changed && facts.refreshes_lenses {
            let client = client.clone();
            tokio::spawn(async move { client.code_lens_refresh().await });
        }
        if evaluated_changed && !facts.is_pushed_evaluated {
            let client = client.clone();
            tokio::spawn(async move { client.workspace_diagnostic_refresh().await });
        }
        session.revised.notified().await;
    }
}

type Computed = Vec<(PathBuf, Uri, i32, Vec<Diagnostic>)>;

/// What the text of a file shows.
pub(crate) fn text_diagnostics(view: &View<'_>, file: File) -> Vec<Diagnostic> {
    convert_all(view, file, floe_ide::shown_diagnostics(view.db, file))
}

fn evaluated_diagnostics(view: &View<'_>, file: File) -> Vec<Diagnostic> {
    convert_all(view, file, floe_ide::evaluated_diagnostics(view.db, file))
}

fn convert_all(view: &View<'_>, file: File, found: Vec<floe_ide::Diagnostic>) -> Vec<Diagnostic> {
    found.into_iter().map(|diagnostic| convert(view, file, diagnostic)).collect()
}

/// The diagnostics of every open document, each with the version that they are about. A document whose
/// text the reader does not have yet is left out: the change on its way brings the next round. So is
/// everything when a write cancels the computation.
async fn compute(
    session: &Arc<Session>,
    diagnostics: fn(&View<'_>, File) -> Vec<Diagnostic>,
) -> Computed {
    let open: Vec<_> = session
        .documents()
        .iter()
        .map(|(path, document)| (path.clone(), document.clone()))
        .collect();
    let mut computed = Vec::new();
    for (path, document) in open {
        let at = path.clone();
        let found = session.try_read(move |view| {
            let file = view.db.file(&at);
            if !Arc::ptr_eq(&source(view.db, file).text, &document.text) {
                return None;
            }
            Some((document.uri, document.version, diagnostics(view, file)))
        });
        match found.await {
            Ok(Some(Some((uri, version, found)))) => computed.push((path, uri, version, found)),
            Ok(Some(None)) => {}
            Ok(None) => session.revised.notify_one(),
            Err(error) => tracing::error!(%error, path = %path.display(), "diagnostics"),
        }
    }
    computed
}

async fn forget_closed(session: &Session, client: &Client, shown: &mut FxHashMap<PathBuf, Shown>) {
    let is_closed = |path: &Path| session.documents().get(path).is_none();
    let closed: Vec<PathBuf> = shown.keys().filter(|path| is_closed(path)).cloned().collect();
    for path in closed {
        if let Some(Shown { uri: Some(uri), .. }) = shown.remove(&path) {
            client.publish_diagnostics(uri, Vec::new(), None).await;
        }
    }
}

async fn send(client: &Client, shown: &Shown) {
    let Some(uri) = shown.uri.clone() else { return };
    let all = shown.text.iter().chain(&shown.evaluated).cloned().collect();
    client.publish_diagnostics(uri, all, shown.version).await;
}

pub(crate) fn convert(view: &View<'_>, file: File, diagnostic: floe_ide::Diagnostic) -> Diagnostic {
    let related = diagnostic.related.into_iter().filter_map(|related| {
        Some(DiagnosticRelatedInformation {
            location: view.location(related.file, related.span)?,
            message: related.message,
        })
    });
    let related: Vec<_> = related.collect();
    Diagnostic {
        range: view.lines(file).range(diagnostic.span),
        severity: Some(match diagnostic.severity {
            Severity::Error => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
            Severity::Hint => DiagnosticSeverity::HINT,
        }),
        code: Some(NumberOrString::String(diagnostic.code.to_owned())),
        code_description: diagnostic
            .explanation
            .and_then(|url| Uri::from_str(&url).ok())
            .map(|href| CodeDescription { href }),
        source: Some("floe".to_owned()),
        message: diagnostic.message,
        tags: match diagnostic.kind {
            FindingKind::Plain => None,
            FindingKind::Unnecessary => Some(vec![DiagnosticTag::UNNECESSARY]),
            FindingKind::Deprecated => Some(vec![DiagnosticTag::DEPRECATED]),
        },
        related_information: (!related.is_empty()).then_some(related),
        ..Diagnostic::default()
    }
}
