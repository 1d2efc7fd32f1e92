//! What kinds of values expressions have, as far as their text tells: an abstract interpreter over HIR.
//!
//! Nothing is computed before somebody asks: an attribute's type when it is selected, a function's result
//! when it is called, another file when something of it is needed. So the cost of a question is in
//! proportion to what the answer depends on, not to the size of the file, and nothing has to be kept
//! between two edits. Every question is bounded: by steps, by depth, by the nesting of calls and the
//! size of unions; past a bound the answer is [`Type::Unknown`].
//!
//! Files come in through [`Host`]. Nothing here knows of salsa, paths or editors.

mod apply;
mod builtin_docs;
mod calls;
mod check;
mod display;
mod infer;
mod select;
mod signature;
#[cfg(test)]
mod tests;

use std::rc::Rc;

use floe_hir::{AttrsId, BindingId, ExprId, LambdaId, Module, Name, Scopes};

pub use builtin_docs::{BuiltinDoc, builtin_doc, builtin_docs};
pub use check::{Finding, FindingKind, check};
pub use infer::{Inference, MOST_WITHS, Mode};
pub use signature::Signature;

/// A file, by the number that the [`Host`] gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileKey(pub u32);

/// Where files come from.
pub trait Host {
    /// The program that a file is.
    fn module(&self, file: FileKey) -> &Module;

    /// The names in it.
    fn scopes(&self, file: FileKey) -> &Scopes;

    /// The file that importing a path literal, written so in `file`, evaluates.
    fn import(&self, file: FileKey, path: &str) -> Option<FileKey>;

    /// What the argument of a function that has this name there most probably is: nixpkgs' library for
    /// `lib`.
    fn probable_argument(&self, file: FileKey, lambda: LambdaId, name: Name) -> Option<Probable>;
}

/// What an argument probably is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probable {
    /// The value of a file.
    Root(FileKey),
    /// A set with the attributes of this expression's value, and others.
    With(FileKey, ExprId),
}

/// A set of values.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Type {
    /// Any value: nothing is known.
    Unknown,
    /// No value: evaluation stops here.
    Never,
    Null,
    Bool,
    Int,
    Float,
    String,
    Path,
    /// A list whose elements are all of this type.
    List(Rc<Type>),
    Attrs(Rc<Row>),
    Function(Rc<Function>),
    /// One of these: at least two, none of them a union, unknown or never.
    Union(Rc<[Type]>),
}

/// What is known of a set's attributes: layers, the first of which that has an attribute counts.
#[derive(Clone, Debug, Default)]
pub struct Row {
    layers: Vec<Layer>,
}

#[derive(Clone, Debug)]
enum Layer {
    /// The attributes of a literal.
    Literal {
        file: FileKey,
        attrs: AttrsId,
        environment: EnvironmentId,
        /// Whether the whole layer may be missing: `// optionalAttrs condition { … }`.
        optional: bool,
    },
    /// Some attributes by name.
    Fields(Rc<[(Name, Field)]>),
    /// Perhaps any attribute at all, each with a value of this type.
    Anything(Type),
    /// These attributes are gone from the layers behind this one.
    Without(Rc<[Name]>),
}

/// An attribute that no literal wrote.
#[derive(Clone, Debug)]
struct Field {
    value: Value,
    optional: bool,
}

/// A value that need not have been looked at yet.
#[derive(Clone, Debug)]
enum Value {
    Known(Type),
    Expr(Place),
    /// What a function gives for some arguments.
    Applied(Rc<(Type, Vec<Value>)>),
}

/// An expression, and what is known of the arguments of the functions around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Place {
    file: FileKey,
    expr: ExprId,
    environment: EnvironmentId,
}

/// Known arguments: an index into the inference's frames, 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct EnvironmentId(u32);

/// A function.
#[derive(Clone, Debug)]
pub struct Function {
    kind: FunctionKind,
}

#[derive(Clone, Debug)]
enum FunctionKind {
    Lambda {
        file: FileKey,
        lambda: LambdaId,
        environment: EnvironmentId,
    },
    /// A builtin with the arguments that it was given so far.
    Builtin {
        doc: &'static BuiltinDoc,
        arguments: Vec<Value>,
    },
    /// Something of which only the signature is known.
    Signature {
        from: Type,
        to: Type,
    },
}

/// What a value is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// A literal set.
    Set(AttrsId),
    /// A function.
    Function(LambdaId),
}

/// An attribute that a value has or may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its name.
    pub name: Name,
    /// Whether it may be missing.
    pub optional: bool,
    /// Where it is bound, if a text shows that.
    pub binding: Option<(FileKey, BindingId)>,
}

/// An argument that a function takes, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Its name.
    pub name: Name,
    /// Whether it has a default.
    pub optional: bool,
    /// Where it is bound.
    pub binding: (FileKey, BindingId),
}

/// Unions of more than this many types say nothing that a person would want to read.
const WIDEST: usize = 8;

impl Type {
    /// Either of two types.
    pub fn or(self, other: Type) -> Type {
        Type::union([self, other])
    }

    /// One of several types.
    pub fn union(types: impl IntoIterator<Item = Type>) -> Type {
        let mut members: Vec<Type> = Vec::new();
        for found in types {
            let parts = match found {
                Type::Unknown => return Type::Unknown,
                Type::Never => continue,
                Type::Union(parts) => parts.to_vec(),
                part => vec![part],
            };
            for part in parts {
                if !members.iter().any(|member| member.is_same(&part)) {
                    members.push(part);
                }
            }
        }
        match members.len() {
            0 => Type::Never,
            1 => members.remove(0),
            2..=WIDEST => Type::Union(members.into()),
            _ => Type::Unknown,
        }
    }

    /// The types of which this is a union; itself where it is none.
    pub fn members(&self) -> &[Type] {
        match self {
            Type::Union(members) => members,
            single => std::slice::from_ref(single),
        }
    }

    /// What the type is called, without what is in it.
    pub fn kind(&self) -> &'static str {
        match self {
            Type::Unknown => "any value",
            Type::Never => "no value",
            Type::Null => "null",
            Type::Bool => "a Boolean",
            Type::Int => "an integer",
            Type::Float => "a float",
            Type::String => "a string",
            Type::Path => "a path",
            Type::List(_) => "a list",
            Type::Attrs(_) => "a set",
            Type::Function(_) => "a function",
            Type::Union(_) => "one of several",
        }
    }

    /// Whether nothing is known.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Type::Unknown)
    }

    fn list(element: Type) -> Type {
        Type::List(Rc::new(element))
    }

    fn function(kind: FunctionKind) -> Type {
        Type::Function(Rc::new(Function { kind }))
    }

    fn attrs(layers: Vec<Layer>) -> Type {
        Type::Attrs(Rc::new(Row { layers }))
    }

    fn any_attrs() -> Type {
        Type::attrs(vec![Layer::Anything(Type::Unknown)])
    }

    fn is_same(&self, other: &Type) -> bool {
        match (self, other) {
            (Type::List(a), Type::List(b)) => Rc::ptr_eq(a, b) || a.is_same(b),
            (Type::Attrs(a), Type::Attrs(b)) => Rc::ptr_eq(a, b),
            (Type::Function(a), Type::Function(b)) => Rc::ptr_eq(a, b),
            (Type::Union(a), Type::Union(b)) => Rc::ptr_eq(a, b),
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}
