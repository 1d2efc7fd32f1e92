//! What the types of values tell of where their attributes are bound: of arguments, by the calls in their
//! file, of results, and of what other files give. A reader is shown it; a rename is not made by it.

use floe_db::{Db, File, module, scopes, source_map};
use floe_hir::{Expr, ExprId, Key, Name, ScopeOwner, Span};

use crate::infer::Typing;
use crate::known::{Bound, Place, name_of};
use crate::navigation::select;
use crate::symbol::{Symbol, path_to_key};
use crate::uses::literal_of;

/// Where an attribute behind a dot may be bound.
pub(crate) fn bound_by_type(db: &dyn Db, file: File, symbol: Symbol) -> Vec<Bound> {
    let Symbol::Key { expr, index } = symbol else { return Vec::new() };
    let typing = Typing::new(db);
    let mut inference = typing.inference();
    bindings(db, &typing, &mut inference, Place { file, expr }, index)
}

/// Of how many selections of one name the types are asked.
const MOST_SELECTIONS: usize = 200;

/// The selections of an attribute in some files that only types lead to it.
pub(crate) fn selections_by_type(
    db: &dyn Db,
    bound: Bound,
    files: &[File],
    is_known: impl Fn(File, Span) -> bool,
) -> Vec<(File, Span)> {
    let Some(name) = attribute_name(db, bound) else { return Vec::new() };
    let typing = Typing::new(db);
    let mut inference = typing.inference();
    let mut found = Vec::new();
    let mut left = MOST_SELECTIONS;
    for file in files {
        let (module, map) = (module(db, *file), source_map(db, *file));
        let ids = (0..module.exprs.len() as u32).map(ExprId);
        let selections = ids.flat_map(|expr| {
            let (Expr::Select { path, .. } | Expr::HasAttr { path, .. }) = module.expr(expr) else {
                return Vec::new();
            };
            let keys = module.keys(path).iter().enumerate();
            let keys = keys.filter(|(_, key)| **key == Key::Static(name));
            keys.map(|(index, _)| (expr, index, map.keys[path.start as usize + index])).collect()
        });
        let unknown = selections.filter(|(.., span)| !is_known(*file, *span));
        for (expr, index, span) in unknown.take(left) {
            left -= 1;
            let place = Place { file: *file, expr };
            if bindings(db, &typing, &mut inference, place, index).contains(&bound) {
                found.push((*file, span));
            }
        }
    }
    found
}

fn bindings<'a>(
    db: &dyn Db,
    typing: &'a Typing<'_>,
    inference: &mut floe_types::Inference<'a>,
    place: Place,
    index: usize,
) -> Vec<Bound> {
    let Some((base, path)) = path_to_key(module(db, place.file), place.expr, index) else {
        return Vec::new();
    };
    let Some((name, above)) = path.split_last() else { return Vec::new() };
    let base = inference.type_of(typing.key(place.file), base);
    let Some(set) = select(inference, base, above) else { return Vec::new() };
    let bindings = inference.bindings(&set, *name).into_iter();
    bindings.map(|(key, binding)| Bound { file: typing.file(key), binding }).collect()
}

/// The name of a binding that is an attribute of a set: what a `let` binds nobody selects.
fn attribute_name(db: &dyn Db, bound: Bound) -> Option<Name> {
    let (module, scopes) = (module(db, bound.file), scopes(db, bound.file));
    let ScopeOwner::Attrs(attrs) = scopes.owner(bound.binding)? else { return None };
    let literal = literal_of(module, scopes, attrs)?;
    matches!(module.expr(literal), Expr::Attrs(_)).then_some(())?;
    name_of(module, scopes, bound.binding)
}
