//! The options of NixOS modules, from the nixpkgs of the workspace.

use floe_db::{Db, Evaluated, File, Patience, Session, evaluate, module, parse, source};
use floe_eval::heap::{Kind, Value};
use floe_hir::{AttrsId, Expr, ExprId, Module, Param};

use super::option_list::known_options;
use super::option_tree::{Told, find};
use super::values::{attrs, force, get, get_text, is_true, text};
use super::{SourceLine, values};
use crate::context::{Context, Step, context};
use crate::cursor::Cursor;

/// An option, or a set of options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OptionInfo {
    pub(crate) name: String,
    /// `None` for a set of options.
    pub(crate) option: Option<OptionDetails>,
}

/// What an option says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OptionDetails {
    pub(crate) type_description: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) default: Option<String>,
    pub(crate) example: Option<String>,
    pub(crate) declarations: Vec<SourceLine>,
    /// Not meant to be seen: mostly an old name of another option.
    pub(crate) is_hidden: bool,
}

/// One step of the path to an option.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum OptionStep {
    /// An attribute.
    Attribute(String),
    /// An attribute with any name: one of `attrsOf`.
    AnyAttribute,
    /// An element of `listOf`.
    Element,
}

/// The path to a set of options.
#[salsa::interned(debug)]
pub(crate) struct OptionPath<'db> {
    #[returns(ref)]
    pub(crate) steps: Vec<OptionStep>,
}

/// The options directly below a path, by name. Empty where there is no such set of options.
#[salsa::tracked]
pub(crate) fn options_below<'db>(
    db: &'db dyn Db,
    path: OptionPath<'db>,
) -> Evaluated<Vec<OptionInfo>> {
    let steps = path.steps(db).clone();
    let known = known_options(db).as_ref().map(|known| find(&known.options, &steps));
    match known {
        Some(Told::Options(options)) => {
            let shown = options.iter().filter(|node| !node.is_internal);
            return Evaluated::Answer(shown.map(|node| node.info.clone()).collect());
        }
        Some(Told::Nothing) => return Evaluated::Answer(Vec::new()),
        Some(Told::Unknown) | None => {}
    }
    evaluate(db, Patience::Interactive, path, move |session| {
        children(session, &steps).unwrap_or_default()
    })
}

/// The path of what a module defines by the name under the cursor.
pub(crate) fn defined_path(db: &dyn Db, file: File, offset: u32) -> Option<Vec<OptionStep>> {
    let text = &source(db, file).text;
    let cursor = Cursor::new(&parse(db, file).tree, text, offset);
    let (Context::Binding { mut path, around }, span) = context(&cursor) else { return None };
    if !is_module(db, file) {
        return None;
    }
    path.push(text.get(span.start as usize..span.end as usize)?.to_owned());
    option_path(&around, &path)
}

/// The path to the options that a set in a module defines, from the steps to that set. `None` where the
/// set defines no options.
pub(crate) fn option_path(around: &[Step], path: &[String]) -> Option<Vec<OptionStep>> {
    let mut steps = Vec::new();
    let mut merged = false;
    for step in around {
        match step {
            Step::Attribute(name) if steps.is_empty() && name == "config" => {}
            // These are no definitions.
            Step::Attribute(name)
                if steps.is_empty() && matches!(name.as_str(), "options" | "imports") =>
            {
                return None;
            }
            Step::Attribute(name) => steps.push(OptionStep::Attribute(name.clone())),
            Step::Computed => steps.push(OptionStep::AnyAttribute),
            Step::Argument(function) => {
                merged = function == "mkMerge";
                if !passes_on(function) {
                    return None;
                }
                continue;
            }
            Step::Element if merged => {}
            Step::Element => steps.push(OptionStep::Element),
            Step::Let => return None,
        }
        merged = false;
    }
    let path = match path {
        [first, rest @ ..] if steps.is_empty() && first == "config" => rest,
        path => path,
    };
    steps.extend(path.iter().cloned().map(OptionStep::Attribute));
    Some(steps)
}

