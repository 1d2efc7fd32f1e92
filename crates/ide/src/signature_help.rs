//! What a function takes, while its arguments are being written.

use std::ops::Range;

use floe_db::{Db, File, module, parse, source, source_map};
use floe_hir::{Expr, ExprId, Key, Name, Param, Var, globals};
use floe_syntax::{ElementId, SyntaxKind as K};
use floe_types::Written;

use crate::builtin_doc;
use crate::builtin_parameters::builtin_parameters;
use crate::completion::attribute_text;
use crate::cursor::Cursor;
use crate::evaluation::packages::{candidates, package_arguments};
use crate::hover::doc_comment;
use crate::infer::Typing;
use crate::known::{self, Bound, Place};
use crate::navigation::{NamedFunction, library_type, named_function};

/// A function whose argument is being written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureHelp {
    /// The function with its parameters.
    pub label: String,
    /// What it does, as Markdown.
    pub documentation: Option<String>,
    /// Its parameters in order.
    pub parameters: Vec<SignatureParameter>,
    /// Which of them is being written; none where there are more arguments than parameters, or where a
    /// set of arguments is being written but no attribute of it yet.
    pub active: Option<usize>,
}

/// A parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureParameter {
    /// Where it stands in the label, in bytes.
    pub label: Range<usize>,
    /// What is expected, as Markdown.
    pub documentation: Option<String>,
}

/// The innermost call around an offset whose function is known.
pub fn signature_help(db: &dyn Db, file: File, offset: u32) -> Option<SignatureHelp> {
    let text = &source(db, file).text;
    let cursor = Cursor::new(&parse(db, file).tree, text, offset);
    if cursor.in_comment() {
        return None;
    }
    let place = |element: ElementId| {
        let element = cursor.get(element);
        let expr = source_map(db, file).expr_around(element.start, element.end)?;
        Some(Place { file, expr })
    };
    calls(&cursor).into_iter().find_map(|call| {
        let function = place(call.function)?;
        // What stands behind the path is for the function in that file.
        let path = call.arguments.first().filter(|_| call.argument > 0);
        let imported = path.filter(|_| takes_path(db, function)).and_then(|path| {
            let imported = known::imported_file(db, &known::path(db, place(*path)?)?)?;
            Some(Place { file: imported, expr: module(db, imported).root })
        });
        match imported {
            Some(root) => help(db, root, &Call { argument: call.argument - 1, ..call }),
            None => help(db, function, &call).or_else(|| package_help(db, function, &call)),
        }
    })
}

/// Whether a function gives its further arguments to the function in the file that its first one names:
/// `import` and `callPackage`.
fn takes_path(db: &dyn Db, function: Place) -> bool {
    let module = module(db, function.file);
    let name = match module.expr(function.expr) {
        Expr::Select { path, .. } => match module.keys(path).last() {
            Some(Key::Static(name)) => *name,
            _ => return false,
        },
        Expr::Var(Var::With { name, .. } | Var::Undefined(name)) => name,
        Expr::Var(_) => {
            let span = source_map(db, function.file).exprs[function.expr.0 as usize];
            let text = &source(db, function.file).text;
            let name = text.get(span.start as usize..span.end as usize);
            return known::is_import(module, function.expr) || name == Some("callPackage");
        }
        _ => return false,
    };
    known::is_import(module, function.expr) || name.as_str() == "callPackage"
}

/// The function that an expression certainly is, and under which name: a builtin, or a binding's lambda.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    /// By its name in `builtins`.
    Builtin(&'static str),
    /// The lambda, and what it is bound to.
    Lambda(Place, Option<Bound>),
}

/// How many names are followed: programs can refer in circles.
const FUEL: usize = 16;

