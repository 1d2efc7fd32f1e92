//! Makes an option of the selected expression: in a NixOS module, what it defines something by becomes
//! the default of an option that the module declares, so that other modules can set it.

use floe_hir::{Name, Visible};
use floe_syntax::{SyntaxKind, TextEdit};
use floe_types::{Inference, Type};

use super::{
    Assist, AssistKind, Context, add_argument, end_of_line, extract_let, indented, names, unwrapped,
};
use crate::evaluation::options::{is_module, passes_on};
use crate::infer::Typing;
use crate::tree::{Node, Tightness, in_place_of};

pub(super) fn assist(context: &Context<'_>) -> Option<Assist> {
    let expr = context.selected()?;
    let lambda = context.tree.root().expr(0)?.without_parens();
    let pattern = lambda.child(SyntaxKind::Param)?.child(SyntaxKind::Pattern)?;
    let body = Body::of(lambda)?;
    if !is_module(context.db, context.file) || !body.defines(expr) || is_definition_of_its_own(expr)
    {
        return None;
    }
    let formals = pattern.all_of(SyntaxKind::Formal).filter_map(|formal| formal.children().next());
    let formals: Vec<&str> = formals.map(Node::text).collect();
    let missing: Vec<&str> =
        ["config", "lib"].into_iter().filter(|name| !formals.contains(name)).collect();
    if !knows_arguments(context, pattern, expr) {
        return None;
    }
    let mut path = body.prefix(context);
    let bound = expr.parent().filter(|parent| parent.is(SyntaxKind::Binding));
    let wanted = bound.and_then(|binding| binding.attrs().pop()?.name());
    let wanted = wanted.filter(|name| floe_syntax::is_identifier(name));
    let wanted = wanted.or_else(|| extract_let::attribute_for(expr));
    let name = free_name(wanted.as_deref().unwrap_or("value"), |name| {
        let with_name: Vec<&str> = path.iter().map(String::as_str).chain([name]).collect();
        body.declares(&with_name)
    });
    path.push(name.clone());
    let of = option_type(context, expr);
    let place = body.place(&path)?;
    let around = match place {
        Place::Inside(set, _) => set,
        Place::Beside => body.set,
    };
    if !names::mean_the_same_at(context, expr.span(), names::expr_of(context, around)?)
        || !knows_arguments(context, pattern, around)
    {
        return None;
    }
    let (insert, option) = body.declaration(context, expr, &path, &place, &of)?;
    let written = format!("config.{}", path.join("."));
    let mut edits = Vec::new();
    if !missing.is_empty() {
        edits.push(add_argument::added(pattern, &missing.join(", ")));
    }
    let replaced = in_place_of(expr, &written, Tightness::Selection);
    edits.extend(body.edits(context, TextEdit::insert(insert, option), expr, &replaced)?);
    Some(Assist {
        title: format!("Extract to the option '{}'", path.join(".")),
        kind: AssistKind::Extract,
        edits,
        new_file: None,
    })
}

/// Whether `config` and `lib` can only be the module's own arguments at a node.
fn knows_arguments(context: &Context<'_>, pattern: Node<'_>, at: Node<'_>) -> bool {
    let Some(at) = names::expr_of(context, at) else { return false };
    ["config", "lib"].into_iter().map(Name::new).all(|name| {
        let binding =
            context.scopes.visible(context.module, at).find_map(|visible| match visible {
                Visible::Binding(bound, binding) if bound == name => Some(binding),
                _ => None,
            });
        binding.is_none_or(|binding| {
            let at = context.map.names[binding.0 as usize];
            pattern.start() <= at.start && at.end <= pattern.end()
        })
    })
}

/// What a module is made of.
struct Body<'t> {
    set: Node<'t>,
    /// Whether all that it defines stands at the top, not in `config`.
    is_short: bool,
}

/// Where an option is declared.
enum Place<'t, 'p> {
    /// In a literal set, at this path below it.
    Inside(Node<'t>, &'p [String]),
    /// As an attribute of the module, beside its other options.
    Beside,
}

/// What may stand beside `options` and `config`.
const SPECIAL: &[&str] = &[
    "options",
    "config",
    "imports",
    "disabledModules",
    "freeformType",
    "meta",
    "_file",
    "_class",
    "key",
];

