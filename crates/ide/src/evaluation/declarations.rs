//! Which options the text of a module declares, and what it says about them. A module that is being edited
//! is hardly ever one that can be evaluated.
//!
//! Whoever shows an option to a person asks here: what is followed is all that may declare one, through
//! variables, calls and files. What a rename rests on is in [`crate::modules`], which follows only what is
//! certain.

use floe_db::{Db, File, module, peek, scopes, source, source_map};
use floe_hir::{BinaryOp, Expr, ExprId, Name, Span};

use super::SourceLine;
use super::options::OptionDetails;
use crate::NavigationTarget;
use crate::known::{self, Bound, Place, Set, static_path};
use crate::modules::{Step, called, list_elements, result_of_call};

/// An option, or a set of options, that a module declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Declaration {
    /// The path to it.
    pub(crate) path: Vec<Step>,
    named_by: NamedBy,
    /// What says more of it; a set of options has nothing.
    pub(crate) says: Option<Says>,
}

/// What names an option where it is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NamedBy {
    Binding(Bound),
    /// The name is computed, or a string.
    Expr(Place),
}

/// What says more of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    /// The call of `mkOption`, or the like.
    Option(Place),
    /// The call of `mkRenamedOptionModule`, or the like.
    OldName(Place),
}

/// What every file has that declares options.
pub(super) const DECLARING: [&str; 2] = ["options", "imports"];

/// What the modules in a file declare.
#[salsa::tracked(returns(ref))]
pub(crate) fn declarations(db: &dyn Db, file: File) -> Vec<Declaration> {
    // Most files declare none, and need not be parsed for that.
    if !peek(db, file).is_ok_and(|text| text.contains("options") || text.contains("OptionModule")) {
        return Vec::new();
    }
    let module = module(db, file);
    let mut walk =
        Walk { db, path: Vec::new(), types: Vec::new(), found: Vec::new(), depth: 0, fuel: FUEL };
    let mut root = module.root;
    while let Expr::Lambda(lambda) = module.expr(root) {
        root = module.lambdas[lambda.0 as usize].body;
    }
    walk.body(Place { file, expr: root });
    if walk.found.is_empty() {
        walk.inner_modules(file);
    }
    walk.found
}

/// How deep submodules and sets are looked into.
const MOST_STEPS: usize = 24;

/// How many expressions lead from one to the next, and how many there may be for a file in all.
const MOST_HOPS: u32 = 96;
const FUEL: u32 = 50_000;

struct Walk<'db> {
    db: &'db dyn Db,
    path: Vec<Step>,
    /// The types around what is looked at: data like JSON has itself inside.
    types: Vec<Place>,
    found: Vec<Declaration>,
    depth: u32,
    fuel: u32,
}

