//! The options that one module declares and defines, and what it imports.

use floe_db::{Db, File, module, scopes};
use floe_hir::{
    AttrEntry, AttrKind, AttrsId, BinaryOp, BindingId, Definition, Expr, ExprId, LambdaId, Module,
    Name, Param, Scopes,
};

use super::graph::{attribute, list_elements};
use super::{Step, called};
use crate::evaluation::options::set_inside;
use crate::known::{Place, entry_of};
use crate::uses::literal_of;

/// What a module says.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// The names in the paths of options that it declares or defines.
    pub(crate) mentions: Vec<Mention>,
    /// Where it computes what it declares or defines.
    pub(crate) computed: Vec<Computed>,
    /// The modules that it imports.
    pub(crate) imports: Vec<Place>,
    /// The names in the paths that `mkRenamedOptionModule` and its like are given, each as the path up
    /// to it and the string that it is.
    pub(crate) strings: Vec<(Vec<Step>, ExprId)>,
    /// The names that it has the configuration by.
    pub(crate) arguments: Vec<Argument>,
}

/// A name in the path of an option.
#[derive(Debug)]
pub(crate) struct Mention {
    /// The path up to and including the name.
    pub(crate) path: Vec<Step>,
    pub(crate) binding: BindingId,
    pub(crate) is_declaration: bool,
}

/// A place that declares or defines options which the text does not name.
#[derive(Debug)]
pub(crate) struct Computed {
    /// What they are below.
    pub(crate) path: Vec<Step>,
    /// Whether only the name directly below is computed.
    pub(crate) is_name: bool,
    pub(crate) expr: ExprId,
}

/// A name that a module, or a submodule, has the configuration by.
#[derive(Debug)]
pub(crate) struct Argument {
    pub(crate) binding: BindingId,
    /// The path of the submodule.
    pub(crate) base: Vec<Step>,
    pub(crate) of: ArgumentOf,
}

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArgumentOf {
    /// `config` or `options`: what has the options as attributes.
    Options,
    /// All arguments in one set.
    Everything,
}

/// What the module at a place says.
pub(crate) fn facts(db: &dyn Db, place: Place) -> Facts {
    let (module, scopes) = (module(db, place.file), scopes(db, place.file));
    let (file, path, facts) = (place.file, Vec::new(), Facts::default());
    let mut walk = Walk { db, file, module, scopes, path, facts };
    walk.module(place.expr);
    walk.facts
}

/// Deeper than this lies data.
const MOST_STEPS: usize = 24;

struct Walk<'a> {
    db: &'a dyn Db,
    file: File,
    module: &'a Module,
    scopes: &'a Scopes,
    path: Vec<Step>,
    facts: Facts,
}