impl<'t> Body<'t> {
    fn of(lambda: Node<'t>) -> Option<Body<'t>> {
        let mut set = lambda.expr(0)?.without_parens();
        while matches!(set.kind(), SyntaxKind::LetIn | SyntaxKind::With | SyntaxKind::Assert) {
            set = set.exprs().last()?.without_parens();
        }
        if !set.is(SyntaxKind::AttrSet) || set.child(SyntaxKind::RecKw).is_some() {
            return None;
        }
        let firsts: Vec<Option<String>> = set.entries().map(first_name).collect();
        let has = |name: &str| firsts.iter().any(|first| first.as_deref() == Some(name));
        Some(Body { set, is_short: !has("options") && !has("config") })
    }

    /// Whether an expression is, or is a part of, what the module defines some option by. Which options
    /// it defines must not depend on an option.
    fn defines(&self, expr: Node<'t>) -> bool {
        let around: Vec<Node<'t>> = expr.ancestors().take_while(|node| *node != self.set).collect();
        if around.last().is_none_or(|node| node.parent() != Some(self.set)) {
            return false;
        }
        let mut inner_of = around.iter().rev();
        let Some(entry) = inner_of.next() else { return false };
        let names: Vec<Option<String>> = entry.attrs().into_iter().map(Node::name).collect();
        let mut defined = match names.first() {
            Some(Some(first)) if first == "config" => names.len() > 1,
            Some(Some(first)) if self.is_short => !SPECIAL.contains(&first.as_str()),
            _ => return false,
        };
        if !defined && names.first().is_none_or(|first| first.as_deref() != Some("config")) {
            return false;
        }
        let mut node = *entry;
        for inner in inner_of {
            if inner.is(SyntaxKind::AttrPath) {
                return false;
            }
            defined = defined
                || match node.kind() {
                    SyntaxKind::Binding if node != *entry => {
                        node.parent().is_some_and(|set| set.is(SyntaxKind::AttrSet))
                    }
                    SyntaxKind::Binding | SyntaxKind::Paren | SyntaxKind::AttrSet => false,
                    SyntaxKind::List => false,
                    SyntaxKind::LetIn | SyntaxKind::With if node.exprs().last() == Some(*inner) => {
                        false
                    }
                    SyntaxKind::Apply if node.expr(1) == Some(*inner) && hands_on(node) => false,
                    _ => return false,
                };
            node = *inner;
        }
        defined
    }

    /// The path below which the module declares its options: that of its first ones, or the name of the
    /// file.
    fn prefix(&self, context: &Context<'_>) -> Vec<String> {
        let options = self.entries_named("options").next();
        let declared = options.and_then(|entry| {
            let mut path: Vec<String> =
                entry.attrs().into_iter().skip(1).map(Node::name).collect::<Option<_>>()?;
            let mut sets = literal_sets(entry.expr(0)?);
            while let Some(set) = sets.first()
                && let Some(first) = set.all_of(SyntaxKind::Binding).next()
            {
                let names: Vec<String> =
                    first.attrs().into_iter().map(Node::name).collect::<Option<_>>()?;
                path.extend(names);
                sets = literal_sets(first.expr(0)?);
            }
            // What is left is the name of the option itself.
            if sets.is_empty() {
                path.pop();
            }
            let is_written = path.iter().all(|name| floe_syntax::is_identifier(name));
            (is_written && !path.is_empty()).then_some(path)
        });
        declared.unwrap_or_else(|| {
            let file = context.file.path(context.db);
            let named = match file.file_stem().and_then(|stem| stem.to_str()) {
                Some("default") => file.parent().and_then(|folder| folder.file_name()?.to_str()),
                stem => stem,
            };
            let named = named.filter(|name| floe_syntax::is_identifier(name));
            vec![named.unwrap_or("custom").to_owned()]
        })
    }

    fn entries_named(&self, name: &str) -> impl Iterator<Item = Node<'t>> {
        self.set
            .all_of(SyntaxKind::Binding)
            .filter(move |entry| first_name(*entry).as_deref() == Some(name))
    }

    fn declares(&self, path: &[&str]) -> bool {
        self.entries_named("options").any(|entry| {
            let names: Vec<Option<String>> =
                entry.attrs().into_iter().skip(1).map(Node::name).collect();
            declared_in(&names, entry, path)
        })
    }