impl Walk<'_> {
    /// The set that a file gives, without those of other files.
    fn body(&mut self, place: Place) {
        let at = |expr| Place { expr, ..place };
        match module(self.db, place.file).expr(place.expr) {
            Expr::Let { body, .. } | Expr::With { body, .. } | Expr::Assert { body, .. } => {
                self.deeper(|walk| walk.body(at(body)));
            }
            Expr::Binary { op: BinaryOp::Update, lhs, rhs } => self.deeper(|walk| {
                walk.body(at(lhs));
                walk.body(at(rhs));
            }),
            Expr::Attrs(attrs) => self.of_module(Set { file: place.file, attrs }),
            _ => {}
        }
    }

    /// Modules that are not what the file gives: those of a flake, or of a list that is evaluated.
    fn inner_modules(&mut self, file: File) {
        let (module, scopes) = (module(self.db, file), scopes(self.db, file));
        let is_inside = |id: ExprId| {
            scopes.ancestors(id).any(|around| match module.expr(around) {
                Expr::Apply { fun, .. } => called(module, scopes, fun).starts_with("submodule"),
                Expr::Attrs(attrs) => {
                    known::entry(self.db, Set { file, attrs }, Name::new("options")).is_some()
                }
                _ => false,
            })
        };
        let sets = module.exprs.iter().zip(0..).filter_map(|(expr, id)| match *expr {
            Expr::Attrs(attrs) => Some((ExprId(id), Set { file, attrs })),
            _ => None,
        });
        let options = Name::new("options");
        let sets: Vec<Set> = sets
            .filter(|(_, set)| known::entry(self.db, *set, options).is_some())
            .filter(|(id, _)| !scopes.parent(*id).is_some_and(is_inside))
            .map(|(_, set)| set)
            .collect();
        sets.into_iter().for_each(|set| self.of_module(set));
        // Sets that are called so for another reason.
        if self.found.iter().all(|declaration| declaration.says.is_none()) {
            self.found.clear();
        }
    }

    fn of_module(&mut self, set: Set) {
        if let Some(options) = self.attribute(set, "options") {
            self.options(options);
        }
        if let Some(imports) = self.attribute(set, "imports") {
            self.imports(imports);
        }
    }

    fn imports(&mut self, list: Place) {
        for element in list_elements(self.db, list) {
            let (module, scopes) = (module(self.db, element.file), scopes(self.db, element.file));
            match module.expr(element.expr) {
                Expr::Apply { fun, args }
                    if called(module, scopes, fun).ends_with("OptionModule") =>
                {
                    let old = module.list(args).first();
                    old.into_iter().for_each(|old| self.old_name(element, *old));
                }
                // Other modules of the same submodule. Those of the system speak for themselves.
                _ if !self.path.is_empty() => self.submodule(element),
                _ => {}
            }
        }
    }

    /// `mkRenamedOptionModule [ "a" "b" ] [ "c" ]`, or the like.
    fn old_name(&mut self, call: Place, old: ExprId) {
        let module = module(self.db, call.file);
        let Expr::List(list) = module.expr(old) else { return };
        let length = self.path.len();
        for element in module.list(list) {
            let Expr::Str(name) = module.expr(*element) else { break };
            self.path.push(Step::Name(Name::new(module.str(name))));
        }
        if let Some(last) = module.list(list).last()
            && self.path.len() == length + module.list(list).len()
        {
            self.found.push(Declaration {
                path: self.path.clone(),
                named_by: NamedBy::Expr(Place { expr: *last, ..call }),
                says: Some(Says::OldName(call)),
            });
        }
        self.path.truncate(length);
    }

    /// An option, or a set of them.
    fn options(&mut self, place: Place) {
        if self.path.len() > MOST_STEPS {
            return;
        }
        let (module, scopes) = (module(self.db, place.file), scopes(self.db, place.file));
        let at = |expr| Place { expr, ..place };
        match module.expr(place.expr) {
            Expr::Attrs(attrs) => self.set(Set { file: place.file, attrs }),
            Expr::Apply { fun, args } => match (called(module, scopes, fun), module.list(args)) {
                ("mkOption" | "mkEnableOption" | "mkPackageOption", _) => self.option(place),
                ("genAttrs", &[names, function]) => {
                    self.of_each(at(names), at(function), 0);
                }
                ("mapAttrs", &[function, set]) => self.of_each(at(set), at(function), 1),
                (name, _) => {
                    let before = self.options_so_far();
                    self.through(place, Walk::options);
                    let is_made = name.starts_with("mk") && name.contains("Option");
                    if is_made && self.options_so_far() == before {
                        self.option(place);
                    }
                }
            },
            _ => self.through(place, Walk::options),
        }
    }

    fn set(&mut self, set: Set) {
        let attrs = &module(self.db, set.file).attrs[set.attrs.0 as usize];
        for entry in &attrs.entries {
            let named_by = NamedBy::Binding(Bound { file: set.file, binding: entry.binding });
            self.path.push(Step::Name(entry.name));
            self.found.push(Declaration { path: self.path.clone(), named_by, says: None });
            self.deeper(|walk| walk.options(Place { file: set.file, expr: entry.value }));
            self.path.pop();
        }
        for entry in &attrs.dynamic {
            let at = |expr| Place { file: set.file, expr };
            self.any(NamedBy::Expr(at(entry.name)), at(entry.value));
        }
    }

    /// Options with any name.
    fn any(&mut self, named_by: NamedBy, value: Place) {
        self.path.push(Step::Any);
        self.found.push(Declaration { path: self.path.clone(), named_by, says: None });
        self.deeper(|walk| walk.options(value));
        self.path.pop();
    }

    /// Options with names that are computed, by what a function gives for each.
    fn of_each(&mut self, names: Place, function: Place, before: usize) {
        let Some((file, lambda)) = known::function(self.db, function, before) else { return };
        let body = module(self.db, file).lambdas[lambda.0 as usize].body;
        self.any(NamedBy::Expr(names), Place { file, expr: body });
    }

    fn options_so_far(&self) -> (usize, bool) {
        (self.found.len(), self.found.last().is_some_and(|last| last.says.is_some()))
    }

    /// `mkOption { … }`, or the like.
    fn option(&mut self, call: Place) {
        // Of two values that a condition chooses from, the first speaks.
        let here = self.found.iter_mut().rev().find(|found| found.path == self.path);
        if let Some(here) = here
            && here.says.is_none()
        {
            here.says = Some(Says::Option(call));
        }
        for set in settings(self.db, call) {
            if let Some(of) = self.attribute(set, "type") {
                self.of_type(of);
            }
        }
    }

    /// The options of a submodule that a type is, or has inside.
    fn of_type(&mut self, of: Place) {
        if self.path.len() <= MOST_STEPS && !self.types.contains(&of) {
            self.types.push(of);
            self.inside_type(of);
            self.types.pop();
        }
    }

    fn inside_type(&mut self, of: Place) {
        let (module, scopes) = (module(self.db, of.file), scopes(self.db, of.file));
        let at = |expr| Place { expr, ..of };
        let Expr::Apply { fun, args } = module.expr(of.expr) else {
            return self.through(of, Walk::of_type);
        };
        match (called(module, scopes, fun), module.list(args)) {
            ("attrsOf" | "lazyAttrsOf" | "loaOf", &[inside]) => {
                self.type_below(Step::Any, at(inside));
            }
            ("listOf" | "nonEmptyListOf", &[inside]) => {
                self.type_below(Step::Element, at(inside));
            }
            ("nullOr" | "uniq", &[inside])
            | ("unique", &[_, inside])
            | ("addCheck", &[inside, _])
            | ("coercedTo", &[_, _, inside]) => self.deeper(|walk| walk.of_type(at(inside))),
            ("either", &[left, right]) => self.deeper(|walk| {
                walk.of_type(at(left));
                walk.of_type(at(right));
            }),
            ("oneOf", &[list]) => {
                let types = list_elements(self.db, at(list));
                self.deeper(|walk| types.into_iter().for_each(|of| walk.of_type(of)));
            }
            ("submodule", &[inside]) => self.submodule(at(inside)),
            ("attrsWith" | "submoduleWith", &[settings]) => {
                let Expr::Attrs(attrs) = module.expr(settings) else { return };
                let set = Set { file: of.file, attrs };
                if let Some(inside) = self.attribute(set, "elemType") {
                    self.type_below(Step::Any, inside);
                }
                if let Some(modules) = self.attribute(set, "modules") {
                    self.submodule(modules);
                }
            }
            _ => self.through(of, Walk::of_type),
        }
    }

    fn type_below(&mut self, step: Step, inside: Place) {
        self.path.push(step);
        self.deeper(|walk| walk.of_type(inside));
        self.path.pop();
    }

    /// A module of a submodule, or a list of them.
    fn submodule(&mut self, place: Place) {
        let module = module(self.db, place.file);
        let at = |expr| Place { expr, ..place };
        match module.expr(place.expr) {
            Expr::Attrs(attrs) => {
                self.deeper(|walk| walk.of_module(Set { file: place.file, attrs }));
            }
            Expr::Lambda(lambda) => {
                let body = module.lambdas[lambda.0 as usize].body;
                self.deeper(|walk| walk.submodule(at(body)));
            }
            Expr::List(_) | Expr::Binary { op: BinaryOp::Concat, .. } => {
                let modules = list_elements(self.db, place);
                self.deeper(|walk| modules.into_iter().for_each(|it| walk.submodule(it)));
            }
            Expr::Path(_) => {
                let path = known::path(self.db, place);
                let file = path.and_then(|path| known::imported_file(self.db, &path));
                if let Some(file) = file {
                    let expr = floe_db::module(self.db, file).root;
                    self.deeper(|walk| walk.submodule(Place { file, expr }));
                }
            }
            _ => self.through(place, Walk::submodule),
        }
    }

    /// An expression whose value is that of others.
    fn through(&mut self, place: Place, walk: fn(&mut Self, Place)) {
        let others = values_of(self.db, place);
        self.deeper(|inside| others.into_iter().for_each(|other| walk(inside, other)));
    }

    fn deeper(&mut self, walk: impl FnOnce(&mut Self)) {
        if self.depth < MOST_HOPS && self.fuel > 0 {
            self.fuel -= 1;
            self.depth += 1;
            walk(self);
            self.depth -= 1;
        }
    }

    fn attribute(&self, set: Set, name: &str) -> Option<Place> {
        known::entry(self.db, set, Name::new(name))?.value(self.db)
    }
}