/// Whether a function's argument defines the options that its result defines.
pub(crate) fn passes_on(function: &str) -> bool {
    matches!(
        function,
        "mkIf"
            | "mkMerge"
            | "mkForce"
            | "mkDefault"
            | "mkOverride"
            | "mkBefore"
            | "mkAfter"
            | "mkOrder"
            | "mkVMOverride"
            | "mkImageMediaOverride"
            | "optionalAttrs"
            | "recursiveUpdate"
    )
}

/// Whether a file is a NixOS module: a function of what modules are given, or a set of options.
pub(crate) fn is_module(db: &dyn Db, file: File) -> bool {
    let module = module(db, file);
    let Expr::Lambda(lambda) = module.expr(module.root) else { return defines_options(db, module) };
    let lambda = &module.lambdas[lambda.0 as usize];
    let Param::Pattern { formals, ellipsis, .. } = &lambda.param else { return false };
    let names = || formals.iter().map(|formal| formal.name.as_str());
    let has_defaults = formals.iter().any(|formal| formal.default.is_some());
    let takes_configuration =
        names().any(|name| matches!(name, "config" | "options" | "modulesPath"));
    let takes_what_all_do =
        !has_defaults && names().all(|name| matches!(name, "lib" | "pkgs" | "utils" | "inputs"));
    match set_inside(module, lambda.body) {
        // A package can take the configuration of nixpkgs, but it does so by name, without the dots.
        Some(set) if !ellipsis => takes_configuration && is_written_as_module(module, set),
        Some(_) => takes_configuration || takes_what_all_do,
        None => *ellipsis && takes_configuration && !is_function(module, lambda.body),
    }
}

/// The set that an expression is, behind its `let`s.
pub(crate) fn set_inside(module: &Module, mut expr: ExprId) -> Option<AttrsId> {
    loop {
        expr = match module.expr(expr) {
            Expr::Let { body, .. } | Expr::With { body, .. } | Expr::Assert { body, .. } => body,
            Expr::Attrs(attrs) => return Some(attrs),
            _ => return None,
        };
    }
}

fn is_function(module: &Module, expr: ExprId) -> bool {
    matches!(module.expr(expr), Expr::Lambda(_))
}

pub(crate) fn is_written_as_module(module: &Module, set: AttrsId) -> bool {
    let mut entries = module.attrs[set.0 as usize].entries.iter();
    entries.any(|entry| matches!(entry.name.as_str(), "imports" | "options" | "config"))
}

/// Whether a file that is a set has options of NixOS for attributes.
fn defines_options(db: &dyn Db, module: &Module) -> bool {
    let Expr::Attrs(attrs) = module.expr(module.root) else { return false };
    let entries = &module.attrs[attrs.0 as usize].entries;
    let has = |name: &str| entries.iter().any(|entry| entry.name.as_str() == name);
    // A flake has these, and no options.
    if entries.is_empty() || has("outputs") {
        return false;
    }
    if is_written_as_module(module, attrs) {
        return true;
    }
    let roots = options_below(db, OptionPath::new(db, Vec::new())).known(db);
    roots.is_some_and(|roots| roots.iter().any(|root| has(&root.name)))
}

/// The options of a system without a configuration.
pub(super) fn root<'h>(session: &Session<'h>) -> Option<Value<'h>> {
    session
        .shared("(import <nixpkgs/nixos> { configuration = { }; }).options")
        .map_err(|error| tracing::debug!(error = error.message(), "options"))
        .ok()
}

fn children(session: &Session<'_>, steps: &[OptionStep]) -> Option<Vec<OptionInfo>> {
    let set = walk(session, root(session)?, steps)?;
    let mut found = Vec::new();
    for attr in attrs(session, set)?.sorted() {
        let name = attr.name.as_str();
        if name.starts_with('_') {
            continue;
        }
        let Some(value) = force(session, attr.cell.get()) else { continue };
        if !is_option(session, value) {
            if matches!(value.kind(), Kind::Attrs(_)) {
                found.push(OptionInfo { name: name.to_owned(), option: None });
            }
        } else if !is_true(session, value, "internal") {
            let option = Some(details(session, value));
            found.push(OptionInfo { name: name.to_owned(), option });
        }
    }
    Some(found)
}

