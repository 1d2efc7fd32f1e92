//! Expressions that fail whenever they are evaluated, as their text shows.
//!
//! Only what is certain is found: no argument is supposed to be anything, and what stands under a
//! condition that may have to do with the value is left alone.

use floe_hir::{BinaryOp, BindingId, Definition, Expr, ExprId, Key, KeyList, Name, Param};
use rustc_hash::FxHashSet;

use crate::apply::builtin_of;
use crate::infer::{Inference, Mode};
use crate::select::Selected;
use crate::signature::{Pattern, Signature};
use crate::{EnvironmentId, FileKey, FunctionKind, Host, Place, Type};

/// An expression that fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The part that is wrong.
    pub expr: ExprId,
    /// Which key of the expression's attribute path, if it is one.
    pub key: Option<usize>,
    /// In what way.
    pub kind: FindingKind,
    /// What is there, what was expected.
    pub message: String,
}

/// In what way an expression fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum FindingKind {
    NotAFunction,
    TypeMismatch,
    CannotCoerce,
    MissingAttribute,
    MissingArgument,
    UnexpectedArgument,
}

impl FindingKind {
    /// The slug in the catalogue of errors.
    pub const fn slug(self) -> &'static str {
        match self {
            FindingKind::NotAFunction => "not-a-function",
            FindingKind::TypeMismatch => "type-mismatch",
            FindingKind::CannotCoerce => "cannot-coerce",
            FindingKind::MissingAttribute => "missing-attribute",
            FindingKind::MissingArgument => "missing-argument",
            FindingKind::UnexpectedArgument => "unexpected-argument",
        }
    }
}

/// The expressions of a file that fail whenever they are evaluated.
pub fn check(host: &dyn Host, file: FileKey) -> Vec<Finding> {
    let size = host.module(file).exprs.len();
    let fuel = 100_000 + 4 * u32::try_from(size).unwrap_or(u32::MAX / 8).min(u32::MAX / 8);
    let inference = Inference::new(host, Mode::Certain).with_fuel(fuel);
    let mut check = Check { inference, file, found: Vec::new() };
    for expr in (0..size as u32).map(ExprId) {
        check.expr(expr);
    }
    check.found.sort_by_key(|finding| finding.expr);
    check.found
}

struct Check<'a> {
    inference: Inference<'a>,
    file: FileKey,
    found: Vec<Finding>,
}

/// What an operand has to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Bool,
    List,
    Attrs,
    Number,
    /// What `"${…}"` takes.
    Text,
}

impl Wanted {
    fn rejects(self, found: &Type) -> bool {
        match self {
            Wanted::Bool => !matches!(found, Type::Bool),
            Wanted::List => !matches!(found, Type::List(_)),
            Wanted::Attrs => !matches!(found, Type::Attrs(_)),
            Wanted::Number => !matches!(found, Type::Int | Type::Float),
            Wanted::Text => is_no_text(found),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Wanted::Bool => "a Boolean",
            Wanted::List => "a list",
            Wanted::Attrs => "a set",
            Wanted::Number => "a number",
            Wanted::Text => "a string",
        }
    }
}

fn is_no_text(found: &Type) -> bool {
    matches!(
        found,
        Type::Int | Type::Float | Type::Bool | Type::Null | Type::List(_) | Type::Function(_)
    )
}

impl<'a> Check<'a> {
    fn expr(&mut self, expr: ExprId) {
        let module = self.inference.module(self.file);
        match module.expr(expr) {
            Expr::If { cond, .. } | Expr::Assert { cond, .. } => self.want(cond, Wanted::Bool),
            Expr::Not(operand) => self.want(operand, Wanted::Bool),
            Expr::Negate(operand) => self.want(operand, Wanted::Number),
            Expr::With { set, .. } => self.want(set, Wanted::Attrs),
            Expr::Interpolate(parts) => {
                for part in module.list(parts) {
                    self.want(*part, Wanted::Text);
                }
            }
            Expr::Binary { op, lhs, rhs } => self.binary(op, lhs, rhs),
            Expr::Select { base, path, default: None } => self.select(expr, base, path),
            Expr::Apply { fun, args } => self.call(fun, module.list(args)),
            _ => {}
        }
    }

