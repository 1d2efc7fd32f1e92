//! What the client said about itself when it introduced itself, as far as it makes a difference.

use floe_syntax::ColumnEncoding;
use serde_json::Value;
use tower_lsp::ls_types::ClientCapabilities;

use crate::position::negotiate;

/// What a client can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a capability of its own")]
pub(crate) struct ClientFacts {
    pub(crate) encoding: ColumnEncoding,
    /// Whether it asks for diagnostics, and can be told to ask again. Then those of the text are not pushed.
    pub(crate) pulls_diagnostics: bool,
    /// Whether those that evaluation finds are pushed when they are there. Neovim 0.12, told to ask again,
    /// asks for the workspace only, and takes from the answer what it has not open.
    pub(crate) is_pushed_evaluated: bool,
    /// Whether it can be told to ask for code lenses again.
    pub(crate) refreshes_lenses: bool,
    /// The same for inlay hints.
    pub(crate) refreshes_hints: bool,
    /// The same for semantic tokens.
    pub(crate) refreshes_tokens: bool,
    /// Whether it can be asked for its configuration.
    pub(crate) has_configuration: bool,
    /// Whether it says when the configuration changes only if it is told to.
    pub(crate) registers_configuration: bool,
    /// Whether it watches files if it is told which.
    pub(crate) watches_files: bool,
    /// Whether it shows how work proceeds.
    pub(crate) shows_progress: bool,
    /// Whether it colours words by a grammar of its own, and semantic tokens only add to that.
    pub(crate) has_grammar: bool,
    /// Whether a semantic token may have several lines.
    pub(crate) has_multiline_tokens: bool,
    /// Whether it folds whole lines only.
    pub(crate) folds_lines: bool,
    /// How many folds it takes at most.
    pub(crate) most_folds: Option<u32>,
    /// Whether a parameter may be told as a range of the signature.
    pub(crate) has_label_offsets: bool,
    /// Whether it asks for the documentation of a completion when it shows it.
    pub(crate) resolves_documentation: bool,
    /// Whether a completion may have places to fill in.
    pub(crate) has_snippets: bool,
    /// Whether it asks for the edits of a code action when somebody takes it.
    pub(crate) resolves_edits: bool,
    /// Whether a code action may make a file.
    pub(crate) creates_files: bool,
}

impl ClientFacts {
    pub(crate) fn of(capabilities: &ClientCapabilities) -> ClientFacts {
        let general = capabilities.general.as_ref();
        let encodings = general.and_then(|general| general.position_encodings.as_deref());
        let value = serde_json::to_value(capabilities).unwrap_or_default();
        let says = |path: &str| value.pointer(path).and_then(Value::as_bool).unwrap_or(false);
        let lists = |path: &str, what: &str| {
            let listed = value.pointer(path).and_then(Value::as_array);
            listed.is_some_and(|listed| listed.iter().any(|one| one == what))
        };
        let pulls_diagnostics = value.pointer("/textDocument/diagnostic").is_some()
            && says("/workspace/diagnostics/refreshSupport");
        ClientFacts {
            encoding: negotiate(encodings.unwrap_or_default()),
            pulls_diagnostics,
            is_pushed_evaluated: !pulls_diagnostics
                || value.pointer("/textDocument/publishDiagnostics").is_some(),
            refreshes_lenses: says("/workspace/codeLens/refreshSupport"),
            refreshes_hints: says("/workspace/inlayHint/refreshSupport"),
            refreshes_tokens: says("/workspace/semanticTokens/refreshSupport"),
            has_configuration: says("/workspace/configuration"),
            registers_configuration: says("/workspace/didChangeConfiguration/dynamicRegistration"),
            watches_files: says("/workspace/didChangeWatchedFiles/dynamicRegistration"),
            shows_progress: says("/window/workDoneProgress"),
            has_grammar: says("/textDocument/semanticTokens/augmentsSyntaxTokens"),
            has_multiline_tokens: says("/textDocument/semanticTokens/multilineTokenSupport"),
            folds_lines: says("/textDocument/foldingRange/lineFoldingOnly"),
            most_folds: value
                .pointer("/textDocument/foldingRange/rangeLimit")
                .and_then(Value::as_u64)
                .and_then(|limit| u32::try_from(limit).ok()),
            has_label_offsets: says(
                "/textDocument/signatureHelp/signatureInformation/parameterInformation/labelOffsetSupport",
            ),
            has_snippets: says("/textDocument/completion/completionItem/snippetSupport"),
            resolves_documentation: lists(
                "/textDocument/completion/completionItem/resolveSupport/properties",
                "documentation",
            ),
            resolves_edits: lists("/textDocument/codeAction/resolveSupport/properties", "edit"),
            creates_files: says("/workspace/workspaceEdit/documentChanges")
                && lists("/workspace/workspaceEdit/resourceOperations", "create"),
        }
    }
}

impl Default for ClientFacts {
    /// A client that has said nothing.
    fn default() -> ClientFacts {
        ClientFacts::of(&ClientCapabilities::default())
    }
}
