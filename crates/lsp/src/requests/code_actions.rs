//! `textDocument/codeAction` and `codeAction/resolve`

use std::collections::HashMap;
use std::sync::Arc;

use floe_db::File;
use floe_ide::{AssistKind, CodeChange, SsrRule};
use serde::{Deserialize, Serialize};
use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::ls_types::{
    CodeAction, CodeActionKind, CodeActionOrCommand, CodeActionParams, CodeActionResponse,
    CreateFile, DocumentChangeOperation, DocumentChanges, OneOf,
    OptionalVersionedTextDocumentIdentifier, Position, Range, ResourceOp, TextDocumentEdit,
    TextEdit, Uri, WorkspaceEdit,
};

use crate::diagnostics::convert;
use crate::session::{Session, View};

/// The kinds that the server offers.
pub(crate) const KINDS: [CodeActionKind; 5] = [
    CodeActionKind::QUICKFIX,
    CodeActionKind::REFACTOR_EXTRACT,
    CodeActionKind::REFACTOR_INLINE,
    CodeActionKind::REFACTOR_REWRITE,
    CodeActionKind::SOURCE_FIX_ALL,
];

/// What an action that is computed when it is asked for does.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Later {
    /// Makes the safe fixes of a file, those of one lint or all of them.
    FixAll { uri: Uri, lint: Option<String> },
    /// Makes those of one lint in all files.
    FixWorkspace { lint: String },
    /// Searches and replaces in all files.
    Replace { rule: String },
}

