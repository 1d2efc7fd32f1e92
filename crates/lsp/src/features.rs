//! Every method of the protocol, what Floe does with it, and what other servers do: the source of
//! `docs/features.md`, held against the capabilities that the server states and the answers that it gives.

use serde_json::Value;

use crate::settings::{SETTINGS, Setting};
use Direction::{Asks, IsAsked, IsTold, Tells};

/// A method, or a heading above some.
enum Row {
    Heading(&'static str),
    Method(Method),
}

struct Method {
    name: &'static str,
    direction: Direction,
    /// Where the server's capabilities state it; empty where they have no place for it.
    capability: &'static str,
    floe: &'static str,
    nil: &'static str,
    nixd: &'static str,
}

/// Who sends it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    /// The client sends a request.
    Asks,
    /// The client sends a notification.
    Tells,
    /// The server sends a request.
    IsAsked,
    /// The server sends a notification.
    IsTold,
}

const fn method(
    name: &'static str,
    direction: Direction,
    capability: &'static str,
    floe: &'static str,
    nil: &'static str,
    nixd: &'static str,
) -> Row {
    Row::Method(Method { name, direction, capability, floe, nil, nixd })
}

impl Method {
    fn is_supported(&self) -> bool {
        self.floe.starts_with("yes")
    }
}

