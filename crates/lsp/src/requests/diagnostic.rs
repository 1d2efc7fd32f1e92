//! `textDocument/diagnostic` and `workspace/diagnostic`: diagnostics for a client that asks for them.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use floe_db::{Db, File};
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{
    Diagnostic, DocumentDiagnosticParams, DocumentDiagnosticReport, DocumentDiagnosticReportResult,
    FullDocumentDiagnosticReport, RelatedFullDocumentDiagnosticReport,
    RelatedUnchangedDocumentDiagnosticReport, UnchangedDocumentDiagnosticReport,
    WorkspaceDiagnosticParams, WorkspaceDiagnosticReport, WorkspaceDiagnosticReportResult,
    WorkspaceDocumentDiagnosticReport, WorkspaceFullDocumentDiagnosticReport,
    WorkspaceUnchangedDocumentDiagnosticReport,
};

use crate::diagnostics::text_diagnostics;
use crate::session::{Session, View, lock};

pub(crate) async fn document(
    session: &Arc<Session>,
    params: DocumentDiagnosticParams,
) -> Result<DocumentDiagnosticReportResult> {
    let found = session.read_document(&params.text_document.uri, diagnostics).await?;
    let id = result_id(&found);
    let report = match params.previous_result_id == Some(id.clone()) {
        true => DocumentDiagnosticReport::Unchanged(RelatedUnchangedDocumentDiagnosticReport {
            related_documents: None,
            unchanged_document_diagnostic_report: UnchangedDocumentDiagnosticReport {
                result_id: id,
            },
        }),
        false => DocumentDiagnosticReport::Full(RelatedFullDocumentDiagnosticReport {
            related_documents: None,
            full_document_diagnostic_report: FullDocumentDiagnosticReport {
                result_id: Some(id),
                items: found,
            },
        }),
    };
    Ok(DocumentDiagnosticReportResult::Report(report))
}

/// How many Nix files a workspace may have for all of them to be checked.
const MOST_FILES: usize = 2_000;

/// A client asks again as soon as it has the answer; so one without news is kept back until something has
/// changed, as the protocol suggests, and at most for so long.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) async fn workspace(
    session: &Arc<Session>,
    params: WorkspaceDiagnosticParams,
) -> Result<WorkspaceDiagnosticReportResult> {
    let known: FxHashMap<String, String> = params
        .previous_result_ids
        .into_iter()
        .map(|previous| (previous.uri.as_str().to_owned(), previous.value))
        .collect();
    let known = Arc::new(known);
    let mut revision = session.revision.clone();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        revision.mark_unchanged();
        let known = known.clone();
        let items = session.read_workspace(move |view| reports(view, &known)).await?;
        let is_news = |item: &_| matches!(item, WorkspaceDocumentDiagnosticReport::Full(_));
        let waited = tokio::time::timeout_at(deadline, async {
            if items.iter().any(is_news) {
                return false;
            }
            // After the last of many keystrokes is soon enough for files that nobody has open.
            let changed = revision.changed().await.is_ok();
            tokio::time::sleep(Duration::from_secs(1)).await;
            changed
        });
        if !matches!(waited.await, Ok(true)) {
            let report = WorkspaceDiagnosticReport { items };
            return Ok(WorkspaceDiagnosticReportResult::Report(report));
        }
    }
}

fn reports(
    view: &View<'_>,
    known: &FxHashMap<String, String>,
) -> Vec<WorkspaceDocumentDiagnosticReport> {
    let mut files: Vec<File> = Vec::new();
    if view.session.preferences().checks_workspace
        && floe_ide::workspace_size(view.db) <= MOST_FILES
    {
        files.extend(floe_ide::workspace_files(view.db));
    }
    // Told to ask again, some clients ask for no single file any more.
    let open: Vec<_> = view.session.documents().iter().map(|(path, _)| path.clone()).collect();
    let is_among = files.iter().copied().collect::<FxHashSet<_>>();
    let open = open.iter().map(|path| view.db.file(path));
    // One that was opened just now is not in this revision yet.
    let is_known = |file: &File| file.buffer(view.db).is_some() && !is_among.contains(file);
    files.extend(open.filter(is_known));
    let reports = files.iter().filter_map(|file| {
        let uri = view.location(*file, floe_hir::Span::default())?.uri;
        let open = view.session.documents().get(file.path(view.db)).map(|open| open.version);
        let version = open.map(i64::from);
        let found = diagnostics(view, *file);
        let id = result_id(&found);
        let old = known.get(uri.as_str());
        // A file without problems that the client knows nothing of is no news.
        if found.is_empty() && old.is_none() {
            return None;
        }
        Some(match old == Some(&id) {
            true => WorkspaceDocumentDiagnosticReport::Unchanged(
                WorkspaceUnchangedDocumentDiagnosticReport {
                    uri,
                    version,
                    unchanged_document_diagnostic_report: UnchangedDocumentDiagnosticReport {
                        result_id: id,
                    },
                },
            ),
            false => {
                WorkspaceDocumentDiagnosticReport::Full(WorkspaceFullDocumentDiagnosticReport {
                    uri,
                    version,
                    full_document_diagnostic_report: FullDocumentDiagnosticReport {
                        result_id: Some(id),
                        items: found,
                    },
                })
            }
        })
    });
    reports.collect()
}

/// What the text of a file shows, and what evaluation last found in it unless the client is sent that.
fn diagnostics(view: &View<'_>, file: File) -> Vec<Diagnostic> {
    let mut found = text_diagnostics(view, file);
    if view.session.client().is_pushed_evaluated {
        return found;
    }
    let evaluated = lock(&view.session.evaluated);
    found.extend(evaluated.get(file.path(view.db)).into_iter().flatten().cloned());
    found
}

/// Equal diagnostics have equal ids, whenever they are asked for.
fn result_id(diagnostics: &[Diagnostic]) -> String {
    let mut hasher = FxHasher::default();
    serde_json::to_string(diagnostics).unwrap_or_default().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
