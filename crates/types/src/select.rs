//! Attributes of sets: selecting, updating, listing.

use floe_hir::{BindingId, Name, Param};
use rustc_hash::FxHashSet;

use crate::infer::{Inference, Mode};
use crate::{
    Argument, Attribute, Field, FileKey, FunctionKind, Layer, Place, Row, Type, Value, Written,
};

/// What a set has under a name.
pub(crate) enum Selected {
    /// Nothing, for certain.
    Missing,
    /// A value of this type, for certain.
    There(Type),
    /// Perhaps a value of this type.
    Perhaps(Type),
    /// Nothing is known.
    Unknown,
}

impl Selected {
    /// Whether the attribute is there for certain.
    pub(crate) fn certain(&self) -> bool {
        matches!(self, Selected::There(_))
    }

    pub(crate) fn into_type(self) -> Option<Type> {
        match self {
            Selected::There(found) | Selected::Perhaps(found) => Some(found),
            Selected::Missing | Selected::Unknown => None,
        }
    }
}

/// Of how many layers a set is made at most; those behind are forgotten.
const LAYERS: usize = 24;

impl Inference<'_> {
    /// What a value has under a name.
    pub(crate) fn select(&mut self, base: &Type, name: Name) -> Selected {
        match base {
            Type::Attrs(row) => self.select_row(row, name),
            Type::Union(members) => {
                let mut found = Vec::new();
                let (mut certain, mut unknown) = (true, false);
                for member in members.iter() {
                    match self.select(member, name) {
                        Selected::There(part) => found.push(part),
                        Selected::Perhaps(part) => {
                            found.push(part);
                            certain = false;
                        }
                        Selected::Missing => certain = false,
                        Selected::Unknown => unknown = true,
                    }
                }
                match (found.is_empty(), unknown) {
                    (true, true) => Selected::Unknown,
                    (true, false) => Selected::Missing,
                    (false, true) if self.mode == Mode::Certain => Selected::Unknown,
                    (false, false) if certain => Selected::There(Type::union(found)),
                    (false, _) => Selected::Perhaps(Type::union(found)),
                }
            }
            Type::Unknown | Type::Never => Selected::Unknown,
            _ => Selected::Missing,
        }
    }

    fn select_row(&mut self, row: &Row, name: Name) -> Selected {
        let mut found: Vec<Type> = Vec::new();
        let mut in_doubt = false;
        for layer in &row.layers {
            match layer {
                Layer::Literal { file, attrs, environment, optional } => {
                    let module = self.module(*file);
                    let entries = &module.attrs[attrs.0 as usize].entries;
                    let Ok(index) = entries.binary_search_by_key(&name, |entry| entry.name) else {
                        continue;
                    };
                    let place = Place {
                        file: *file,
                        expr: entries[index].value,
                        environment: *environment,
                    };
                    found.push(self.infer(place));
                    if !optional {
                        return there(found, in_doubt);
                    }
                }
                Layer::Fields(fields) => {
                    let Ok(index) = fields.binary_search_by_key(&name, |(name, _)| *name) else {
                        continue;
                    };
                    let Field { value, optional } = fields[index].1.clone();
                    found.push(self.value(&value));
                    if !optional {
                        return there(found, in_doubt);
                    }
                }
                Layer::Anything(values) => {
                    in_doubt = true;
                    match (self.mode, values) {
                        (Mode::Certain, _) => return Selected::Unknown,
                        (Mode::Probable, Type::Unknown) => {}
                        (Mode::Probable, values) => found.push(values.clone()),
                    }
                }
                Layer::Without(names) => {
                    if names.contains(&name) {
                        break;
                    }
                }
            }
        }
        match (found.is_empty(), in_doubt) {
            (true, true) => Selected::Unknown,
            (true, false) => Selected::Missing,
            (false, _) => Selected::Perhaps(Type::union(found)),
        }
    }

    /// The value of an attribute whose name is computed.
    pub(crate) fn select_any(&mut self, base: &Type) -> Type {
        const FEW: usize = 8;
        let Type::Attrs(row) = base else { return Type::Unknown };
        let mut found = Vec::new();
        for layer in &row.layers {
            match layer {
                Layer::Anything(values) => found.push(values.clone()),
                Layer::Literal { file, attrs, environment, .. } => {
                    let entries = &self.module(*file).attrs[attrs.0 as usize].entries;
                    if entries.len() > FEW {
                        return Type::Unknown;
                    }
                    for entry in entries {
                        let (file, environment) = (*file, *environment);
                        found.push(self.infer(Place { file, expr: entry.value, environment }));
                    }
                }
                Layer::Fields(fields) if fields.len() <= FEW => {
                    for (_, field) in fields.iter() {
                        found.push(self.value(&field.value));
                    }
                }
                Layer::Fields(_) => return Type::Unknown,
                Layer::Without(_) => {}
            }
        }
        if found.is_empty() { Type::Unknown } else { Type::union(found) }
    }

    /// `lhs // rhs`
    pub(crate) fn update(&mut self, lhs: &Type, rhs: &Type) -> Type {
        if let (Type::Never, _) | (_, Type::Never) = (lhs, rhs) {
            return Type::Never;
        }
        let mut layers = layers_of(rhs);
        layers.extend(layers_of(lhs));
        if layers.len() > LAYERS {
            layers.truncate(LAYERS);
            layers.push(Layer::Anything(Type::Unknown));
        }
        Type::attrs(layers)
    }

    /// The attributes that a value has or may have, each once; `None` in place of the list's end means
    /// that there may be others.
    pub fn attributes(&mut self, of: &Type) -> (Vec<Attribute>, bool) {
        let mut found: Vec<Attribute> = Vec::new();
        let mut seen = FxHashSet::default();
        let mut open = false;
        for member in of.members() {
            let Type::Attrs(row) = member else {
                open |= matches!(member, Type::Unknown);
                continue;
            };
            let mut hidden: Vec<Name> = Vec::new();
            for layer in &row.layers {
                match layer {
                    Layer::Literal { file, attrs, optional, .. } => {
                        let module = self.module(*file);
                        for entry in &module.attrs[attrs.0 as usize].entries {
                            if !hidden.contains(&entry.name) && seen.insert(entry.name) {
                                found.push(Attribute {
                                    name: entry.name,
                                    optional: *optional,
                                    binding: Some((*file, entry.binding)),
                                });
                            }
                        }
                    }
                    Layer::Fields(fields) => {
                        for (name, field) in fields.iter() {
                            if !hidden.contains(name) && seen.insert(*name) {
                                let optional = field.optional;
                                found.push(Attribute { name: *name, optional, binding: None });
                            }
                        }
                    }
                    Layer::Anything(_) => open = true,
                    Layer::Without(names) => hidden.extend(names.iter()),
                }
            }
        }
        (found, open)
    }

    /// Whether a set may have attributes besides those that [`Inference::attributes`] lists.
    pub(crate) fn is_open(row: &Row) -> bool {
        row.layers.iter().any(|layer| matches!(layer, Layer::Anything(_)))
    }

    /// The value of an attribute.
    pub fn attribute(&mut self, of: &Type, name: Name) -> Option<Type> {
        self.select(of, name).into_type()
    }

    /// Where an attribute that a value has, or may have, is bound.
    pub fn bindings(&self, of: &Type, name: Name) -> Vec<(FileKey, BindingId)> {
        let mut found = Vec::new();
        for member in of.members() {
            let Type::Attrs(row) = member else { continue };
            for layer in &row.layers {
                match layer {
                    Layer::Literal { file, attrs, optional, .. } => {
                        let entries = &self.module(*file).attrs[attrs.0 as usize].entries;
                        let index = entries.binary_search_by_key(&name, |entry| entry.name);
                        found.extend(index.ok().map(|index| (*file, entries[index].binding)));
                        if index.is_ok() && !optional {
                            break;
                        }
                    }
                    // What is behind it counts only where it is missing.
                    Layer::Fields(fields) => {
                        let index = fields.binary_search_by_key(&name, |(name, _)| *name);
                        if index.is_ok_and(|index| !fields[index].1.optional) {
                            break;
                        }
                    }
                    Layer::Without(names) if names.contains(&name) => break,
                    Layer::Without(_) | Layer::Anything(_) => {}
                }
            }
        }
        found
    }

    /// The arguments that a function takes by name, and whether it takes others; `None` if it takes its
    /// argument whole.
    pub fn arguments(&mut self, function: &Type) -> Option<(Vec<Argument>, bool)> {
        let function = function.members().iter().find_map(|member| match member {
            Type::Function(function) => Some(function.clone()),
            _ => None,
        })?;
        let FunctionKind::Lambda { file, lambda, .. } = function.kind else { return None };
        let Param::Pattern { formals, ellipsis, .. } =
            &self.module(file).lambdas[lambda.0 as usize].param
        else {
            return None;
        };
        let formals = formals.iter().map(|formal| Argument {
            name: formal.name,
            optional: formal.default.is_some(),
            binding: (file, formal.binding),
        });
        Some((formals.collect(), *ellipsis))
    }

    /// The builtin that a value is, by its name, and how many arguments it has been given.
    pub fn builtin(&self, of: &Type) -> Option<(&'static str, usize)> {
        of.members().iter().find_map(|member| {
            let Type::Function(function) = member else { return None };
            let FunctionKind::Builtin { doc, arguments } = &function.kind else { return None };
            Some((doc.name, arguments.len()))
        })
    }

    /// The literal sets that a value's attributes come from, and the functions that it is: where each of
    /// them is written.
    pub fn places(&self, of: &Type) -> Vec<(FileKey, Written)> {
        let mut found = Vec::new();
        for member in of.members() {
            match member {
                Type::Attrs(row) => {
                    found.extend(row.layers.iter().filter_map(|layer| match layer {
                        Layer::Literal { file, attrs, .. } => Some((*file, Written::Set(*attrs))),
                        _ => None,
                    }));
                }
                Type::Function(function) => {
                    if let FunctionKind::Lambda { file, lambda, .. } = function.kind {
                        found.push((file, Written::Function(lambda)));
                    }
                }
                _ => {}
            }
        }
        found
    }

    /// What a function gives for an argument that nothing is known of.
    pub fn result(&mut self, function: &Type) -> Type {
        match function {
            Type::Function(found) => match &found.kind {
                FunctionKind::Lambda { file, lambda, environment } => {
                    let (file, environment) = (*file, *environment);
                    let expr = self.module(file).lambdas[lambda.0 as usize].body;
                    self.infer(Place { file, expr, environment })
                }
                FunctionKind::Signature { to, .. } => to.clone(),
                FunctionKind::Builtin { .. } => {
                    self.apply(function.clone(), Value::Known(Type::Unknown))
                }
            },
            _ => Type::Unknown,
        }
    }
}