    /// Where an option can be declared. Nowhere if its path leads into what is no literal set.
    fn place<'p>(&self, path: &'p [String]) -> Option<Place<'t, 'p>> {
        let mut place: Option<(Node<'t>, &[String])> = None;
        for entry in self.entries_named("options") {
            let names: Option<Vec<String>> =
                entry.attrs().into_iter().skip(1).map(Node::name).collect();
            let Some(mut rest) = names.and_then(|names| path.strip_prefix(names.as_slice())) else {
                continue;
            };
            let mut value = entry.expr(0)?;
            loop {
                let sets = literal_sets(value);
                let first = sets.first().filter(|set| set.child(SyntaxKind::RecKw).is_none())?;
                if !rest.is_empty() && place.is_none_or(|(_, found)| rest.len() < found.len()) {
                    place = Some((*first, rest));
                }
                // Of what `//` joins the last one counts.
                let bindings = sets.iter().rev().flat_map(|set| set.all_of(SyntaxKind::Binding));
                let below = bindings.filter_map(|binding| {
                    let names: Vec<String> =
                        binding.attrs().into_iter().map(Node::name).collect::<Option<_>>()?;
                    Some((binding.expr(0)?, rest.strip_prefix(names.as_slice())?))
                });
                let Some((inner, behind)) = below.min_by_key(|(_, behind)| behind.len()) else {
                    break;
                };
                (value, rest) = (inner, behind);
            }
        }
        Some(place.map_or(Place::Beside, |(set, rest)| Place::Inside(set, rest)))
    }

    /// Where in the text the option is declared, and how.
    fn declaration(
        &self,
        context: &Context<'_>,
        expr: Node<'t>,
        path: &[String],
        place: &Place<'t, '_>,
        of: &str,
    ) -> Option<(u32, String)> {
        let indentation_of = |node: Node<'_>| context.tree.indentation(node.start());
        let line = |at: Node<'_>, path: String, is_first: bool| {
            let indentation = indentation_of(at);
            let indentation =
                if is_first { format!("{indentation}  ") } else { indentation.to_owned() };
            let value = unwrapped(expr);
            let from = context.tree.indentation(value.start()).len() as i64;
            let value = indented(value, indentation.len() as i64 + 2 - from);
            format!(
                "\n{indentation}{path} = lib.mkOption {{\n{indentation}  type = {of};\n\
                 {indentation}  default = {value};\n{indentation}}};"
            )
        };
        if let Place::Inside(set, rest) = place {
            return Some(match set.entries().last() {
                Some(last) => (end_of_line(context, last), line(last, rest.join("."), false)),
                None => {
                    let open = set.child(SyntaxKind::LBrace)?;
                    (open.end(), line(*set, rest.join("."), true))
                }
            });
        }
        let path = format!("options.{}", path.join("."));
        if let Some(last) = self.entries_named("options").last() {
            return Some((end_of_line(context, last), line(last, path, false)));
        }
        match self.entries_named("imports").last() {
            Some(imports) if self.set.entries().next() == Some(imports) => {
                Some((end_of_line(context, imports), line(imports, path, false)))
            }
            _ => {
                let open = self.set.child(SyntaxKind::LBrace)?;
                Some((open.end(), line(self.set, path, true)))
            }
        }
    }

    /// The edits of the module's set. What stands at its top goes into `config` where `options` comes
    /// beside it.
    fn edits(
        &self,
        context: &Context<'_>,
        declaration: TextEdit,
        expr: Node<'t>,
        replaced: &str,
    ) -> Option<Vec<TextEdit>> {
        if !self.is_short {
            let mut edits = vec![declaration, TextEdit::replace(expr.range(), replaced)];
            edits.sort_by_key(|edit| edit.range.start);
            return Some(edits);
        }
        let entries: Vec<Node<'t>> = self.set.entries().collect();
        let is_special = |entry: &Node<'t>| {
            first_name(*entry).is_some_and(|name| SPECIAL.contains(&name.as_str()))
        };
        let first = entries.iter().position(|entry| !is_special(entry))?;
        if first > 1 || entries[first..].iter().any(is_special) {
            return None;
        }
        // From behind what stands before to before the bracket, comments with it.
        let close = self.set.children().last().filter(|close| close.is(SyntaxKind::RBrace))?;
        let (start, end) = (declaration.range.start, close.start());
        let (start_of_text, end_of_text) = (start as usize, end as usize);
        let mut inside = context.text[start_of_text..end_of_text].to_owned();
        let at = (expr.start() - start) as usize;
        inside.replace_range(at..at + expr.text().len(), replaced);
        let indentation = match first.checked_sub(1) {
            Some(before) => context.tree.indentation(entries[before].start()).to_owned(),
            None => format!("{}  ", context.tree.indentation(self.set.start())),
        };
        let lines =
            shifted(self.set, start, &inside, at, replaced.len() as i64 - expr.text().len() as i64);
        let lines = lines.trim_matches('\n').trim_end();
        let lines =
            if lines.contains('\n') || context.text[start_of_text..end_of_text].contains('\n') {
                lines.to_owned()
            } else {
                format!("{indentation}  {}", lines.trim())
            };
        let text = format!(
            "{}\n\n{indentation}config = {{\n{lines}\n{indentation}}};\n{}",
            declaration.insert,
            context.tree.indentation(close.start())
        );
        Some(vec![TextEdit::replace(start..end, text)])
    }
}

