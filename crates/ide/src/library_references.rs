//! References to what nixpkgs' library gives out, which reaches its users by an argument called `lib`: a
//! reader expects them, though no text proves them. A rename does not touch them.

use floe_db::{Db, File, module, scopes};
use floe_hir::{AttrKind, AttrsId, Definition, Expr, Name, ScopeOwner, Span};

use crate::known::{self, Bound, Place, name_of};
use crate::uses::literal_of;
use crate::workspace_index::taken_from_lib;

/// Where a binding of the library is given out, and where it is taken from something called `lib`.
pub(crate) fn through_the_library(db: &dyn Db, bound: Bound) -> Vec<(File, Span)> {
    let (Some(name), Some(outer)) = (name(db, bound), attribute_of_library(db, bound)) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if outer != bound {
        found.push((outer.file, outer.span(db)));
    }
    let taken = taken_from_lib(db, name).into_iter();
    found.extend(
        taken.map(|(file, start)| (file, Span { start, end: start + name.as_str().len() as u32 })),
    );
    found
}

/// The attribute of the library that a binding is given out as: itself, or what inherits it.
pub(crate) fn attribute_of_library(db: &dyn Db, bound: Bound) -> Option<Bound> {
    let given_out = given_out(db, library(db, bound)?, name(db, bound)?);
    given_out.iter().find(|(_, inner)| *inner == bound).map(|(outer, _)| *outer)
}

/// What an attribute of the library gives out.
pub(crate) fn given_out_as(db: &dyn Db, outer: Bound) -> Option<Bound> {
    let library = library(db, outer).filter(|library| *library == outer.file)?;
    let given_out = given_out(db, library, name(db, outer)?);
    given_out.iter().find(|(found, _)| *found == outer).map(|(_, inner)| *inner)
}

fn name(db: &dyn Db, bound: Bound) -> Option<Name> {
    name_of(module(db, bound.file), scopes(db, bound.file), bound.binding)
}

/// The file whose value is the library that a binding is a part of: of nixpkgs, or of the workspace.
fn library(db: &dyn Db, bound: Bound) -> Option<File> {
    let nixpkgs = floe_db::nixpkgs(db).path.as_ref();
    let mut folders = nixpkgs.into_iter().chain(db.workspace().roots(db)).map(|it| it.join("lib"));
    let folder = folders.find(|folder| bound.file.path(db).starts_with(folder))?;
    known::imported_file(db, &folder)
}

/// What the library's file binds to a name in its sets, and what that is: itself, or what it inherits.
fn given_out(db: &dyn Db, library: File, name: Name) -> Vec<(Bound, Bound)> {
    let (module, scopes) = (module(db, library), scopes(db, library));
    let mut found = Vec::new();
    for (attrs, number) in module.attrs.iter().zip(0..) {
        let entry = attrs.entries.binary_search_by_key(&name, |entry| entry.name);
        let Some(entry) = entry.ok().map(|index| attrs.entries[index]) else { continue };
        let outer = Bound { file: library, binding: entry.binding };
        if entry.kind != AttrKind::InheritedFrom {
            found.push((outer, outer));
            continue;
        }
        let Expr::Select { base, .. } = module.expr(entry.value) else { continue };
        let Expr::InheritFrom(index) = module.expr(base) else { continue };
        let Some(set) = attrs.inherit_from.get(index as usize) else { continue };
        let at = |expr| Place { file: library, expr };
        // `f (self: { strings = …; inherit (self.strings) name; })`: `self` is what the set becomes.
        let inner = known::attribute_at(db, at(*set), &[name]).or_else(|| {
            let (base, mut path) = match module.expr(*set) {
                Expr::Select { base, path, default: None } => {
                    (base, known::static_path(module, path)?)
                }
                // `f (self: with self; { strings = …; inherit (strings) name; })`
                _ => match scopes.definition(module, *set)? {
                    Definition::With { name, sets } => (*sets.first()?, vec![name]),
                    _ => return None,
                },
            };
            let literal = literal_of(module, scopes, AttrsId(number))?;
            is_fixed_point(db, at(base), at(literal)).then_some(())?;
            path.push(name);
            known::attribute_at(db, at(literal), &path)
        });
        found.extend(inner.map(|inner| (outer, inner)));
    }
    found
}

/// Whether a variable is the argument of the function that gives the literal.
fn is_fixed_point(db: &dyn Db, variable: Place, literal: Place) -> bool {
    let (module, scopes) = (module(db, literal.file), scopes(db, literal.file));
    let function = scopes.ancestors(literal.expr).find_map(|around| match module.expr(around) {
        Expr::Lambda(lambda) => Some(lambda),
        _ => None,
    });
    let Some(Definition::Binding(binding)) = scopes.definition(module, variable.expr) else {
        return false;
    };
    scopes
        .owner(binding)
        .is_some_and(|owner| function.is_some_and(|function| owner == ScopeOwner::Lambda(function)))
}
