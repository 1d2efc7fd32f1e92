//! Calls: of functions that a file has, of `import`, of builtins.

use std::rc::Rc;

use floe_hir::{Expr, ExprId, Key, Name, Var, globals};
use rustc_hash::FxHashMap;

use crate::infer::{Inference, Mode};
use crate::signature::{Pattern, Signature};
use crate::{
    BuiltinDoc, EnvironmentId, Field, FileKey, FunctionKind, Layer, Place, Type, Value, builtin_doc,
};

/// What the variables of a signature stand for in one call.
type Variables = FxHashMap<u8, Type>;

/// How many members of a union are called.
const FUNCTIONS: usize = 4;

impl Inference<'_> {
    /// The type of a call.
    pub(crate) fn call(&mut self, place: Place, fun: ExprId, args: &[ExprId]) -> Type {
        let at = |expr| Place { expr, ..place };
        let mut result = self.infer(at(fun));
        for arg in args {
            result = self.apply(result, Value::Expr(at(*arg)));
        }
        result
    }

    /// The value of the file that a path literal names.
    fn import(&mut self, path: &Value) -> Option<Type> {
        let Value::Expr(path) = path else { return None };
        let (from, text) = self.path_literal(*path)?;
        let file = self.host.import(from, text)?;
        let expr = self.module(file).root;
        Some(self.infer(Place { file, expr, environment: EnvironmentId::default() }))
    }

    pub(crate) fn apply_all(&mut self, mut function: Type, arguments: &[Value]) -> Type {
        for argument in arguments {
            function = self.apply(function, argument.clone());
        }
        function
    }

    /// The type of what a function gives for an argument.
    pub(crate) fn apply(&mut self, function: Type, argument: Value) -> Type {
        if !self.step() {
            return Type::Unknown;
        }
        self.depth += 1;
        let found = self.apply_one(function, argument);
        self.depth -= 1;
        found
    }

    fn apply_one(&mut self, function: Type, argument: Value) -> Type {
        match &function {
            Type::Function(found) => match &found.kind {
                FunctionKind::Lambda { file, lambda, environment } => {
                    let (file, lambda, environment) = (*file, *lambda, *environment);
                    let body = self.module(file).lambdas[lambda.0 as usize].body;
                    match self.enter(file, lambda, environment, argument) {
                        Some(environment) => self.infer(Place { file, expr: body, environment }),
                        None => Type::Unknown,
                    }
                }
                FunctionKind::Signature { to, .. } => to.clone(),
                FunctionKind::Builtin { doc, arguments } => {
                    let mut arguments = arguments.clone();
                    arguments.push(argument);
                    self.builtin_call(doc, arguments)
                }
            },
            Type::Attrs(_) => {
                let functor = self.select(&function, Name::new("__functor")).into_type();
                match functor {
                    Some(functor) => {
                        let with_self = self.apply(functor, Value::Known(function));
                        self.apply(with_self, argument)
                    }
                    None => Type::Unknown,
                }
            }
            Type::Union(members) if members.len() <= FUNCTIONS => {
                let members = members.clone();
                let callable = members
                    .iter()
                    .filter(|member| matches!(member, Type::Function(_) | Type::Attrs(_)));
                let results: Vec<Type> =
                    callable.map(|member| self.apply(member.clone(), argument.clone())).collect();
                match results.is_empty() {
                    true => Type::Unknown,
                    false => Type::union(results),
                }
            }
            _ => Type::Unknown,
        }
    }

    fn builtin_call(&mut self, doc: &'static BuiltinDoc, arguments: Vec<Value>) -> Type {
        let Some(signature) = Signature::of_builtin(doc.name) else { return Type::Unknown };
        if arguments.len() < signature.arity() {
            return builtin(doc, arguments);
        }
        if let Some(found) = self.special(doc.name, &arguments) {
            return found;
        }
        let mut variables = Variables::default();
        // What a function is called with, the other arguments say.
        let is_function = |pattern: &Pattern| matches!(pattern, Pattern::Function(..));
        for functions in [false, true] {
            for (pattern, argument) in signature.parameters.iter().zip(&arguments) {
                // A variable alone may never be looked at: `seq`, `trace`.
                let wanted = is_function(pattern) == functions
                    && has_variable(pattern)
                    && !matches!(pattern, Pattern::Variable(variable)
                        if !mentions(&signature.result, *variable)
                            && !signature.parameters.iter().any(is_function));
                if wanted {
                    let argument = self.value(argument);
                    self.fit(pattern, &argument, &mut variables);
                }
            }
        }
        substitute(&signature.result, &variables)
    }

    /// The builtins whose results depend on their arguments in ways that no signature says.
    fn special(&mut self, name: &str, arguments: &[Value]) -> Option<Type> {
        Some(match (name, arguments) {
            ("throw" | "abort", _) => Type::Never,
            ("import", [path]) => self.import(path).unwrap_or(Type::Unknown),
            ("scopedImport" | "fromJSON" | "getFlake", _) => Type::Unknown,
            ("mapAttrs", [function, set]) => {
                let (function, set) = (self.value(function), self.value(set));
                self.map_attrs(&function, &set)
            }
            ("removeAttrs", [set, names]) => match self.value(set) {
                Type::Attrs(row) => {
                    let mut layers = vec![match self.constant_names(names) {
                        Some(names) => Layer::Without(names.into()),
                        None if self.mode == Mode::Probable => return Some(Type::Attrs(row)),
                        None => Layer::Anything(Type::Unknown),
                    }];
                    layers.extend(row.layers.iter().cloned());
                    Type::attrs(layers)
                }
                _ => Type::any_attrs(),
            },
            ("intersectAttrs", [_, set]) => match (self.mode, self.value(set)) {
                (Mode::Probable, set @ Type::Attrs(_)) => set,
                _ => Type::any_attrs(),
            },
            ("listToAttrs", [list]) => {
                let values = match self.value(list) {
                    Type::List(element) => self.select(&element, Name::new("value")).into_type(),
                    _ => None,
                };
                Type::attrs(vec![Layer::Anything(values.unwrap_or(Type::Unknown))])
            }
            ("attrValues", [set]) => {
                let set = self.value(set);
                Type::list(self.select_any(&set))
            }
            ("catAttrs", [name, list]) => match (self.constant_string(name), self.value(list)) {
                (Some(name), Type::List(element)) => {
                    let found = self.select(&element, name).into_type();
                    Type::list(found.unwrap_or(Type::Unknown))
                }
                _ => Type::list(Type::Unknown),
            },
            ("getAttr", [name, set]) => {
                let set = self.value(set);
                match self.constant_string(name) {
                    Some(name) => self.select(&set, name).into_type().unwrap_or(Type::Unknown),
                    None => self.select_any(&set),
                }
            }
            ("tryEval", [value]) => {
                let value = self.value(value).or(Type::Bool);
                fields([("success", Type::Bool), ("value", value)])
            }
            ("foldl'", [function, start, list]) => {
                let start_type = self.value(start);
                let element = match self.value(list) {
                    Type::List(element) => (*element).clone(),
                    _ => Type::Unknown,
                };
                let function = self.value(function);
                let once = self.apply_all(
                    function,
                    &[Value::Known(start_type.clone()), Value::Known(element)],
                );
                match self.mode {
                    // One step need not be the last.
                    Mode::Certain if !start_type.is_same(&once) => Type::Unknown,
                    _ => start_type.or(once),
                }
            }
            ("genericClosure", _) => Type::list(Type::any_attrs()),
            _ => return None,
        })
    }

    fn map_attrs(&mut self, function: &Type, set: &Type) -> Type {
        let (attributes, open) = self.attributes(set);
        const MOST: usize = 2000;
        if attributes.len() > MOST || !matches!(set, Type::Attrs(_)) {
            return Type::any_attrs();
        }
        let mut found: Vec<(Name, Field)> = Vec::new();
        for attribute in attributes {
            // Not looked at before somebody selects the result.
            let selected = Value::Applied(Rc::new((
                Type::function(FunctionKind::Builtin {
                    doc: match builtin_doc("getAttr") {
                        Some(doc) => doc,
                        None => return Type::any_attrs(),
                    },
                    arguments: Vec::new(),
                }),
                vec![Value::Known(Type::String), Value::Known(set.clone())],
            )));
            let selected = match attribute.binding {
                Some(_) => self.lazy_attribute(set, attribute.name).unwrap_or(selected),
                None => selected,
            };
            let arguments = vec![Value::Known(Type::String), selected];
            let value = Value::Applied(Rc::new((function.clone(), arguments)));
            found.push((attribute.name, Field { value, optional: attribute.optional }));
        }
        found.sort_by_key(|(name, _)| *name);
        let mut layers = vec![Layer::Fields(found.into())];
        if open {
            layers.push(Layer::Anything(Type::Unknown));
        }
        Type::attrs(layers)
    }

    /// The expression of an attribute that a literal binds.
    fn lazy_attribute(&self, set: &Type, name: Name) -> Option<Value> {
        let Type::Attrs(row) = set else { return None };
        row.layers.iter().find_map(|layer| match layer {
            Layer::Literal { file, attrs, environment, .. } => {
                let entries = &self.module(*file).attrs[attrs.0 as usize].entries;
                let index = entries.binary_search_by_key(&name, |entry| entry.name).ok()?;
                let (file, environment) = (*file, *environment);
                Some(Value::Expr(Place { file, expr: entries[index].value, environment }))
            }
            _ => None,
        })
    }

    /// The names in a list of string literals.
    fn constant_names(&self, names: &Value) -> Option<Vec<Name>> {
        let Value::Expr(place) = names else { return None };
        let module = self.module(place.file);
        let Expr::List(elements) = module.expr(place.expr) else { return None };
        let name = |element: &ExprId| match module.expr(*element) {
            Expr::Str(text) => Some(Name::new(module.str(text))),
            _ => None,
        };
        module.list(elements).iter().map(name).collect()
    }

    fn constant_string(&self, value: &Value) -> Option<Name> {
        let Value::Expr(place) = value else { return None };
        let module = self.module(place.file);
        match module.expr(place.expr) {
            Expr::Str(text) => Some(Name::new(module.str(text))),
            _ => None,
        }
    }

    /// Finds what the variables of a pattern stand for.
    fn fit(&mut self, pattern: &Pattern, found: &Type, variables: &mut Variables) {
        match (pattern, found) {
            (Pattern::Variable(variable), found) => {
                let before = variables.remove(variable);
                let now = match before {
                    Some(before) => before.or(found.clone()),
                    None => found.clone(),
                };
                variables.insert(*variable, now);
            }
            (Pattern::List(pattern), Type::List(element)) => {
                self.fit(pattern, &element.clone(), variables);
            }
            (Pattern::Function(from, to), function @ (Type::Function(_) | Type::Attrs(_))) => {
                let argument = Value::Known(substitute(from, variables));
                let result = self.apply(function.clone(), argument);
                self.fit(to, &result, variables);
            }
            (Pattern::Union(patterns), found) => {
                for pattern in patterns {
                    self.fit(pattern, found, variables);
                }
            }
            _ => {}
        }
    }

    /// What a function asks of its argument at a position, if the function is a builtin.
    pub(crate) fn asked_of_argument(
        &mut self,
        file: FileKey,
        fun: ExprId,
        position: usize,
    ) -> Option<Type> {
        let signature = Signature::of_builtin(builtin_of(self, file, fun)?)?;
        match substitute(signature.parameters.get(position)?, &Variables::default()) {
            Type::Unknown => None,
            asked => Some(asked),
        }
    }
}

