//! Types as a person reads them: `{ name = String; version ? String; ... } -> [Int]`.

use floe_hir::{Expr, Param};

use crate::infer::Inference;
use crate::signature::{Pattern, Signature};
use crate::{Attribute, EnvironmentId, FunctionKind, Type};

/// How many attributes of a set are shown.
const ATTRIBUTES: usize = 8;
/// How many levels of sets, lists and functions are shown.
const LEVELS: u32 = 3;
/// How many arguments of a curried function are shown.
const CURRIED: u32 = 12;

impl Inference<'_> {
    /// The type as text, the details cut off where it would become long.
    pub fn display(&mut self, shown: &Type) -> String {
        self.show(shown, LEVELS, Position::Top)
    }

    /// The type as text of a word or two.
    pub fn display_short(&mut self, shown: &Type) -> String {
        self.show(shown, 1, Position::Top)
    }

    fn show(&mut self, shown: &Type, levels: u32, position: Position) -> String {
        match shown {
            Type::Unknown => "Any".to_owned(),
            Type::Never => "Never".to_owned(),
            Type::Null => "Null".to_owned(),
            Type::Bool => "Bool".to_owned(),
            Type::Int => "Int".to_owned(),
            Type::Float => "Float".to_owned(),
            Type::String => "String".to_owned(),
            Type::Path => "Path".to_owned(),
            Type::List(_) if levels == 0 => "[…]".to_owned(),
            Type::List(element) => match &**element {
                Type::Never => "[]".to_owned(),
                element => format!("[{}]", self.show(element, levels - 1, Position::Top)),
            },
            Type::Attrs(_) => self.show_attrs(shown, levels),
            Type::Function(_) if levels == 0 => "… -> …".to_owned(),
            Type::Function(function) => {
                let text = self.show_function(&function.kind.clone(), levels);
                if position == Position::Top { text } else { format!("({text})") }
            }
            Type::Union(members) => {
                let members = members.clone();
                let mut parts: Vec<String> = Vec::new();
                for member in members.iter() {
                    let part = self.show(member, levels.saturating_sub(1), Position::Operand);
                    if !parts.contains(&part) {
                        parts.push(part);
                    }
                }
                parts.join(" | ")
            }
        }
    }

    fn show_attrs(&mut self, shown: &Type, levels: u32) -> String {
        let (mut attributes, open) = self.attributes(shown);
        if attributes.is_empty() {
            return if open { "AttrSet".to_owned() } else { "{ }".to_owned() };
        }
        if levels == 0 {
            return "{ … }".to_owned();
        }
        attributes.sort_by_key(|attribute| attribute.name.as_str());
        let more = attributes.len() > ATTRIBUTES;
        let mut parts: Vec<String> = Vec::new();
        for Attribute { name, optional, .. } in attributes.into_iter().take(ATTRIBUTES) {
            let value = self.attribute(shown, name).unwrap_or(Type::Unknown);
            let value = self.show(&value, levels - 1, Position::Top);
            let sign = if optional { "?" } else { "=" };
            parts.push(format!("{} {sign} {value};", floe_hir::Identifier(name.as_str())));
        }
        if more {
            parts.push("…".to_owned());
        } else if open {
            parts.push("...".to_owned());
        }
        format!("{{ {} }}", parts.join(" "))
    }

    fn show_function(&mut self, kind: &FunctionKind, levels: u32) -> String {
        match kind {
            FunctionKind::Lambda { file, lambda, environment } => {
                let (file, environment) = (*file, *environment);
                let module = self.module(file);
                let lambda = &module.lambdas[lambda.0 as usize];
                let parameter = match &lambda.param {
                    Param::Simple { binding, .. } => {
                        let found = self.binding(file, *binding, EnvironmentId::default());
                        self.show(&found, levels - 1, Position::Operand)
                    }
                    Param::Pattern { formals, ellipsis, .. } => {
                        let mut formals: Vec<_> = formals.iter().collect();
                        formals.sort_by_key(|formal| formal.name.as_str());
                        let more = formals.len() > ATTRIBUTES;
                        let mut parts: Vec<String> = Vec::new();
                        for formal in formals.into_iter().take(ATTRIBUTES) {
                            let found =
                                self.binding(file, formal.binding, EnvironmentId::default());
                            let found = self.show(&found, levels.saturating_sub(2), Position::Top);
                            let sign = if formal.default.is_some() { "?" } else { "=" };
                            parts.push(format!("{} {sign} {found};", formal.name));
                        }
                        if more {
                            parts.push("…".to_owned());
                        } else if *ellipsis {
                            parts.push("...".to_owned());
                        }
                        match parts.is_empty() {
                            true => "{ }".to_owned(),
                            false => format!("{{ {} }}", parts.join(" ")),
                        }
                    }
                };
                let place = crate::Place { file, expr: lambda.body, environment };
                let result = self.infer(place);
                // A curried function is one function to its readers.
                let curried = matches!(module.expr(lambda.body), Expr::Lambda(_));
                let levels = if curried && self.depth < CURRIED { levels } else { levels - 1 };
                self.depth += 1;
                let result = self.show(&result, levels, Position::Top);
                self.depth -= 1;
                format!("{parameter} -> {result}")
            }
            FunctionKind::Signature { from, to } => {
                let from = self.show(from, levels - 1, Position::Operand);
                let to = self.show(to, levels - 1, Position::Top);
                format!("{from} -> {to}")
            }
            FunctionKind::Builtin { doc, arguments } => {
                let Some(signature) = Signature::of_builtin(doc.name) else {
                    return doc.signature.to_owned();
                };
                let rest = signature.parameters.iter().skip(arguments.len());
                let mut text: String =
                    rest.map(|pattern| show_pattern(pattern, Position::Operand) + " -> ").collect();
                text += &show_pattern(&signature.result, Position::Top);
                text
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    Top,
    /// Left of an arrow, or in a union: a function needs parentheses there.
    Operand,
}

fn show_pattern(pattern: &Pattern, position: Position) -> String {
    match pattern {
        Pattern::Variable(variable) => char::from(*variable).to_string(),
        Pattern::Any => "Any".to_owned(),
        Pattern::Null => "Null".to_owned(),
        Pattern::Bool => "Bool".to_owned(),
        Pattern::Int => "Int".to_owned(),
        Pattern::Float => "Float".to_owned(),
        Pattern::String => "String".to_owned(),
        Pattern::Path => "Path".to_owned(),
        Pattern::List(element) => format!("[{}]", show_pattern(element, Position::Top)),
        Pattern::Function(from, to) => {
            let text = format!(
                "{} -> {}",
                show_pattern(from, Position::Operand),
                show_pattern(to, Position::Top)
            );
            if position == Position::Top { text } else { format!("({text})") }
        }
        Pattern::Attrs { fields, .. } if fields.is_empty() => "AttrSet".to_owned(),
        Pattern::Attrs { fields, rest } => {
            let mut parts: Vec<String> = fields
                .iter()
                .map(|(name, pattern, optional)| {
                    let sign = if *optional { "?" } else { "=" };
                    format!("{name} {sign} {};", show_pattern(pattern, Position::Top))
                })
                .collect();
            parts.extend(rest.iter().map(|_| "...".to_owned()));
            format!("{{ {} }}", parts.join(" "))
        }
        Pattern::Union(patterns) => {
            let parts = patterns.iter().map(|pattern| show_pattern(pattern, Position::Operand));
            parts.collect::<Vec<_>>().join(" | ")
        }
    }
}