/// The expressions one of which an expression has its value from, if it is nothing else.
fn values_of(db: &dyn Db, place: Place) -> Vec<Place> {
    let (module, scopes) = (module(db, place.file), scopes(db, place.file));
    let at = |expr| Place { expr, ..place };
    match module.expr(place.expr) {
        Expr::Let { body, .. } | Expr::With { body, .. } | Expr::Assert { body, .. } => {
            vec![at(body)]
        }
        Expr::If { then, otherwise, .. } => vec![at(then), at(otherwise)],
        Expr::Binary { op: BinaryOp::Update, lhs, rhs } => vec![at(lhs), at(rhs)],
        Expr::Var(_) => {
            known::variable(db, place).and_then(|bound| bound.value(db)).into_iter().collect()
        }
        Expr::Select { base, path, default: None } => static_path(module, path)
            .and_then(|path| known::attribute_at(db, at(base), &path)?.value(db))
            .into_iter()
            .collect(),
        Expr::Apply { fun, args } => match (called(module, scopes, fun), module.list(args)) {
            ("optionalAttrs" | "mkIf", &[_, value]) => vec![at(value)],
            ("recursiveUpdate", &[left, right]) => vec![at(left), at(right)],
            ("mkMerge", &[list]) => list_elements(db, at(list)),
            _ => result_of_call(db, place).into_iter().collect(),
        },
        _ => Vec::new(),
    }
}

