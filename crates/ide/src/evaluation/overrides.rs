//! What an override changes, found by evaluating both sides.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;

use floe_db::{
    Db, Evaluated, File, Patience, Session, evaluate, module, scopes, source, source_map,
};
use floe_eval::heap::{Kind, Value};
use floe_hir::{Expr, ExprId, Name, Param};
use floe_store::StorePath;
use floe_store::derivation::Derivation;

use super::values::{force, get, get_text};
use crate::override_preview::Override;

/// What differs between a package and an override of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Comparison {
    pub(crate) original: String,
    pub(crate) result: String,
    /// The attributes of the derivation that differ, by name.
    pub(crate) changes: Vec<Change>,
    /// The names of the derivations that have to be built anew, the package itself included.
    pub(crate) rebuilt: Vec<String>,
}

/// An attribute of a derivation, before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) attribute: String,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

/// A program that evaluates to `{ original, result }`.
#[salsa::interned(debug)]
pub(crate) struct Program<'db> {
    /// Relative paths are relative to this folder.
    #[returns(ref)]
    pub(crate) folder: PathBuf,
    /// An expression, or a function of named arguments.
    #[returns(ref)]
    pub(crate) text: String,
    /// The arguments that it has to be given.
    #[returns(ref)]
    pub(crate) arguments: Vec<Name>,
}

/// What an override changes, or why that cannot be told.
#[salsa::tracked]
pub(crate) fn comparison<'db>(
    db: &'db dyn Db,
    program: Program<'db>,
) -> Evaluated<Result<Comparison, String>> {
    let (folder, text) = (program.folder(db).clone(), program.text(db).clone());
    let arguments = program.arguments(db).clone();
    evaluate(db, Patience::Interactive, program, move |session| {
        compare(session, &folder, &text, &arguments).map_err(|error| error.message().to_owned())
    })
}

/// The program that compares an override with what it overrides, in the scope that it stands in. `None`
/// where that scope has arguments of a function that nobody but its callers knows.
pub(crate) fn program<'db>(db: &'db dyn Db, file: File, found: Override) -> Option<Program<'db>> {
    let (module, map) = (module(db, file), source_map(db, file));
    let scopes = scopes(db, file);
    let text = &source(db, file).text;
    let slice = |start: u32, end: u32| text.get(start as usize..end as usize);
    let mut program = String::new();
    let mut arguments = Vec::new();

    let mut around: Vec<ExprId> = scopes.ancestors(found.call).collect();
    around.reverse();
    for pair in around.windows(2) {
        let [expr, inner] = *pair else { continue };
        let start = map.exprs[expr.0 as usize].start;
        match module.expr(expr) {
            Expr::Lambda(lambda) => {
                let lambda = &module.lambdas[lambda.0 as usize];
                if inner != lambda.body {
                    return None;
                }
                let formals = match &lambda.param {
                    // An overlay is given the package set, before it and with it.
                    Param::Simple { name, .. } if is_overlay_argument(*name) => {
                        program += &format!("let {name} = import <nixpkgs> {{ }}; in\n");
                        continue;
                    }
                    Param::Pattern { formals, .. } if expr == module.root => formals,
                    _ => return None,
                };
                let needed = formals.iter().filter(|formal| formal.default.is_none());
                arguments.extend(needed.map(|formal| formal.name));
                program += slice(start, map.wrapped(inner).start)?;
            }
            // What `with` opens is outside of its own scope.
            Expr::With { body, .. } if inner != body => {}
            Expr::Let { body, .. } | Expr::With { body, .. } => {
                program += slice(start, map.wrapped(body).start)?;
                program.push('\n');
            }
            Expr::Attrs(attrs) if module.attrs[attrs.0 as usize].recursive => {
                let whole = map.exprs[expr.0 as usize];
                program += &format!("with ({}\n);\n", slice(whole.start, whole.end)?);
            }
            _ => {}
        }
    }

    let call = map.exprs[found.call.0 as usize];
    let Expr::Apply { fun, .. } = module.expr(found.call) else { return None };
    let Expr::Select { base, path, .. } = module.expr(fun) else { return None };
    let base = map.wrapped(base);
    let end = match path.len {
        1 => base.end,
        _ => map.keys[(path.start + path.len - 2) as usize].end,
    };
    let (original, result) = (slice(base.start, end)?, slice(call.start, call.end)?);
    program += &format!("{{ original = ({original}\n); result = ({result}\n); }}");
    let folder = file.path(db).parent()?.to_path_buf();
    Some(Program::new(db, folder, program, arguments))
}

