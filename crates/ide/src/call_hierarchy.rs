//! Who calls a function, and whom it calls, across files.

use floe_db::{Db, File, module, scopes, source_map};
use floe_hir::{BindingId, Expr, ExprId, Span};

use crate::known::{Bound, entry_of, name_of};
use crate::references::{mentions, origin_at, origin_of};
use crate::symbol::{Symbol, symbol_at};

/// A function that has a name, or a file, which calls what it has outside of all functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallItem {
    /// Its name.
    pub name: String,
    /// The file.
    pub file: File,
    /// All of it.
    pub span: Span,
    /// Its name.
    pub focus: Span,
}

/// Calls between the function that was asked about and another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calls {
    /// The other.
    pub item: CallItem,
    /// Where the calls are: in the other function for incoming calls, in the one asked about for
    /// outgoing ones.
    pub spans: Vec<Span>,
}

/// The function that is under the cursor, or is named by what is.
pub fn call_hierarchy(db: &dyn Db, file: File, offset: u32) -> Option<CallItem> {
    let bound = origin_at(db, file, offset)?;
    is_function(db, bound).then(|| item(db, bound))?
}

/// Who calls the function that is bound at an offset.
pub fn incoming_calls(db: &dyn Db, file: File, offset: u32) -> Vec<Calls> {
    let Some(bound) = bound_here(db, file, offset) else { return Vec::new() };
    let mut found: Vec<Calls> = Vec::new();
    for mention in mentions(db, bound).into_iter().filter(|mention| !mention.is_definition) {
        let file = mention.file;
        let Some(call) = call_of(db, file, mention.span) else { continue };
        let caller = match enclosing(db, file, call) {
            Some(binding) => item(db, Bound { file, binding }),
            None => Some(whole(db, file)),
        };
        if let Some(caller) = caller {
            add(&mut found, caller, mention.span);
        }
    }
    found
}

/// What an item is that starts at an offset.
fn bound_here(db: &dyn Db, file: File, offset: u32) -> Option<Bound> {
    match symbol_at(db, file, offset)?.0 {
        Symbol::Binding(binding) => Some(Bound { file, binding }),
        _ => None,
    }
}

/// The call of the function that a name stands for, if it is called there.
fn call_of(db: &dyn Db, file: File, name: Span) -> Option<ExprId> {
    let (module, scopes) = (module(db, file), scopes(db, file));
    let function = match symbol_at(db, file, name.start)?.0 {
        Symbol::Variable(expr) => expr,
        Symbol::Key { expr, index } => match module.expr(expr) {
            Expr::Select { path, .. } if path.len as usize == index + 1 => expr,
            _ => return None,
        },
        _ => return None,
    };
    let call = scopes.parent(function)?;
    matches!(module.expr(call), Expr::Apply { fun, .. } if fun == function).then_some(call)
}

/// Whom the function that is bound at an offset calls.
pub fn outgoing_calls(db: &dyn Db, file: File, offset: u32) -> Vec<Calls> {
    let mut found: Vec<Calls> = Vec::new();
    let bound = bound_here(db, file, offset);
    let value = bound.and_then(|bound| bound.value(db));
    let (file, start) = match value {
        Some(value) => (value.file, value.expr),
        None => (file, module(db, file).root),
    };
    let (module, map) = (module(db, file), source_map(db, file));
    let mut pending = vec![start];
    while let Some(expr) = pending.pop() {
        module.for_each_child(expr, |child| pending.push(child));
        let Expr::Apply { fun, .. } = module.expr(expr) else { continue };
        let (symbol, span) = match module.expr(fun) {
            Expr::Var(_) => (Symbol::Variable(fun), map.exprs[fun.0 as usize]),
            Expr::Select { path, .. } => {
                let last = path.len as usize - 1;
                let span = map.keys[path.start as usize + last];
                (Symbol::Key { expr: fun, index: last }, span)
            }
            _ => continue,
        };
        let Some(callee) = origin_of(db, file, symbol) else { continue };
        if let Some(item) = is_function(db, callee).then(|| item(db, callee)).flatten() {
            add(&mut found, item, span);
        }
    }
    for calls in &mut found {
        calls.spans.sort_unstable();
    }
    found.sort_by_key(|calls| calls.spans.first().copied());
    found
}

fn add(found: &mut Vec<Calls>, item: CallItem, span: Span) {
    match found.iter_mut().find(|calls| calls.item == item) {
        Some(calls) => calls.spans.push(span),
        None => found.push(Calls { item, spans: vec![span] }),
    }
}