fn there(mut found: Vec<Type>, in_doubt: bool) -> Selected {
    let last = found.pop().unwrap_or(Type::Unknown);
    let found = if found.is_empty() { last } else { Type::union(found).or(last) };
    if in_doubt { Selected::Perhaps(found) } else { Selected::There(found) }
}

/// The layers of a set in `//`; of several possible sets each may be missing.
fn layers_of(of: &Type) -> Vec<Layer> {
    match of {
        Type::Attrs(row) => row.layers.clone(),
        Type::Union(members) => {
            let layers = members.iter().flat_map(|member| match member {
                Type::Attrs(row) => row.layers.clone(),
                _ => Vec::new(),
            });
            layers.map(optional).collect()
        }
        _ => vec![Layer::Anything(Type::Unknown)],
    }
}

fn optional(layer: Layer) -> Layer {
    match layer {
        Layer::Literal { file, attrs, environment, .. } => {
            Layer::Literal { file, attrs, environment, optional: true }
        }
        Layer::Fields(fields) => Layer::Fields(
            fields
                .iter()
                .map(|(name, field)| (*name, Field { optional: true, ..field.clone() }))
                .collect(),
        ),
        // Of one possibility only: what is behind may be there after all.
        Layer::Without(_) => Layer::Anything(Type::Unknown),
        Layer::Anything(values) => Layer::Anything(values),
    }
}
