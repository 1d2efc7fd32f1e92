//! What a flake's outputs are to themselves: the function that a `flake.nix` gives them by gets its own
//! result as `self`.

use floe_db::{Db, File, module, scopes};
use floe_hir::{BindingId, Definition, Expr, ExprId, LambdaId, Module, Name, Param, ScopeOwner};

use crate::config::is_flake;
use crate::known::{Place, inherited_set};

/// The function that a `flake.nix` gives its outputs by.
pub(crate) fn outputs(db: &dyn Db, file: File) -> Option<LambdaId> {
    is_flake(db, file).then_some(())?;
    let module = module(db, file);
    let Expr::Attrs(attrs) = module.expr(module.root) else { return None };
    let mut entries = module.attrs[attrs.0 as usize].entries.iter();
    let entry = entries.find(|entry| entry.name.as_str() == "outputs")?;
    match module.expr(entry.value) {
        Expr::Lambda(lambda) => Some(lambda),
        _ => None,
    }
}

/// The names that the function has its own result by: as `self`, and as the `self` of all its inputs.
#[derive(Default)]
pub(crate) struct Names {
    pub(crate) own: Option<BindingId>,
    pub(crate) inputs: Option<BindingId>,
}

/// The names by which a function gets its own result, if it is the one of a flake's outputs.
pub(crate) fn names(module: &Module, outputs: LambdaId) -> Names {
    match &module.lambdas[outputs.0 as usize].param {
        Param::Simple { binding, .. } => Names { own: None, inputs: Some(*binding) },
        Param::Pattern { formals, at, .. } => {
            let own = formals.iter().find(|formal| formal.name.as_str() == "self");
            Names { own: own.map(|own| own.binding), inputs: at.map(|(_, at)| at) }
        }
    }
}

/// Where the outputs are written, if a path behind an expression leads through the flake's own `self`,
/// and what is left of the path there.
pub(crate) fn behind_self<'p>(
    db: &dyn Db,
    base: Place,
    path: &'p [Name],
) -> Option<(Place, &'p [Name])> {
    is_flake(db, base.file).then_some(())?;
    let base = match module(db, base.file).expr(base.expr) {
        Expr::InheritFrom(index) => inherited_set(db, base, index)?,
        _ => base,
    };
    let (module, scopes) = (module(db, base.file), scopes(db, base.file));
    let Definition::Binding(binding) = scopes.definition(module, base.expr)? else { return None };
    let Some(ScopeOwner::Lambda(lambda)) = scopes.owner(binding) else { return None };
    (outputs(db, base.file) == Some(lambda)).then_some(())?;
    let Names { own, inputs } = names(module, lambda);
    let mut rest = match path {
        path if own == Some(binding) => path,
        [first, rest @ ..] if inputs == Some(binding) && first.as_str() == "self" => rest,
        _ => return None,
    };
    match rest {
        [first, inside @ ..] if first.as_str() == OUTPUTS => rest = inside,
        [first, ..] if is_of_every_flake(*first) => return None,
        _ => {}
    }
    Some((Place { expr: body(module, lambda), ..base }, rest))
}

/// The attribute of `self` that is the outputs once more.
pub(crate) const OUTPUTS: &str = "outputs";

/// Whether `self` has an attribute of this name whatever the outputs are: it hides theirs.
pub(crate) fn is_of_every_flake(name: Name) -> bool {
    matches!(
        name.as_str(),
        "_type"
            | "dirtyRev"
            | "dirtyShortRev"
            | "inputs"
            | "lastModified"
            | "lastModifiedDate"
            | "narHash"
            | "outPath"
            | "outputs"
            | "rev"
            | "revCount"
            | "shortRev"
            | "sourceInfo"
            | "submodules"
    )
}

fn body(module: &Module, lambda: LambdaId) -> ExprId {
    module.lambdas[lambda.0 as usize].body
}

#[cfg(test)]
mod tests {
    use crate::fixture::fixture;
    use crate::{completion, goto_definition, hover, references};

    #[test]
    fn what_self_has_is_found_explained_and_offered() {
        let text = "//- /w/flake.nix\n{ outputs = { self }: {\n y = 3;\n x = self.$0y; }; }";
        let fixture = fixture(text);
        let (db, file, offset) = (&fixture.db, fixture.file, fixture.offset);
        let targets = goto_definition(db, file, offset);
        let targets = targets.iter().map(|target| fixture.show(target.file, target.span));
        assert_eq!(targets.collect::<Vec<_>>(), ["flake.nix:2 \"y\""]);
        assert!(hover(db, file, offset).is_some());
        assert_eq!(references(db, file, offset).unwrap_or_default().len(), 2);
        let offered = completion(db, file, offset);
        let mut offered: Vec<&str> = offered
            .items
            .iter()
            .map(|item| item.label.as_str())
            .filter(|it| it.len() == 1)
            .collect();
        offered.sort_unstable();
        assert_eq!(offered, ["x", "y"]);
    }
}