/// A builtin that was given some of its arguments; what it is where it takes none.
pub(crate) fn builtin(doc: &'static BuiltinDoc, arguments: Vec<Value>) -> Type {
    match Signature::of_builtin(doc.name) {
        Some(signature) if signature.arity() == 0 => {
            substitute(&signature.result, &Variables::default())
        }
        Some(_) => Type::function(FunctionKind::Builtin { doc, arguments }),
        None => Type::Unknown,
    }
}

/// Which builtin an expression names: `map`, `__head`, `builtins.head`.
pub(crate) fn builtin_of(
    inference: &Inference<'_>,
    file: FileKey,
    expr: ExprId,
) -> Option<&'static str> {
    let module = inference.module(file);
    let global = |expr| match module.expr(expr) {
        Expr::Var(Var::Global(id)) => Some(globals()[id.0 as usize].builtin_name()),
        _ => None,
    };
    match module.expr(expr) {
        Expr::Select { base, path, default: None } => match module.keys(path) {
            [Key::Static(name)] if global(base) == Some("builtins") => Some(name.as_str()),
            _ => None,
        },
        _ => global(expr),
    }
}

/// The type that a pattern describes.
pub(crate) fn substitute(pattern: &Pattern, variables: &Variables) -> Type {
    match pattern {
        Pattern::Variable(variable) => variables.get(variable).cloned().unwrap_or(Type::Unknown),
        Pattern::Any => Type::Unknown,
        Pattern::Null => Type::Null,
        Pattern::Bool => Type::Bool,
        Pattern::Int => Type::Int,
        Pattern::Float => Type::Float,
        Pattern::String => Type::String,
        Pattern::Path => Type::Path,
        Pattern::List(element) => Type::list(substitute(element, variables)),
        Pattern::Function(from, to) => Type::function(FunctionKind::Signature {
            from: substitute(from, variables),
            to: substitute(to, variables),
        }),
        Pattern::Attrs { fields, rest } => {
            let fields: Rc<[(Name, Field)]> = fields
                .iter()
                .map(|(name, pattern, optional)| {
                    let value = Value::Known(substitute(pattern, variables));
                    (*name, Field { value, optional: *optional })
                })
                .collect();
            let mut layers = Vec::new();
            if !fields.is_empty() {
                layers.push(Layer::Fields(fields));
            }
            layers.extend(rest.iter().map(|rest| Layer::Anything(substitute(rest, variables))));
            Type::attrs(layers)
        }
        Pattern::Union(patterns) => {
            Type::union(patterns.iter().map(|pattern| substitute(pattern, variables)))
        }
    }
}