    fn infer(&mut self, expr: ExprId) -> Type {
        let environment = EnvironmentId::default();
        self.inference.infer(Place { file: self.file, expr, environment })
    }

    /// The type of an expression if every one of its possibilities is rejected.
    fn all(&mut self, expr: ExprId, rejects: impl Fn(&Type) -> bool) -> Option<Type> {
        let found = self.infer(expr);
        let certain = !matches!(found, Type::Unknown | Type::Never);
        (certain && found.members().iter().all(rejects)).then_some(found)
    }

    fn want(&mut self, expr: ExprId, wanted: Wanted) {
        let Some(found) = self.all(expr, |found| wanted.rejects(found)) else { return };
        let kind = match wanted {
            Wanted::Text => FindingKind::CannotCoerce,
            _ => FindingKind::TypeMismatch,
        };
        let message = match wanted {
            Wanted::Text => {
                format!("this is {}, which cannot stand in a string; use toString", found.kind())
            }
            _ => format!("expected {}, but this is {}", wanted.name(), found.kind()),
        };
        self.report(expr, None, kind, message, &found);
    }

    fn binary(&mut self, op: BinaryOp, lhs: ExprId, rhs: ExprId) {
        let wanted = match op {
            BinaryOp::And | BinaryOp::Or | BinaryOp::Implies => Wanted::Bool,
            BinaryOp::Update => Wanted::Attrs,
            BinaryOp::Concat => Wanted::List,
            BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide => Wanted::Number,
            BinaryOp::Add => return self.add(lhs, rhs),
            _ => return,
        };
        self.want(lhs, wanted);
        self.want(rhs, wanted);
    }

    /// `+` adds numbers, and joins strings, paths, and what becomes a string.
    fn add(&mut self, lhs: ExprId, rhs: ExprId) {
        let never = |found: &Type| {
            matches!(found, Type::Bool | Type::Null | Type::List(_) | Type::Function(_))
        };
        for operand in [lhs, rhs] {
            if let Some(found) = self.all(operand, never) {
                let message = format!("{} cannot be an operand of +", found.kind());
                return self.report(operand, None, FindingKind::TypeMismatch, message, &found);
            }
        }
        let is_number = |found: &Type| matches!(found, Type::Int | Type::Float);
        let is_text = |found: &Type| matches!(found, Type::String | Type::Path);
        let number = self.all(rhs, is_number);
        if let (Some(text), Some(number)) = (self.all(lhs, is_text), number) {
            let message =
                format!("{} cannot be added to {}; use toString", number.kind(), text.kind());
            return self.report(rhs, None, FindingKind::CannotCoerce, message, &number);
        }
        let text = self.all(rhs, is_text);
        if let (Some(number), Some(text)) = (self.all(lhs, is_number), text) {
            let message = format!("{} cannot be added to {}", text.kind(), number.kind());
            self.report(rhs, None, FindingKind::TypeMismatch, message, &text);
        }
    }

    fn select(&mut self, expr: ExprId, base: ExprId, path: KeyList) {
        let module = self.inference.module(self.file);
        if builtin_of(&self.inference, self.file, base).is_some() {
            return;
        }
        let mut found = self.infer(base);
        for (index, key) in module.keys(path).iter().enumerate() {
            let certain = !matches!(found, Type::Unknown | Type::Never);
            if certain && found.members().iter().all(|found| Wanted::Attrs.rejects(found)) {
                let key = index.checked_sub(1);
                let message = format!("expected a set, but this is {}", found.kind());
                let at = if key.is_some() { expr } else { base };
                return self.report(at, key, FindingKind::TypeMismatch, message, &found);
            }
            let Key::Static(name) = key else { return };
            // One member of a union may be what a condition elsewhere excludes.
            if !matches!(found, Type::Attrs(_)) {
                return;
            }
            match self.inference.select(&found, *name) {
                Selected::Missing => {
                    let message = self.missing(&found, *name);
                    let kind = FindingKind::MissingAttribute;
                    return self.report(expr, Some(index), kind, message, &found);
                }
                selected => match selected.into_type() {
                    Some(next) => found = next,
                    None => return,
                },
            }
        }
    }

