//! `textDocument/signatureHelp`

use std::ops::Range;
use std::sync::Arc;

use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{
    Documentation, MarkupContent, MarkupKind, ParameterInformation, ParameterLabel, SignatureHelp,
    SignatureHelpParams, SignatureInformation,
};

use crate::session::Session;

pub(crate) async fn handle(
    session: &Arc<Session>,
    params: SignatureHelpParams,
) -> Result<Option<SignatureHelp>> {
    let at = params.text_document_position_params;
    let has_offsets = session.client().has_label_offsets;
    session
        .read_document(&at.text_document.uri, move |view, file| {
            let offset = view.lines(file).offset(at.position);
            let help = floe_ide::signature_help(view.db, file, offset)?;
            let label = |range: Range<usize>| match has_offsets {
                true => ParameterLabel::LabelOffsets([
                    units(&help.label[..range.start]),
                    units(&help.label[..range.end]),
                ]),
                false => ParameterLabel::Simple(help.label[range].to_owned()),
            };
            let parameters = help.parameters.into_iter().map(|parameter| ParameterInformation {
                label: label(parameter.label),
                documentation: parameter.documentation.map(markdown),
            });
            let parameters: Vec<_> = parameters.collect();
            // One that does not exist is none: older clients have no other way to say so.
            let active = help.active.unwrap_or(parameters.len()) as u32;
            Some(SignatureHelp {
                signatures: vec![SignatureInformation {
                    parameters: Some(parameters),
                    documentation: help.documentation.map(markdown),
                    label: help.label,
                    active_parameter: Some(active),
                }],
                active_signature: Some(0),
                active_parameter: Some(active),
            })
        })
        .await
}

/// Labels are counted in UTF-16 whatever positions are counted in.
fn units(text: &str) -> u32 {
    text.chars().map(char::len_utf16).sum::<usize>() as u32
}

fn markdown(value: String) -> Documentation {
    Documentation::MarkupContent(MarkupContent { kind: MarkupKind::Markdown, value })
}
