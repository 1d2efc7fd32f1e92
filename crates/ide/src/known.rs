//! What a text says about its own values, without evaluating: which set an expression certainly is,
//! where an attribute was written, which file a path names.
//!
//! Nothing here is a guess. Where a value depends on an argument, on a condition's outcome or on
//! anything computed, the answer is that nothing is known.

use std::path::{Path, PathBuf};

use floe_db::{Db, File, Source, module, scopes, source, source_map};
use floe_hir::{
    AttrEntry, AttrsId, BinaryOp, BindingId, Definition, Expr, ExprId, Key, KeyList, LambdaId,
    Module, Name, Param, ScopeOwner, Scopes, Span, Var, globals,
};

use crate::flake_outputs;

/// An expression of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) file: File,
    pub(crate) expr: ExprId,
}

/// A name that a file binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Bound {
    pub(crate) file: File,
    pub(crate) binding: BindingId,
}

/// A literal set, or the bindings of a file's `let`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Set {
    pub(crate) file: File,
    pub(crate) attrs: AttrsId,
}

impl Bound {
    /// The range of the name where it is bound.
    pub(crate) fn span(self, db: &dyn Db) -> Span {
        source_map(db, self.file).names[self.binding.0 as usize]
    }

    /// The expression that it is bound to. None for an argument, which only the caller knows.
    pub(crate) fn value(self, db: &dyn Db) -> Option<Place> {
        let entry = entry_of(module(db, self.file), scopes(db, self.file), self.binding)?;
        Some(Place { file: self.file, expr: entry.value })
    }
}

/// The attribute, or binding of a `let`, that binds a name.
pub(crate) fn entry_of<'a>(
    module: &'a Module,
    scopes: &Scopes,
    binding: BindingId,
) -> Option<&'a AttrEntry> {
    let ScopeOwner::Attrs(attrs) = scopes.owner(binding)? else { return None };
    let entries = &module.attrs[attrs.0 as usize].entries;
    entries.iter().find(|entry| entry.binding == binding)
}

/// How many steps are followed from one expression to the next: programs can refer in circles.
const FUEL: u32 = 100;

/// Where an attribute deep in a value is bound.
pub(crate) fn attribute_at(db: &dyn Db, place: Place, path: &[Name]) -> Option<Bound> {
    Search { db, fuel: FUEL }.attribute_at(place, path)
}

/// Where a variable is bound: lexically, or in a set that an enclosing `with` opens.
pub(crate) fn variable(db: &dyn Db, place: Place) -> Option<Bound> {
    Search { db, fuel: FUEL }.variable(place)
}

/// The binding in a set.
pub(crate) fn entry(db: &dyn Db, set: Set, name: Name) -> Option<Bound> {
    let module = module(db, set.file);
    let entries = &module.attrs[set.attrs.0 as usize].entries;
    // The entries are sorted by name.
    let index = entries.binary_search_by_key(&name, |entry| entry.name).ok()?;
    Some(Bound { file: set.file, binding: entries[index].binding })
}

/// The attribute path as names, if none of it is computed.
pub(crate) fn static_path(module: &Module, path: KeyList) -> Option<Vec<Name>> {
    let key = |key: &Key| match key {
        Key::Static(name) => Some(*name),
        Key::Dynamic(_) => None,
    };
    module.keys(path).iter().map(key).collect()
}

/// The path that a path expression names.
pub(crate) fn path(db: &dyn Db, place: Place) -> Option<PathBuf> {
    let module = module(db, place.file);
    let Expr::Path(text) = module.expr(place.expr) else { return None };
    resolve_path(place.file.path(db), module.str(text))
}

/// The path that the text of a path literal names in a file.
pub(crate) fn resolve_path(file: &Path, text: &str) -> Option<PathBuf> {
    let path = match text.strip_prefix("~/") {
        Some(rest) => std::env::home_dir()?.join(rest),
        None => file.parent()?.join(text),
    };
    Some(floe_db::normalize(&path))
}

/// The file that importing a path evaluates: a directory stands for the `default.nix` in it.
pub(crate) fn imported_file(db: &dyn Db, path: &Path) -> Option<File> {
    let file = db.file(path);
    let file = match file.stamp(db) {
        floe_db::Stamp::Directory { .. } => db.file(&path.join("default.nix")),
        _ => file,
    };
    matches!(source(db, file), Source { problem: None, .. }).then_some(file)
}