/// The methods of LSP 3.18. The columns of nil and nixd are from their sources: nil of May 2025, nixd of
/// June 2026.
#[rustfmt::skip]
const METHODS: &[Row] = &[
    Row::Heading("Lifecycle"),
    method("initialize", Asks, "", "yes: folders, encodings, settings", "yes", "yes"),
    method("initialized", Tells, "", "yes", "yes", "yes"),
    method("client/registerCapability", IsAsked, "", "yes: watched files, configuration", "yes", "no"),
    method("client/unregisterCapability", IsAsked, "", "no: nothing is taken back", "no", "no"),
    method("$/setTrace", Tells, "", "no: `FLOE_LOG` writes a log", "no", "no"),
    method("$/logTrace", IsTold, "", "no: `FLOE_LOG` writes a log", "no", "no"),
    method("shutdown", Asks, "", "yes: a request after it is refused", "yes", "yes"),
    method("exit", Tells, "", "yes; also when the client's process is gone", "yes", "yes"),
    method("$/cancelRequest", Tells, "", "yes: the computation is stopped", "yes", "unknown"),
    method("$/progress", IsTold, "", "yes: what takes more than half a second", "yes", "yes"),
    Row::Heading("Documents"),
    method("textDocument/didOpen", Tells, "/textDocumentSync/openClose", "yes", "yes", "yes"),
    method("textDocument/didChange", Tells, "/textDocumentSync/change", "yes: incremental", "yes: incremental", "yes: incremental"),
    method("textDocument/willSave", Tells, "", "no: nothing to do then", "no", "no"),
    method("textDocument/willSaveWaitUntil", Asks, "", "no: editors format on saving by themselves", "no", "no"),
    method("textDocument/didSave", Tells, "", "no: every change is known before", "no", "no"),
    method("textDocument/didClose", Tells, "/textDocumentSync/openClose", "yes", "yes", "yes"),
    method("notebookDocument/didOpen", Tells, "", "no: Nix has no notebooks", "no", "no"),
    method("notebookDocument/didChange", Tells, "", "no: Nix has no notebooks", "no", "no"),
    method("notebookDocument/didSave", Tells, "", "no: Nix has no notebooks", "no", "no"),
    method("notebookDocument/didClose", Tells, "", "no: Nix has no notebooks", "no", "no"),
    Row::Heading("Reading"),
    method("textDocument/hover", Asks, "/hoverProvider", "yes", "yes", "yes"),
    method("textDocument/signatureHelp", Asks, "/signatureHelpProvider", "yes: curried and pattern functions, builtins, `callPackage`", "no", "no"),
    method("textDocument/declaration", Asks, "/declarationProvider", "yes: the nearest binding", "yes", "no"),
    method("textDocument/definition", Asks, "/definitionProvider", "yes", "yes", "yes"),
    method("textDocument/typeDefinition", Asks, "/typeDefinitionProvider", "yes: the literal set", "yes", "no"),
    method("textDocument/implementation", Asks, "/implementationProvider", "yes: through names to the function or set", "yes", "no"),
    method("textDocument/references", Asks, "/referencesProvider", "yes: across files, of options through modules, and by what types tell", "yes: one file", "yes: one file"),
    method("textDocument/documentHighlight", Asks, "/documentHighlightProvider", "yes: writes and reads apart", "yes", "yes"),
    method("textDocument/documentSymbol", Asks, "/documentSymbolProvider", "yes: nested", "yes", "yes"),
    method("workspace/symbol", Asks, "/workspaceSymbolProvider", "yes: `a.b` asks for a `b` in an `a`; the best 128, which the protocol has no mark for; without what a `.gitignore` names", "yes: fuzzy, from an index of all files", "no"),
    method("workspaceSymbol/resolve", Asks, "/workspaceSymbolProvider/resolveProvider", "no: answers are complete", "no", "no"),
    method("textDocument/prepareCallHierarchy", Asks, "/callHierarchyProvider", "yes", "yes", "no"),
    method("callHierarchy/incomingCalls", Asks, "/callHierarchyProvider", "yes: across files", "yes: across files", "no"),
    method("callHierarchy/outgoingCalls", Asks, "/callHierarchyProvider", "yes: across files", "yes", "no"),
    method("textDocument/prepareTypeHierarchy", Asks, "", "no: Nix has no named types", "no", "no"),
    method("typeHierarchy/supertypes", Asks, "", "no: Nix has no named types", "no", "no"),
    method("typeHierarchy/subtypes", Asks, "", "no: Nix has no named types", "no", "no"),
    method("textDocument/documentLink", Asks, "/documentLinkProvider", "yes: paths, `<…>`, URLs, flake references", "yes", "yes"),
    method("documentLink/resolve", Asks, "/documentLinkProvider/resolveProvider", "yes", "yes", "no"),
    method("textDocument/codeLens", Asks, "/codeLensProvider", "yes: what an override changes", "no", "no"),
    method("codeLens/resolve", Asks, "/codeLensProvider/resolveProvider", "yes: evaluated only where it is in sight", "no", "no"),
    method("workspace/codeLens/refresh", IsAsked, "", "yes", "no", "no"),
    method("textDocument/foldingRange", Asks, "/foldingRangeProvider", "yes: with comments, strings, `#region`", "no", "yes"),
    method("workspace/foldingRange/refresh", IsAsked, "", "no: folds change with the text alone", "no", "no"),
    method("textDocument/selectionRange", Asks, "/selectionRangeProvider", "yes", "yes", "no"),
    method("textDocument/semanticTokens/full", Asks, "/semanticTokensProvider/full", "yes", "yes", "yes: if switched on"),
    method("textDocument/semanticTokens/full/delta", Asks, "/semanticTokensProvider/full/delta", "yes", "no", "no"),
    method("textDocument/semanticTokens/range", Asks, "/semanticTokensProvider/range", "yes", "yes", "no"),
    method("workspace/semanticTokens/refresh", IsAsked, "", "yes: when the configuration changes", "no", "no"),
    method("textDocument/inlayHint", Asks, "/inlayHintProvider", "yes: ends of long sets, parameters, types", "yes: ends of long bindings", "yes: versions of packages"),
    method("inlayHint/resolve", Asks, "/inlayHintProvider/resolveProvider", "yes", "no", "no"),
    method("workspace/inlayHint/refresh", IsAsked, "", "yes: when the configuration changes", "no", "no"),
    method("textDocument/inlineValue", Asks, "", "no: there is no debugger", "no", "no"),
    method("workspace/inlineValue/refresh", IsAsked, "", "no: there is no debugger", "no", "no"),
    method("textDocument/moniker", Asks, "", "no: there is no index to match with", "no", "no"),
    method("textDocument/documentColor", Asks, "", "no: Nix has no colours", "no", "no"),
    method("textDocument/colorPresentation", Asks, "", "no: Nix has no colours", "no", "no"),
    Row::Heading("Problems"),
    method("textDocument/publishDiagnostics", IsTold, "", "yes: to a client that does not ask", "yes", "yes"),
    method("textDocument/diagnostic", Asks, "/diagnosticProvider", "yes: to a client that can be told to ask again", "no", "no"),
    method("workspace/diagnostic", Asks, "/diagnosticProvider/workspaceDiagnostics", "yes: held back until there is news", "no", "no"),
    method("workspace/diagnostic/refresh", IsAsked, "", "yes: when settings change, or an evaluation is done whose diagnostics are not sent", "no", "no"),
    method("textDocument/codeAction", Asks, "/codeActionProvider", "yes: fixes, rewrites, `source.fixAll`", "yes", "yes"),
    method("codeAction/resolve", Asks, "/codeActionProvider/resolveProvider", "yes", "no", "yes"),
    Row::Heading("Writing"),
    method("textDocument/completion", Asks, "/completionProvider", "yes", "yes", "yes"),
    method("completionItem/resolve", Asks, "/completionProvider/resolveProvider", "yes: documentation", "no", "yes"),
    method("textDocument/inlineCompletion", Asks, "", "no", "no", "no"),
    method("textDocument/formatting", Asks, "/documentFormattingProvider", "yes: RFC 166 in the process, or any program", "yes: an external program", "yes: an external program"),
    method("textDocument/rangeFormatting", Asks, "/documentRangeFormattingProvider", "yes", "no", "no"),
    method("textDocument/rangesFormatting", Asks, "", "no: one range after the other", "no", "no"),
    method("textDocument/onTypeFormatting", Asks, "/documentOnTypeFormattingProvider", "yes: indentation, `''`, `${`, closing brackets", "no", "no"),
    method("textDocument/rename", Asks, "/renameProvider", "yes: across files, of options through modules", "yes: one file", "yes: one file"),
    method("textDocument/prepareRename", Asks, "/renameProvider/prepareProvider", "yes", "yes", "yes"),
    method("textDocument/linkedEditingRange", Asks, "/linkedEditingRangeProvider", "yes", "no", "no"),
    Row::Heading("Workspace"),
    method("workspace/configuration", IsAsked, "", "yes", "yes", "yes"),
    method("workspace/didChangeConfiguration", Tells, "", "yes", "yes", "yes"),
    method("workspace/workspaceFolders", IsAsked, "", "no: changes are told by the client", "no", "no"),
    method("workspace/didChangeWorkspaceFolders", Tells, "/workspace/workspaceFolders/changeNotifications", "yes", "no", "no"),
    method("workspace/didChangeWatchedFiles", Tells, "", "yes; Floe watches by itself where the client does not", "yes", "no"),
    method("workspace/willCreateFiles", Asks, "", "no: a new file changes no other", "no", "no"),
    method("workspace/didCreateFiles", Tells, "/workspace/fileOperations/didCreate", "yes", "no", "no"),
    method("workspace/willRenameFiles", Asks, "/workspace/fileOperations/willRename", "yes: relative paths follow", "no", "no"),
    method("workspace/didRenameFiles", Tells, "/workspace/fileOperations/didRename", "yes", "no", "no"),
    method("workspace/willDeleteFiles", Asks, "", "no: what refers to it is reported as an error", "no", "no"),
    method("workspace/didDeleteFiles", Tells, "/workspace/fileOperations/didDelete", "yes", "no", "no"),
    method("workspace/executeCommand", Asks, "/executeCommandProvider", "yes: `floe.previewOverride`, `floe.ssr`", "no", "no"),
    method("workspace/applyEdit", IsAsked, "", "yes: what `floe.ssr` replaces", "no", "no"),
    method("workspace/textDocumentContent", Asks, "", "no: every document is a file", "no", "no"),
    method("workspace/textDocumentContent/refresh", IsAsked, "", "no: every document is a file", "no", "no"),
    Row::Heading("Window"),
    method("window/showMessage", IsTold, "", "yes", "yes", "no"),
    method("window/showMessageRequest", IsAsked, "", "no: Floe asks nothing", "yes", "no"),
    method("window/showDocument", IsAsked, "", "no", "no", "yes"),
    method("window/logMessage", IsTold, "", "no: `FLOE_LOG` writes a log", "no", "yes"),
    method("window/workDoneProgress/create", IsAsked, "", "yes", "yes", "yes"),
    method("window/workDoneProgress/cancel", Tells, "", "no", "no", "no"),
    method("telemetry/event", IsTold, "", "no: Floe reports nothing to anybody", "no", "no"),
];

