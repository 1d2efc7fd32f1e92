//! Packages and whatever else is in a package set.

use floe_db::{Db, Evaluated, File, Patience, Session, evaluate, module, scopes};
use floe_eval::error::Pos;
use floe_eval::heap::Value;
use floe_hir::{Definition, Expr, LambdaId, Name, Param, ScopeOwner};

use super::SourceLine;
use super::values::{attrs, get, get_text, is_true};
use crate::known::{self, Place, entry_of, is_import, static_path};

/// The path of an attribute in a package set.
#[salsa::interned(debug)]
pub(crate) struct PackagePath<'db> {
    /// The package set, as the inside of `<…>`: `nixpkgs`.
    #[returns(ref)]
    pub(crate) set: String,
    /// The attributes.
    #[returns(ref)]
    pub(crate) path: Vec<String>,
}

/// What is known about an attribute of a package set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PackageInfo {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) homepage: Option<String>,
    /// Where the package says that it is defined.
    pub(crate) definition: Option<SourceLine>,
    /// Where its attribute is defined.
    pub(crate) attribute: Option<SourceLine>,
}

/// The names of the attributes at a path, in the order of the alphabet.
#[salsa::tracked]
pub(crate) fn package_names<'db>(db: &'db dyn Db, path: PackagePath<'db>) -> Evaluated<Vec<Name>> {
    let (set, names) = (path.set(db).clone(), path.path(db).clone());
    evaluate(db, Patience::Interactive, path, move |session| {
        let value = package_set(session, &set).and_then(|set| select(session, set, &names));
        let Some(attrs) = value.and_then(|value| attrs(session, value)) else { return Vec::new() };
        attrs.sorted().iter().map(|attr| attr.name).collect()
    })
}

/// The arguments that the function at a path takes by name, each with whether it can do without. Empty where
/// there is no such function.
#[salsa::tracked]
pub(crate) fn package_arguments<'db>(
    db: &'db dyn Db,
    path: PackagePath<'db>,
) -> Evaluated<Vec<(Name, bool)>> {
    let (set, names) = (path.set(db).clone(), path.path(db).clone());
    evaluate(db, Patience::Interactive, path, move |session| {
        arguments(session, &set, &names).unwrap_or_default()
    })
}

fn arguments(session: &Session<'_>, set: &str, path: &[String]) -> Option<Vec<(Name, bool)>> {
    let packages = package_set(session, set)?;
    let function = select(session, packages, path)?;
    // The library's `functionArgs` knows what `override` says of itself.
    let of_function = get(session, get(session, packages, "lib")?, "functionArgs")?;
    let arguments = session.evaluator.call(of_function, &[function], Pos::None).ok()?;
    let sorted = attrs(session, arguments)?.sorted();
    let has_default = |name: Name| is_true(session, arguments, name.as_str());
    Some(sorted.iter().map(|attr| (attr.name, has_default(attr.name))).collect())
}

/// What is known about the attribute at a path; nothing if there is none.
#[salsa::tracked]
pub(crate) fn package_info<'db>(
    db: &'db dyn Db,
    path: PackagePath<'db>,
) -> Evaluated<Option<PackageInfo>> {
    let (set, names) = (path.set(db).clone(), path.path(db).clone());
    evaluate(db, Patience::Interactive, path, move |session| info(session, &set, &names))
}

fn info(session: &Session<'_>, set: &str, path: &[String]) -> Option<PackageInfo> {
    let (last, above) = path.split_last()?;
    let above = select(session, package_set(session, set)?, above)?;
    let attr = attrs(session, above)?.get(Name::new(last))?;
    let place = session.evaluator.locate(attr.position.into());
    let mut info = PackageInfo {
        attribute: place.as_ref().and_then(SourceLine::of),
        ..PackageInfo::default()
    };
    let Some(value) = get(session, above, last) else { return Some(info) };
    if get_text(session, value, "type").as_deref() == Some("derivation") {
        info.name = get_text(session, value, "name");
        if let Some(meta) = get(session, value, "meta") {
            info.description = get_text(session, meta, "description");
            info.homepage = get_text(session, meta, "homepage");
            let position = get_text(session, meta, "position");
            info.definition = position.as_deref().and_then(SourceLine::parse);
        }
        // `meta.position` points into `meta`; the package's own name is nearer to where it begins.
        if let Some(named) = name_line(session, value)
            && info.definition.as_ref().is_none_or(|definition| definition.path == named.path)
        {
            info.definition = Some(named);
        }
    }
    Some(info)
}

/// Where a derivation's name is given: its `pname`, or its `name`.
fn name_line<'h>(session: &Session<'h>, derivation: Value<'h>) -> Option<SourceLine> {
    let attrs = attrs(session, derivation)?;
    let attr = ["pname", "name"].into_iter().find_map(|name| attrs.get(Name::new(name)))?;
    SourceLine::of(&session.evaluator.locate(attr.position.into())?)
}

fn package_set<'h>(session: &Session<'h>, set: &str) -> Option<Value<'h>> {
    session
        .shared(&format!("import <{set}> {{ }}"))
        .map_err(|error| tracing::debug!(set, error = error.message(), "package set"))
        .ok()
}

fn select<'h>(session: &Session<'h>, value: Value<'h>, path: &[String]) -> Option<Value<'h>> {
    path.iter().try_fold(value, |value, name| get(session, value, name))
}

/// A path in a package set, before it is interned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    set: String,
    path: Vec<String>,
}

