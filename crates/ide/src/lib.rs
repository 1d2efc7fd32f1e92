//! One module per editor feature, as plain functions from a database to plain data.
//!
//! A feature takes a database, a file and mostly an offset in bytes, and gives data that a test can
//! print. Nothing here knows of the protocol, of lines and columns, or of asynchronous tasks.

mod assists;
mod builtin_parameters;
mod call_hierarchy;
mod code_actions;
mod code_lens;
mod completion;
mod config;
mod constant;
mod context;
mod cursor;
mod diagnostics;
mod doc_comment;
mod document_links;
mod document_symbols;
mod documented_attributes;
#[cfg(test)]
mod edits;
mod evaluated_diagnostics;
mod evaluation;
mod fixes;
#[cfg(test)]
mod fixture;
mod flake_outputs;
mod folding;
mod formatting;
mod fuzzy;
mod goto_definition;
mod highlights;
mod hover;
mod ignored;
mod infer;
mod inlay_hints;
mod keyword_docs;
mod known;
mod library_references;
mod linked_editing;
mod linting;
mod lints;
mod misspelt;
mod modules;
mod moved_files;
mod navigation;
mod on_type_formatting;
mod option_reads;
mod overlays;
mod override_preview;
mod references;
mod rename;
mod selection_ranges;
mod semantic_tokens;
mod signature_help;
mod ssr;
mod symbol;
mod syntax_fixes;
mod tree;
mod typed;
mod uses;
mod workspace_index;
mod workspace_symbols;

pub use assists::{Assist, AssistKind, assists};
pub use call_hierarchy::{CallItem, Calls, call_hierarchy, incoming_calls, outgoing_calls};
pub use code_actions::{CodeAction, CodeChange, code_actions};
pub use code_lens::{lens_places, lens_title};
pub use completion::{
    CompletionDetails, CompletionItem, CompletionKind, CompletionSubject, Completions, completion,
    completion_details,
};
pub use config::{CONFIG_FILE, Config, ConfigError, config_of};
pub use diagnostics::{
    Diagnostic, Related, Severity, diagnostics, has_safe_fixes, shown_diagnostics,
};
pub use document_links::{DocumentLink, LinkTarget, document_links, link_target};
pub use document_symbols::{Symbol, SymbolKind, document_symbols};
pub use evaluated_diagnostics::evaluated_diagnostics;
pub use evaluation::option_list::{ListedOption, OptionList, all_options, option_list_to_make};
pub use fixes::{Fixed, fix_all, fix_workspace};
pub use floe_types::{BuiltinDoc, builtin_doc, builtin_docs};
pub use folding::{Fold, FoldKind, folding_ranges};
pub use formatting::{
    FormatError, FormatOptions, format, format_edits, format_range_edits, line_edits, unified_diff,
};
pub use goto_definition::{NavigationTarget, goto_definition};
pub use highlights::{Access, Highlight, highlights};
pub use hover::{Hover, hover};
pub use ignored::Ignored;
pub use infer::{Typing, type_diagnostics, type_of};
pub use inlay_hints::{InlayHint, InlayKind, InlayOptions, inlay_hints};
pub use linked_editing::{NAME_PATTERN, linked_editing_ranges};
pub use lints::{FindingKind, Fix, Fixes, LINTS, Level, Lint, Safety, lint};
pub use moved_files::{Move, moved_files};
pub use navigation::{goto_declaration, goto_implementation, goto_type_definition};
pub use on_type_formatting::{TRIGGERS, on_type_edits};
pub use override_preview::{CodeLens, OverridePreview, code_lenses, override_preview};
pub use references::{Mention, references};
pub use rename::{FileEdits, RenameError, RenameTarget, prepare_rename, rename};
pub use selection_ranges::selection_ranges;
pub use semantic_tokens::{SemanticToken, TokenDetail, TokenKind, TokenModifier, semantic_tokens};
pub use signature_help::{SignatureHelp, SignatureParameter, signature_help};
pub use ssr::{SsrError, SsrPattern, SsrRule};
pub use workspace_index::{IndexToMake, index_to_make, workspace_files, workspace_size};
pub use workspace_symbols::{MOST_SYMBOLS, WorkspaceSymbol, workspace_symbols};
