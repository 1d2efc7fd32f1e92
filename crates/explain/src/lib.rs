//! The catalogue of errors: why each happens and how to fix it.
