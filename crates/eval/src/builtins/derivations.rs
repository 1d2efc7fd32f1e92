//! Derivations, store paths, string contexts.

use floe_hir::Name;

use super::{Builtin, builtin};
use crate::coerce::Coercion;
use crate::context::{ContextBuilder, deriving_path};
use crate::error::{ErrorKind, EvalError, Pos, Result};
use crate::evaluator::Evaluator;
use crate::heap::{AttrsBuilder, ContextElement, PositionId, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    // Whatever it is given: the function itself, which is read when it is first needed.
    Builtin {
        traced: false,
        ..builtin("derivation", 1, |ev, _, _| {
            let text = include_str!("derivation.nix");
            ev.eval_internal(crate::evaluator::DERIVATION_FILE, text)
        })
    },
    builtin("derivationStrict", 1, |ev, args, pos| ev.derivation_strict(args[0], pos)),
    builtin("outputOf", 2, output_of),
    builtin("placeholder", 1, |ev, args, _| {
        let doing = "while evaluating the first argument passed to builtins.placeholder";
        let output = ev.force_plain_string(args[0], Pos::None, doing)?;
        Ok(ev.heap.string(floe_store::path::placeholder(&output.to_text())))
    }),
    builtin("storePath", 1, store_path),
    builtin("addDrvOutputDependencies", 1, add_outputs),
    builtin("unsafeDiscardOutputDependency", 1, discard_outputs),
    builtin("unsafeDiscardStringContext", 1, |ev, args, pos| {
        let mut context = ContextBuilder::default();
        let doing = "while evaluating the argument passed to builtins.unsafeDiscardStringContext";
        let text = ev.coerce_to_string(args[0], pos, &mut context, doing, INTERPOLATED)?;
        Ok(ev.heap.string(&text))
    }),
    builtin("hasContext", 1, |ev, args, _| {
        let doing = "while evaluating the argument passed to builtins.hasContext";
        Ok(Value::bool(ev.force_string(args[0], Pos::None, doing)?.has_context()))
    }),
    builtin("getContext", 1, get_context),
    builtin("appendContext", 2, append_context),
];

const INTERPOLATED: Coercion = Coercion::INTERPOLATION;

fn store_path<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], pos: Pos) -> Result<Value<'h>> {
    if ev.settings.pure {
        return Err(EvalError::new(
            ErrorKind::Restricted,
            "'builtins.storePath' is not allowed in pure evaluation mode",
        ));
    }
    let mut context = ContextBuilder::default();
    let doing = "while evaluating the first argument passed to 'builtins.storePath'";
    let path = ev.coerce_to_path(args[0], pos, &mut context, doing)?;
    // A link directly in the store is a store path itself.
    let is_store_path = ev.store.store_dir().parse(&path.to_string_lossy()).is_ok();
    let path = if is_store_path { path } else { ev.resolve_links(&path)? };
    let text = path.to_string_lossy();
    let (store_path, _) = ev.split_store_path(&text)?;
    if !ev.store.is_read_only() && ev.store.physical_path(&store_path).is_none() {
        return Err(EvalError::new(
            ErrorKind::InvalidStorePath,
            format!("path '{}' is not valid", ev.store.store_dir().print(&store_path)),
        ));
    }
    let base = ev.text(&ev.store.store_dir().print(&store_path));
    context.insert(ev, ContextElement::Opaque(base));
    Ok(ev.string_value(text.as_bytes(), context.context()))
}

