//! All places that mean the same thing as the name under the cursor, in all files of the workspace that
//! refer to the one that binds it.

use std::cell::RefCell;

use floe_db::{Db, File, module, scopes, source_map};
use floe_hir::{
    AttrKind, AttrsId, BindingId, Expr, ExprId, Key, Module, Name, Param, ScopeOwner, Span, Var,
};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::goto_definition::{definition_of, origin};
use crate::known::{self, Bound, Place, entry_of, name_of};
use crate::library_references::{attribute_of_library, given_out_as, through_the_library};
use crate::modules::{argument_at, option_at};
use crate::navigation::library_binding;
use crate::symbol::{Symbol, symbol_at};
use crate::typed::{bound_by_type, selections_by_type};
use crate::uses::literal_of;
use crate::workspace_index::referring_files;

/// One place, as a reader is shown it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mention {
    /// The file.
    pub file: File,
    /// The range of the name.
    pub span: Span,
    /// Whether the name is bound here.
    pub is_definition: bool,
}

/// One place that certainly means the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// The range of the name.
    pub(crate) span: Span,
    /// In what way it stands there.
    pub(crate) role: Role,
}

/// In what way a name stands somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It is bound here.
    Definition,
    /// It is bound here by an `inherit`.
    InheritedDefinition,
    /// It is used as a variable.
    Variable(ExprId),
    /// `inherit name;` uses it as a variable and binds it anew.
    Inherit(ExprId, BindingId),
    /// It is selected behind a dot, or asked for.
    Key { expr: ExprId, index: usize },
    /// `inherit (set) name;` selects it and binds it anew.
    InheritFrom { expr: ExprId, index: usize, binding: BindingId },
    /// An attribute of a set that a function is called with, whose argument it is.
    Argument(BindingId),
    /// A string names it.
    Text,
}

impl Reference {
    /// Whether the name is bound here.
    fn is_definition(&self) -> bool {
        matches!(self.role, Role::Definition | Role::InheritedDefinition)
    }
}

/// The references of what is under the cursor, by file; the file that binds it comes first. Nothing if
/// it is bound in no file that is known.
pub fn references(db: &dyn Db, file: File, offset: u32) -> Option<Vec<Mention>> {
    if let Some(option) = option_at(db, file, offset) {
        return Some(option.references().into_iter().map(mention).collect());
    }
    if let Some(argument) = argument_at(db, file, offset) {
        return Some(argument.references().into_iter().map(mention).collect());
    }
    Some(mentions(db, origin_at(db, file, offset)?))
}

fn mention((file, reference): (File, Reference)) -> Mention {
    Mention { file, span: reference.span, is_definition: reference.is_definition() }
}

/// All places that mean a binding, by whatever `inherit`s they have it; the file that binds it comes first.
pub(crate) fn mentions(db: &dyn Db, bound: Bound) -> Vec<Mention> {
    let wanted = Wanted::with_inherits(db, bound);
    let mut files = vec![bound.file];
    files.extend(files_that_reach(db, bound, wanted.is_given_out()));
    let mut found: Vec<Mention> = Vec::new();
    for file in &files {
        let in_file = wanted.references_in(*file).into_iter();
        found.extend(in_file.map(|found| mention((*file, found))));
    }
    let mut seen: FxHashSet<(File, u32)> =
        found.iter().map(|found| (found.file, found.span.start)).collect();
    let by_type =
        selections_by_type(db, bound, &files, |file, span| seen.contains(&(file, span.start)));
    for (file, span) in by_type.into_iter().chain(through_the_library(db, bound)) {
        if seen.insert((file, span.start)) {
            found.push(Mention { file, span, is_definition: false });
        }
    }
    found
}

/// What is bound to the name under the cursor, behind all that only pass it on.
pub(crate) fn origin_at(db: &dyn Db, file: File, offset: u32) -> Option<Bound> {
    origin_of(db, file, symbol_at(db, file, offset)?.0)
}

/// The same for a symbol.
pub(crate) fn origin_of(db: &dyn Db, file: File, symbol: Symbol) -> Option<Bound> {
    let bound = match definition_of(db, file, symbol) {
        Some(bound) => bound,
        None => match bound_by_type(db, file, symbol)[..] {
            [bound] => bound,
            _ => library_binding(db, file, symbol)?,
        },
    };
    Some(origin_in_library(db, known::canonical(db, bound)))
}

