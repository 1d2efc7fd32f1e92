//! Packages and whatever else is in a package set.

use std::path::PathBuf;

use floe_db::{Db, Evaluated, File, Patience, Session, evaluate, module, scopes, source_map};
use floe_eval::error::{Origin, Pos};
use floe_eval::heap::{Kind, Value};
use floe_hir::{Definition, Expr, LambdaId, Name, Param, ScopeOwner};

use super::SourceLine;
use super::values::{attrs, force, get, get_text, is_true, shown};
use crate::known::{self, Bound, Place, entry_of, is_import, static_path};
use crate::navigation::{NamedFunction, named_function};

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
    /// What it is if it is no package, in a few words.
    pub(crate) value: Option<String>,
    /// Where it is written if it is a function: the file, and where the function begins.
    function: Option<(PathBuf, u32)>,
}

impl PackageInfo {
    /// What the function that it is has been bound to under this name.
    pub(crate) fn function(&self, db: &dyn Db, name: &str) -> Option<Bound> {
        let (path, offset) = self.function.as_ref()?;
        let file = known::imported_file(db, path)?;
        let (module, map) = (module(db, file), source_map(db, file));
        let is_at = |lambda: &LambdaId| {
            let expr = scopes(db, file).parent(module.lambdas[lambda.0 as usize].body);
            expr.is_some_and(|expr| map.exprs[expr.0 as usize].start == *offset)
        };
        let lambda = (0..module.lambdas.len() as u32).map(LambdaId).find(is_at)?;
        let NamedFunction { given: 0, bound: Some(bound), .. } = named_function(db, file, lambda)
        else {
            return None;
        };
        let is_named = entry_of(module, scopes(db, file), bound.binding)?.name.as_str() == name;
        is_named.then_some(bound)
    }
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
    arguments_of(session, packages, select(session, packages, path)?)
}

/// The arguments that a value takes by name, as a package set's library sees it.
fn arguments_of<'h>(
    session: &Session<'h>,
    packages: Value<'h>,
    function: Value<'h>,
) -> Option<Vec<(Name, bool)>> {
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
    let packages = package_set(session, set)?;
    let above = select(session, packages, above)?;
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
    } else {
        info.value = match arguments_of(session, packages, value) {
            Some(arguments) if !arguments.is_empty() => Some(taking(&arguments)),
            _ => Some(shown(session, value)),
        };
        info.function = function_place(session, value);
    }
    Some(info)
}

/// A function with arguments by name: `{ url, name ? … }: …`.
fn taking(arguments: &[(Name, bool)]) -> String {
    const MOST: usize = 12;
    // What it cannot do without says most.
    let (optional, needed): (Vec<_>, Vec<_>) =
        arguments.iter().partition(|(_, optional)| *optional);
    let needed = needed.iter().map(|(name, _)| name.to_string());
    let optional = optional.iter().map(|(name, _)| format!("{name} ? …"));
    let mut shown: Vec<String> = needed.chain(optional).take(MOST).collect();
    if arguments.len() > MOST {
        shown.push("…".to_owned());
    }
    format!("{{ {} }}: …", shown.join(", "))
}

fn function_place<'h>(session: &Session<'h>, value: Value<'h>) -> Option<(PathBuf, u32)> {
    let Kind::Closure(closure) = force(session, value)?.kind() else { return None };
    let place = session.evaluator.lambda_position(closure)?;
    match place.origin {
        Origin::File(path) => Some((path, place.span.start)),
        _ => None,
    }
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
    pub(crate) set: String,
    pub(crate) path: Vec<String>,
}

impl Candidate {
    /// The part of a package set that attributes lead to. What is nothing but another name for the library, or
    /// for the whole set, is that.
    pub(crate) fn new(set: String, mut path: Vec<String>) -> Candidate {
        loop {
            let names: Vec<&str> = path.iter().map(String::as_str).collect();
            match names[..] {
                ["pkgs", ..] | ["stdenv" | "stdenvNoCC", "lib", ..] => drop(path.remove(0)),
                ["lib", "lib", ..] => drop(path.remove(0)),
                _ => return Candidate { set, path },
            }
        }
    }

    /// The attributes that lead there from nixpkgs' library, if it is a part of that.
    pub(crate) fn in_library(&self) -> Option<&[String]> {
        match self.path.split_first() {
            Some((first, rest)) if first == "lib" => Some(rest),
            _ => None,
        }
    }

    /// The set that it is an attribute of, and its name there.
    pub(crate) fn split_last(&self) -> Option<(Candidate, String)> {
        let (last, above) = self.path.split_last()?;
        Some((Candidate { set: self.set.clone(), path: above.to_vec() }, last.clone()))
    }

    /// The workspace's nixpkgs, whole.
    pub(crate) fn nixpkgs() -> Candidate {
        Candidate { set: "nixpkgs".to_owned(), path: Vec::new() }
    }

    pub(crate) fn join(mut self, names: impl IntoIterator<Item = String>) -> Candidate {
        self.path.extend(names);
        Candidate::new(self.set, self.path)
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
    let nixpkgs = |path| Candidate::new("nixpkgs".to_owned(), path);
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