/// The sets that the argument of `mkOption` is made of.
fn settings(db: &dyn Db, call: Place) -> Vec<Set> {
    let module = module(db, call.file);
    let Expr::Apply { args, .. } = module.expr(call.expr) else { return Vec::new() };
    let mut pending: Vec<Place> =
        module.list(args).first().map(|expr| Place { expr: *expr, ..call }).into_iter().collect();
    let mut found = Vec::new();
    for _ in 0..MOST_HOPS {
        let Some(place) = pending.pop() else { break };
        match floe_db::module(db, place.file).expr(place.expr) {
            Expr::Attrs(attrs) => found.push(Set { file: place.file, attrs }),
            _ => pending.extend(values_of(db, place)),
        }
    }
    found
}

impl Declaration {
    /// The name of the option, as a place to go to.
    pub(crate) fn target(&self, db: &dyn Db) -> NavigationTarget {
        match self.named_by {
            NamedBy::Binding(bound) => NavigationTarget { file: bound.file, span: bound.span(db) },
            NamedBy::Expr(Place { file, expr }) => {
                NavigationTarget { file, span: source_map(db, file).exprs[expr.0 as usize] }
            }
        }
    }

    /// The file that it is written in.
    pub(crate) fn file(&self) -> File {
        match self.named_by {
            NamedBy::Binding(bound) => bound.file,
            NamedBy::Expr(place) => place.file,
        }
    }

    /// Whether it is only another name of an option.
    pub(crate) fn is_old_name(&self) -> bool {
        matches!(self.says, Some(Says::OldName(_)))
    }