impl Walk<'_> {
    /// A module, or a submodule of the option at the path.
    fn module(&mut self, expr: ExprId) {
        let body = match self.module.expr(expr) {
            Expr::Lambda(lambda) => {
                self.arguments(lambda);
                self.module.lambdas[lambda.0 as usize].body
            }
            _ => expr,
        };
        let Some(set) = set_inside(self.module, body) else { return self.computed(body) };
        let attrs = &self.module.attrs[set.0 as usize];
        let is = |entry: &AttrEntry, name| entry.name.as_str() == name;
        let is_short =
            !attrs.entries.iter().any(|entry| is(entry, "config") || is(entry, "options"));
        for entry in &attrs.entries {
            match entry.name.as_str() {
                "imports" | "require" => self.imports(entry.value),
                "options" => self.declarations(entry.value),
                "config" => self.definitions(entry.value),
                "freeformType" => self.computed(entry.value),
                "disabledModules" | "_file" | "key" | "_class" => {}
                _ if is_short => self.definition(entry),
                _ => {}
            }
        }
        if is_short {
            self.dynamic(set, Walk::definitions);
        }
    }

    fn arguments(&mut self, lambda: LambdaId) {
        let mut found = Vec::new();
        match &self.module.lambdas[lambda.0 as usize].param {
            Param::Simple { binding, .. } => found.push((*binding, ArgumentOf::Everything)),
            Param::Pattern { formals, at, .. } => {
                found.extend(at.map(|(_, binding)| (binding, ArgumentOf::Everything)));
                let of_options = formals
                    .iter()
                    .filter(|formal| matches!(formal.name.as_str(), "config" | "options"));
                found.extend(of_options.map(|formal| (formal.binding, ArgumentOf::Options)));
            }
        }
        let arguments = found.into_iter().map(|(binding, of)| Argument {
            binding,
            base: self.path.clone(),
            of,
        });
        self.facts.arguments.extend(arguments);
    }

    fn imports(&mut self, list: ExprId) {
        if !self.path.is_empty() {
            // Other modules of the same submodule.
            return self.computed(list);
        }
        for element in list_elements(self.db, Place { file: self.file, expr: list }) {
            if element.file == self.file {
                self.renamed_options(element.expr);
            }
            self.facts.imports.push(element);
        }
    }

    /// `mkRenamedOptionModule [ "a" "b" ] [ "c" ]`, or the like.
    fn renamed_options(&mut self, import: ExprId) {
        let Expr::Apply { fun, args } = self.module.expr(import) else { return };
        let name = called(self.module, self.scopes, fun);
        if !name.starts_with("mk") || !name.contains("OptionModule") {
            return;
        }
        for argument in self.module.list(args) {
            let Expr::List(list) = self.module.expr(*argument) else { continue };
            let mut path = Vec::new();
            for element in self.module.list(list) {
                let Expr::Str(name) = self.module.expr(*element) else {
                    let expr = *element;
                    self.facts.computed.push(Computed { path, is_name: true, expr });
                    break;
                };
                path.push(Step::Name(Name::new(self.module.str(name))));
                self.facts.strings.push((path.clone(), *element));
            }
        }
    }

    /// A set of options.
    fn declarations(&mut self, expr: ExprId) {
        if self.path.len() > MOST_STEPS {
            return self.computed(expr);
        }
        match self.module.expr(expr) {
            Expr::Attrs(set) => {
                for entry in &self.module.attrs[set.0 as usize].entries {
                    self.below(Step::Name(entry.name), |walk| {
                        walk.mention(entry.binding, true);
                        match entry.kind {
                            AttrKind::Plain => walk.declarations(entry.value),
                            AttrKind::Inherited | AttrKind::InheritedFrom => {
                                walk.computed(entry.value);
                            }
                        }
                    });
                }
                self.dynamic(set, Walk::declarations);
            }
            Expr::Apply { fun, args } => {
                let args = self.module.list(args);
                match (called(self.module, self.scopes, fun), args) {
                    ("mkOption", [argument]) => self.option(*argument),
                    ("mkEnableOption" | "mkPackageOption", _) => {}
                    ("optionalAttrs", [_, options]) => self.declarations(*options),
                    _ => self.computed(expr),
                }
            }
            _ => self.through(expr, Walk::declarations),
        }
    }

    /// The argument of `mkOption`.
    fn option(&mut self, argument: ExprId) {
        let Some(set) = set_inside(self.module, argument) else { return self.computed(argument) };
        if let Some(of) = attribute(self.module, set, "type") {
            self.of_type(of);
        }
    }

    /// The options of a submodule that a type is, or has inside.
    fn of_type(&mut self, of: ExprId) {
        if self.path.len() > MOST_STEPS {
            return self.computed(of);
        }
        let Expr::Apply { fun, args } = self.module.expr(of) else {
            return match self.module.expr(of) {
                // `types.str`: what has options inside is called.
                Expr::Select { .. } => {}
                Expr::Var(_) if self.used_once(of).is_none() && !self.is_bound_here(of) => {}
                _ => self.through(of, Walk::of_type),
            };
        };
        match (called(self.module, self.scopes, fun), self.module.list(args)) {
            ("attrsOf" | "lazyAttrsOf", [inside]) => {
                self.below(Step::Any, |walk| walk.of_type(*inside));
            }
            ("listOf" | "nonEmptyListOf", [inside]) => {
                self.below(Step::Element, |walk| walk.of_type(*inside));
            }
            ("nullOr" | "uniq", [inside])
            | ("unique", [_, inside])
            | ("addCheck", [inside, _])
            | ("coercedTo", [_, _, inside]) => self.of_type(*inside),
            ("either", [left, right]) => {
                self.of_type(*left);
                self.of_type(*right);
            }
            ("submodule", [inside]) => self.submodule(*inside),
            ("enum" | "separatedString" | "strMatching" | "functionTo", _) => {}
            _ => self.computed(of),
        }
    }

    fn submodule(&mut self, expr: ExprId) {
        match self.module.expr(expr) {
            Expr::Lambda(_) | Expr::Attrs(_) => self.module(expr),
            _ => self.through(expr, Walk::submodule),
        }
    }

    fn definition(&mut self, entry: &AttrEntry) {
        self.below(Step::Name(entry.name), |walk| {
            walk.mention(entry.binding, false);
            match entry.kind {
                AttrKind::Plain => walk.definitions(entry.value),
                AttrKind::Inherited | AttrKind::InheritedFrom => walk.computed(entry.value),
            }
            // `_module.freeformType`
            if let [base @ .., Step::Name(parent), _] = &walk.path[..]
                && (parent.as_str(), entry.name.as_str()) == ("_module", "freeformType")
            {
                let (path, expr) = (base.to_vec(), entry.value);
                walk.facts.computed.push(Computed { path, is_name: false, expr });
            }
        });
    }

    /// What defines options below the path.
    fn definitions(&mut self, expr: ExprId) {
        if self.path.len() > MOST_STEPS {
            return self.computed(expr);
        }
        match self.module.expr(expr) {
            Expr::Attrs(set) => {
                for entry in &self.module.attrs[set.0 as usize].entries {
                    match entry.name.as_str() {
                        "imports" if !self.path.is_empty() => self.imports(entry.value),
                        _ => self.definition(entry),
                    }
                }
                self.dynamic(set, Walk::definitions);
            }
            Expr::List(list) => self.below(Step::Element, |walk| {
                walk.module.list(list).iter().for_each(|element| walk.definitions(*element));
            }),
            Expr::Binary { op: BinaryOp::Concat, lhs, rhs } => {
                self.definitions(lhs);
                self.definitions(rhs);
            }
            Expr::Lambda(_) if !self.path.is_empty() => self.module(expr),
            Expr::Apply { fun, args } => {
                match (called(self.module, self.scopes, fun), self.module.list(args)) {
                    ("mkMerge", [list]) => self.merged(*list),
                    ("recursiveUpdate", [left, right]) => {
                        self.definitions(*left);
                        self.definitions(*right);
                    }
                    (
                        "mkIf" | "mkOverride" | "mkOrder" | "optionalAttrs" | "optional"
                        | "optionals",
                        [_, value],
                    )
                    | (
                        "mkForce"
                        | "mkDefault"
                        | "mkBefore"
                        | "mkAfter"
                        | "mkVMOverride"
                        | "mkImageMediaOverride",
                        [value],
                    ) => self.definitions(*value),
                    _ => self.computed(expr),
                }
            }
            Expr::Int(_)
            | Expr::Float(_)
            | Expr::Str(_)
            | Expr::Interpolate(_)
            | Expr::Not(_)
            | Expr::Negate(_)
            | Expr::HasAttr { .. } => {}
            Expr::Binary { op, .. } if op != BinaryOp::Update => {}
            _ => self.through(expr, Walk::definitions),
        }
    }

    /// The list that `mkMerge` is given.
    fn merged(&mut self, list: ExprId) {
        match self.module.expr(list) {
            Expr::List(list) => {
                self.module.list(list).iter().for_each(|element| self.definitions(*element));
            }
            Expr::Binary { op: BinaryOp::Concat, lhs, rhs } => {
                self.merged(lhs);
                self.merged(rhs);
            }
            Expr::Apply { fun, args } => {
                match (called(self.module, self.scopes, fun), self.module.list(args)) {
                    ("optional", [_, element]) => self.definitions(*element),
                    ("optionals", [_, list]) => self.merged(*list),
                    _ => self.computed(list),
                }
            }
            _ => self.through(list, Walk::merged),
        }
    }

    /// An expression whose value is that of others in it, or one that is computed.
    fn through(&mut self, expr: ExprId, walk: fn(&mut Self, ExprId)) {
        match self.module.expr(expr) {
            Expr::Let { body, .. } | Expr::With { body, .. } | Expr::Assert { body, .. } => {
                walk(self, body);
            }
            Expr::If { then, otherwise, .. } => {
                walk(self, then);
                walk(self, otherwise);
            }
            Expr::Binary { op: BinaryOp::Update, lhs, rhs } => {
                walk(self, lhs);
                walk(self, rhs);
            }
            _ => match self.used_once(expr) {
                Some(value) => walk(self, value),
                None => self.computed(expr),
            },
        }
    }

    /// What a `let` binds to a variable that nothing else mentions.
    fn used_once(&self, expr: ExprId) -> Option<ExprId> {
        let Definition::Binding(binding) = self.scopes.definition(self.module, expr)? else {
            return None;
        };
        let entry = entry_of(self.module, self.scopes, binding)?;
        let floe_hir::ScopeOwner::Attrs(attrs) = self.scopes.owner(binding)? else { return None };
        let owner = literal_of(self.module, self.scopes, attrs)?;
        let is_let = matches!(self.module.expr(owner), Expr::Let { .. });
        let is_one = self.scopes.references(binding).len() == 1;
        (is_let && is_one && entry.kind == AttrKind::Plain).then_some(entry.value)
    }

    fn is_bound_here(&self, expr: ExprId) -> bool {
        let Some(Definition::Binding(binding)) = self.scopes.definition(self.module, expr) else {
            return false;
        };
        entry_of(self.module, self.scopes, binding)
            .is_some_and(|entry| entry.kind == AttrKind::Plain)
    }

    fn dynamic(&mut self, set: AttrsId, walk: fn(&mut Self, ExprId)) {
        for entry in &self.module.attrs[set.0 as usize].dynamic {
            let path = self.path.clone();
            self.facts.computed.push(Computed { path, is_name: true, expr: entry.name });
            self.below(Step::Any, |inside| walk(inside, entry.value));
        }
    }

    fn below(&mut self, step: Step, walk: impl FnOnce(&mut Self)) {
        self.path.push(step);
        walk(self);
        self.path.pop();
    }

    fn mention(&mut self, binding: BindingId, is_declaration: bool) {
        let path = self.path.clone();
        self.facts.mentions.push(Mention { path, binding, is_declaration });
    }

    fn computed(&mut self, expr: ExprId) {
        let path = self.path.clone();
        self.facts.computed.push(Computed { path, is_name: false, expr });
    }
}