const INTRODUCTION: &str = include_str!("features.md");

/// The text of `docs/features.md`.
fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    page += "\n## Settings\n\n\
        An editor sends them as `floe.…` when it is asked (`workspace/configuration`), when they change, or\n\
        with `initialize`. What is not understood is left out.\n\n\
        | setting | without it | what it does |\n|---|---|---|\n";
    for Setting { name, default, meaning } in SETTINGS {
        page += &format!("| `floe.{name}` | `{default}` | {meaning} |\n");
    }
    page += "\n## Every method of the protocol\n\n\
        What Floe does with each method of the Language Server Protocol 3.18, beside what nil and nixd do\n\
        according to their sources (nil of May 2025, nixd of June 2026).\n";
    for row in METHODS {
        match row {
            Row::Heading(heading) => {
                page += &format!(
                    "\n### {heading}\n\n| method | Floe | nil | nixd |\n|---|---|---|---|\n"
                );
            }
            Row::Method(method) => {
                let Method { name, floe, nil, nixd, .. } = method;
                page += &format!("| `{name}` | {floe} | {nil} | {nixd} |\n");
            }
        }
    }
    page
}

fn methods() -> impl Iterator<Item = &'static Method> {
    METHODS.iter().filter_map(|row| match row {
        Row::Heading(_) => None,
        Row::Method(method) => Some(method),
    })
}

