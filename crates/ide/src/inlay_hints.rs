//! What an editor shows between the words of a program: where a long set ends, what an argument means,
//! which type a binding has.

use floe_db::{Db, File, line_index, module, parse, source, source_map};
use floe_hir::{AttrKind, Expr, ExprId, Module, Param, Span, Var};
use floe_syntax::{ColumnEncoding, ElementId, SyntaxKind as K};
use floe_types::Type;

use crate::builtin_parameters::{BuiltinParameter, builtin_parameters};
use crate::infer::Typing;
use crate::known::Place;
use crate::signature_help::{Function, function};

/// A hint between two bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InlayHint {
    /// Where it is shown.
    pub offset: u32,
    /// What is shown.
    pub label: String,
    /// What it says.
    pub kind: InlayKind,
    /// What is to be said about it when somebody asks, as Markdown.
    pub tooltip: Option<&'static str>,
}

/// What a hint says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InlayKind {
    /// Which set, list or `let` ends here.
    Closing,
    /// Which parameter the argument behind it is for.
    Parameter,
    /// Which type the name before it has.
    Type,
}

/// Which hints are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InlayOptions {
    /// The lines that a set, list or `let` must have to be named at its end. 0 for never.
    pub closing_lines: u32,
    /// Whether arguments are named.
    pub parameters: bool,
    /// Whether bindings have their types beside them.
    pub types: bool,
}

impl Default for InlayOptions {
    fn default() -> InlayOptions {
        InlayOptions { closing_lines: 25, parameters: true, types: false }
    }
}

/// The hints of a range of a file, in the order of the text.
pub fn inlay_hints(db: &dyn Db, file: File, range: Span, options: &InlayOptions) -> Vec<InlayHint> {
    let mut hints = Vec::new();
    if options.closing_lines > 0 {
        closing(db, file, range, options.closing_lines, &mut hints);
    }
    if options.parameters {
        parameters(db, file, range, &mut hints);
    }
    if options.types {
        types(db, file, range, &mut hints);
    }
    hints.sort_by_key(|hint| hint.offset);
    hints
}

/// The names of what ends in the range and began long before.
fn closing(db: &dyn Db, file: File, range: Span, lines: u32, hints: &mut Vec<InlayHint>) {
    let (tree, text, index) = (&parse(db, file).tree, &source(db, file).text, line_index(db, file));
    let line = |offset| index.line_column(text, offset, ColumnEncoding::Utf8).line;
    let text_of = |span: Span| text[span.start as usize..span.end as usize].to_owned();
    for (element, id) in tree.elements().iter().zip(0..) {
        if element.end < range.start || range.end < element.start {
            continue;
        }
        let (end, label) = match element.kind {
            K::Binding => {
                let mut nodes = tree.children(ElementId(id)).map(|id| tree.get(id));
                let Some(path) = nodes.next().filter(|path| path.kind == K::AttrPath) else {
                    continue;
                };
                let Some(value) = nodes.find(|node| !node.kind.is_token()) else { continue };
                let closes = text[..value.end as usize].ends_with(['}', ']', ')']);
                let is_closed = closes && text[value.end as usize..].starts_with(';');
                if !is_closed || line(value.end) - line(value.start) < lines {
                    continue;
                }
                (value.end + 1, text_of(Span { start: path.start, end: path.end }))
            }
            K::LetIn => {
                let body = tree.children(ElementId(id)).map(|id| tree.get(id));
                let Some(keyword) = body.filter(|child| child.kind == K::InKw).last() else {
                    continue;
                };
                let first = tree
                    .children(ElementId(id))
                    .map(|id| tree.get(id))
                    .find_map(|child| (child.kind == K::Binding).then_some(child.start));
                if line(keyword.start) - line(element.start) < lines {
                    continue;
                }
                let name = first.map_or(String::new(), |start| {
                    let name = text[start as usize..].split([' ', '=', '.', '\n']).next();
                    format!("let {} …", name.unwrap_or_default())
                });
                (keyword.end, name)
            }
            _ => continue,
        };
        if range.start <= end && end <= range.end && !label.is_empty() {
            hints.push(InlayHint { offset: end, label, kind: InlayKind::Closing, tooltip: None });
        }
    }
}

/// The names of arguments that do not say themselves what they are.
fn parameters(db: &dyn Db, file: File, range: Span, hints: &mut Vec<InlayHint>) {
    let (module, map) = (module(db, file), source_map(db, file));
    for expr in &module.exprs {
        let Expr::Apply { fun, args } = expr else { continue };
        let at = map.exprs[fun.0 as usize];
        let args = module.list(*args);
        let Some(last) = args.last() else { continue };
        if map.wrapped(*last).end < range.start || range.end < at.start {
            continue;
        }
        // A call with one argument is read without help.
        let Some(named) = function(db, Place { file, expr: *fun }).map(|function| match function {
            Function::Builtin(name) => Named::Builtin(builtin_parameters(name)),
            Function::Lambda(lambda, _) => Named::Lambda(names_of(db, lambda)),
        }) else {
            continue;
        };
        if named.count() < 2 {
            continue;
        }
        for (index, argument) in args.iter().enumerate() {
            let Some((name, tooltip)) = named.get(index) else { break };
            let offset = map.wrapped(*argument).start;
            let in_range = range.start <= offset && offset < range.end;
            // `|>` puts an argument before its function.
            if in_range && offset > at.start && !says_itself(module, *argument, name) {
                let label = format!("{name}:");
                hints.push(InlayHint { offset, label, kind: InlayKind::Parameter, tooltip });
            }
        }
    }
}

enum Named {
    Builtin(&'static [BuiltinParameter]),
    Lambda(Vec<String>),
}

impl Named {
    fn count(&self) -> usize {
        match self {
            Named::Builtin(parameters) => parameters.len(),
            Named::Lambda(names) => names.len(),
        }
    }

