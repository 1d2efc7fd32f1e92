//! The names that every Nix file sees: the builtins that are global, as of Nix 2.34.
//!
//! Most builtins are global under a name with two underscores before it (`__head`), some under their
//! own (`map`). What they do is the evaluator's business.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use crate::{GlobalId, Name};

/// A global name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Global {
    /// The name as a file writes it: `__head`, `map`.
    pub name: Name,
    /// When it exists.
    pub gate: Gate,
}

impl Global {
    /// Its name in the set `builtins`: without the underscores.
    pub fn builtin_name(&self) -> &'static str {
        let name = self.name.as_str();
        name.strip_prefix("__").unwrap_or(name)
    }
}

/// When a global name exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Always.
    Always,
    /// Unless evaluation is pure.
    Impure,
    /// Only where this is switched on.
    Feature(Feature),
}

/// What a user has to switch on before the language has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are those of Nix's settings")]
pub enum Feature {
    DynamicDerivations,
    FetchClosure,
    FetchTree,
    /// The setting `allow-unsafe-native-code-during-evaluation`.
    NativeCode,
}

/// All global names, whatever their gate; a [`GlobalId`] is the index.
pub fn globals() -> &'static [Global] {
    &TABLE.globals
}

/// The global of this name, whatever its gate.
pub fn global(name: Name) -> Option<GlobalId> {
    TABLE.ids.get(&name).copied()
}

struct Table {
    globals: Vec<Global>,
    ids: FxHashMap<Name, GlobalId>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let globals: Vec<Global> =
        GLOBALS.iter().map(|&(name, gate)| Global { name: Name::new(name), gate }).collect();
    let ids = globals.iter().zip(0..).map(|(global, id)| (global.name, GlobalId(id))).collect();
    Table { globals, ids }
});