fn is_overlay_argument(name: Name) -> bool {
    matches!(name.as_str(), "final" | "prev" | "self" | "super")
}

fn compare(
    session: &Session<'_>,
    folder: &std::path::Path,
    text: &str,
    arguments: &[Name],
) -> floe_eval::error::Result<Comparison> {
    let evaluator = &session.evaluator;
    let function = evaluator.eval_text(text, folder)?;
    let mut given = Vec::new();
    if !arguments.is_empty() {
        let packages = session.shared("import <nixpkgs> { }")?;
        for name in arguments {
            let value = match name.as_str() {
                "pkgs" => Some(packages),
                // What the override needs of these is not known here; mostly it needs nothing.
                "config" | "options" => Some(evaluator.heap.empty_attrs()),
                name => get(session, packages, name),
            };
            given.extend(value.map(|value| (*name, value)));
        }
    }
    let both = evaluator.auto_call(function, &given)?;
    let both = evaluator.force_attrs(both, Default::default(), "")?;
    let side = |name: &str| -> floe_eval::error::Result<Side> {
        let attr = both.get(Name::new(name)).expect("the program has both attributes");
        let value = evaluator.force_cell(attr.cell, Default::default())?;
        let set = evaluator.force_attrs(value, Default::default(), "")?;
        let path = match set.get(Name::new("drvPath")) {
            Some(path) => evaluator.force_cell(path.cell, Default::default())?,
            None => return Ok(Side::default()),
        };
        Ok(Side::of(session, value, path))
    };
    let (original, result) = (side("original")?, side("result")?);
    let closure = |side: &Side| -> BTreeSet<StorePath> {
        let mut seen = BTreeSet::new();
        let mut waiting: Vec<StorePath> = side.path.iter().cloned().collect();
        while let Some(path) = waiting.pop() {
            if seen.contains(&path) {
                continue;
            }
            if let Some(derivation) = evaluator.made_derivation(&path) {
                waiting.extend(derivation.input_drvs.keys().cloned());
            }
            seen.insert(path);
        }
        seen
    };
    let (before, after) = (closure(&original), closure(&result));
    let rebuilt = after.difference(&before);
    let mut rebuilt: Vec<String> =
        rebuilt.map(|path| path.name().trim_end_matches(".drv").to_owned()).collect();
    rebuilt.sort();
    Ok(Comparison {
        changes: changes(&original, &result),
        original: original.name,
        result: result.name,
        rebuilt,
    })
}

/// One of the two packages.
#[derive(Default)]
struct Side {
    name: String,
    path: Option<StorePath>,
    derivation: Option<Rc<Derivation>>,
}

impl Side {
    fn of<'h>(session: &Session<'h>, package: Value<'h>, path: Value<'h>) -> Side {
        let text = force(session, path).and_then(|path| match path.kind() {
            Kind::String(path) => Some(path.to_text().into_owned()),
            _ => None,
        });
        let path = text.and_then(|text| session.evaluator.store_dir().parse(&text).ok());
        Side {
            name: get_text(session, package, "name").unwrap_or_default(),
            derivation: path.as_ref().and_then(|path| session.evaluator.made_derivation(path)),
            path,
        }
    }

    /// The derivation's attributes. Where its outputs will be says nothing that the rest does not say.
    fn attributes(&self) -> Vec<(String, String)> {
        let Some(derivation) = &self.derivation else { return Vec::new() };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let environment = derivation.env.iter().map(|(name, value)| (text(name), text(value)));
        let environment =
            environment.filter(|(name, _)| !derivation.outputs.contains_key(name.as_str()));
        let mut attributes: Vec<_> = environment.collect();
        attributes.push(("builder".to_owned(), text(&derivation.builder)));
        attributes.push(("system".to_owned(), derivation.system.clone()));
        let arguments: Vec<_> = derivation.args.iter().map(|argument| text(argument)).collect();
        attributes.push(("args".to_owned(), arguments.join(" ")));
        attributes.sort();
        attributes.dedup();
        attributes
    }
}

fn changes(original: &Side, result: &Side) -> Vec<Change> {
    let (before, after) = (original.attributes(), result.attributes());
    let find = |side: &[(String, String)], name: &str| {
        let index = side.binary_search_by(|(found, _)| found.as_str().cmp(name)).ok()?;
        Some(side[index].1.clone())
    };
    let names: BTreeSet<&String> = before.iter().chain(&after).map(|(name, _)| name).collect();
    names
        .into_iter()
        .map(|name| Change {
            attribute: name.clone(),
            before: find(&before, name),
            after: find(&after, name),
        })
        .filter(|change| change.before != change.after)
        .collect()
}