/// Where a binding that only passes a value on has it from, also if that is nixpkgs' library.
fn origin_in_library(db: &dyn Db, bound: Bound) -> Bound {
    let bound = origin(db, bound);
    let Some(entry) = entry_of(module(db, bound.file), scopes(db, bound.file), bound.binding)
    else {
        return bound;
    };
    let symbol = match entry.kind {
        AttrKind::Plain => return bound,
        AttrKind::Inherited => Symbol::Variable(entry.value),
        AttrKind::InheritedFrom => Symbol::Key { expr: entry.value, index: 0 },
    };
    given_out_as(db, bound).or_else(|| library_binding(db, bound.file, symbol)).unwrap_or(bound)
}

/// What is bound to the name under the cursor, and the name's range there.
pub(crate) fn bound_at(db: &dyn Db, file: File, offset: u32) -> Option<(Bound, Span)> {
    let (symbol, span) = symbol_at(db, file, offset)?;
    let bound = match symbol {
        Symbol::Binding(binding) => Bound { file, binding },
        _ => definition_of(db, file, symbol)?,
    };
    Some((known::canonical(db, bound), span))
}

/// All references in the file that binds the name, in the order of the text.
pub(crate) fn references_of(db: &dyn Db, bound: Bound) -> Vec<Reference> {
    references_in(db, bound, bound.file)
}

/// All references in the workspace.
pub(crate) fn all_references(db: &dyn Db, bound: Bound) -> Vec<(File, Reference)> {
    let in_own = references_of(db, bound).into_iter().map(|found| (bound.file, found));
    let mut found: Vec<(File, Reference)> = in_own.collect();
    for file in files_that_reach(db, bound, false) {
        let elsewhere = references_in(db, bound, file);
        found.extend(elsewhere.into_iter().map(|found| (file, found)));
    }
    found
}

/// The other files that mention a name and may mean this binding by it, which a set can also give out by
/// an `inherit`.
fn files_that_reach(db: &dyn Db, bound: Bound, is_given_out: bool) -> Vec<File> {
    let (module, scopes) = (module(db, bound.file), scopes(db, bound.file));
    // A variable means nothing in another file.
    let is_reachable = match scopes.owner(bound.binding) {
        Some(ScopeOwner::Attrs(_)) => !is_bound_by_let(db, bound),
        Some(ScopeOwner::Lambda(lambda)) => {
            let param = &module.lambdas[lambda.0 as usize].param;
            matches!(param, Param::Pattern { formals, .. }
                if formals.iter().any(|formal| formal.binding == bound.binding))
        }
        _ => false,
    };
    match name_of(module, scopes, bound.binding) {
        Some(name) if is_reachable || is_given_out => referring_files(db, bound.file, name),
        _ => Vec::new(),
    }
}

fn is_bound_by_let(db: &dyn Db, bound: Bound) -> bool {
    let (module, scopes) = (module(db, bound.file), scopes(db, bound.file));
    let owner = entry_of(module, scopes, bound.binding)
        .and_then(|entry| scopes.parent(entry.value))
        .map(|owner| module.expr(owner));
    matches!(owner, Some(Expr::Let { .. }))
}

/// All references in one file, in the order of the text.
pub(crate) fn references_in(db: &dyn Db, bound: Bound, file: File) -> Vec<Reference> {
    Wanted::alone(db, bound).references_in(file)
}

/// What references are looked for of.
struct Wanted<'a> {
    db: &'a dyn Db,
    bound: Bound,
    name: Option<Name>,
    /// The bindings that only pass it on, and those that do not, if they count.
    inherits: Option<RefCell<FxHashMap<Bound, bool>>>,
    /// The attribute of nixpkgs' library that it is given out as.
    given_out_as: Option<Bound>,
}