#[rustfmt::skip]
const GLOBALS: &[(&str, Gate)] = &[
    ("__add", Gate::Always),
    ("__addDrvOutputDependencies", Gate::Always),
    ("__addErrorContext", Gate::Always),
    ("__all", Gate::Always),
    ("__any", Gate::Always),
    ("__appendContext", Gate::Always),
    ("__attrNames", Gate::Always),
    ("__attrValues", Gate::Always),
    ("__bitAnd", Gate::Always),
    ("__bitOr", Gate::Always),
    ("__bitXor", Gate::Always),
    ("__catAttrs", Gate::Always),
    ("__ceil", Gate::Always),
    ("__compareVersions", Gate::Always),
    ("__concatLists", Gate::Always),
    ("__concatMap", Gate::Always),
    ("__concatStringsSep", Gate::Always),
    ("__convertHash", Gate::Always),
    ("__currentSystem", Gate::Impure),
    ("__currentTime", Gate::Impure),
    ("__deepSeq", Gate::Always),
    ("__div", Gate::Always),
    ("__elem", Gate::Always),
    ("__elemAt", Gate::Always),
    ("__exec", Gate::Feature(Feature::NativeCode)),
    ("__fetchClosure", Gate::Feature(Feature::FetchClosure)),
    ("__fetchurl", Gate::Always),
    ("__filter", Gate::Always),
    ("__filterSource", Gate::Always),
    ("__findFile", Gate::Always),
    ("__flakeRefToString", Gate::Always),
    ("__floor", Gate::Always),
    ("__foldl'", Gate::Always),
    ("__fromJSON", Gate::Always),
    ("__functionArgs", Gate::Always),
    ("__genList", Gate::Always),
    ("__genericClosure", Gate::Always),
    ("__getAttr", Gate::Always),
    ("__getContext", Gate::Always),
    ("__getEnv", Gate::Always),
    ("__getFlake", Gate::Always),
    ("__groupBy", Gate::Always),
    ("__hasAttr", Gate::Always),
    ("__hasContext", Gate::Always),
    ("__hashFile", Gate::Always),
    ("__hashString", Gate::Always),
    ("__head", Gate::Always),
    ("__importNative", Gate::Feature(Feature::NativeCode)),
    ("__intersectAttrs", Gate::Always),
    ("__isAttrs", Gate::Always),
    ("__isBool", Gate::Always),
    ("__isFloat", Gate::Always),
    ("__isFunction", Gate::Always),
    ("__isInt", Gate::Always),
    ("__isList", Gate::Always),
    ("__isPath", Gate::Always),
    ("__isString", Gate::Always),
    ("__langVersion", Gate::Always),
    ("__length", Gate::Always),
    ("__lessThan", Gate::Always),
    ("__listToAttrs", Gate::Always),
    ("__mapAttrs", Gate::Always),
    ("__match", Gate::Always),
    ("__mul", Gate::Always),
    ("__nixPath", Gate::Always),
    ("__nixVersion", Gate::Always),
    ("__outputOf", Gate::Feature(Feature::DynamicDerivations)),
    ("__parseDrvName", Gate::Always),
    ("__parseFlakeRef", Gate::Always),
    ("__partition", Gate::Always),
    ("__path", Gate::Always),
    ("__pathExists", Gate::Always),
    ("__readDir", Gate::Always),
    ("__readFile", Gate::Always),
    ("__readFileType", Gate::Always),
    ("__replaceStrings", Gate::Always),
    ("__seq", Gate::Always),
    ("__sort", Gate::Always),
    ("__split", Gate::Always),
    ("__splitVersion", Gate::Always),
    ("__storeDir", Gate::Always),
    ("__storePath", Gate::Always),
    ("__stringLength", Gate::Always),
    ("__sub", Gate::Always),
    ("__substring", Gate::Always),
    ("__tail", Gate::Always),
    ("__toFile", Gate::Always),
    ("__toJSON", Gate::Always),
    ("__toPath", Gate::Always),
    ("__toXML", Gate::Always),
    ("__trace", Gate::Always),
    ("__traceVerbose", Gate::Always),
    ("__tryEval", Gate::Always),
    ("__typeOf", Gate::Always),
    ("__unsafeDiscardOutputDependency", Gate::Always),
    ("__unsafeDiscardStringContext", Gate::Always),
    ("__unsafeGetAttrPos", Gate::Always),
    ("__warn", Gate::Always),
    ("__zipAttrsWith", Gate::Always),
    ("abort", Gate::Always),
    ("baseNameOf", Gate::Always),
    ("break", Gate::Always),
    ("builtins", Gate::Always),
    ("derivation", Gate::Always),
    ("derivationStrict", Gate::Always),
    ("dirOf", Gate::Always),
    ("false", Gate::Always),
    ("fetchGit", Gate::Always),
    ("fetchMercurial", Gate::Always),
    ("fetchTarball", Gate::Always),
    ("fetchTree", Gate::Feature(Feature::FetchTree)),
    ("fromTOML", Gate::Always),
    ("import", Gate::Always),
    ("isNull", Gate::Always),
    ("map", Gate::Always),
    ("null", Gate::Always),
    ("placeholder", Gate::Always),
    ("removeAttrs", Gate::Always),
    ("scopedImport", Gate::Always),
    ("throw", Gate::Always),
    ("toString", Gate::Always),
    ("true", Gate::Always),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_global_is_found_by_its_name() {
        for (index, entry) in globals().iter().enumerate() {
            assert_eq!(global(entry.name), Some(GlobalId(index as u16)), "{}", entry.name);
        }
        assert_eq!(global(Name::new("head")), None);
    }

    #[test]
    fn underscores_are_not_part_of_the_builtin() {
        let id = global(Name::new("__head")).unwrap();
        assert_eq!(globals()[id.0 as usize].builtin_name(), "head");
        let id = global(Name::new("map")).unwrap();
        assert_eq!(globals()[id.0 as usize].builtin_name(), "map");
    }
}