fn is_function(db: &dyn Db, bound: Bound) -> bool {
    bound
        .value(db)
        .is_some_and(|value| matches!(module(db, value.file).expr(value.expr), Expr::Lambda(_)))
}

/// The innermost named binding around an expression.
fn enclosing(db: &dyn Db, file: File, expr: ExprId) -> Option<BindingId> {
    let (module, scopes) = (module(db, file), scopes(db, file));
    let mut inner = expr;
    for outer in scopes.ancestors(expr).skip(1) {
        if let Expr::Attrs(attrs) | Expr::Let { attrs, .. } = module.expr(outer) {
            let entries = &module.attrs[attrs.0 as usize].entries;
            if let Some(entry) = entries.iter().find(|entry| entry.value == inner) {
                return Some(entry.binding);
            }
        }
        inner = outer;
    }
    None
}

fn item(db: &dyn Db, bound: Bound) -> Option<CallItem> {
    let (module, scopes) = (module(db, bound.file), scopes(db, bound.file));
    let map = source_map(db, bound.file);
    let name = name_of(module, scopes, bound.binding)?.to_string();
    let focus = map.names[bound.binding.0 as usize];
    let value = entry_of(module, scopes, bound.binding).map(|entry| map.wrapped(entry.value));
    let end = value.map_or(focus.end, |value| value.end.max(focus.end));
    Some(CallItem { name, file: bound.file, span: Span { start: focus.start, end }, focus })
}

fn whole(db: &dyn Db, file: File) -> CallItem {
    let path = file.path(db);
    let name =
        path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let end = source_map(db, file).exprs[module(db, file).root.0 as usize].end;
    CallItem { name, file, span: Span { start: 0, end }, focus: Span::default() }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::fixture::{Fixture, fixture};

    const FILES: &str = "
//- /w/default.nix
let lib = import ./lib.nix; once = x: lib.twice (x + 1); in
{ a = once 1; b = map once [ (lib.twice 2) ]; c = lib.he$0lper; }
//- /w/lib.nix
rec {
  twice = x: helper (helper x);
  helper = x: x;
}
";

    fn show(fixture: &Fixture, calls: &[Calls]) -> String {
        let shown = calls.iter().map(|calls| {
            let at = fixture.show(calls.item.file, calls.item.focus);
            format!("{} {at}, {} times\n", calls.item.name, calls.spans.len())
        });
        shown.collect()
    }

    fn check(text: &str, expected: &Expect) {
        let fixture = fixture(text);
        let (db, file, offset) = (&fixture.db, fixture.file, fixture.offset);
        let item = call_hierarchy(db, file, offset).expect("a function");
        let incoming = incoming_calls(db, item.file, item.focus.start);
        let outgoing = outgoing_calls(db, item.file, item.focus.start);
        expected.assert_eq(&format!(
            "{}\nfrom:\n{}to:\n{}",
            item.name,
            show(&fixture, &incoming),
            show(&fixture, &outgoing)
        ));
    }

    #[test]
    fn who_calls_it() {
        check(
            FILES,
            &expect![[r#"
            helper
            from:
            twice lib.nix:2 "twice", 2 times
            to:
        "#]],
        );
    }

    #[test]
    fn where_it_is_inherited_and_where_something_called_lib_has_it() {
        let files = "
//- /w/lib/default.nix
let lib = rec { strings = import ./strings.nix { inherit lib; }; inherit (strings) join; }; in lib
//- /w/lib/strings.nix
{ lib }: { jo$0in = a: a; twice = a: lib.join (lib.join a); }
//- /w/a.nix
{ lib }: let inherit (lib) join; in { used = join 1; passed = map join [ ]; chosen = lib.join 2; }
//- /w/b.nix
let inherit (import ./lib/strings.nix { }) join; in join 1
";
        let expected = expect![[r#"
            join
            from:
            b.nix b.nix:1 "", 1 times
            chosen a.nix:1 "chosen", 1 times
            used a.nix:1 "used", 1 times
            twice lib/strings.nix:1 "twice", 2 times
            to:
        "#]];
        check(files, &expected);
        check(&files.replace("jo$0in", "join").replace("in join 1", "in jo$0in 1"), &expected);
    }

    #[test]
    fn across_files_both_ways() {
        check(
            &FILES.replace("he$0lper", "helper").replace("twice (x", "tw$0ice (x"),
            &expect![[r#"
            twice
            from:
            once default.nix:1 "once", 1 times
            b default.nix:2 "b", 1 times
            to:
            helper lib.nix:3 "helper", 2 times
        "#]],
        );
    }
}
