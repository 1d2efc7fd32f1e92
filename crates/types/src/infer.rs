//! The interpreter: from an expression to its type, on demand.

use floe_hir::{
    AttrsId, BinaryOp, BindingId, Definition, Expr, ExprId, Key, KeyList, LambdaId, Module, Name,
    Param, ScopeOwner, Scopes, Var, globals,
};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::calls::{self, Given};
use crate::select::Selected;
use crate::{
    EnvironmentId, Field, FileKey, FunctionKind, Host, Layer, Place, Probable, Type, Value,
    builtin_doc, builtin_docs,
};

/// How much may be supposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Only what is certain: an argument that no call in sight gives is unknown.
    Certain,
    /// What is probable, for a person to read: an argument has the type of its default and what its
    /// uses ask for, and a set that was updated with an unknown one has its attributes still.
    Probable,
}

/// One question, or several about the same state of the files.
pub struct Inference<'a> {
    pub(crate) host: &'a dyn Host,
    pub(crate) mode: Mode,
    frames: Vec<Frame>,
    known: FxHashMap<Place, Type>,
    /// What is being found out: who asks for it again goes in circles.
    pending: FxHashSet<Place>,
    pending_arguments: FxHashSet<(FileKey, BindingId)>,
    builtins: Option<Type>,
    fuel: u32,
    pub(crate) depth: u32,
}

/// Nobody knows which of more than so many `with`s around each other gives a name: of the others nothing is
/// said.
pub const MOST_WITHS: usize = 16;

/// The argument of one call.
#[derive(Clone, Debug)]
struct Frame {
    outer: EnvironmentId,
    file: FileKey,
    lambda: LambdaId,
    argument: Value,
    calls: u32,
}

/// How many expressions are looked at for one question.
const FUEL: u32 = 40_000;
/// How deeply questions lead to questions.
const DEEPEST: u32 = 160;
/// How deeply calls are followed into calls.
const DEEPEST_CALLS: u32 = 8;
/// Of how many elements a list's type is made.
const ELEMENTS: usize = 24;

impl<'a> Inference<'a> {
    /// Ready for questions.
    pub fn new(host: &'a dyn Host, mode: Mode) -> Inference<'a> {
        Inference {
            host,
            mode,
            frames: Vec::new(),
            known: FxHashMap::default(),
            pending: FxHashSet::default(),
            pending_arguments: FxHashSet::default(),
            builtins: None,
            fuel: FUEL,
            depth: 0,
        }
    }

    /// For so many questions that they share what they may cost.
    pub(crate) fn with_fuel(mut self, fuel: u32) -> Inference<'a> {
        self.fuel = fuel;
        self
    }

    /// The type of an expression, whatever calls the functions around it.
    pub fn type_of(&mut self, file: FileKey, expr: ExprId) -> Type {
        self.fuel = self.fuel.max(FUEL / 8);
        self.infer(Place { file, expr, environment: EnvironmentId::default() })
    }

    /// The type of what a name is bound to, argument or not.
    pub fn type_of_binding(&mut self, file: FileKey, binding: BindingId) -> Type {
        self.fuel = self.fuel.max(FUEL / 8);
        self.binding(file, binding, EnvironmentId::default())
    }