    fn get(&self, index: usize) -> Option<(&str, Option<&'static str>)> {
        match self {
            Named::Builtin(parameters) => {
                parameters.get(index).map(|parameter| (parameter.name, Some(parameter.meaning)))
            }
            Named::Lambda(names) => {
                names.get(index).filter(|name| !name.is_empty()).map(|name| (name.as_str(), None))
            }
        }
    }
}

/// The names of a curried function's parameters; an empty one for a pattern, which names its own.
fn names_of(db: &dyn Db, lambda: Place) -> Vec<String> {
    let module = module(db, lambda.file);
    let mut names = Vec::new();
    let mut expr = lambda.expr;
    while let Expr::Lambda(lambda) = module.expr(expr) {
        let lambda = &module.lambdas[lambda.0 as usize];
        names.push(match &lambda.param {
            // A name of one letter or with `_` before it says no more than none.
            Param::Simple { name, .. } if name.as_str().len() > 1 => {
                name.as_str().trim_start_matches('_').to_owned()
            }
            _ => String::new(),
        });
        expr = lambda.body;
    }
    names
}

/// Whether an argument needs no name beside it: it has one, or shows what it is.
fn says_itself(module: &Module, argument: ExprId, parameter: &str) -> bool {
    match module.expr(argument) {
        Expr::Var(_) | Expr::Lambda(_) | Expr::Attrs(_) => true,
        Expr::Select { path, .. } => {
            let last = module.keys(path).last();
            matches!(last, Some(floe_hir::Key::Static(name)) if name.as_str() == parameter)
                || matches!(last, Some(floe_hir::Key::Static(_)))
        }
        _ => false,
    }
}

/// The types of what is bound by names, where the text alone does not show them.
fn types(db: &dyn Db, file: File, range: Span, hints: &mut Vec<InlayHint>) {
    let (module, map) = (module(db, file), source_map(db, file));
    let typing = Typing::new(db);
    let mut inference = typing.inference();
    let key = typing.key(file);
    for attrs in &module.attrs {
        for entry in attrs.entries.iter().filter(|entry| entry.kind == AttrKind::Plain) {
            let span = map.names[entry.binding.0 as usize];
            if span.end < range.start || range.end < span.end || is_literal(module, entry.value) {
                continue;
            }
            let found = inference.type_of(key, entry.value);
            if !matches!(found, Type::Unknown | Type::Never) {
                let label = format!(": {}", inference.display_short(&found));
                let kind = InlayKind::Type;
                hints.push(InlayHint { offset: span.end, label, kind, tooltip: None });
            }
        }
    }
}

fn is_literal(module: &Module, expr: ExprId) -> bool {
    matches!(
        module.expr(expr),
        Expr::Missing
            | Expr::Int(_)
            | Expr::Float(_)
            | Expr::Str(_)
            | Expr::Interpolate(_)
            | Expr::Path(_)
            | Expr::InterpolatePath(_)
            | Expr::Attrs(_)
            | Expr::List(_)
            | Expr::Lambda(_)
            | Expr::Var(Var::Global(_))
    )
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::fixture::fixture;

    fn check(text: &str, options: &InlayOptions, expected: &Expect) {
        let fixture = fixture(text);
        let mut shown = source(&fixture.db, fixture.file).text.to_string();
        let range = Span { start: 0, end: shown.len() as u32 };
        let hints = inlay_hints(&fixture.db, fixture.file, range, options);
        for hint in hints.iter().rev() {
            shown.insert_str(hint.offset as usize, &format!("⟨{}⟩", hint.label));
        }
        expected.assert_eq(&shown);
    }

    const NONE: InlayOptions = InlayOptions { closing_lines: 0, parameters: false, types: false };

    #[test]
    fn the_name_of_what_ends_far_from_its_beginning() {
        let options = InlayOptions { closing_lines: 3, ..NONE };
        check(
            "let\n  x = 1;\n\n\nin {\n  a.b = {\n    c = 1;\n\n  };\n  d = f [\n    1\n    2\n  ];\n  e = {\n  };\n}\n",
            &options,
            &expect![[r#"
                let
                  x = 1;


                in⟨let x …⟩ {
                  a.b = {
                    c = 1;

                  };⟨a.b⟩
                  d = f [
                    1
                    2
                  ];⟨d⟩
                  e = {
                  };
                }
            "#]],
        );
    }

    #[test]
    fn the_meaning_of_arguments() {
        let options = InlayOptions { parameters: true, ..NONE };
        check(
            "let greet = greeting: name: x: greeting + name; in [\n  (builtins.substring 0 5 (f \"x\"))\n  (greet \"hi\" \"you\" 3)\n  (map f list) (builtins.head [ 1 ])\n]\n",
            &options,
            &expect![[r#"
                let greet = greeting: name: x: greeting + name; in [
                  (builtins.substring ⟨start:⟩0 ⟨length:⟩5 ⟨string:⟩(f "x"))
                  (greet ⟨greeting:⟩"hi" ⟨name:⟩"you" 3)
                  (map f list) (builtins.head [ 1 ])
                ]
            "#]],
        );
    }

    #[test]
    fn types_where_the_text_does_not_show_them() {
        let options = InlayOptions { types: true, ..NONE };
        check(
            "{ a = builtins.attrNames x; b = 1; c = builtins.head y; d = builtins.substring 1 2; }\n",
            &options,
            &expect![[r#"
                { a⟨: [String]⟩ = builtins.attrNames x; b = 1; c = builtins.head y; d⟨: String -> String⟩ = builtins.substring 1 2; }
            "#]],
        );
    }
}