impl<'a> Wanted<'a> {
    fn alone(db: &'a dyn Db, bound: Bound) -> Wanted<'a> {
        let name = name_of(module(db, bound.file), scopes(db, bound.file), bound.binding);
        Wanted { db, bound, name, inherits: None, given_out_as: None }
    }

    fn with_inherits(db: &'a dyn Db, bound: Bound) -> Wanted<'a> {
        let given_out_as = attribute_of_library(db, bound);
        Wanted { inherits: Some(RefCell::default()), given_out_as, ..Wanted::alone(db, bound) }
    }

    /// Whether a name that is bound so means it.
    fn is(&self, found: Bound) -> bool {
        if found == self.bound {
            return true;
        }
        let Some(inherits) = &self.inherits else { return false };
        if let Some(known) = inherits.borrow().get(&found) {
            return *known;
        }
        let origin = known::canonical(self.db, origin(self.db, found));
        let is = origin == self.bound || Some(origin) == self.given_out_as;
        inherits.borrow_mut().insert(found, is);
        is
    }

    /// The attributes and names of a file that only pass it on.
    fn inherited_in<'s>(&'s self, file: File) -> impl Iterator<Item = (AttrsId, Bound)> + 's {
        let module = module(self.db, file);
        let named = module.attrs.iter().zip(0..).filter_map(|(attrs, id)| {
            let entries = &attrs.entries;
            let index = entries.binary_search_by_key(&self.name?, |entry| entry.name).ok()?;
            (entries[index].kind != AttrKind::Plain).then_some((AttrsId(id), entries[index]))
        });
        let bound = named.map(move |(id, entry)| (id, Bound { file, binding: entry.binding }));
        bound
            .filter(|(_, bound)| self.inherits.is_some() && *bound != self.bound && self.is(*bound))
    }

    /// Whether a set of its own file that others may have inherits it.
    fn is_given_out(&self) -> bool {
        let (module, scopes) = (module(self.db, self.bound.file), scopes(self.db, self.bound.file));
        self.inherited_in(self.bound.file).any(|(attrs, _)| {
            let literal = literal_of(module, scopes, attrs);
            literal.is_some_and(|literal| {
                let is_argument = scopes.parent(literal).is_some_and(|parent| {
                    matches!(module.expr(parent), Expr::Apply { fun, .. } if fun != literal)
                });
                matches!(module.expr(literal), Expr::Attrs(_)) && !is_argument
            })
        })
    }

    fn references_in(&self, file: File) -> Vec<Reference> {
        let (db, bound) = (self.db, self.bound);
        let (module, map) = (module(db, file), source_map(db, file));
        let inherits = Inherits::of(module);
        let mut found = Vec::new();
        if file == bound.file {
            lexical(db, bound, &inherits, &mut found);
        }
        let Some(name) = self.name else { return found };
        for (_, inherited) in self.inherited_in(file) {
            for expr in scopes(db, file).references(inherited.binding) {
                let role = inherits.role_of_variable(*expr);
                found.push(Reference { span: map.exprs[expr.0 as usize], role });
            }
        }
        let is_it = |key: &Key| matches!(key, Key::Static(key) if *key == name);
        for (expr, id) in module.exprs.iter().zip(0..).map(|(expr, id)| (expr, ExprId(id))) {
            match expr {
                // A variable under `with` may mean an attribute, too.
                Expr::Var(Var::With { name: used, .. })
                    if *used == name
                        && known::variable(db, Place { file, expr: id })
                            .is_some_and(|found| self.is(found)) =>
                {
                    let role = inherits.role_of_variable(id);
                    found.push(Reference { span: map.exprs[id.0 as usize], role });
                }
                Expr::Select { path, .. } | Expr::HasAttr { path, .. } => {
                    let keys = module.keys(*path).iter().enumerate();
                    for (index, _) in keys.filter(|(_, key)| is_it(key)) {
                        let symbol = Symbol::Key { expr: id, index };
                        if definition_of(db, file, symbol).is_some_and(|found| self.is(found)) {
                            let role = inherits.role_of_key(id, index);
                            let span = map.keys[path.start as usize + index];
                            found.push(Reference { span, role });
                        }
                    }
                }
                Expr::Attrs(attrs) => {
                    let entries = &module.attrs[attrs.0 as usize].entries;
                    let entry = entries.binary_search_by_key(&name, |entry| entry.name);
                    let Some(entry) = entry.ok().map(|index| entries[index]) else { continue };
                    let here = Bound { file, binding: entry.binding };
                    if here != bound && known::canonical(db, here) == bound {
                        let role = Role::Argument(entry.binding);
                        let spans = map.definitions(entry.binding);
                        found.extend(spans.map(|span| Reference { span, role }));
                    }
                }
                _ => {}
            }
        }
        if file == bound.file {
            found.extend(of_whole_argument(db, bound, name));
        }
        found.sort_by_key(|reference| (reference.span.start, order(reference.role)));
        found.dedup_by_key(|reference| reference.span);
        found
    }
}

/// Of several roles at one place the first counts.
fn order(role: Role) -> u8 {
    match role {
        Role::Definition | Role::InheritedDefinition => 0,
        Role::Argument(_) => 1,
        _ => 2,
    }
}