    pub(crate) fn module(&self, file: FileKey) -> &'a Module {
        self.host.module(file)
    }

    pub(crate) fn scopes(&self, file: FileKey) -> &'a Scopes {
        self.host.scopes(file)
    }

    /// Counts a step; false when there are none left or the question has become too deep.
    pub(crate) fn step(&mut self) -> bool {
        if self.fuel == 0 || self.depth >= DEEPEST {
            return false;
        }
        self.fuel -= 1;
        true
    }

    pub(crate) fn infer(&mut self, place: Place) -> Type {
        if let Some(known) = self.known.get(&place) {
            return known.clone();
        }
        if !self.step() || !self.pending.insert(place) {
            return Type::Unknown;
        }
        self.depth += 1;
        let found = self.expr(place);
        self.depth -= 1;
        self.pending.remove(&place);
        self.known.insert(place, found.clone());
        found
    }

    pub(crate) fn value(&mut self, value: &Value) -> Type {
        match value {
            Value::Known(known) => known.clone(),
            Value::Expr(place) => self.infer(*place),
            Value::Applied(call) => {
                let (function, arguments) = &**call;
                self.apply_all(function.clone(), arguments)
            }
        }
    }

    fn expr(&mut self, place: Place) -> Type {
        let module = self.module(place.file);
        let at = |expr| Place { expr, ..place };
        match module.expr(place.expr) {
            Expr::Missing => Type::Unknown,
            Expr::Int(_) => Type::Int,
            Expr::Float(_) => Type::Float,
            Expr::Str(_) | Expr::Interpolate(_) => Type::String,
            Expr::Path(_) | Expr::InterpolatePath(_) | Expr::SearchPath { .. } => Type::Path,
            Expr::CurPos => Type::any_attrs(),
            Expr::Var(_) => self.variable(place),
            Expr::Select { base, path, default } => {
                let selected = self.select_path(at(base), path);
                match (selected, default) {
                    (selected, None) => selected.into_type().unwrap_or(Type::Unknown),
                    (Selected::There(found), _) => found,
                    (Selected::Perhaps(found), Some(default)) => found.or(self.infer(at(default))),
                    (Selected::Unknown, Some(_)) if self.mode == Mode::Certain => Type::Unknown,
                    (Selected::Missing | Selected::Unknown, Some(default)) => {
                        self.infer(at(default))
                    }
                }
            }
            Expr::HasAttr { .. } | Expr::Not(_) => Type::Bool,
            Expr::Apply { fun, args } => self.call(place, fun, module.list(args)),
            Expr::Lambda(lambda) => Type::function(FunctionKind::Lambda {
                file: place.file,
                lambda,
                environment: place.environment,
            }),
            Expr::Attrs(attrs) => self.literal(place, attrs),
            Expr::Let { body, .. } | Expr::With { body, .. } | Expr::Assert { body, .. } => {
                self.infer(at(body))
            }
            Expr::List(elements) => {
                let elements = module.list(elements);
                let mut types: Vec<Type> = Vec::new();
                for element in elements.iter().take(ELEMENTS) {
                    types.push(self.infer(at(*element)));
                }
                if elements.len() > ELEMENTS && self.mode == Mode::Certain {
                    types.push(Type::Unknown);
                }
                Type::list(Type::union(types))
            }
            Expr::If { then, otherwise, .. } => {
                let then = self.infer(at(then));
                then.or(self.infer(at(otherwise)))
            }
            Expr::Binary { op, lhs, rhs } => self.binary(op, at(lhs), at(rhs)),
            Expr::Negate(operand) => match self.infer(at(operand)) {
                Type::Int => Type::Int,
                Type::Float => Type::Float,
                _ => number(),
            },
            Expr::InheritFrom(index) => {
                match inherited_set(module, self.scopes(place.file), place.expr, index) {
                    Some(set) => self.infer(at(set)),
                    None => Type::Unknown,
                }
            }
        }
    }

    fn literal(&mut self, place: Place, attrs: AttrsId) -> Type {
        let mut layers = vec![Layer::Literal {
            file: place.file,
            attrs,
            environment: place.environment,
            optional: false,
        }];
        if !self.module(place.file).attrs[attrs.0 as usize].dynamic.is_empty() {
            layers.push(Layer::Anything(Type::Unknown));
        }
        Type::attrs(layers)
    }

    fn binary(&mut self, op: BinaryOp, lhs: Place, rhs: Place) -> Type {
        match op {
            BinaryOp::Equal
            | BinaryOp::NotEqual
            | BinaryOp::Less
            | BinaryOp::LessOrEqual
            | BinaryOp::Greater
            | BinaryOp::GreaterOrEqual
            | BinaryOp::And
            | BinaryOp::Or
            | BinaryOp::Implies => Type::Bool,
            BinaryOp::Update => {
                let (lhs, rhs) = (self.infer(lhs), self.infer(rhs));
                self.update(&lhs, &rhs)
            }
            BinaryOp::Concat => {
                let (lhs, rhs) = (self.infer(lhs), self.infer(rhs));
                match (lhs, rhs) {
                    (Type::List(a), Type::List(b)) => Type::list((*a).clone().or((*b).clone())),
                    (Type::List(_), _)
                    | (_, Type::List(_))
                    | (Type::Unknown, _)
                    | (_, Type::Unknown) => Type::list(Type::Unknown),
                    _ => Type::Unknown,
                }
            }
            BinaryOp::Add => match (self.infer(lhs), self.infer(rhs)) {
                (Type::Int, Type::Int) => Type::Int,
                (Type::Int | Type::Float, Type::Int | Type::Float) => Type::Float,
                (Type::Path, _) => Type::Path,
                (Type::String, _) => Type::String,
                (_, Type::String) if self.mode == Mode::Probable => Type::String,
                (_, Type::Int) if self.mode == Mode::Probable => Type::Int,
                _ => Type::Unknown,
            },
            BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide => {
                match (self.infer(lhs), self.infer(rhs)) {
                    (Type::Int, Type::Int) => Type::Int,
                    (Type::Float, _) | (_, Type::Float) => Type::Float,
                    _ => number(),
                }
            }
        }
    }

    fn global(&mut self, name: &str) -> Type {
        if name != "builtins" {
            return global(name);
        }
        let builtins = self.builtins.get_or_insert_with(|| {
            let field = |name| Field { value: Value::Known(global(name)), optional: false };
            let mut fields: Vec<_> =
                builtin_docs().iter().map(|doc| (Name::new(doc.name), field(doc.name))).collect();
            fields.sort_by_key(|(name, _)| *name);
            // Another version of Nix has others.
            Type::attrs(vec![Layer::Fields(fields.into()), Layer::Anything(Type::Unknown)])
        });
        builtins.clone()
    }

    fn variable(&mut self, place: Place) -> Type {
        let (module, scopes) = (self.module(place.file), self.scopes(place.file));
        match scopes.definition(module, place.expr) {
            Some(Definition::Binding(binding)) => {
                self.binding(place.file, binding, place.environment)
            }
            Some(Definition::Global(id)) => self.global(globals()[id.0 as usize].builtin_name()),
            Some(Definition::With { name, sets }) => {
                for set in sets.into_iter().take(MOST_WITHS) {
                    let set = self.infer(Place { expr: set, ..place });
                    match self.select(&set, name) {
                        Selected::Missing => {}
                        selected => {
                            let certain = selected.certain();
                            if let Some(found) = selected.into_type() {
                                return found;
                            }
                            if certain || self.mode == Mode::Certain {
                                return Type::Unknown;
                            }
                        }
                    }
                }
                Type::Unknown
            }
            Some(Definition::Imported(_) | Definition::Undefined(_)) | None => Type::Unknown,
        }
    }

    /// What a name of a file is bound to, seen from inside of calls.
    pub(crate) fn binding(
        &mut self,
        file: FileKey,
        binding: BindingId,
        environment: EnvironmentId,
    ) -> Type {
        let (module, scopes) = (self.module(file), self.scopes(file));
        match scopes.owner(binding) {
            Some(ScopeOwner::Attrs(attrs)) => {
                let entries = &module.attrs[attrs.0 as usize].entries;
                match entries.iter().find(|entry| entry.binding == binding) {
                    Some(entry) => {
                        let environment = self.around(file, entry.value, environment);
                        self.infer(Place { file, expr: entry.value, environment })
                    }
                    // A computed name has one, too.
                    None => Type::Unknown,
                }
            }
            Some(ScopeOwner::Lambda(lambda)) => match self.frame_of(file, lambda, environment) {
                Some(frame) => {
                    let argument = self.frames[frame.0 as usize - 1].argument.clone();
                    self.given_argument(file, lambda, binding, &argument, frame)
                }
                None if self.mode == Mode::Probable => {
                    self.probable_argument(file, lambda, binding)
                }
                None => Type::Unknown,
            },
            Some(ScopeOwner::With(_)) | None => Type::Unknown,
        }
    }

    /// The part of a known argument that a name of a function stands for.
    fn given_argument(
        &mut self,
        file: FileKey,
        lambda: LambdaId,
        binding: BindingId,
        argument: &Value,
        environment: EnvironmentId,
    ) -> Type {
        let module = self.module(file);
        let argument = self.value(argument);
        let Param::Pattern { formals, .. } = &module.lambdas[lambda.0 as usize].param else {
            return argument;
        };
        let Some(formal) = formals.iter().find(|formal| formal.binding == binding) else {
            return argument;
        };
        let selected = self.select(&argument, formal.name);
        let may_be_missing = !selected.certain();
        let given = selected.into_type();
        match (given, formal.default) {
            (Some(given), Some(default)) if may_be_missing => {
                given.or(self.infer(Place { file, expr: default, environment }))
            }
            (Some(given), _) => given,
            (None, Some(default)) => self.infer(Place { file, expr: default, environment }),
            (None, None) => Type::Unknown,
        }
    }

    /// What an argument probably is: the uses of its name ask for something.
    fn probable_argument(&mut self, file: FileKey, lambda: LambdaId, binding: BindingId) -> Type {
        if !self.step() || !self.pending_arguments.insert((file, binding)) {
            return Type::Unknown;
        }
        self.depth += 1;
        let module = self.module(file);
        let mut found = Type::Unknown;
        let param = &module.lambdas[lambda.0 as usize].param;
        if let Param::Simple { name, .. } = param {
            found = self.given_by_host(file, lambda, *name).unwrap_or(found);
        }
        if let Param::Pattern { formals, at, .. } = param {
            if at.is_some_and(|(_, at)| at == binding) {
                found = Type::any_attrs();
            }
            if let Some(formal) = formals.iter().find(|formal| formal.binding == binding) {
                if let Some(given) = self.given_by_host(file, lambda, formal.name) {
                    found = given;
                } else if let Some(default) = formal.default {
                    let environment = EnvironmentId::default();
                    found = self.infer(Place { file, expr: default, environment });
                }
            }
        }
        let null_default = matches!(found, Type::Null);
        if found.is_unknown() || null_default {
            let given = self.type_from_calls(file, lambda, binding);
            if !given.is_unknown() {
                found = if null_default { given.or(Type::Null) } else { given };
            }
        }
        if found.is_unknown() || null_default && matches!(found, Type::Null) {
            let used = self.type_from_uses(file, binding);
            found = match (null_default, used.is_unknown()) {
                (true, true) => Type::Null,
                (true, false) => Type::Null.or(used),
                (false, _) => used,
            };
        }
        self.depth -= 1;
        self.pending_arguments.remove(&(file, binding));
        found
    }

    /// What an argument is by its name and place.
    fn given_by_host(&mut self, file: FileKey, lambda: LambdaId, name: Name) -> Option<Type> {
        let environment = EnvironmentId::default();
        Some(match self.host.probable_argument(file, lambda, name)? {
            Probable::Root(file) => {
                let expr = self.module(file).root;
                self.infer(Place { file, expr, environment })
            }
            Probable::With(file, expr) => {
                let known = self.infer(Place { file, expr, environment });
                self.update(&Type::any_attrs(), &known)
            }
        })
    }

    /// What the calls of a function in its own file give for an argument.
    fn type_from_calls(&mut self, file: FileKey, lambda: LambdaId, binding: BindingId) -> Type {
        const CALLS: usize = 8;
        let module = self.module(file);
        let mut given = Vec::new();
        for argument in calls::arguments(module, self.scopes(file), lambda).into_iter().take(CALLS)
        {
            let environment = EnvironmentId::default();
            let whole = match argument {
                Given::Value(expr) => self.infer(Place { file, expr, environment }),
                Given::ElementOf(list) => match self.infer(Place { file, expr: list, environment })
                {
                    Type::List(element) => (*element).clone(),
                    _ => Type::Unknown,
                },
                Given::AttributeOf(set) => {
                    let set = self.infer(Place { file, expr: set, environment });
                    self.select_any(&set)
                }
            };
            let Param::Pattern { formals, .. } = &module.lambdas[lambda.0 as usize].param else {
                given.push(whole);
                continue;
            };
            match formals.iter().find(|formal| formal.binding == binding) {
                Some(formal) => given.extend(self.select(&whole, formal.name).into_type()),
                None => given.push(whole),
            }
        }
        given.retain(|given| !given.is_unknown());
        if given.is_empty() { Type::Unknown } else { Type::union(given) }
    }

    /// What the uses of a name ask for, where they agree.
    fn type_from_uses(&mut self, file: FileKey, binding: BindingId) -> Type {
        const USES: usize = 16;
        let (module, scopes) = (self.module(file), self.scopes(file));
        let mut found: Option<Type> = None;
        let mut attributes: Vec<Name> = Vec::new();
        for expr in scopes.references(binding).iter().take(USES) {
            let Some(parent) = scopes.parent(*expr) else { continue };
            let asked = match module.expr(parent) {
                Expr::Select { base, path, default: None } if base == *expr => {
                    if let Some(Key::Static(name)) = module.keys(path).first()
                        && !attributes.contains(name)
                    {
                        attributes.push(*name);
                    }
                    continue;
                }
                Expr::HasAttr { base, .. } if base == *expr => Type::any_attrs(),
                Expr::With { set, .. } if set == *expr => Type::any_attrs(),
                Expr::If { cond, .. } | Expr::Assert { cond, .. } if cond == *expr => Type::Bool,
                Expr::Not(_) => Type::Bool,
                Expr::Negate(_) => number(),
                Expr::Interpolate(_) => Type::String,
                Expr::Binary { op, lhs, rhs } => match op {
                    BinaryOp::And | BinaryOp::Or | BinaryOp::Implies => Type::Bool,
                    BinaryOp::Update => Type::any_attrs(),
                    BinaryOp::Concat => Type::list(Type::Unknown),
                    BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide => number(),
                    BinaryOp::Add => {
                        let other = if lhs == *expr { rhs } else { lhs };
                        let environment = EnvironmentId::default();
                        match self.infer(Place { file, expr: other, environment }) {
                            same @ (Type::Int | Type::Float | Type::String) => same,
                            _ => continue,
                        }
                    }
                    _ => continue,
                },
                Expr::Apply { fun, args } if fun == *expr => {
                    let mut result = Type::Unknown;
                    for _ in module.list(args) {
                        result = Type::function(FunctionKind::Signature {
                            from: Type::Unknown,
                            to: result,
                        });
                    }
                    result
                }
                Expr::Apply { fun, args } => {
                    let Some(position) = module.list(args).iter().position(|arg| arg == expr)
                    else {
                        continue;
                    };
                    match self.asked_of_argument(file, fun, position) {
                        Some(asked) => asked,
                        None => continue,
                    }
                }
                _ => continue,
            };
            found = Some(match found {
                None => asked,
                Some(found) if found.is_same(&asked) => found,
                Some(Type::Attrs(set)) if matches!(asked, Type::Attrs(_)) => Type::Attrs(set),
                Some(_) => return Type::Unknown,
            });
        }
        if attributes.is_empty() {
            return found.unwrap_or(Type::Unknown);
        }
        attributes.sort_unstable();
        let field = || Field { value: Value::Known(Type::Unknown), optional: false };
        let fields = attributes.into_iter().map(|name| (name, field())).collect();
        Type::attrs(vec![Layer::Fields(fields), Layer::Anything(Type::Unknown)])
    }

    /// A call's environment: the argument of a lambda, inside of where the lambda was made.
    pub(crate) fn enter(
        &mut self,
        file: FileKey,
        lambda: LambdaId,
        outer: EnvironmentId,
        argument: Value,
    ) -> Option<EnvironmentId> {
        let calls = match outer.0 {
            0 => 1,
            index => self.frames[index as usize - 1].calls + 1,
        };
        if calls > DEEPEST_CALLS {
            return None;
        }
        self.frames.push(Frame { outer, file, lambda, argument, calls });
        Some(EnvironmentId(self.frames.len() as u32))
    }

    fn frame_of(
        &self,
        file: FileKey,
        lambda: LambdaId,
        mut environment: EnvironmentId,
    ) -> Option<EnvironmentId> {
        while environment.0 != 0 {
            let frame = &self.frames[environment.0 as usize - 1];
            if frame.file == file && frame.lambda == lambda {
                return Some(environment);
            }
            environment = frame.outer;
        }
        None
    }

    /// The path literal that an expression is, directly or by another name: its file and text.
    pub(crate) fn path_literal(&self, mut place: Place) -> Option<(FileKey, &'a str)> {
        const STEPS: usize = 8;
        for _ in 0..STEPS {
            let (module, scopes) = (self.module(place.file), self.scopes(place.file));
            let binding = match module.expr(place.expr) {
                Expr::Path(text) => return Some((place.file, module.str(text))),
                Expr::Var(Var::Local { .. }) => match scopes.definition(module, place.expr)? {
                    Definition::Binding(binding) => binding,
                    _ => return None,
                },
                _ => return None,
            };
            place = match scopes.owner(binding)? {
                ScopeOwner::Attrs(attrs) => {
                    let entries = &module.attrs[attrs.0 as usize].entries;
                    let entry = entries.iter().find(|entry| entry.binding == binding)?;
                    let environment = self.around(place.file, entry.value, place.environment);
                    Place { file: place.file, expr: entry.value, environment }
                }
                ScopeOwner::Lambda(lambda) => {
                    let frame = self.frame_of(place.file, lambda, place.environment)?;
                    let frame = &self.frames[frame.0 as usize - 1];
                    match (&module.lambdas[lambda.0 as usize].param, &frame.argument) {
                        (Param::Simple { .. }, Value::Expr(argument)) => *argument,
                        _ => return None,
                    }
                }
                ScopeOwner::With(_) => return None,
            };
        }
        None
    }

    /// The part of an environment that an expression can see: the calls of functions around it.
    pub(crate) fn around(
        &self,
        file: FileKey,
        expr: ExprId,
        mut environment: EnvironmentId,
    ) -> EnvironmentId {
        let (module, scopes) = (self.module(file), self.scopes(file));
        while environment.0 != 0 {
            let frame = &self.frames[environment.0 as usize - 1];
            let is_around = frame.file == file
                && scopes.ancestors(expr).any(|around| {
                    matches!(module.expr(around), Expr::Lambda(lambda) if lambda == frame.lambda)
                });
            if is_around {
                break;
            }
            environment = frame.outer;
        }
        environment
    }

    /// What the attribute path of a base selects.
    fn select_path(&mut self, base: Place, path: KeyList) -> Selected {
        let mut found = self.infer(base);
        let mut in_doubt = false;
        for key in self.module(base.file).keys(path) {
            let selected = match key {
                Key::Static(name) => self.select(&found, *name),
                Key::Dynamic(_) => Selected::Perhaps(self.select_any(&found)),
            };
            in_doubt |= !selected.certain();
            found = match selected {
                Selected::Missing | Selected::Unknown => return selected,
                Selected::There(next) | Selected::Perhaps(next) => next,
            };
        }
        if in_doubt { Selected::Perhaps(found) } else { Selected::There(found) }
    }
}

/// The type of a builtin, by its name in `builtins`.
fn global(name: &str) -> Type {
    match name {
        "true" | "false" => Type::Bool,
        "null" => Type::Null,
        "builtins" => Type::any_attrs(),
        "derivation" => Type::function(FunctionKind::Signature {
            from: Type::any_attrs(),
            to: Type::any_attrs(),
        }),
        _ => match builtin_doc(name) {
            Some(doc) => crate::apply::builtin(doc, Vec::new()),
            None => Type::Unknown,
        },
    }
}

pub(crate) fn number() -> Type {
    Type::Int.or(Type::Float)
}

/// The set of the `index`th `inherit (set)` beside which the attribute stands whose base `expr` is.
fn inherited_set(module: &Module, scopes: &Scopes, expr: ExprId, index: u32) -> Option<ExprId> {
    let select = scopes.parent(expr)?;
    let attrs = match module.expr(scopes.parent(select)?) {
        Expr::Attrs(attrs) | Expr::Let { attrs, .. } => attrs,
        _ => return None,
    };
    module.attrs[attrs.0 as usize].inherit_from.get(index as usize).copied()
}