/// The names of all attributes of an expression's value; nothing where there may be others.
pub(crate) fn closed_names(db: &dyn Db, place: Place) -> Option<Vec<Name>> {
    let module = module(db, place.file);
    match module.expr(place.expr) {
        Expr::Attrs(attrs) => {
            let attrs = &module.attrs[attrs.0 as usize];
            let names = || attrs.entries.iter().map(|entry| entry.name).collect();
            attrs.dynamic.is_empty().then(names)
        }
        Expr::Var(_) => {
            let value = variable(db, place)?.value(db)?;
            let is_literal =
                matches!(floe_db::module(db, value.file).expr(value.expr), Expr::Attrs(_));
            if is_literal { closed_names(db, value) } else { None }
        }
        _ => None,
    }
}

/// Whether a path literal names a file, to import it.
pub(crate) fn names_file(db: &dyn Db, path_literal: Place, file: File) -> bool {
    let Some(path) = path(db, path_literal) else { return false };
    path == *file.path(db) || path.join("default.nix") == *file.path(db)
}

/// The function that an expression is when it is applied to so many arguments.
pub(crate) fn function(db: &dyn Db, place: Place, arguments: usize) -> Option<(File, LambdaId)> {
    Search { db, fuel: FUEL }.function(place, arguments)
}

/// The function with named arguments that a literal set is given to.
pub(crate) fn pattern_that_takes(db: &dyn Db, literal: Place) -> Option<(File, LambdaId)> {
    let (module, scopes) = (module(db, literal.file), scopes(db, literal.file));
    let Expr::Attrs(_) = module.expr(literal.expr) else { return None };
    let Expr::Apply { fun, args } = module.expr(scopes.parent(literal.expr)?) else { return None };
    let args = module.list(args);
    let position = args.iter().position(|arg| *arg == literal.expr)?;
    let at = |expr| Place { expr, ..literal };
    let found = if is_import(module, fun) || is_call_package(module, scopes, fun) {
        let root = Search { db, fuel: FUEL }.import(at(*args.first()?))?;
        function(db, root, position.checked_sub(1)?)
    } else {
        function(db, at(fun), position)
    };
    found.filter(|(file, lambda)| {
        let param = &floe_db::module(db, *file).lambdas[lambda.0 as usize].param;
        matches!(param, Param::Pattern { .. })
    })
}

/// The formal argument that an attribute in a call is for, or the binding itself.
pub(crate) fn canonical(db: &dyn Db, bound: Bound) -> Bound {
    let formal = || {
        let (module, scopes) = (module(db, bound.file), scopes(db, bound.file));
        let entry = entry_of(module, scopes, bound.binding)?;
        let literal = Place { file: bound.file, expr: scopes.parent(entry.value)? };
        let (file, lambda) = pattern_that_takes(db, literal)?;
        let param = &floe_db::module(db, file).lambdas[lambda.0 as usize].param;
        let Param::Pattern { formals, .. } = param else { return None };
        let formal = formals.iter().find(|formal| formal.name == entry.name)?;
        Some(Bound { file, binding: formal.binding })
    };
    formal().unwrap_or(bound)
}

/// Where the outputs of a flake are written that an expression, or what lies behind it, is.
fn own_outputs(db: &dyn Db, base: Place, path: &[Name]) -> Option<Place> {
    let (outputs, rest) = flake_outputs::behind_self(db, base, path)?;
    rest.is_empty().then_some(outputs)
}

struct Search<'a> {
    db: &'a dyn Db,
    fuel: u32,
}