    fn missing(&mut self, set: &Type, name: Name) -> String {
        let (attributes, _) = self.inference.attributes(set);
        let near = |other: &&str| distance(name.as_str(), other) <= 2;
        let near = attributes.iter().map(|attribute| attribute.name.as_str()).find(near);
        match near {
            Some(near) => format!("attribute '{name}' missing; did you mean '{near}'?"),
            None => format!("attribute '{name}' missing"),
        }
    }

    fn call(&mut self, fun: ExprId, args: &[ExprId]) {
        let is_no_function = |found: &Type| !matches!(found, Type::Function(_) | Type::Attrs(_));
        if let Some(found) = self.all(fun, is_no_function) {
            let message = format!("this is called, but it is {}", found.kind());
            return self.report(fun, None, FindingKind::NotAFunction, message, &found);
        }
        if let Some(name) = builtin_of(&self.inference, self.file, fun)
            && let Some(signature) = Signature::of_builtin(name)
        {
            for (parameter, arg) in signature.parameters.iter().zip(args) {
                if let Some(found) = self.all(*arg, |found| rejects(parameter, found)) {
                    let wanted = wanted_name(parameter);
                    let message = format!("{name} expects {wanted}, but this is {}", found.kind());
                    self.report(*arg, None, FindingKind::TypeMismatch, message, &found);
                }
            }
            return;
        }
        if let Type::Function(function) = self.infer(fun)
            && let FunctionKind::Lambda { file, lambda, .. } = &function.kind
        {
            let param = &self.inference.module(*file).lambdas[lambda.0 as usize].param;
            self.pattern(param, fun, args[0]);
        }
    }

    /// A function with named arguments is given a set.
    fn pattern(&mut self, param: &Param, fun: ExprId, arg: ExprId) {
        let Param::Pattern { formals, ellipsis, .. } = param else { return };
        self.want(arg, Wanted::Attrs);
        let given = self.infer(arg);
        let Type::Attrs(row) = &given else { return };
        if Inference::is_open(row) {
            return;
        }
        for formal in formals.iter().filter(|formal| formal.default.is_none()) {
            if matches!(self.inference.select(&given, formal.name), Selected::Missing) {
                let message = format!("called without the required argument '{}'", formal.name);
                self.report(fun, None, FindingKind::MissingArgument, message, &given);
            }
        }
        if *ellipsis {
            return;
        }
        let (attributes, _) = self.inference.attributes(&given);
        for attribute in attributes.iter().filter(|attribute| !attribute.optional) {
            if !formals.iter().any(|formal| formal.name == attribute.name) {
                let message = format!("called with the unexpected argument '{}'", attribute.name);
                self.report(arg, None, FindingKind::UnexpectedArgument, message, &given);
            }
        }
    }

    fn report(
        &mut self,
        expr: ExprId,
        key: Option<usize>,
        kind: FindingKind,
        message: String,
        found: &Type,
    ) {
        if !self.is_guarded(expr, found) {
            self.found.push(Finding { expr, key, kind, message });
        }
    }

