//! One file per request: decode, ask `floe-ide`, encode.

pub(crate) mod code_lens;
pub(crate) mod completion;
pub(crate) mod document_highlight;
pub(crate) mod document_symbol;
pub(crate) mod execute_command;
pub(crate) mod goto_definition;
pub(crate) mod hover;
pub(crate) mod prepare_rename;
pub(crate) mod references;
pub(crate) mod rename;