impl Search<'_> {
    /// The sets of an expression's value, applied to so many arguments.
    fn sets(&mut self, place: Place, arguments: usize, found: &mut Vec<Set>) {
        if self.fuel == 0 {
            return;
        }
        self.fuel -= 1;
        let module = module(self.db, place.file);
        let at = |expr| Place { expr, ..place };
        match module.expr(place.expr) {
            Expr::Attrs(attrs) if arguments == 0 => found.push(Set { file: place.file, attrs }),
            Expr::Let { body, .. } | Expr::With { body, .. } | Expr::Assert { body, .. } => {
                self.sets(at(body), arguments, found);
            }
            Expr::Binary { op: BinaryOp::Update, lhs, rhs } if arguments == 0 => {
                self.sets(at(rhs), 0, found);
                self.sets(at(lhs), 0, found);
            }
            Expr::Lambda(lambda) if arguments > 0 => {
                self.sets(at(module.lambdas[lambda.0 as usize].body), arguments - 1, found);
            }
            Expr::Apply { fun, args } => {
                let args = module.list(args);
                let Some(passed) = self.passed_to_import(at(fun)) else {
                    return self.sets(at(fun), arguments + args.len(), found);
                };
                if let Some(root) = args.first().and_then(|path| self.import(at(*path))) {
                    self.sets(root, arguments + args.len() - 1 + passed, found);
                }
            }
            Expr::Var(_) => {
                let value = self.variable(place).and_then(|bound| bound.value(self.db));
                if let Some(value) = value.or_else(|| own_outputs(self.db, place, &[])) {
                    self.sets(value, arguments, found);
                }
            }
            Expr::Select { base, path, default: None } => {
                let Some(path) = static_path(module, path) else { return };
                let value = self.attribute_at(at(base), &path).and_then(|it| it.value(self.db));
                if let Some(value) = value.or_else(|| own_outputs(self.db, at(base), &path)) {
                    self.sets(value, arguments, found);
                }
            }
            Expr::InheritFrom(index) => {
                if let Some(set) = inherited_set(self.db, place, index) {
                    self.sets(set, arguments, found);
                }
            }
            _ => {}
        }
    }

    fn function(&mut self, place: Place, arguments: usize) -> Option<(File, LambdaId)> {
        if self.fuel == 0 {
            return None;
        }
        self.fuel -= 1;
        let module = module(self.db, place.file);
        let at = |expr| Place { expr, ..place };
        match module.expr(place.expr) {
            Expr::Lambda(lambda) if arguments == 0 => Some((place.file, lambda)),
            Expr::Lambda(lambda) => {
                self.function(at(module.lambdas[lambda.0 as usize].body), arguments - 1)
            }
            Expr::Let { body, .. } | Expr::With { body, .. } | Expr::Assert { body, .. } => {
                self.function(at(body), arguments)
            }
            Expr::Apply { fun, args } => {
                let args = module.list(args);
                match self.passed_to_import(at(fun)) {
                    Some(passed) => {
                        let root = self.import(at(*args.first()?))?;
                        self.function(root, arguments + args.len() - 1 + passed)
                    }
                    None => self.function(at(fun), arguments + args.len()),
                }
            }
            Expr::Var(_) => {
                let value = self.variable(place)?.value(self.db)?;
                self.function(value, arguments)
            }
            Expr::Select { base, path, default: None } => {
                let path = static_path(module, path)?;
                let value = self.attribute_at(at(base), &path)?.value(self.db)?;
                self.function(value, arguments)
            }
            _ => None,
        }
    }

    fn attribute(&mut self, place: Place, name: Name) -> Option<Bound> {
        let mut found = Vec::new();
        self.sets(place, 0, &mut found);
        found.into_iter().find_map(|set| entry(self.db, set, name))
    }

    fn attribute_at(&mut self, place: Place, path: &[Name]) -> Option<Bound> {
        let (mut place, path) =
            flake_outputs::behind_self(self.db, place, path).unwrap_or((place, path));
        let (last, init) = path.split_last()?;
        for name in init {
            place = self.attribute(place, *name)?.value(self.db)?;
        }
        self.attribute(place, *last)
    }

    fn variable(&mut self, place: Place) -> Option<Bound> {
        let (module, scopes) = (module(self.db, place.file), scopes(self.db, place.file));
        match scopes.definition(module, place.expr)? {
            Definition::Binding(binding) => Some(Bound { file: place.file, binding }),
            Definition::With { name, sets } => {
                sets.into_iter().find_map(|set| self.attribute(Place { expr: set, ..place }, name))
            }
            Definition::Imported(_) | Definition::Global(_) | Definition::Undefined(_) => None,
        }
    }

    /// With how many arguments of its own a function calls the file that its first argument names: none
    /// for `import` and `callPackage`, one for `file: import file { inherit lib; }`.
    fn passed_to_import(&mut self, fun: Place) -> Option<usize> {
        let (module, scopes) = (module(self.db, fun.file), scopes(self.db, fun.file));
        if is_import(module, fun.expr) || is_call_package(module, scopes, fun.expr) {
            return Some(0);
        }
        if !matches!(module.expr(fun.expr), Expr::Var(_) | Expr::Select { .. }) {
            return None;
        }
        // A look aside, which must not use up the way ahead.
        let mut aside = Search { db: self.db, fuel: self.fuel.min(8) };
        importer(self.db, aside.function(fun, 0)?)
    }

    /// The root of the file that a path literal names.
    fn import(&mut self, path_literal: Place) -> Option<Place> {
        let path = path(self.db, path_literal)?;
        let file = imported_file(self.db, &path)?;
        Some(Place { file, expr: module(self.db, file).root })
    }
}