    /// What the text says of the option. A set of options says nothing.
    pub(crate) fn details(&self, db: &dyn Db) -> Option<OptionDetails> {
        let target = self.target(db);
        let start = target.span.start as usize;
        let line = 1 + source(db, target.file).text[..start].matches('\n').count() as u32;
        let place = SourceLine { path: target.file.path(db).clone(), line };
        let mut details = OptionDetails { declarations: vec![place], ..OptionDetails::default() };
        match self.says? {
            Says::Option(call) => tell(db, call, &mut details),
            Says::OldName(call) => {
                details.is_hidden = true;
                details.description = new_name(db, call);
            }
        }
        Some(details)
    }
}

/// What the call of `mkOption`, or the like, tells.
fn tell(db: &dyn Db, call: Place, details: &mut OptionDetails) {
    let (module, scopes) = (module(db, call.file), scopes(db, call.file));
    let Expr::Apply { fun, args } = module.expr(call.expr) else { return };
    let at = |expr| Place { expr, ..call };
    match (called(module, scopes, fun), module.list(args)) {
        ("mkOption", _) => {
            let sets = settings(db, call);
            let attribute = |name: &str| {
                let found = |set: &Set| known::entry(db, *set, Name::new(name))?.value(db);
                sets.iter().find_map(found)
            };
            let written = |name: &str| Some(text(db, attribute(name)?));
            details.type_description = written("type");
            details.default = written("defaultText").or_else(|| written("default"));
            details.example = written("example");
            details.description = attribute("description").and_then(|text| string(db, text));
        }
        ("mkEnableOption", &[what]) => {
            details.type_description = Some("boolean".to_owned());
            details.default = Some("false".to_owned());
            let what = string(db, at(what));
            details.description = what.map(|what| format!("Whether to enable {what}."));
        }
        ("mkPackageOption", &[set, name, ..]) => {
            details.type_description = Some("package".to_owned());
            let name = string(db, at(name));
            let set = text(db, at(set));
            details.default = name.as_ref().map(|name| format!("{set}.{name}"));
            details.description = name.map(|name| format!("The {name} package to use."));
        }
        _ => {}
    }
}

fn new_name(db: &dyn Db, call: Place) -> Option<String> {
    let module = module(db, call.file);
    let Expr::Apply { args, .. } = module.expr(call.expr) else { return None };
    let new = *module.list(args).get(1)?;
    match module.expr(new) {
        Expr::List(list) => {
            let names = module.list(list).iter().map(|name| match module.expr(*name) {
                Expr::Str(name) => Some(module.str(name)),
                _ => None,
            });
            let names: Option<Vec<&str>> = names.collect();
            Some(format!("An old name of `{}`.", names?.join(".")))
        }
        _ => string(db, Place { expr: new, ..call }),
    }
}

fn text(db: &dyn Db, place: Place) -> String {
    text_of(db, place.file, source_map(db, place.file).wrapped(place.expr))
}

/// The text without parentheses or `${ }` around it.
fn exact_text(db: &dyn Db, place: Place) -> String {
    text_of(db, place.file, source_map(db, place.file).exprs[place.expr.0 as usize])
}

fn text_of(db: &dyn Db, file: File, span: Span) -> String {
    let text = &source(db, file).text;
    text.get(span.start as usize..span.end as usize).unwrap_or_default().to_owned()
}

/// A string as it is meant, also as the argument of `mdDoc` and its like. What is computed in it stands there as it
/// is written.
fn string(db: &dyn Db, place: Place) -> Option<String> {
    let module = module(db, place.file);
    match module.expr(place.expr) {
        Expr::Str(text) => Some(module.str(text).to_owned()),
        Expr::Interpolate(parts) => {
            let parts = module.list(parts).iter().map(|part| match module.expr(*part) {
                Expr::Str(text) => module.str(text).to_owned(),
                _ => format!("${{{}}}", exact_text(db, Place { expr: *part, ..place })),
            });
            Some(parts.collect())
        }
        Expr::Apply { args, .. } => {
            string(db, Place { expr: *module.list(args).first()?, ..place })
        }
        _ => None,
    }
}