/// What an expression in the place of a function is.
pub(crate) fn function(db: &dyn Db, mut place: Place) -> Option<Function> {
    let mut name = None;
    for _ in 0..FUEL {
        let module = module(db, place.file);
        let bound = match module.expr(place.expr) {
            Expr::Lambda(_) => return Some(Function::Lambda(place, name)),
            Expr::Var(Var::Global(id)) => {
                return Some(Function::Builtin(globals()[id.0 as usize].builtin_name()));
            }
            Expr::Var(_) => known::variable(db, place)?,
            Expr::Select { base, path, default: None } => {
                if known::is_builtins(module, base)
                    && let [Key::Static(name)] = module.keys(path)
                {
                    return builtin_doc(name.as_str()).map(|doc| Function::Builtin(doc.name));
                }
                let path = known::static_path(module, path)?;
                known::attribute_at(db, Place { expr: base, ..place }, &path)?
            }
            Expr::Let { body, .. } | Expr::With { body, .. } | Expr::Assert { body, .. } => {
                place.expr = body;
                continue;
            }
            _ => return None,
        };
        name = Some(bound);
        place = bound.value(db)?;
    }
    None
}

/// What an expression in the place of a function probably is, and how many arguments it has been given:
/// a partial application, what a library or a `with` binds, a set with `__functor`.
fn inferred_function(db: &dyn Db, place: Place) -> Option<(Function, usize)> {
    let typing = Typing::new(db);
    let mut inference = typing.inference();
    let mut found = inference.type_of(typing.key(place.file), place.expr);
    if found.is_unknown()
        && let Some(known) = library_type(db, &typing, &mut inference, &candidates(db, place))
    {
        found = known;
    }
    if let Some(functor) = inference.attribute(&found, Name::new("__functor")) {
        found = inference.result(&functor);
    }
    if let Some((name, given)) = inference.builtin(&found) {
        return Some((Function::Builtin(name), given));
    }
    let (key, lambda) = inference.places(&found).into_iter().find_map(|place| match place {
        (key, Written::Function(lambda)) => Some((key, lambda)),
        _ => None,
    })?;
    let file = typing.file(key);
    let NamedFunction { expr, given, bound } = named_function(db, file, lambda);
    Some((Function::Lambda(Place { file, expr }, bound), given))
}

/// The type of a builtin at its arrows: one part for each parameter, and the result.
pub(crate) fn arrow_parts(signature: &str) -> Vec<Range<usize>> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, character) in signature.char_indices() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            '-' if depth == 0 && signature[at..].starts_with("->") => {
                parts.push(start..signature[..at].trim_end().len());
                start = at + "-> ".len();
            }
            _ => {}
        }
    }
    parts.push(start.min(signature.len())..signature.len());
    parts
}

/// A call that the cursor is in.
struct Call {
    /// The expression that is called.
    function: ElementId,
    /// The arguments before the cursor's.
    arguments: Vec<ElementId>,
    /// Which argument the cursor is in, or would begin.
    argument: usize,
    /// If that is a set: the attribute of it that is being written.
    attribute: Option<Option<String>>,
}

