//! The builtin functions, a file for each family.

mod attrs;
mod control;
mod derivations;
mod fetch;
mod files;
mod inputs;
mod lists;
mod numbers;
mod strings;
mod types;

use floe_hir::{Feature, Gate};

use crate::error::{Pos, Result};
use crate::evaluator::Evaluator;
use crate::heap::{AttrsBuilder, Kind, Value};
use crate::settings::Settings;

/// A builtin function.
pub(crate) struct Builtin {
    /// Its name in the set `builtins`.
    pub(crate) name: &'static str,
    /// How many arguments it takes.
    pub(crate) arity: u8,
    /// Whether an error shows the call in its trace.
    pub(crate) traced: bool,
    /// What it does, given exactly `arity` arguments.
    pub(crate) function: Function,
}

/// See [`Builtin::function`].
pub(crate) type Function =
    for<'h> fn(&Evaluator<'h>, arguments: &[Value<'h>], pos: Pos) -> Result<Value<'h>>;

const fn builtin(name: &'static str, arity: u8, function: Function) -> Builtin {
    Builtin { name, arity, traced: true, function }
}

const FAMILIES: &[&[Builtin]] = &[
    attrs::BUILTINS,
    control::BUILTINS,
    derivations::BUILTINS,
    fetch::BUILTINS,
    files::BUILTINS,
    inputs::BUILTINS,
    lists::BUILTINS,
    numbers::BUILTINS,
    strings::BUILTINS,
    types::BUILTINS,
];

/// The version of C++ Nix that the language is that of: `builtins.nixVersion`.
pub const NIX_VERSION: &str = "2.34.8";

/// `builtins.langVersion`
const LANGUAGE_VERSION: i64 = 6;

impl<'h> Evaluator<'h> {
    /// The builtin with this number.
    #[inline]
    pub(crate) fn builtin(&self, number: u32) -> &'static Builtin {
        &FAMILIES[number as usize >> 8][number as usize & 0xFF]
    }
}

/// The number of the builtin with this name.
fn number(name: &str) -> Option<u32> {
    FAMILIES.iter().enumerate().find_map(|(family, builtins)| {
        let index = builtins.iter().position(|builtin| builtin.name == name)?;
        Some((family << 8 | index) as u32)
    })
}

/// Gives the evaluator its global names and the set `builtins`.
pub(crate) fn install(evaluator: &mut Evaluator<'_>) {
    let heap = evaluator.heap;
    let globals = floe_hir::globals();
    let mut set = AttrsBuilder::with_capacity(globals.len() + 1);
    let mut values = Vec::with_capacity(globals.len());
    for global in globals {
        let name = global.builtin_name();
        let value = constant(evaluator, name)
            .or_else(|| number(name).map(Value::builtin))
            .unwrap_or(Value::null());
        values.push(value);
        if is_available(&evaluator.settings, global.gate) {
            set.insert(name, value);
        }
    }
    set.insert("builtins", Value::null());
    let set = set.finish(heap);
    if let Kind::Attrs(attrs) = set.kind()
        && let Some(own) = attrs.get(floe_hir::Name::new("builtins"))
    {
        own.cell.set(set);
    }
    for (global, value) in globals.iter().zip(&mut values) {
        if global.builtin_name() == "builtins" {
            *value = set;
        }
    }
    evaluator.builtins = set;
    evaluator.globals = values;
}

fn is_available(settings: &Settings, gate: Gate) -> bool {
    match gate {
        Gate::Always => true,
        Gate::Impure => !settings.pure,
        Gate::Feature(feature) => features(settings).contains(&feature),
    }
}

/// The enabled features that bring global names with them.
pub(crate) fn features(settings: &Settings) -> Vec<Feature> {
    const NAMES: [(&str, Feature); 3] = [
        ("dynamic-derivations", Feature::DynamicDerivations),
        ("fetch-closure", Feature::FetchClosure),
        ("fetch-tree", Feature::FetchTree),
    ];
    let enabled = NAMES.into_iter().filter(|(name, _)| settings.has_feature(name));
    enabled.map(|(_, feature)| feature).collect()
}

fn constant<'h>(evaluator: &Evaluator<'h>, name: &str) -> Option<Value<'h>> {
    let heap = evaluator.heap;
    Some(match name {
        "true" => Value::bool(true),
        "false" => Value::bool(false),
        "null" => Value::null(),
        "derivation" => {
            let function = number(name).map(Value::builtin)?;
            heap.thunk_call(function, Value::null(), None)
        }
        "currentSystem" => heap.string(&evaluator.settings.system),
        "currentTime" => {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            heap.int(now.map_or(0, |now| now.as_secs() as i64))
        }
        "nixVersion" => heap.string(NIX_VERSION),
        "langVersion" => heap.int(LANGUAGE_VERSION),
        "storeDir" => heap.string(evaluator.store.store_dir().as_str()),
        "nixPath" => evaluator.search_path_value(),
        _ => return None,
    })
}