fn fields<const N: usize>(fields: [(&str, Type); N]) -> Type {
    let mut fields: Vec<(Name, Field)> = fields
        .into_iter()
        .map(|(name, found)| {
            (Name::new(name), Field { value: Value::Known(found), optional: false })
        })
        .collect();
    fields.sort_by_key(|(name, _)| *name);
    Type::attrs(vec![Layer::Fields(fields.into())])
}

fn has_variable(pattern: &Pattern) -> bool {
    match pattern {
        Pattern::Variable(_) => true,
        Pattern::List(element) => has_variable(element),
        Pattern::Function(from, to) => has_variable(from) || has_variable(to),
        Pattern::Union(patterns) => patterns.iter().any(has_variable),
        _ => false,
    }
}

fn mentions(pattern: &Pattern, variable: u8) -> bool {
    match pattern {
        Pattern::Variable(found) => *found == variable,
        Pattern::List(element) => mentions(element, variable),
        Pattern::Function(from, to) => mentions(from, variable) || mentions(to, variable),
        Pattern::Union(patterns) => patterns.iter().any(|pattern| mentions(pattern, variable)),
        Pattern::Attrs { fields, rest } => {
            fields.iter().any(|(_, pattern, _)| mentions(pattern, variable))
                || rest.as_ref().is_some_and(|rest| mentions(rest, variable))
        }
        _ => false,
    }
}