/// How many arguments a function gives to the file that it imports, if it is `file: import file …`.
pub(crate) fn importer(db: &dyn Db, (file, lambda): (File, LambdaId)) -> Option<usize> {
    let (module, scopes) = (module(db, file), scopes(db, file));
    let lambda = &module.lambdas[lambda.0 as usize];
    let (Param::Simple { binding, .. }, Expr::Apply { fun, args }) =
        (&lambda.param, module.expr(lambda.body))
    else {
        return None;
    };
    let args = module.list(args);
    let imports = is_import(module, fun)
        && scopes.definition(module, *args.first()?) == Some(Definition::Binding(*binding));
    imports.then_some(args.len() - 1)
}

/// The set of the `index`th `inherit (set)` beside which an inherited attribute stands, whose base
/// `place` is.
pub(crate) fn inherited_set(db: &dyn Db, place: Place, index: u32) -> Option<Place> {
    let (module, scopes) = (module(db, place.file), scopes(db, place.file));
    let select = scopes.parent(place.expr)?;
    let attrs = match module.expr(scopes.parent(select)?) {
        Expr::Attrs(attrs) | Expr::Let { attrs, .. } => attrs,
        _ => return None,
    };
    let set = module.attrs[attrs.0 as usize].inherit_from.get(index as usize)?;
    Some(Place { expr: *set, ..place })
}

/// Whether a function is `import`.
pub(crate) fn is_import(module: &Module, fun: ExprId) -> bool {
    match module.expr(fun) {
        Expr::Var(Var::Global(id)) => globals()[id.0 as usize].name.as_str() == "import",
        Expr::Select { base, path, default: None } => {
            let [Key::Static(name)] = module.keys(path) else { return false };
            name.as_str() == "import" && is_builtins(module, base)
        }
        _ => false,
    }
}

/// Whether a function is named as those are that import a file and fill in its arguments by their names.
pub(crate) fn is_call_package(module: &Module, scopes: &Scopes, fun: ExprId) -> bool {
    let name = match module.expr(fun) {
        Expr::Select { path, default: None, .. } => match module.keys(path).last() {
            Some(Key::Static(name)) => Some(*name),
            _ => None,
        },
        Expr::Var(_) => match scopes.definition(module, fun) {
            Some(Definition::Binding(binding)) => name_of(module, scopes, binding),
            Some(Definition::With { name, .. } | Definition::Undefined(name)) => Some(name),
            _ => None,
        },
        _ => None,
    };
    name.is_some_and(|name| name.as_str() == "callPackage")
}

/// The name that a binding binds.
pub(crate) fn name_of(module: &Module, scopes: &Scopes, binding: BindingId) -> Option<Name> {
    bindings_beside(module, scopes, binding)
        .into_iter()
        .find_map(|(name, found)| (found == binding).then_some(name))
}

/// All that is bound by the set, `let` or function that a binding is a part of.
pub(crate) fn bindings_beside(
    module: &Module,
    scopes: &Scopes,
    binding: BindingId,
) -> Vec<(Name, BindingId)> {
    match scopes.owner(binding) {
        Some(ScopeOwner::Attrs(attrs)) => {
            let entries = &module.attrs[attrs.0 as usize].entries;
            entries.iter().map(|entry| (entry.name, entry.binding)).collect()
        }
        Some(ScopeOwner::Lambda(lambda)) => match &module.lambdas[lambda.0 as usize].param {
            Param::Simple { name, binding } => vec![(*name, *binding)],
            Param::Pattern { formals, at, .. } => {
                let formals = formals.iter().map(|formal| (formal.name, formal.binding));
                formals.chain(*at).collect()
            }
        },
        Some(ScopeOwner::With(_)) | None => Vec::new(),
    }
}

/// Whether an expression is the variable `builtins`.
pub(crate) fn is_builtins(module: &Module, expr: ExprId) -> bool {
    matches!(module.expr(expr), Expr::Var(Var::Global(id))
        if globals()[id.0 as usize].name.as_str() == "builtins")
}