impl Candidate {
    /// The workspace's nixpkgs, whole.
    pub(crate) fn nixpkgs() -> Candidate {
        Candidate { set: "nixpkgs".to_owned(), path: Vec::new() }
    }

    pub(crate) fn join(mut self, names: impl IntoIterator<Item = String>) -> Candidate {
        self.path.extend(names);
        self
    }

    pub(crate) fn intern<'db>(&self, db: &'db dyn Db) -> PackagePath<'db> {
        PackagePath::new(db, self.set.clone(), self.path.clone())
    }
}

/// Which parts of a package set an expression can be, the likeliest first. By the text alone: a `pkgs`
/// that somebody passes is taken for the workspace's nixpkgs.
pub(crate) fn candidates(db: &dyn Db, place: Place) -> Vec<Candidate> {
    let mut found = Vec::new();
    collect(db, place, &mut { FUEL }, &mut found);
    found
}

/// Which parts of nixpkgs' library an expression can be: the attributes that lead there.
pub(crate) fn library_candidates(db: &dyn Db, place: Place) -> Vec<Vec<String>> {
    let inside = |candidate: Candidate| match candidate.path.split_first() {
        Some((first, rest)) if first == "lib" => Some(rest.to_vec()),
        _ => None,
    };
    candidates(db, place).into_iter().filter_map(inside).collect()
}

/// How many expressions are looked at: each `with` may have several around it.
const FUEL: u32 = 100;

fn collect(db: &dyn Db, place: Place, fuel: &mut u32, found: &mut Vec<Candidate>) {
    let Some(left) = fuel.checked_sub(1) else { return };
    *fuel = left;
    let (module, scopes) = (module(db, place.file), scopes(db, place.file));
    let at = |expr| Place { expr, ..place };
    let below = |base: Place, path: &[Name], fuel: &mut u32, found: &mut Vec<Candidate>| {
        let mut bases = Vec::new();
        collect(db, base, fuel, &mut bases);
        let names = || path.iter().map(|name| name.as_str().to_owned());
        found.extend(bases.into_iter().map(|base| base.join(names())));
    };
    match module.expr(place.expr) {
        Expr::Var(_) => match scopes.definition(module, place.expr) {
            Some(Definition::Binding(binding)) => match scopes.owner(binding) {
                Some(ScopeOwner::Lambda(_)) => found.extend(argument(db, place.file, binding)),
                _ => {
                    if let Some(entry) = entry_of(module, scopes, binding) {
                        collect(db, at(entry.value), fuel, found);
                    }
                }
            },
            Some(Definition::With { name, sets }) => {
                for set in sets {
                    below(at(set), &[name], fuel, found);
                }
            }
            _ => {}
        },
        Expr::Select { base, path, .. } => {
            if let Some(path) = static_path(module, path) {
                below(at(base), &path, fuel, found);
            }
        }
        Expr::InheritFrom(index) => {
            if let Some(set) = known::inherited_set(db, place, index) {
                collect(db, set, fuel, found);
            }
        }
        Expr::Apply { fun, args } if is_import(module, fun) => {
            if let Some(Expr::SearchPath { text, .. }) =
                module.list(args).first().map(|path| module.expr(*path))
            {
                found.push(Candidate { set: module.str(text).to_owned(), path: Vec::new() });
            }
        }
        _ => {}
    }
}

/// What an argument of a function is, told from its name.
fn argument(db: &dyn Db, file: File, binding: floe_hir::BindingId) -> Option<Candidate> {
    let (module, scopes) = (module(db, file), scopes(db, file));
    let nixpkgs = |path| Candidate { set: "nixpkgs".to_owned(), path };
    let ScopeOwner::Lambda(lambda) = scopes.owner(binding)? else { return None };
    let lambda_of = |lambda: LambdaId| &module.lambdas[lambda.0 as usize];
    let formals = match &lambda_of(lambda).param {
        Param::Simple { name, .. } => {
            // `final: prev: …` is an overlay, and so is `self: super: …`.
            let is_before_super = || {
                let Expr::Lambda(inner) = module.expr(lambda_of(lambda).body) else { return false };
                let inner = &lambda_of(inner).param;
                matches!(inner, Param::Simple { name, .. } if name.as_str() == "super")
            };
            let is_set = match name.as_str() {
                "pkgs" | "final" | "prev" | "super" => true,
                "self" => is_before_super(),
                "lib" => return Some(nixpkgs(vec!["lib".to_owned()])),
                _ => false,
            };
            return is_set.then(|| nixpkgs(Vec::new()));
        }
        Param::Pattern { formals, .. } => formals,
    };
    let formal = formals.iter().find(|formal| formal.binding == binding)?;
    // `pkgs ? import <set> { }` says which.
    if let Some(default) = formal.default {
        let mut found = Vec::new();
        collect(db, Place { file, expr: default }, &mut 4, &mut found);
        if let Some(found) = found.into_iter().next() {
            return Some(found);
        }
    }
    let name = formal.name.as_str();
    let is_root = matches!(module.expr(module.root), Expr::Lambda(root) if root == lambda);
    match name {
        "pkgs" => Some(nixpkgs(Vec::new())),
        "lib" => Some(nixpkgs(vec!["lib".to_owned()])),
        // `callPackage` passes packages by their names; modules are passed other things.
        _ if is_root && !formals.iter().any(|formal| formal.name.as_str() == "config") => {
            Some(nixpkgs(vec![name.to_owned()]))
        }
        _ => None,
    }
}