fn output_of<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], _: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the first argument to builtins.outputOf";
    let string = ev.force_string(args[0], Pos::None, doing)?;
    let text = string.to_text();
    let elements = string.context().elements();
    let [element] = elements else {
        return Err(invalid(format!(
            "string '{text}' has {} entries in its context. It should only have exactly one entry",
            elements.len()
        )));
    };
    let derivation = match *element {
        ContextElement::Opaque(path) if text == path => path.to_owned(),
        ContextElement::Opaque(path) => {
            let message =
                format!("path string '{text}' has context with the different path '{path}'");
            return Err(invalid(message));
        }
        ContextElement::DerivationDeep(_) => {
            return Err(invalid(format!(
                "string '{text}' has a context which refers to a complete source and binary closure. This \
                 is not supported at this time"
            )));
        }
        ContextElement::Output { derivation, output } => {
            let expected = output_text(ev, derivation, output)?;
            if text != expected {
                return Err(invalid(format!(
                    "string '{text}' has context with the output '{output}' from derivation \
                     '{derivation}', but the string is not the right placeholder for this derivation \
                     output. It should be '{expected}'"
                )));
            }
            format!("{derivation}^{output}")
        }
    };
    let doing = "while evaluating the second argument to builtins.outputOf";
    let wanted = ev.force_plain_string(args[1], Pos::None, doing)?.to_text();
    let shown = output_text(ev, &derivation, &wanted)?;
    let element =
        ContextElement::Output { derivation: ev.text(&derivation), output: ev.text(&wanted) };
    Ok(ev.string_value(shown.as_bytes(), ev.heap.context(&[element])))
}

/// The path of an output, or the placeholder for it if it is not known. The derivation may be an output
/// itself; see [`deriving_path`].
fn output_text(ev: &Evaluator<'_>, derivation: &str, output: &str) -> Result<String> {
    let (path, way) = deriving_path(derivation);
    let store_path = ev.store_path(path)?;
    if let [first, others @ ..] = way.as_slice() {
        return ev.output_placeholder(&store_path, first, &[others, &[output]].concat());
    }
    if !store_path.is_derivation() {
        return Err(invalid(format!("path '{path}' is not a valid store path")));
    }
    let derivation = ev.read_derivation(&store_path)?;
    match derivation.outputs.get(output) {
        Some(kind) => ev.output_text(&store_path, &derivation.name, output, kind),
        None => Err(invalid(format!("derivation '{path}' does not have output '{output}'"))),
    }
}

fn add_outputs<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], pos: Pos) -> Result<Value<'h>> {
    let mut context = ContextBuilder::default();
    let doing = "while evaluating the argument passed to builtins.addDrvOutputDependencies";
    let text = ev.coerce_to_string(args[0], pos, &mut context, doing, INTERPOLATED)?;
    let elements = context.context().elements();
    let [element] = elements else {
        return Err(invalid(format!(
            "context of string '{}' must have exactly one element, but has {}",
            String::from_utf8_lossy(&text),
            elements.len()
        ))
        .at(pos));
    };
    let deep = match *element {
        ContextElement::Opaque(path) if path.ends_with(".drv") => {
            ContextElement::DerivationDeep(path)
        }
        ContextElement::Opaque(path) => {
            return Err(invalid(format!("path '{path}' is not a derivation")).at(pos));
        }
        ContextElement::Output { output, .. } => {
            return Err(invalid(format!(
                "`addDrvOutputDependencies` can only act on derivations, not on a derivation output \
                 such as '{output}'"
            ))
            .at(pos));
        }
        deep @ ContextElement::DerivationDeep(_) => deep,
    };
    let context = ev.heap.context(&[deep]);
    Ok(ev.string_value(&text, context))
}

fn discard_outputs<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], pos: Pos) -> Result<Value<'h>> {
    let mut context = ContextBuilder::default();
    let doing = "while evaluating the argument passed to builtins.unsafeDiscardOutputDependency";
    let text = ev.coerce_to_string(args[0], pos, &mut context, doing, INTERPOLATED)?;
    let elements: Vec<_> = context
        .context()
        .elements()
        .iter()
        .map(|element| match *element {
            ContextElement::DerivationDeep(path) => ContextElement::Opaque(path),
            other => other,
        })
        .collect();
    Ok(ev.string_value(&text, ev.heap.context(&elements)))
}