/// The calls around the cursor, innermost first.
fn calls(cursor: &Cursor<'_>) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut attribute: Option<Option<String>> = None;
    let mut inner: Option<ElementId> = None;
    for (depth, node) in cursor.nodes.iter().enumerate().rev() {
        let kind = cursor.get(*node).kind;
        match kind {
            K::Apply => {
                let mut children = cursor.tree.children(*node);
                let (function, argument) = (children.next(), children.next());
                let behind = !cursor.touches_token() && cursor.get(*node).end < cursor.offset;
                let in_argument = inner.is_some() && inner == argument;
                // `f | x`: an argument is written before another one.
                let between = !cursor.touches_token()
                    && inner == function
                    && argument.is_some_and(|next| cursor.offset <= cursor.get(next).start);
                if let Some(function) = function.filter(|_| in_argument || behind || between) {
                    let (function, mut arguments) = head(cursor, function);
                    arguments.extend(argument.filter(|_| behind));
                    let argument = arguments.len();
                    let attribute = attribute.take();
                    calls.push(Call { function, arguments, argument, attribute });
                }
            }
            K::Binary => {
                let mut children = cursor.tree.children(*node);
                let operand = children.next();
                let is_behind = |id: &ElementId| {
                    cursor.get(*id).kind == K::PipeLeft && cursor.get(*id).end < cursor.offset
                };
                if let Some(operand) = operand.filter(|_| children.any(|id| is_behind(&id))) {
                    let (function, arguments) = head(cursor, operand);
                    let (argument, attribute) = (arguments.len(), attribute.take());
                    calls.push(Call { function, arguments, argument, attribute });
                }
            }
            // `f |`: nothing is applied yet, or only inside of the parentheses: `(f x) |`.
            K::Variable | K::Select | K::Paren
                if !cursor.touches_token()
                    && (inner.is_none() || kind != K::Paren && is_name(cursor, inner)) =>
            {
                let parent = depth.checked_sub(1).map(|depth| cursor.get(cursor.nodes[depth]).kind);
                if !matches!(parent, Some(K::List | K::Apply | K::Select | K::HasAttr)) {
                    let (function, arguments) = head(cursor, *node);
                    let argument = arguments.len();
                    calls.push(Call { function, arguments, argument, attribute: None });
                }
            }
            K::Binding if attribute.is_none() => {
                let path =
                    cursor.tree.children(*node).find(|id| cursor.get(*id).kind == K::AttrPath);
                attribute = Some(path.and_then(|path| {
                    let first = cursor.tree.children(path).next()?;
                    crate::context::attribute_name(cursor, first)
                }));
            }
            K::Inherit if attribute.is_none() => {
                let name = inner.filter(|inner| cursor.get(*inner).kind == K::Attr);
                let name = name.filter(|_| cursor.touches_token());
                attribute =
                    Some(name.and_then(|name| crate::context::attribute_name(cursor, name)));
            }
            K::AttrSet => attribute = Some(attribute.flatten()),
            K::Lambda | K::LetIn | K::LegacyLet => break,
            _ => {}
        }
        inner = Some(*node);
    }
    calls
}

/// Whether nothing but a name is between the cursor and a node.
fn is_name(cursor: &Cursor<'_>, inner: Option<ElementId>) -> bool {
    inner.is_none_or(|inner| matches!(cursor.get(inner).kind, K::AttrPath | K::Ident))
}

fn is_node(cursor: &Cursor<'_>, id: Option<ElementId>) -> bool {
    id.is_some_and(|id| !cursor.get(id).kind.is_token())
}

/// What is called with which arguments, of a chain of calls.
fn head(cursor: &Cursor<'_>, mut function: ElementId) -> (ElementId, Vec<ElementId>) {
    let mut arguments = Vec::new();
    loop {
        let mut nodes = cursor.tree.children(function).filter(|id| is_node(cursor, Some(*id)));
        match (cursor.get(function).kind, nodes.next()) {
            (K::Apply, Some(inner)) => {
                arguments.extend(nodes.next());
                function = inner;
            }
            (K::Paren, Some(inner)) => function = inner,
            _ => {
                arguments.reverse();
                return (function, arguments);
            }
        }
    }
}

fn help(db: &dyn Db, place: Place, call: &Call) -> Option<SignatureHelp> {
    let (function, given) = match function(db, place) {
        Some(function) => (function, 0),
        None => inferred_function(db, place)?,
    };
    let argument = call.argument + given;
    match function {
        Function::Builtin(name) => builtin_help(name, argument),
        Function::Lambda(lambda, bound) => {
            let attribute = call.attribute.as_ref();
            lambda_help(db, lambda, bound, argument, attribute.map(Option::as_deref))
        }
    }
}

/// Of a function of a package set, which evaluation knows: what it takes by name.
fn package_help(db: &dyn Db, function: Place, call: &Call) -> Option<SignatureHelp> {
    if call.argument > 0 {
        return None;
    }
    let attribute = call.attribute.as_ref().and_then(Option::as_deref);
    candidates(db, function).into_iter().find_map(|part| {
        let arguments = package_arguments(db, part.intern(db)).known(db)?;
        let mut label = format!("{} = {{ ", attribute_text(part.path.last()?));
        let mut parameters = Vec::new();
        let mut active = None;
        for (name, optional) in arguments {
            if !parameters.is_empty() {
                label += ", ";
            }
            if attribute == Some(name.as_str()) {
                active = Some(parameters.len());
            }
            let start = label.len();
            label += name.as_str();
            if *optional {
                label += " ? …";
            }
            parameters.push(SignatureParameter { label: start..label.len(), documentation: None });
        }
        label += " }: …";
        let help = SignatureHelp { label, documentation: None, parameters, active };
        (!arguments.is_empty()).then_some(help)
    })
}