    /// Whether a condition around an expression may be what keeps it from being evaluated when it would
    /// fail: `if x == null then … else x + 1`.
    fn is_guarded(&self, expr: ExprId, found: &Type) -> bool {
        let (module, scopes) = (self.inference.module(self.file), self.inference.scopes(self.file));
        let mut about = FxHashSet::default();
        self.mentions(expr, &mut about);
        if about.is_empty() {
            return false;
        }
        let placeholder =
            found.members().iter().any(|found| matches!(found, Type::Null | Type::Bool));
        let mut inner = expr;
        for outer in scopes.ancestors(expr).skip(1) {
            let conditions = match module.expr(outer) {
                Expr::If { cond, .. } | Expr::Assert { cond, .. } if cond != inner => vec![cond],
                Expr::Binary { op: BinaryOp::And | BinaryOp::Or | BinaryOp::Implies, lhs, rhs }
                    if rhs == inner =>
                {
                    vec![lhs]
                }
                // `optionalString (x != null) "${x}"`
                Expr::Apply { args, .. } => {
                    module.list(args).iter().copied().take_while(|arg| *arg != inner).collect()
                }
                _ => Vec::new(),
            };
            let mut mentioned = FxHashSet::default();
            for condition in &conditions {
                self.mentions(*condition, &mut mentioned);
            }
            if !about.is_disjoint(&mentioned) || (placeholder && !conditions.is_empty()) {
                return true;
            }
            inner = outer;
        }
        false
    }

    /// The names that an expression is about.
    fn mentions(&self, expr: ExprId, found: &mut FxHashSet<Mentioned>) {
        const FEW: usize = 200;
        let (module, scopes) = (self.inference.module(self.file), self.inference.scopes(self.file));
        let mut pending = vec![expr];
        let mut left = FEW;
        while let Some(expr) = pending.pop() {
            left = left.saturating_sub(1);
            if left == 0 {
                return;
            }
            match module.expr(expr) {
                Expr::Var(_) => match scopes.definition(module, expr) {
                    Some(Definition::Binding(binding)) => {
                        found.insert(Mentioned::Binding(binding));
                    }
                    Some(Definition::With { name, .. } | Definition::Undefined(name)) => {
                        found.insert(Mentioned::Name(name));
                    }
                    _ => {}
                },
                Expr::Select { path, .. } | Expr::HasAttr { path, .. } => {
                    found.extend(module.keys(path).iter().filter_map(|key| match key {
                        Key::Static(name) => Some(Mentioned::Name(*name)),
                        Key::Dynamic(_) => None,
                    }));
                    module.for_each_child(expr, |child| pending.push(child));
                }
                _ => module.for_each_child(expr, |child| pending.push(child)),
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Mentioned {
    Binding(BindingId),
    Name(Name),
}

/// Whether a builtin's parameter certainly refuses a value. Strings are made of more than strings.
fn rejects(parameter: &Pattern, found: &Type) -> bool {
    match parameter {
        Pattern::Variable(_) | Pattern::Any => false,
        Pattern::String | Pattern::Path => is_no_text(found),
        Pattern::Null => !matches!(found, Type::Null),
        Pattern::Bool => !matches!(found, Type::Bool),
        Pattern::Int => !matches!(found, Type::Int),
        Pattern::Float => !matches!(found, Type::Float),
        Pattern::List(_) => !matches!(found, Type::List(_)),
        Pattern::Attrs { .. } => !matches!(found, Type::Attrs(_)),
        Pattern::Function(..) => !matches!(found, Type::Function(_) | Type::Attrs(_)),
        Pattern::Union(patterns) => patterns.iter().all(|pattern| rejects(pattern, found)),
    }
}

fn wanted_name(parameter: &Pattern) -> String {
    match parameter {
        Pattern::Variable(_) | Pattern::Any => "a value".to_owned(),
        Pattern::String => "a string".to_owned(),
        Pattern::Path => "a path".to_owned(),
        Pattern::Null => "null".to_owned(),
        Pattern::Bool => "a Boolean".to_owned(),
        Pattern::Int => "an integer".to_owned(),
        Pattern::Float => "a float".to_owned(),
        Pattern::List(_) => "a list".to_owned(),
        Pattern::Attrs { .. } => "a set".to_owned(),
        Pattern::Function(..) => "a function".to_owned(),
        Pattern::Union(patterns) => {
            let names: Vec<String> = patterns.iter().map(wanted_name).collect();
            names.join(" or ")
        }
    }
}

/// How many letters have to be changed, added or removed; at least 3 where that is more than 2.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 2 || a.len() < 4 {
        return 3;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