/// The definitions of a name, and the variables that mean it.
pub(crate) fn lexical(db: &dyn Db, bound: Bound, inherits: &Inherits, found: &mut Vec<Reference>) {
    let file = bound.file;
    let (module, map, scopes) = (module(db, file), source_map(db, file), scopes(db, file));
    let inherited =
        entry_of(module, scopes, bound.binding).is_some_and(|entry| entry.kind != AttrKind::Plain);
    let role = if inherited { Role::InheritedDefinition } else { Role::Definition };
    found.extend(map.definitions(bound.binding).map(|span| Reference { span, role }));
    for expr in scopes.references(bound.binding) {
        let role = inherits.role_of_variable(*expr);
        found.push(Reference { span: map.exprs[expr.0 as usize], role });
    }
}

/// `args.name`, where `args` is the whole argument of which the name is a part.
fn of_whole_argument(db: &dyn Db, bound: Bound, name: Name) -> Vec<Reference> {
    let (module, scopes) = (module(db, bound.file), scopes(db, bound.file));
    let Some(ScopeOwner::Lambda(lambda)) = scopes.owner(bound.binding) else { return Vec::new() };
    let Param::Pattern { at: Some((_, at)), .. } = module.lambdas[lambda.0 as usize].param else {
        return Vec::new();
    };
    let selections = scopes.references(at).iter().filter_map(|expr| {
        let parent = scopes.parent(*expr)?;
        match module.expr(parent) {
            Expr::Select { base, path, .. } | Expr::HasAttr { base, path }
                if base == *expr && module.keys(path)[0] == Key::Static(name) =>
            {
                let span = source_map(db, bound.file).keys[path.start as usize];
                Some(Reference { span, role: Role::Key { expr: parent, index: 0 } })
            }
            _ => None,
        }
    });
    selections.collect()
}

/// Which expressions are the values of inherited attributes.
pub(crate) struct Inherits {
    values: Vec<(ExprId, BindingId)>,
}

impl Inherits {
    pub(crate) fn of(module: &Module) -> Inherits {
        let entries = module.attrs.iter().flat_map(|attrs| &attrs.entries);
        let inherited = entries.filter(|entry| entry.kind != AttrKind::Plain);
        let mut values: Vec<_> = inherited.map(|entry| (entry.value, entry.binding)).collect();
        values.sort_unstable_by_key(|(value, _)| *value);
        Inherits { values }
    }

    /// In what way a variable stands where it does.
    pub(crate) fn role_of_variable(&self, expr: ExprId) -> Role {
        match self.binding(expr) {
            Some(binding) => Role::Inherit(expr, binding),
            None => Role::Variable(expr),
        }
    }

    /// In what way a key of a selection stands where it does.
    pub(crate) fn role_of_key(&self, expr: ExprId, index: usize) -> Role {
        match self.binding(expr) {
            Some(binding) => Role::InheritFrom { expr, index, binding },
            None => Role::Key { expr, index },
        }
    }