/// The set of options that a path leads to.
fn walk<'h>(session: &Session<'h>, root: Value<'h>, steps: &[OptionStep]) -> Option<Value<'h>> {
    let mut at = root;
    let mut rest = steps;
    loop {
        if is_option(session, at) {
            (at, rest) = into_type(session, get(session, at, "type")?, rest)?;
            continue;
        }
        let Some((step, behind)) = rest.split_first() else { return Some(at) };
        let OptionStep::Attribute(name) = step else { return None };
        at = get(session, at, name)?;
        rest = behind;
    }
}

/// The options inside of a type, and what is left of the path there.
fn into_type<'h, 's>(
    session: &Session<'h>,
    of: Value<'h>,
    steps: &'s [OptionStep],
) -> Option<(Value<'h>, &'s [OptionStep])> {
    let element = || element_type(session, of);
    match get_text(session, of, "name")?.as_str() {
        "attrsOf" | "lazyAttrsOf" | "loaOf" => match steps.split_first()? {
            (OptionStep::Attribute(_) | OptionStep::AnyAttribute, rest) => {
                into_type(session, element()?, rest)
            }
            (OptionStep::Element, _) => None,
        },
        "listOf" => match steps.split_first()? {
            (OptionStep::Element, rest) => into_type(session, element()?, rest),
            _ => None,
        },
        "nullOr" | "uniq" | "unique" | "coercedTo" => into_type(session, element()?, steps),
        "either" => {
            let nested = get(session, of, "nestedTypes")?;
            ["left", "right"]
                .iter()
                .find_map(|side| into_type(session, get(session, nested, side)?, steps))
        }
        _ => submodule_options(session, of).map(|options| (options, steps)),
    }
}

/// The type of what is in a value of a type.
pub(super) fn element_type<'h>(session: &Session<'h>, of: Value<'h>) -> Option<Value<'h>> {
    let nested = get(session, of, "nestedTypes").and_then(|n| get(session, n, "elemType"));
    nested.or_else(|| get(session, get(session, of, "functor")?, "wrapped"))
}

/// The options of a submodule, of which a type without options has none.
pub(super) fn submodule_options<'h>(session: &Session<'h>, of: Value<'h>) -> Option<Value<'h>> {
    let function = get(session, of, "getSubOptions")?;
    let prefix = session.evaluator.heap.list(&[]);
    let options = session.evaluator.call(function, &[prefix], Default::default()).ok()?;
    let is_empty = attrs(session, options)?.is_empty();
    (!is_empty).then_some(options)
}

pub(super) fn is_option<'h>(session: &Session<'h>, value: Value<'h>) -> bool {
    get_text(session, value, "_type").is_some_and(|of| of == "option")
}

pub(super) fn details<'h>(session: &Session<'h>, option: Value<'h>) -> OptionDetails {
    let of = get(session, option, "type");
    let written = |name: &str| {
        let value = get(session, option, name)?;
        literal(session, value)
    };
    OptionDetails {
        type_description: of.and_then(|of| get_text(session, of, "description")),
        description: get(session, option, "description").and_then(|description| {
            text(session, description).or_else(|| get_text(session, description, "text"))
        }),
        // A text that says no more of itself is one of the language, in older nixpkgs.
        default: get_text(session, option, "defaultText")
            .or_else(|| written("defaultText"))
            .or_else(|| written("default")),
        example: written("example"),
        declarations: declarations(session, option),
        is_hidden: get(session, option, "visible")
            .is_some_and(|visible| matches!(visible.kind(), Kind::Bool(false))),
    }
}

