//! The language server: protocol, ordering, capabilities, conversion.