/// The text of a part of a module with two more spaces before each line that begins in no string.
/// `grown_at` and `by` tell where the text is longer than in the file.
fn shifted(set: Node<'_>, from: u32, text: &str, grown_at: usize, by: i64) -> String {
    let fragments: Vec<_> =
        set.descendants().filter(|node| node.is(SyntaxKind::StringFragment)).collect();
    let mut shifted = String::with_capacity(text.len());
    let mut offset = 0_usize;
    for line in text.split_inclusive('\n') {
        let original = if offset > grown_at { offset as i64 - by } else { offset as i64 };
        let at = (i64::from(from) + original) as u32;
        let in_string = fragments.iter().any(|node| node.start() < at && at <= node.end());
        if !in_string && !line.trim().is_empty() && offset > 0 {
            shifted += "  ";
        }
        shifted += line;
        offset += line.len();
    }
    shifted
}

fn first_name(entry: Node<'_>) -> Option<String> {
    entry.attrs().first()?.name()
}

/// Whether a binding whose attribute path is `names` declares the option at `path`, or one below it.
fn declared_in(names: &[Option<String>], binding: Node<'_>, path: &[&str]) -> bool {
    for (index, name) in names.iter().enumerate() {
        match (path.get(index), name) {
            (None, _) => return true,
            (Some(wanted), Some(name)) if wanted == name => {}
            _ => return false,
        }
    }
    let rest = &path[names.len()..];
    let sets = binding.expr(0).map(literal_sets).unwrap_or_default();
    rest.is_empty()
        || sets.into_iter().flat_map(|set| set.all_of(SyntaxKind::Binding)).any(|inner| {
            let names: Vec<Option<String>> = inner.attrs().into_iter().map(Node::name).collect();
            declared_in(&names, inner, rest)
        })
}

