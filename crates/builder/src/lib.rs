//! The sandboxed builder.