    /// The attribute that an expression is the inherited value of.
    fn binding(&self, value: ExprId) -> Option<BindingId> {
        let index = self.values.binary_search_by_key(&value, |(value, _)| *value).ok()?;
        Some(self.values[index].1)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::fixture::fixture;

    fn check(text: &str, expected: &Expect) {
        let fixture = fixture(text);
        let shown = match references(&fixture.db, fixture.file, fixture.offset) {
            None => "none\n".to_owned(),
            Some(found) => found
                .iter()
                .map(|found| {
                    let definition = if found.is_definition { " (definition)" } else { "" };
                    format!("{}{definition}\n", fixture.show(found.file, found.span))
                })
                .collect(),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn of_a_let_binding() {
        check(
            "let\n a = 1;\n b = a;\n in { inherit a$0;\n c = a: a;\n d = b + a; }",
            &expect![[r#"
            default.nix:2 "a" (definition)
            default.nix:3 "a"
            default.nix:4 "a"
            default.nix:6 "a"
        "#]],
        );
    }

    #[test]
    fn of_an_argument_from_its_use() {
        check(
            "{ a, b ? a }:\n a$0 + (let a = 1; in a)",
            &expect![[r#"
            default.nix:1 "a" (definition)
            default.nix:1 "a"
            default.nix:2 "a"
        "#]],
        );
    }

    #[test]
    fn of_an_attribute_through_selects_and_with() {
        check(
            "let\n s = { $0x.y = 1;\n x.z = 2; };\n in [ s.x s.x.y (s ? x)\n (with s; x) { x = 1; }.x ]",
            &expect![[r#"
                default.nix:2 "x" (definition)
                default.nix:3 "x" (definition)
                default.nix:4 "x"
                default.nix:4 "x"
                default.nix:4 "x"
                default.nix:5 "x"
            "#]],
        );
    }

    #[test]
    fn through_inherits_from_either_end() {
        let files = "
//- /w/m.nix
let inherit (import ./u.nix) f; g = { inherit f; }; in
f 2 + g.f 3
//- /w/u.nix
rec { f = x: x;
 y = f 1; }
//- /w/v.nix
let m = import ./w.nix; f = 1; in [ m.f f ]
//- /w/w.nix
let u = import ./u.nix; inherit (u) f; in { inherit f; }
";
        let expected = expect![[r#"
            u.nix:1 "f" (definition)
            u.nix:2 "f"
            m.nix:1 "f"
            m.nix:1 "f"
            m.nix:2 "f"
            m.nix:2 "f"
            v.nix:1 "f"
            w.nix:1 "f"
            w.nix:1 "f"
        "#]];
        for (from, to) in [
            ("f = x: x", "$0f = x: x"),
            ("f 2", "$0f 2"),
            (".nix) f;", ".nix) $0f;"),
            ("g.f 3", "g.$0f 3"),
            ("m.f f", "m.$0f f"),
        ] {
            check(&files.replace(from, to), &expected);
        }
        check(
            "let a = 1; in\n let s = { inherit a; }; in\n s.$0a",
            &expect![[r#"
                default.nix:1 "a" (definition)
                default.nix:2 "a"
                default.nix:3 "a"
            "#]],
        );
    }

    #[test]
    fn of_an_attribute_that_only_types_lead_to() {
        check(
            "
//- /w/default.nix
let b = import ./b.nix; show = set: before: before + set.name; in
[ (show b.it \"\") (map (set: set.inner.name or set.name) [ b.it ]) (x: x.name) ((import ./c.nix).name) ]
//- /w/b.nix
{ it = { $0name = \"\"; }; }
//- /w/c.nix
let f = import ./b.nix; in f.it // { name = 1; }
",
            &expect![[r#"
                b.nix:1 "name" (definition)
                default.nix:1 "name"
                default.nix:2 "name"
            "#]],
        );
        check(
            "let f = { a }: a.$0b; in f { a = { b = 1; }; }",
            &expect![[r#"
                default.nix:1 "b" (definition)
                default.nix:1 "b"
            "#]],
        );
    }

    #[test]
    fn of_what_another_file_binds() {
        check(
            "{ lib }: lib.$0id",
            &expect![[r#"
                <nixpkgs>/lib/trivial.nix:15 "id" (definition)
                <nixpkgs>/lib/trivial.nix:150 "id"
                <nixpkgs>/lib/trivial.nix:160 "id"
                <nixpkgs>/lib/default.nix:101 "id"
                default.nix:1 "id"
            "#]],
        );
    }

    #[test]
    fn through_a_function_that_imports_what_it_is_given() {
        check(
            "
//- /w/default.nix
let call = file: import file { x = 1; }; s = call ./s.nix;
in [ s.name (call ./s.nix).name (call ./other.nix).name ]
//- /w/s.nix
{ x }: { $0name = x; }
//- /w/other.nix
{ x }: { name = x; }
",
            &expect![[r#"
                s.nix:1 "name" (definition)
                default.nix:2 "name"
                default.nix:2 "name"
            "#]],
        );
    }

    #[test]
    fn of_the_library_where_something_called_lib_is_asked_for_it() {
        check(
            "
//- /w/lib/default.nix
let lib = (import ./fix.nix) (self: let callLibs = file: import file { lib = self; }; in with self; {
  strings = callLibs ./strings.nix;
  inherit (strings) join;
}); in lib
//- /w/lib/strings.nix
{ lib }: { $0join = a: a; twice = lib.join; }
//- /w/a.nix
{ lib, stdenv, other }: [ lib.join (stdenv.lib.join) other.join (with lib; join) (with lib; with other; join) ]
//- /w/b.nix
{ lib }: let inherit (lib) join; in lib.strings.join join
",
            &expect![[r#"
                lib/strings.nix:1 "join" (definition)
                lib/default.nix:3 "join"
                a.nix:1 "join"
                a.nix:1 "join"
                a.nix:1 "join"
                b.nix:1 "join"
                b.nix:1 "join"
                lib/strings.nix:1 "join"
            "#]],
        );
    }
}
