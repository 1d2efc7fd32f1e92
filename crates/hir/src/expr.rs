//! The data: expressions, bindings, scopes. See [`Module`].
//!
//! # How variables are found
//!
//! Evaluation keeps a chain of *environments*, innermost first. Exactly these push one:
//!
//! * a [`Lambda`] (one environment: the argument, or one slot per formal and one for `@`),
//! * `let` and `rec { }` ([`Expr::Let`], [`Attrs::recursive`]: one slot per static attribute),
//! * [`Expr::With`] (one slot: the set),
//! * the scope of `builtins.scopedImport`, outermost (one slot per name given to `lower`).
//!
//! A [`Var::Local`] says how many environments to go up and which slot to take there. A name that no
//! enclosing scope binds lexically is looked for among the global names, which win over every `with`,
//! then in the enclosing `with`s, innermost first; a name with neither is a [`Var::Undefined`], which C++ Nix reports
//! when it parses the file.

use crate::Name;

/// The index of an [`Expr`] in its [`Module`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExprId(pub u32);

/// The index of a place that gives something a name: a binding's last attribute, an inherited
/// attribute, a formal argument, a lambda's parameter. Its text range is in the [`SourceMap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BindingId(pub u32);

/// The index of a decoded string (or path text) in [`Module::strings`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StrId(pub u32);

/// The index of an [`Attrs`] in [`Module::attrs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttrsId(pub u32);

/// The index of a [`Lambda`] in [`Module::lambdas`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LambdaId(pub u32);

/// A run of ids in [`Module::children`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExprList {
    /// Index of the first.
    pub start: u32,
    /// How many.
    pub len: u32,
}

/// A run of keys in [`Module::keys`]: an attribute path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyList {
    /// Index of the first.
    pub start: u32,
    /// How many; at least one.
    pub len: u32,
}

/// A lowered file. Equal modules mean the same program, whatever comments and spaces their texts have.
#[derive(Clone, Debug, PartialEq)]
pub struct Module {
    /// All expressions; children come before their parents.
    pub exprs: Vec<Expr>,
    /// The whole file's expression.
    pub root: ExprId,
    /// Storage of [`ExprList`]s.
    pub children: Vec<ExprId>,
    /// Storage of [`KeyList`]s.
    pub keys: Vec<Key>,
    /// Strings and path texts, escapes decoded, indentation stripped.
    pub strings: Strings,
    /// Attribute sets, and the bindings of `let`.
    pub attrs: Vec<Attrs>,
    /// Functions.
    pub lambdas: Vec<Lambda>,
    /// How many [`BindingId`]s there are.
    pub bindings: u32,
}

/// One expression. Parentheses are gone; sugar is gone as C++ Nix removes it (the comments say how).
///
/// The representation says which one it is in a byte of its own: the evaluator asks for nothing else as often.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(u8)]
pub enum Expr {
    /// A hole that a syntax error left.
    Missing,
    /// An integer literal.
    Int(i64),
    /// A floating-point literal.
    Float(f64),
    /// A string without interpolation; also a URI literal.
    Str(StrId),
    /// `"a${b}c"` and `''…''`: the parts in order, constant parts being [`Expr::Str`]. Each part that
    /// is no string is coerced to one.
    Interpolate(ExprList),
    /// A path literal without interpolation, as written: `./a`, `/a`, `a/b`, `~/a`.
    Path(StrId),
    /// A path literal with interpolations: the first part is an [`Expr::Path`].
    InterpolatePath(ExprList),
    /// `<nixpkgs/lib>`: `__findFile __nixPath "nixpkgs/lib"`, both names resolved in scope.
    SearchPath {
        /// The variable `__findFile`.
        find_file: ExprId,
        /// The variable `__nixPath`.
        nix_path: ExprId,
        /// The text between the angle brackets.
        text: StrId,
    },
    /// A variable.
    Var(Var),
    /// `__curPos`.
    CurPos,
    /// `base.a.b` and `base.a.b or default`.
    Select {
        /// What is selected from.
        base: ExprId,
        /// The attribute path.
        path: KeyList,
        /// What stands after `or`.
        default: Option<ExprId>,
    },
    /// `base ? a.b`.
    HasAttr {
        /// What is asked.
        base: ExprId,
        /// The attribute path.
        path: KeyList,
    },
    /// `f a b`: all arguments of one application chain together. Pipes are applications too.
    /// As in C++ Nix, `(f a) b` is the same call as `f a b`.
    Apply {
        /// The function.
        fun: ExprId,
        /// The arguments, at least one.
        args: ExprList,
    },
    /// A function.
    Lambda(LambdaId),
    /// `{ … }` or `rec { … }`.
    Attrs(AttrsId),
    /// `let … in body`. Also the old `let { …; body = …; }`, which is `Select` of `body` in a `rec` set.
    Let {
        /// The bindings: recursive, without dynamic attributes.
        attrs: AttrsId,
        /// The expression after `in`.
        body: ExprId,
    },
    /// `[ … ]`.
    List(ExprList),
    /// `if … then … else …`.
    If {
        /// The condition.
        cond: ExprId,
        /// The branch for `true`.
        then: ExprId,
        /// The branch for `false`.
        otherwise: ExprId,
    },
    /// `with set; body`.
    With {
        /// The set, evaluated in the outer environment.
        set: ExprId,
        /// The body, one environment deeper.
        body: ExprId,
        /// How many environments up, seen from the body's own environment (which is 0), the
        /// next enclosing `with` has its environment.
        outer: Option<u32>,
    },
    /// `assert cond; body`.
    Assert {
        /// The condition.
        cond: ExprId,
        /// The body.
        body: ExprId,
    },
    /// An operator with two operands.
    Binary {
        /// Which.
        op: BinaryOp,
        /// Left operand.
        lhs: ExprId,
        /// Right operand.
        rhs: ExprId,
    },
    /// `!e`.
    Not(ExprId),
    /// `-e`: `__sub 0 e`.
    Negate(ExprId),
    /// The evaluated set of the `n`th `inherit (set)` of the [`Attrs`] that this expression stands in;
    /// occurs only as the base of an inherited attribute's `Select`. See [`Attrs::inherit_from`].
    InheritFrom(u32),
}