fn get_context<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], _: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the argument passed to builtins.getContext";
    let string = ev.force_string(args[0], Pos::None, doing)?;
    /// What a string depends on of one store path.
    #[derive(Default)]
    struct Info<'h> {
        path: bool,
        all_outputs: bool,
        outputs: Vec<&'h str>,
    }
    let mut infos: std::collections::BTreeMap<&'h str, Info<'h>> = Default::default();
    for element in string.context().elements() {
        match *element {
            ContextElement::Opaque(path) => infos.entry(path).or_default().path = true,
            ContextElement::DerivationDeep(path) => {
                infos.entry(path).or_default().all_outputs = true;
            }
            ContextElement::Output { derivation, output } => {
                let (path, way) = deriving_path(derivation);
                if let [first, ..] = way.as_slice() {
                    return Err(invalid(format!(
                        "cannot operate on output '{first}' of the unbuilt derivation '{path}'"
                    )));
                }
                infos.entry(derivation).or_default().outputs.push(output);
            }
        }
    }
    let mut attrs = AttrsBuilder::with_capacity(infos.len());
    for (path, info) in infos {
        let mut entry = AttrsBuilder::with_capacity(3);
        if info.path {
            entry.insert("path", Value::bool(true));
        }
        if info.all_outputs {
            entry.insert("allOutputs", Value::bool(true));
        }
        if !info.outputs.is_empty() {
            let outputs =
                ev.heap.list_with(info.outputs.len(), |i| ev.heap.string(info.outputs[i]));
            entry.insert("outputs", outputs);
        }
        attrs.push(Name::new(path), entry.finish(ev.heap), PositionId::NONE);
    }
    Ok(attrs.finish(ev.heap))
}

fn append_context<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], pos: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the first argument passed to builtins.appendContext";
    let string = ev.force_string(args[0], Pos::None, doing)?;
    let doing = "while evaluating the second argument passed to builtins.appendContext";
    let additions = ev.force_attrs(args[1], Pos::None, doing)?;
    let mut context = ContextBuilder::default();
    context.add(ev, string.context());
    for attr in additions.sorted() {
        let path = attr.name.as_str();
        if ev.store_path(path).is_err() {
            let shown = floe_hir::Identifier(path);
            return Err(invalid(format!("context key '{shown}' is not a store path"))
                .at(attr.position.into()));
        }
        let doing = "while evaluating the value of a string context";
        let info = ev.force_attrs(attr.cell.get(), attr.position.into(), doing)?;
        let flag = |name: &str, doing| match info.get(Name::new(name)) {
            Some(flag) => ev.force_bool(flag.cell.get(), flag.position.into(), doing),
            None => Ok(false),
        };
        if flag("path", "while evaluating the `path` attribute of a string context")? {
            context.insert(ev, ContextElement::Opaque(path));
        }
        let needs_derivation = |what: &str| {
            invalid(format!(
                "tried to add {what} of \"{path}\", which is not a derivation, to a string"
            ))
            .at(pos)
        };
        if flag("allOutputs", "while evaluating the `allOutputs` attribute of a string context")? {
            if !path.ends_with(".drv") {
                return Err(needs_derivation("all-outputs context"));
            }
            context.insert(ev, ContextElement::DerivationDeep(path));
        }
        if let Some(outputs) = info.get(Name::new("outputs")) {
            let position = Pos::from(outputs.position);
            let doing = "while evaluating the `outputs` attribute of a string context";
            let outputs = ev.force_list(outputs.cell.get(), position, doing)?;
            if !outputs.is_empty() && !path.ends_with(".drv") {
                return Err(needs_derivation("derivation output context"));
            }
            let doing = "while evaluating an output name within a string context";
            for output in outputs.iter() {
                let output = ev.force_plain_string(output, position, doing)?;
                let output = ev.text(&output.to_text());
                context.insert(ev, ContextElement::Output { derivation: path, output });
            }
        }
    }
    Ok(ev.with_context(string, context.context()))
}

fn invalid(message: String) -> EvalError {
    EvalError::new(ErrorKind::ContextNotAllowed, message)
}