fn builtin_help(name: &str, argument: usize) -> Option<SignatureHelp> {
    let doc = builtin_doc(name)?;
    let parts = arrow_parts(doc.signature);
    let (_, parameters) = parts.split_last()?;
    if parameters.is_empty() {
        return None;
    }
    let prefix = format!("{name} :: ");
    let label = format!("{prefix}{}", doc.signature);
    let named = builtin_parameters(name);
    let parameters = parameters.iter().enumerate().map(|(index, part)| SignatureParameter {
        label: part.start + prefix.len()..part.end + prefix.len(),
        documentation: named
            .get(index)
            .map(|parameter| format!("`{}`: {}", parameter.name, parameter.meaning)),
    });
    let parameters: Vec<_> = parameters.collect();
    let active = Some(argument).filter(|active| *active < parameters.len());
    Some(SignatureHelp { label, documentation: Some(doc.doc.to_owned()), parameters, active })
}

fn lambda_help(
    db: &dyn Db,
    place: Place,
    bound: Option<Bound>,
    argument: usize,
    attribute: Option<Option<&str>>,
) -> Option<SignatureHelp> {
    let (module, map) = (module(db, place.file), source_map(db, place.file));
    let text = &source(db, place.file).text;
    let mut label = String::new();
    if let Some(bound) = bound {
        let span = bound.span(db);
        label += &text[span.start as usize..span.end as usize];
        label += " = ";
    }
    let mut parameters = Vec::new();
    let mut active = None;
    let mut expr = Some(place.expr);
    let mut index = 0;
    while let Some(Expr::Lambda(lambda)) = expr.map(|expr: ExprId| module.expr(expr)) {
        let lambda = &module.lambdas[lambda.0 as usize];
        // The attributes of a set that is being written are the parameters then.
        let written = attribute.filter(|_| index == argument);
        let start = label.len();
        match (&lambda.param, written) {
            (Param::Pattern { formals, ellipsis, at }, Some(attribute)) => {
                let mut formals: Vec<_> = formals.iter().collect();
                formals.sort_by_key(|formal| map.names[formal.binding.0 as usize]);
                label += "{ ";
                for (position, formal) in formals.iter().enumerate() {
                    if position > 0 {
                        label += ", ";
                    }
                    if attribute == Some(formal.name.as_str()) {
                        active = Some(parameters.len());
                    }
                    let start = label.len();
                    label += formal.name.as_str();
                    if let Some(default) = formal.default {
                        let span = map.wrapped(default);
                        let default = text.get(span.start as usize..span.end as usize);
                        let short = default.filter(|text| text.len() <= 20 && !text.contains('\n'));
                        label += &format!(" ? {}", short.unwrap_or("…"));
                    }
                    let bound = Bound { file: place.file, binding: formal.binding };
                    let documentation = doc_comment(db, bound);
                    parameters
                        .push(SignatureParameter { label: start..label.len(), documentation });
                }
                if *ellipsis {
                    label += if formals.is_empty() { "..." } else { ", ..." };
                }
                label += " }";
                if let Some((name, _)) = at {
                    label += &format!(" @ {name}");
                }
            }
            (param, _) => {
                let shown = crate::document_symbols::signature(map, param);
                label += shown.strip_suffix(": …").unwrap_or(&shown);
                if index == argument {
                    active = Some(parameters.len());
                }
                let label = start..label.len();
                let documentation = match param {
                    Param::Simple { binding, .. } => {
                        doc_comment(db, Bound { file: place.file, binding: *binding })
                    }
                    Param::Pattern { .. } => None,
                };
                parameters.push(SignatureParameter { label, documentation });
            }
        }
        label += ": ";
        index += 1;
        expr = Some(lambda.body);
    }
    label += "…";
    let documentation = bound.and_then(|bound| doc_comment(db, bound));
    Some(SignatureHelp { label, documentation, parameters, active })
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::fixture::fixture;

    fn check(text: &str, expected: &Expect) {
        let fixture = fixture(text);
        let shown = match signature_help(&fixture.db, fixture.file, fixture.offset) {
            None => "nothing\n".to_owned(),
            Some(help) => {
                let mut shown = help.label.clone() + "\n";
                for (index, parameter) in help.parameters.iter().enumerate() {
                    let mark = if help.active == Some(index) { '>' } else { ' ' };
                    let documentation = parameter.documentation.as_deref().unwrap_or("");
                    let line =
                        format!("{mark} {} {documentation}", &help.label[parameter.label.clone()]);
                    shown += line.trim_end();
                    shown.push('\n');
                }
                shown + help.documentation.as_deref().unwrap_or("") + "\n"
            }
        };
        expected.assert_eq(shown.trim_end());
    }

    #[test]
    fn a_builtin_by_its_arguments() {
        check(
            "map $0",
            &expect![[r#"
            map :: (a -> b) -> [a] -> [b]
            > (a -> b) `function`: Called with each element.
              [a] `list`: The elements.
            The list of what the function gives for each element. The calls happen when an element is needed."#]],
        );
        check(
            "builtins.foldl' (a: b: a) 0 $0",
            &expect![[r#"
            foldl' :: (b -> a -> b) -> b -> [a] -> b
              (b -> a -> b) `operator`: Called with what there is so far, and an element.
              b `initial`: What there is at first.
            > [a] `list`: The elements.
            Combines the elements from left to right, starting with the second argument. Each intermediate result is evaluated at once, so long lists need no deep stack."#]],
        );
        check(
            "builtins.foldl' (a: b: a) 0$0 [ ]",
            &expect![[r#"
            foldl' :: (b -> a -> b) -> b -> [a] -> b
              (b -> a -> b) `operator`: Called with what there is so far, and an element.
            > b `initial`: What there is at first.
              [a] `list`: The elements.
            Combines the elements from left to right, starting with the second argument. Each intermediate result is evaluated at once, so long lists need no deep stack."#]],
        );
    }

    #[test]
    fn a_curried_function_of_the_file() {
        check(
            "let\n  /** Adds. */\n  add = a: b: a + b;\nin add 1 $0",
            &expect![[r#"
                add = a: b: …
                  a
                > b
                Adds."#]],
        );
        check(
            "let add = a: b: a + b; in add 1 2 $0",
            &expect![[r#"
            add = a: b: …
              a
              b"#]],
        );
    }

    #[test]
    fn the_formal_arguments_of_a_pattern() {
        check(
            "let mk = { name, version ? \"1\", deps ? [ 1 2 3 4 5 6 7 8 9 ], ... }: 1; in mk { version = $0; }",
            &expect![[r#"
                mk = { name, version ? "1", deps ? …, ... }: …
                  name
                > version ? "1"
                  deps ? …"#]],
        );
        check(
            "let mk = { name, ... }@all: 1; in mk { $0 }",
            &expect![[r#"
            mk = { name, ... } @ all: …
              name"#]],
        );
    }

    #[test]
    fn a_function_of_another_file() {
        check(
            "//- /w/default.nix\nimport ./f.nix 1 $0\n//- /w/f.nix\na: { b }: a\n",
            &expect![[r#"
                a: { b }: …
                  a
                > { b }"#]],
        );
        check(
            "//- /w/default.nix\n(import ./lib.nix).f 1 $0\n//- /w/lib.nix\n{ f = x: { y }: x; }\n",
            &expect![[r#"
                f = x: { y }: …
                  x
                > { y }"#]],
        );
    }

    #[test]
    fn a_package_that_is_called() {
        check(
            "//- /w/default.nix\n{ pkgs }: pkgs.callPackage ./p.nix { b = $0; }\n//- /w/p.nix\n{ a, b ? 1 }: a\n",
            &expect![[r#"
                { a, b ? 1 }: …
                  a
                > b ? 1"#]],
        );
    }

    /// The parameter that is being written, for each way to write an argument of
    /// `f = a: b: { c, d ? 1, ... }@e: g: a`.
    #[test]
    fn the_parameter_at_every_position() {
        let active = |call: &str| {
            let text = format!("let f = a: b: {{ c, d ? 1, ... }}@e: g: a; in {call}");
            let fixture = fixture(&text);
            let help = signature_help(&fixture.db, fixture.file, fixture.offset);
            let Some(help) = help else { return "nothing".to_owned() };
            help.active.map_or("none".to_owned(), |active| {
                help.label[help.parameters[active].label.clone()].to_owned()
            })
        };
        for (call, expected) in [
            ("f $0", "a"),
            ("f$0", "nothing"),
            ("f $01", "a"),
            ("f $0 1 2", "a"),
            ("f 1$0", "a"),
            ("f 1 $0", "b"),
            ("f 1 $0 2", "b"),
            ("f 1\n  $0", "b"),
            ("(f 1) $0", "b"),
            ("(f 1) $0 2", "b"),
            ("f 1 2 $0", "{ c, d ? …, ... } @ e"),
            ("f 1 2 { c$0 = 1; }", "c"),
            ("f 1 2 { c = $0; }", "c"),
            ("f 1 2 { c = 1; d$0 }", "d ? 1"),
            ("f 1 2 { inherit d$0; }", "d ? 1"),
            ("f 1 2 { inherit (x) c$0 d; }", "c"),
            ("f 1 2 { $0 }", "none"),
            ("f 1 2 { } $0", "g"),
            ("f 1 2 { } 3 $0", "none"),
            ("f (f 1 $0) 2", "b"),
            ("f (f 1) $0", "b"),
            ("f [ $0 ]", "a"),
            ("f \"${f 1 $0}\"", "b"),
            ("f { x = f 1 $0; }", "b"),
            ("f 1 # $0", "nothing"),
            ("1 |> f $0", "a"),
            ("f 1 <| $0", "b"),
            ("let h = f 1; in h $0", "b"),
            ("let h = f 1 2; in h { d$0 }", "d ? 1"),
            ("let s.__functor = self: f; in s 1 $0", "b"),
            ("with { inherit f; }; f 1 $0", "b"),
            ("with builtins; substring 0 $0", "Int"),
        ] {
            assert_eq!(active(call), expected, "{call}");
        }
    }

    #[test]
    fn parameters_have_their_comments() {
        check(
            "let\n  # Adds.\n  add =\n    # What is added to.\n    a:\n    # What is added.\n    b:\n    a + b;\nin add 1 $0",
            &expect![[r#"
                add = a: b: …
                  a What is added to.
                > b What is added.
                Adds."#]],
        );
    }

    #[test]
    fn a_function_of_the_library() {
        check(
            "{ lib, ... }: lib.optional true $0",
            &expect![[r#"
            optional = cond: elem: …
              cond
            > elem
            A list of one element if a condition holds, and otherwise the empty one."#]],
        );
    }

    #[test]
    fn a_function_of_the_package_set() {
        check(
            "{ pkgs, ... }: pkgs.mkShell { name = $0; }",
            &expect![[r#"
                mkShell = { buildInputs ? …, inputsFrom ? …, name ? …, nativeBuildInputs ? …, packages ? …, propagatedBuildInputs ? …, shellHook ? … }: …
                  buildInputs ? …
                  inputsFrom ? …
                > name ? …
                  nativeBuildInputs ? …
                  packages ? …
                  propagatedBuildInputs ? …
                  shellHook ? …"#]],
        );
        check(
            "{ pkgs, ... }: pkgs.lib.optional true $0",
            &expect![[r#"
            optional = cond: elem: …
              cond
            > elem
            A list of one element if a condition holds, and otherwise the empty one."#]],
        );
    }

    #[test]
    fn not_in_the_body_of_a_function_or_where_nothing_is_called() {
        check("map (x: $0x)", &expect!["nothing"]);
        check("{ a = 1; $0 }", &expect!["nothing"]);
        check("[ map $0 ]", &expect!["nothing"]);
    }
}
