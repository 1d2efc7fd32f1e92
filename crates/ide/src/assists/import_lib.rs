//! Puts `lib.` before a function of nixpkgs' library that is used without it.

use floe_hir::Visible;
use floe_syntax::{SyntaxKind, TextEdit};

use super::{Assist, AssistKind, Context, add_argument, names};

/// Names of the library that are functions, and are hardly ever anything else.
const LIBRARY: &[&str] = &[
    "mkIf",
    "mkOption",
    "mkEnableOption",
    "mkPackageOption",
    "mkDefault",
    "mkForce",
    "mkOverride",
    "mkMerge",
    "mkBefore",
    "mkAfter",
    "mkOrder",
    "types",
    "literalExpression",
    "optional",
    "optionals",
    "optionalString",
    "optionalAttrs",
    "concatStrings",
    "concatStringsSep",
    "concatMapStrings",
    "concatMapStringsSep",
    "mapAttrs'",
    "mapAttrsToList",
    "nameValuePair",
    "filterAttrs",
    "genAttrs",
    "recursiveUpdate",
    "getExe",
    "getExe'",
    "makeBinPath",
    "makeLibraryPath",
    "hasPrefix",
    "hasSuffix",
    "removePrefix",
    "removeSuffix",
    "escapeShellArg",
    "escapeShellArgs",
    "flatten",
    "unique",
    "forEach",
    "imap0",
    "imap1",
    "fix",
    "extends",
    "composeExtensions",
    "makeOverridable",
    "callPackageWith",
    "licenses",
    "maintainers",
    "platforms",
    "versionOlder",
    "versionAtLeast",
    "toUpper",
    "toLower",
    "splitString",
    "flip",
    "const",
    "pipe",
    "assertMsg",
    "fakeHash",
    "cleanSource",
    "importJSON",
    "importTOML",
    "attrByPath",
    "setAttrByPath",
    "getAttrFromPath",
    "foldr",
    "foldl",
    "toList",
    "last",
    "init",
    "take",
    "drop",
    "zipLists",
    "mkRenamedOptionModule",
    "mkRemovedOptionModule",
    "mkAliasOptionModule",
];

pub(super) fn assist(context: &Context<'_>) -> Option<Assist> {
    let variable = context.undefined().filter(|node| node.is(SyntaxKind::Variable))?;
    let name = LIBRARY.iter().find(|name| **name == variable.text())?;
    let mut edits = vec![TextEdit::insert(variable.start(), "lib.")];
    let at = names::expr_of(context, variable)?;
    let has_lib = context
        .scopes
        .visible(context.module, at)
        .any(|visible| matches!(visible, Visible::Binding(name, _) if name.as_str() == "lib"));
    if !has_lib {
        edits.insert(0, add_argument::added(add_argument::pattern_around(variable)?, "lib"));
    }
    Some(Assist {
        title: format!("Use 'lib.{name}'"),
        kind: AssistKind::QuickFix,
        edits,
        new_file: None,
    })
}