/// Operators with two operands. `<`, `<=`, `>`, `>=`, `-`, `*` and `/` are calls of `__lessThan`,
/// `__sub`, `__mul` and `__div` in C++ Nix: where a program binds one of those names itself, lowering
/// yields that call instead ([`Expr::Apply`], with [`Expr::Not`] around it for `<=` and `>=`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum BinaryOp {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
    Implies,
    Update,
    Concat,
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// How a variable is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Var {
    /// Bound by an enclosing scope.
    Local {
        /// How many environments up.
        depth: u32,
        /// Which slot there.
        slot: u32,
    },
    /// A global name, by its index in [`crate::globals`].
    Global(GlobalId),
    /// Not bound lexically and no global name, inside of at least one `with`: the sets are asked
    /// innermost first; in none of them: an evaluation error.
    With {
        /// The name.
        name: Name,
        /// How many environments up the innermost enclosing `with` has its environment.
        depth: u32,
    },
    /// Bound nowhere.
    Undefined(Name),
}

/// The index of a global name in the list that `globals()` gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GlobalId(pub u16);

/// One step of an attribute path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// `.foo`, `."foo"`, and `.${"foo"}`.
    Static(Name),
    /// `.${e}` and `."a${e}"`: the expression gives the name.
    Dynamic(ExprId),
}

/// The bindings of a set or a `let`. Nested paths (`a.b = 1; a.c = 2;`) are merged as C++ Nix does.
#[derive(Clone, Debug, PartialEq)]
pub struct Attrs {
    /// `rec`, or a `let`: an environment with one slot per entry of `entries`, in their order.
    pub recursive: bool,
    /// The static attributes, sorted by [`Name`] (that is by number), each name once.
    pub entries: Vec<AttrEntry>,
    /// The sets of `inherit (set) …`, in order of appearance. In a recursive set they are evaluated in
    /// the *inner* environment, else in the outer one; each at most once, when first needed.
    pub inherit_from: Vec<ExprId>,
    /// The dynamic attributes in order of appearance. Evaluated in the inner environment where there
    /// is one.
    pub dynamic: Vec<DynamicEntry>,
}

/// One static attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttrEntry {
    /// Its name.
    pub name: Name,
    /// Its value. The environment it is evaluated in follows from `kind`.
    pub value: ExprId,
    /// How it was written.
    pub kind: AttrKind,
    /// Where it was written.
    pub binding: BindingId,
}

/// How a static attribute was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttrKind {
    /// `name = value;`: evaluated in the inner environment where there is one.
    Plain,
    /// `inherit name;`: the variable, always evaluated in the *outer* environment.
    Inherited,
    /// `inherit (set) name;`: `Select { base: InheritFrom(n), .. }`.
    InheritedFrom,
}

/// One `${name} = value;`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DynamicEntry {
    /// The expression of the name; `null` leaves the attribute out.
    pub name: ExprId,
    /// The value.
    pub value: ExprId,
    /// Where it was written.
    pub binding: BindingId,
}

/// A function.
#[derive(Clone, Debug, PartialEq)]
pub struct Lambda {
    /// What it takes.
    pub param: Param,
    /// What it gives, in the new environment.
    pub body: ExprId,
    /// The name it was bound to where it was written (`f = x: …`), for messages.
    pub name: Option<Name>,
}

