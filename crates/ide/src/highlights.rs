//! Where in the file the thing under the cursor is bound and where it is used.

use floe_db::{Db, File};
use floe_hir::Span;

use crate::references::{Role, bound_at, references_in};

/// One place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Highlight {
    /// The range of the name.
    pub span: Span,
    /// What happens there.
    pub access: Access,
}

/// What a place does with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Binds it.
    Write,
    /// Uses it.
    Read,
}

/// The places in this file that mean what is under the cursor, wherever that is bound.
pub fn highlights(db: &dyn Db, file: File, offset: u32) -> Option<Vec<Highlight>> {
    let (bound, _) = bound_at(db, file, offset)?;
    let found = references_in(db, bound, file).into_iter().map(|reference| Highlight {
        span: reference.span,
        access: match reference.role {
            Role::Definition | Role::InheritedDefinition => Access::Write,
            _ => Access::Read,
        },
    });
    Some(found.collect())
}
