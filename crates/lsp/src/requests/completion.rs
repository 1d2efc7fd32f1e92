//! `textDocument/completion`

use std::path::PathBuf;
use std::sync::Arc;

use floe_db::Db;
use floe_ide::{CompletionItem as Item, CompletionKind as Kind, CompletionSubject};
use serde_json::json;
use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{
    CompletionItem, CompletionItemKind, CompletionList, CompletionParams, CompletionResponse,
    CompletionTextEdit, Documentation, InsertTextFormat, MarkupContent, MarkupKind, Range,
    TextEdit,
};

use crate::session::{Session, View, lock};

pub(crate) async fn handle(
    session: &Arc<Session>,
    params: CompletionParams,
) -> Result<Option<CompletionResponse>> {
    let at = params.text_document_position;
    session
        .read_document(&at.text_document.uri, move |view, file| {
            let lines = view.lines(file);
            let found = floe_ide::completion(view.db, file, lines.offset(at.position));
            let range = lines.range(found.replace);
            let items = found.items.into_iter().enumerate();
            let mut items: Vec<_> =
                items.map(|(rank, item)| convert(view, item, rank, range)).collect();
            if view.session.client().resolves_documentation {
                keep_documentation(view.session, &mut items);
            }
            let is_incomplete = found.incomplete;
            Some(CompletionResponse::List(CompletionList { is_incomplete, items }))
        })
        .await
}

/// `completionItem/resolve`: the documentation, if the item is of the last list that was sent, and the
/// type and documentation of what a file binds.
pub(crate) async fn resolve(
    session: &Arc<Session>,
    mut item: CompletionItem,
) -> Result<CompletionItem> {
    let number = |key: &str| item.data.as_ref()?.get(key)?.as_u64();
    let path = item.data.as_ref().and_then(|data| data.get("path")?.as_str().map(PathBuf::from));
    let package = item.data.as_ref().and_then(|data| {
        let attributes = data.get("attributes")?.as_array()?.iter();
        let attributes = attributes.map(|name| name.as_str().map(str::to_owned));
        let set = data.get("set")?.as_str()?.to_owned();
        Some(CompletionSubject::Package { set, attributes: attributes.collect::<Option<_>>()? })
    });
    let file = path.filter(|path| path.is_absolute()).zip(number("offset"));
    if package.is_some() || file.is_some() {
        let details = move |view: &View<'_>| {
            let binding = |(path, offset): (PathBuf, u64)| CompletionSubject::Binding {
                file: view.db.file(&path),
                offset: u32::try_from(offset).unwrap_or(u32::MAX),
            };
            let subject = package.clone().or_else(|| file.clone().map(binding));
            subject
                .map(|subject| floe_ide::completion_details(view.db, &subject))
                .unwrap_or_default()
        };
        let details = session.read_workspace(details).await?;
        item.detail = details.detail.or(item.detail);
        item.documentation = details.documentation.map(markdown);
        return Ok(item);
    }
    if let (Some(list), Some(index)) = (number("list"), number("index")) {
        let (last, documentation) = &*lock(&session.documentation);
        let text = documentation.get(index as usize).cloned().flatten();
        item.documentation = text.filter(|_| *last == list).map(markdown);
    }
    Ok(item)
}

/// Of a thousand items a person reads about three: the rest is not sent.
fn keep_documentation(session: &Session, items: &mut [CompletionItem]) {
    let kept = &mut *lock(&session.documentation);
    kept.0 += 1;
    kept.1.clear();
    for item in items {
        if let Some(Documentation::MarkupContent(text)) = item.documentation.take() {
            item.data = Some(json!({ "list": kept.0, "index": kept.1.len() }));
            kept.1.push(Some(text.value));
        }
    }
}

fn markdown(value: String) -> Documentation {
    Documentation::MarkupContent(MarkupContent { kind: MarkupKind::Markdown, value })
}

fn convert(view: &View<'_>, item: Item, rank: usize, range: Range) -> CompletionItem {
    let snippet = item.snippet.filter(|_| view.session.client().has_snippets);
    let subject = item.subject.map(|subject| match subject {
        CompletionSubject::Binding { file, offset } => {
            json!({ "path": file.path(view.db), "offset": offset })
        }
        CompletionSubject::Package { set, attributes } => {
            json!({ "set": set, "attributes": attributes })
        }
    });
    CompletionItem {
        kind: Some(match item.kind {
            Kind::Attribute | Kind::Option => CompletionItemKind::FIELD,
            Kind::OptionSet => CompletionItemKind::MODULE,
            Kind::Builtin | Kind::Function => CompletionItemKind::FUNCTION,
            Kind::Constant => CompletionItemKind::CONSTANT,
            Kind::Value => CompletionItemKind::ENUM_MEMBER,
            Kind::Variable => CompletionItemKind::VARIABLE,
            Kind::Parameter => CompletionItemKind::VALUE,
            Kind::Keyword => CompletionItemKind::KEYWORD,
            Kind::Package => CompletionItemKind::CLASS,
            Kind::File => CompletionItemKind::FILE,
            Kind::Folder => CompletionItemKind::FOLDER,
        }),
        detail: item.detail,
        documentation: item.documentation.map(markdown),
        filter_text: item.filter,
        sort_text: Some(format!("{rank:06}")),
        insert_text_format: snippet.as_ref().map(|_| InsertTextFormat::SNIPPET),
        text_edit: Some(CompletionTextEdit::Edit(TextEdit::new(
            range,
            snippet.unwrap_or(item.insert),
        ))),
        data: subject,
        label: item.label,
        ..CompletionItem::default()
    }
}