pub(crate) async fn handle(
    session: &Arc<Session>,
    params: CodeActionParams,
) -> Result<Option<CodeActionResponse>> {
    let uri = params.text_document.uri.clone();
    let only = params.context.only;
    let is_wanted = move |kind: &CodeActionKind| {
        only.as_ref().is_none_or(|only| {
            only.iter().any(|wanted| {
                let rest = kind.as_str().strip_prefix(wanted.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        })
    };
    session
        .read_document(&params.text_document.uri, move |view, file| {
            let selection = view.lines(file).span(params.range);
            let actions = floe_ide::code_actions(view.db, file, selection);
            let mut actions: Vec<_> = actions
                .into_iter()
                .filter(|action| is_wanted(&kind(action.kind)))
                .filter(|action| can_be_made(view, action))
                .map(|action| encode(view, file, &uri, action).into())
                .collect::<Vec<CodeActionOrCommand>>();
            if is_wanted(&CodeActionKind::SOURCE_FIX_ALL) && floe_ide::has_safe_fixes(view.db, file)
            {
                let mut action = CodeAction {
                    title: "Make all safe fixes in the file".to_owned(),
                    kind: Some(CodeActionKind::SOURCE_FIX_ALL),
                    ..CodeAction::default()
                };
                fix_all_later(view, file, &uri, None, &mut action);
                actions.push(CodeActionOrCommand::CodeAction(action));
            }
            Some(actions)
        })
        .await
}

/// Computes the edits of an action that changes a whole file, or all of them.
pub(crate) async fn resolve(session: &Arc<Session>, mut action: CodeAction) -> Result<CodeAction> {
    let Some(data) = action.data.clone() else { return Ok(action) };
    let later: Later = serde_json::from_value(data).map_err(|error| {
        Error::invalid_params(format!("the data of a code action of this server: {error}"))
    })?;
    action.edit = Some(match later {
        Later::FixAll { uri, lint } => {
            let fixed = session.read_document(&uri, move |view, file| {
                let edits = fix_all(view, file, lint.as_deref());
                view.text_edits(file, edits)
            });
            WorkspaceEdit::new(HashMap::from([(uri.clone(), fixed.await?)]))
        }
        Later::FixWorkspace { lint } => {
            let fixed = session.read_workspace(move |view| {
                view.workspace_edit(floe_ide::fix_workspace(view.db, Some(&lint)))
            });
            fixed.await?
        }
        Later::Replace { rule } => {
            let rule =
                SsrRule::parse(&rule).map_err(|error| Error::invalid_params(error.to_string()))?;
            let replaced = session
                .read_workspace(move |view| view.workspace_edit(rule.workspace_edits(view.db)));
            replaced.await?
        }
    });
    Ok(action)
}

/// Whether the client can make what an action does.
fn can_be_made(view: &View<'_>, action: &floe_ide::CodeAction) -> bool {
    let client = view.session.client();
    match &action.change {
        CodeChange::Edits { new_file, .. } => new_file.is_none() || client.creates_files,
        CodeChange::FixAll(_) => true,
        // Nobody waits for edits of a whole workspace that may never be taken.
        CodeChange::FixWorkspace(_) | CodeChange::ReplaceInWorkspace(_) => client.resolves_edits,
    }
}

/// The safe fixes of a file, when the client asks for them; at once where it never does.
fn fix_all_later(
    view: &View<'_>,
    file: File,
    uri: &Uri,
    lint: Option<&str>,
    action: &mut CodeAction,
) {
    if view.session.client().resolves_edits {
        let later = Later::FixAll { uri: uri.clone(), lint: lint.map(str::to_owned) };
        action.data = serde_json::to_value(later).ok();
    } else {
        let edits = view.text_edits(file, fix_all(view, file, lint));
        action.edit = Some(WorkspaceEdit::new(HashMap::from([(uri.clone(), edits)])));
    }
}

fn fix_all(view: &View<'_>, file: File, lint: Option<&str>) -> Vec<floe_syntax::TextEdit> {
    let text = &floe_db::source(view.db, file).text;
    let fixed = floe_ide::fix_all(view.db, file, lint);
    fixed.map_or_else(Vec::new, |fixed| floe_ide::line_edits(text, &fixed.text))
}

fn kind(kind: AssistKind) -> CodeActionKind {
    match kind {
        AssistKind::QuickFix => CodeActionKind::QUICKFIX,
        AssistKind::Extract => CodeActionKind::REFACTOR_EXTRACT,
        AssistKind::Inline => CodeActionKind::REFACTOR_INLINE,
        AssistKind::Rewrite => CodeActionKind::REFACTOR_REWRITE,
    }
}

fn encode(view: &View<'_>, file: File, uri: &Uri, action: floe_ide::CodeAction) -> CodeAction {
    let mut encoded = CodeAction {
        title: action.title,
        kind: Some(kind(action.kind)),
        diagnostics: action.diagnostic.map(|found| vec![convert(view, file, found)]),
        is_preferred: action.is_preferred.then_some(true),
        ..CodeAction::default()
    };
    match action.change {
        CodeChange::Edits { edits, new_file: None } => {
            let edits = view.text_edits(file, edits);
            encoded.edit = Some(WorkspaceEdit::new(HashMap::from([(uri.clone(), edits)])));
        }
        CodeChange::Edits { edits, new_file: Some((path, text)) } => {
            let edits = view.text_edits(file, edits);
            encoded.edit = Uri::from_file_path(&path).map(|new| with_file(uri, edits, &new, text));
        }
        CodeChange::FixAll(lint) => fix_all_later(view, file, uri, Some(lint), &mut encoded),
        CodeChange::FixWorkspace(lint) => {
            let later = Later::FixWorkspace { lint: lint.to_owned() };
            encoded.data = serde_json::to_value(later).ok();
        }
        CodeChange::ReplaceInWorkspace(rule) => {
            encoded.data = serde_json::to_value(Later::Replace { rule }).ok();
        }
    }
    encoded
}

/// Edits of a file together with a new one.
fn with_file(uri: &Uri, edits: Vec<TextEdit>, new: &Uri, text: String) -> WorkspaceEdit {
    let document = |uri: &Uri, edits: Vec<TextEdit>| {
        DocumentChangeOperation::Edit(TextDocumentEdit {
            text_document: OptionalVersionedTextDocumentIdentifier {
                uri: uri.clone(),
                version: None,
            },
            edits: edits.into_iter().map(OneOf::Left).collect(),
        })
    };
    let start = Position::new(0, 0);
    let create = CreateFile { uri: new.clone(), options: None, annotation_id: None };
    WorkspaceEdit {
        document_changes: Some(DocumentChanges::Operations(vec![
            DocumentChangeOperation::Op(ResourceOp::Create(create)),
            document(new, vec![TextEdit::new(Range::new(start, start), text)]),
            document(uri, edits),
        ])),
        ..WorkspaceEdit::default()
    }
}
