//! One module per editor feature, as plain functions from a database to plain data.
//!
//! A feature takes a database, a file and mostly an offset in bytes, and gives data that a test can
//! print. Nothing here knows of the protocol, of lines and columns, or of asynchronous tasks.

mod builtin_docs;
mod completion;
mod context;
mod cursor;
mod diagnostics;
mod document_symbols;
mod evaluated_diagnostics;
mod evaluation;
#[cfg(test)]
mod fixture;
mod goto_definition;
mod hover;
mod known;
mod override_preview;
mod references;
mod rename;
mod symbol;

pub use builtin_docs::{BuiltinDoc, builtin_doc, builtin_docs};
pub use completion::{CompletionItem, CompletionKind, Completions, completion};
pub use diagnostics::{Diagnostic, Related, Severity, diagnostics};
pub use document_symbols::{Symbol, SymbolKind, document_symbols};
pub use evaluated_diagnostics::evaluated_diagnostics;
pub use goto_definition::{NavigationTarget, goto_definition};
pub use hover::{Hover, hover};
pub use override_preview::{CodeLens, OverridePreview, code_lenses, override_preview};
pub use references::{Reference, references};
pub use rename::{RenameError, RenameTarget, prepare_rename, rename};