/// The requests of clients, and whether Floe answers them.
pub(crate) fn requests() -> impl Iterator<Item = (&'static str, bool)> {
    methods()
        .filter(|method| method.direction == Asks)
        .map(|method| (method.name, method.is_supported()))
}

/// Whether stated capabilities have something at a place.
fn states(capabilities: &Value, pointer: &str) -> bool {
    !matches!(capabilities.pointer(pointer), None | Some(Value::Null | Value::Bool(false)))
}

mod tests {
    use std::collections::HashSet;

    use expect_test::expect_file;

    use super::*;
    use crate::client_facts::ClientFacts;

    #[test]
    fn the_page_is_current() {
        expect_file!["../../../docs/features.md"].assert_eq(&page());
    }

    #[test]
    fn what_is_stated_is_what_the_table_says() {
        let facts = ClientFacts { pulls_diagnostics: true, ..ClientFacts::default() };
        let stated = serde_json::to_value(crate::capabilities::server(facts)).unwrap();
        for method in methods().filter(|method| !method.capability.is_empty()) {
            assert_eq!(
                states(&stated, method.capability),
                method.is_supported(),
                "{} and {}",
                method.name,
                method.capability
            );
        }
        // And nothing is stated that no row knows.
        let known: HashSet<_> =
            methods().filter_map(|method| method.capability.split('/').nth(1)).collect();
        for name in stated.as_object().unwrap().keys() {
            assert!(known.contains(name.as_str()) || name == "positionEncoding", "{name}");
        }
    }

    #[test]
    fn every_row_says_yes_or_no() {
        let mut names = HashSet::new();
        for method in methods() {
            assert!(names.insert(method.name), "{} twice", method.name);
            for says in [method.floe, method.nil, method.nixd] {
                let word = says.split([':', ';']).next();
                assert!(matches!(word, Some("yes" | "no" | "unknown")), "{}: {says}", method.name);
            }
        }
    }

    #[test]
    fn editors_know_every_setting() {
        let manifest = include_str!("../../../vscode-extension/package.json");
        let manifest: Value = serde_json::from_str(manifest).unwrap();
        let properties = &manifest["contributes"]["configuration"]["properties"];
        for Setting { name, default, .. } in SETTINGS {
            let property = &properties[format!("floe.{name}")];
            let default = serde_json::from_str::<Value>(default).unwrap();
            assert_eq!(property["default"], default, "floe.{name} in package.json");
        }
    }
}