/// What a function takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Param {
    /// `x: …`. The environment has the argument in slot 0.
    Simple {
        /// The parameter's name.
        name: Name,
        /// Where it stands.
        binding: BindingId,
    },
    /// `{ a, b ? 1, ... } @ args: …`. The environment has the formals in slots `0..n`, in the order of
    /// `formals`, then the argument itself in slot `n` if `at` is there.
    Pattern {
        /// The formal arguments, sorted by [`Name`] (that is by number).
        formals: Vec<Formal>,
        /// `...`
        ellipsis: bool,
        /// `@ args`
        at: Option<(Name, BindingId)>,
    },
}

/// A formal argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Formal {
    /// Its name.
    pub name: Name,
    /// What stands behind `?`, evaluated in the function's environment.
    pub default: Option<ExprId>,
    /// Where it stands.
    pub binding: BindingId,
}

/// Texts, one behind the other, by [`StrId`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strings {
    text: String,
    ends: Vec<u32>,
}

impl Strings {
    /// No texts yet, and room for so many.
    pub fn with_capacity(count: usize) -> Strings {
        Strings { text: String::with_capacity(count * 16), ends: Vec::with_capacity(count) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// One of them.
    pub fn get(&self, id: StrId) -> &str {
        let index = id.0 as usize;
        &self.text[self.start(index)..self.ends[index] as usize]
    }

    /// Adds one.
    pub fn push(&mut self, text: &str) -> StrId {
        let id = StrId(self.ends.len() as u32);
        self.text.push_str(text);
        self.ends.push(self.text.len() as u32);
        id
    }

    /// Adds a run of others.
    pub fn extend(&mut self, other: &Strings, run: std::ops::Range<usize>) {
        let start = other.start(run.start);
        let moved = (self.text.len() as u32).wrapping_sub(start as u32);
        self.text.push_str(&other.text[start..other.start(run.end)]);
        self.ends.extend(other.ends[run].iter().map(|end| end.wrapping_add(moved)));
    }

    fn start(&self, index: usize) -> usize {
        index.checked_sub(1).map_or(0, |before| self.ends[before] as usize)
    }
}

/// A literal is never NaN, so equality is total.
impl Eq for Module {}

impl Module {
    /// The expression itself.
    pub fn expr(&self, id: ExprId) -> Expr {
        self.exprs[id.0 as usize]
    }

    /// The ids of a run of expressions.
    pub fn list(&self, list: ExprList) -> &[ExprId] {
        &self.children[list.start as usize..][..list.len as usize]
    }

    /// The keys of an attribute path.
    pub fn keys(&self, list: KeyList) -> &[Key] {
        &self.keys[list.start as usize..][..list.len as usize]
    }

    /// A decoded string.
    pub fn str(&self, id: StrId) -> &str {
        self.strings.get(id)
    }
}

/// Where things stand in the text: what [`Module`] deliberately does not know. Byte offsets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceMap {
    /// The range of each expression, by [`ExprId`], without parentheses around it. What sugar made
    /// has the range of the sugar.
    pub exprs: Vec<Span>,
    /// The range of each [`BindingId`]. For `a.b.c = …` each of the three names has the path from its
    /// start up to and including the name, because C++ Nix says that the attribute is at the path's
    /// start.
    pub bindings: Vec<Span>,
    /// The range of each [`BindingId`]'s name alone.
    pub names: Vec<Span>,
    /// Further places that write the name of a [`BindingId`], where paths or sets were merged: the
    /// second `a` of `a.b = 1; a.c = 2;`. In the order of the ids.
    pub merged: Vec<(BindingId, Span)>,
    /// For each [`Key`] in [`Module::keys`], its range.
    pub keys: Vec<Span>,
    /// The expressions that C++ Nix reports at another place than their start, sorted by id: binary
    /// operators and pipes at the operator token, and calls that go on with a call in parentheses,
    /// `(f x) y`, where that inner call is reported.
    pub operators: Vec<(ExprId, Span)>,
    /// The expressions in parentheses or in `${ }`, sorted by id, with the range of the outermost
    /// pair. C++ Nix reports an operand of `+` and a part of a string at the start of this range.
    pub wrapped: Vec<(ExprId, Span)>,
}

impl SourceMap {
    /// Where C++ Nix says the expression is, as far as that depends on the expression alone.
    pub fn position(&self, id: ExprId) -> u32 {
        match find(&self.operators, id) {
            Some(span) => span.start,
            None => self.exprs[id.0 as usize].start,
        }
    }

    /// The range of the expression with parentheses or `${ }` around it, if any.
    pub fn wrapped(&self, id: ExprId) -> Span {
        find(&self.wrapped, id).unwrap_or(self.exprs[id.0 as usize])
    }
}

fn find(table: &[(ExprId, Span)], id: ExprId) -> Option<Span> {
    let index = table.binary_search_by_key(&id, |entry| entry.0).ok()?;
    Some(table[index].1)
}

/// A range of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// Just past the last byte.
    pub end: u32,
}