/// A value as it would be written, if that is short.
fn literal<'h>(session: &Session<'h>, value: Value<'h>) -> Option<String> {
    match value.kind() {
        Kind::Attrs(attrs) if attrs.is_empty() => Some("{ }".to_owned()),
        // `literalExpression "…"`, `literalMD "…"`
        Kind::Attrs(_) => {
            get_text(session, value, "_type")?;
            get_text(session, value, "text")
        }
        Kind::List(list) if list.len() > 12 => None,
        Kind::List(list) => {
            let elements = list.iter().map(|element| {
                let element = force(session, element)?;
                let is_simple = !matches!(element.kind(), Kind::List(_) | Kind::Attrs(_));
                is_simple.then(|| literal(session, element)).flatten()
            });
            let elements: Option<Vec<String>> = elements.collect();
            Some(match elements?.as_slice() {
                [] => "[ ]".to_owned(),
                elements => format!("[ {} ]", elements.join(" ")),
            })
        }
        Kind::Null
        | Kind::Bool(_)
        | Kind::Int(_)
        | Kind::Float(_)
        | Kind::String(_)
        | Kind::Path(_) => session.evaluator.print(value).ok(),
        _ => None,
    }
}

fn declarations<'h>(session: &Session<'h>, option: Value<'h>) -> Vec<SourceLine> {
    // Newer nixpkgs says the line as well.
    let positions = list(session, option, "declarationPositions").into_iter().filter_map(|place| {
        let line = match get(session, place, "line")?.kind() {
            Kind::Int(line) => u32::try_from(line).ok()?,
            _ => 1,
        };
        Some(SourceLine { path: values::get_text(session, place, "file")?.into(), line })
    });
    let positions: Vec<SourceLine> = positions.collect();
    if !positions.is_empty() {
        return positions;
    }
    let files = list(session, option, "declarations").into_iter();
    let files = files.filter_map(|file| text(session, file));
    files.map(|path| SourceLine { path: path.into(), line: 1 }).collect()
}

fn list<'h>(session: &Session<'h>, value: Value<'h>, name: &str) -> Vec<Value<'h>> {
    match get(session, value, name).map(Value::kind) {
        Some(Kind::List(list)) => list.iter().collect(),
        _ => Vec::new(),
    }
}

/// The roles of nixpkgs' Markdown, `{option}` in front of a code span, mean nothing to an editor.
fn without_roles(markdown: &str) -> String {
    let mut result = String::with_capacity(markdown.len());
    let mut rest = markdown;
    while let Some(start) = rest.find('{') {
        let (before, at) = rest.split_at(start);
        result += before;
        let name = at[1..].find(|c: char| !c.is_ascii_lowercase()).unwrap_or(0);
        if name > 0 && !before.ends_with('`') && at[1 + name..].starts_with("}`") {
            rest = &at[name + 2..];
        } else {
            result.push('{');
            rest = &at[1..];
        }
    }
    result + rest
}

impl OptionInfo {
    /// Its name as it is written in a path.
    pub(super) fn shown_name(&self) -> impl std::fmt::Display {
        floe_hir::Identifier(&self.name)
    }

    /// What there is to say about it, as Markdown.
    pub(crate) fn markdown(&self) -> Option<String> {
        let option = self.option.as_ref()?;
        let mut markdown = without_roles(option.description.as_deref().unwrap_or_default().trim());
        let mut add = |title: &str, value: &Option<String>| {
            if let Some(value) = value {
                let value = value.trim();
                match value.contains('\n') {
                    true => markdown += &format!("\n\n{title}:\n```nix\n{value}\n```"),
                    false => markdown += &format!("\n\n{title}: `{value}`"),
                }
            }
        };
        add("Type", &option.type_description);
        add("Default", &option.default);
        add("Example", &option.example);
        for place in &option.declarations {
            markdown += &format!("\n\nDeclared in `{}`", place.path.display());
        }
        Some(markdown.trim_start().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::without_roles;

    #[test]
    fn roles_of_nixpkgs_are_left_out() {
        assert_eq!(
            without_roles("See {option}`a.b` in {file}`/etc`, not {x} or `{option}`."),
            "See `a.b` in `/etc`, not {x} or `{option}`."
        );
    }
}