/// The literal sets that a value is made of: in parentheses, behind `let`, `with` and `assert`, joined by
/// `//`. None if it begins with something else.
fn literal_sets(value: Node<'_>) -> Vec<Node<'_>> {
    let (mut pending, mut sets) = (vec![value], Vec::new());
    while let Some(node) = pending.pop() {
        match node.kind() {
            SyntaxKind::AttrSet => sets.push(node),
            SyntaxKind::Paren => pending.extend(node.expr(0)),
            SyntaxKind::LetIn | SyntaxKind::With | SyntaxKind::Assert => {
                pending.extend(node.exprs().last());
            }
            SyntaxKind::Binary if node.operator() == Some(SyntaxKind::SlashSlash) => {
                pending.extend(node.expr(1));
                pending.extend(node.expr(0));
            }
            _ if sets.is_empty() => return sets,
            _ => {}
        }
    }
    sets
}

fn free_name(wanted: &str, is_taken: impl Fn(&str) -> bool) -> String {
    if !is_taken(wanted) {
        return wanted.to_owned();
    }
    (2..).map(|number| format!("{wanted}{number}")).find(|name| !is_taken(name)).unwrap_or_default()
}

/// Whether a call is of a function whose result defines what its last argument defines.
fn hands_on(call: Node<'_>) -> bool {
    let mut function = call;
    while function.is(SyntaxKind::Apply)
        && let Some(inner) = function.expr(0)
    {
        function = inner.without_parens();
    }
    let name = function.text().rsplit('.').next().unwrap_or_default();
    passes_on(name)
}

/// What says how it is merged with other definitions is no value.
fn is_definition_of_its_own(expr: Node<'_>) -> bool {
    let calls = expr.descendants().filter(|node| node.is(SyntaxKind::Apply));
    calls.filter(|call| !call.expr(0).is_some_and(|function| function.is(SyntaxKind::Apply))).any(
        |call| {
            let name = call.expr(0).map_or("", Node::text).rsplit('.').next().unwrap_or_default();
            passes_on(name) && name.starts_with("mk")
        },
    )
}

/// The option's type, from what the expression certainly or most probably is.
fn option_type(context: &Context<'_>, expr: Node<'_>) -> String {
    let typing = Typing::new(context.db);
    let mut inference = typing.inference();
    let found = names::expr_of(context, expr)
        .map(|id| inference.type_of(typing.key(context.file), id))
        .unwrap_or(Type::Unknown);
    let written = match packages(expr) {
        Some(text) => text.to_owned(),
        None => in_types(&mut inference, &found, 3),
    };
    match written.contains(' ') {
        true => format!("with lib.types; {written}"),
        false => format!("lib.types.{written}"),
    }
}

/// `pkgs.hello` is a package by all custom, though nothing in the text says it.
fn packages(expr: Node<'_>) -> Option<&'static str> {
    let is_package = |node: Node<'_>| {
        let node = node.without_parens();
        node.is(SyntaxKind::Select)
            && node.child(SyntaxKind::OrKw).is_none()
            && node.expr(0).is_some_and(|base| base.is_variable("pkgs"))
            && node.attrs().len() == 1
    };
    let expr = expr.without_parens();
    if is_package(expr) {
        return Some("package");
    }
    let list = match expr.kind() {
        SyntaxKind::With if expr.expr(0)?.is_variable("pkgs") => expr.expr(1)?.without_parens(),
        _ => expr,
    };
    let is_in_packages = list != expr;
    let is_element =
        |node: Node<'_>| is_package(node) || is_in_packages && node.is(SyntaxKind::Variable);
    let is_list = list.is(SyntaxKind::List) && list.expr(0).is_some();
    (is_list && list.exprs().all(is_element)).then_some("listOf package")
}

/// A type as the module system's library writes it, with its names in scope.
fn in_types(inference: &mut Inference<'_>, found: &Type, levels: u32) -> String {
    let levels = levels.saturating_sub(1);
    let operand = |text: String| if text.contains(' ') { format!("({text})") } else { text };
    match found {
        Type::Bool => "bool".to_owned(),
        Type::Int => "int".to_owned(),
        Type::Float => "float".to_owned(),
        Type::String => "str".to_owned(),
        Type::Path => "path".to_owned(),
        Type::List(element) if levels > 0 => {
            format!("listOf {}", operand(in_types(inference, element, levels)))
        }
        Type::Attrs(_) => {
            let (attributes, is_open) = inference.attributes(found);
            let values: Vec<Type> = attributes
                .iter()
                .filter_map(|attribute| inference.attribute(found, attribute.name))
                .collect();
            let element = Type::union(values);
            let is_simple = matches!(
                element,
                Type::Bool | Type::Int | Type::Float | Type::String | Type::Path | Type::List(_)
            );
            match is_simple && !is_open && levels > 0 {
                true => format!("attrsOf {}", operand(in_types(inference, &element, levels))),
                false => "attrs".to_owned(),
            }
        }
        Type::Function(_) => {
            let result = inference.result(found);
            format!("functionTo {}", operand(in_types(inference, &result, levels)))
        }
        Type::Union(members) => {
            let is_number = members.iter().all(|member| matches!(member, Type::Int | Type::Float));
            let others: Vec<Type> =
                members.iter().filter(|member| !matches!(member, Type::Null)).cloned().collect();
            if is_number {
                "number".to_owned()
            } else if others.len() < members.len() {
                let rest = in_types(inference, &Type::union(others), levels);
                format!("nullOr {}", operand(rest))
            } else {
                let parts: Vec<String> = others
                    .iter()
                    .map(|member| operand(in_types(inference, member, levels)))
                    .collect();
                format!("oneOf [ {} ]", parts.join(" "))
            }
        }
        Type::Null | Type::Unknown | Type::Never | Type::List(_) => "anything".to_owned(),
    }
}
