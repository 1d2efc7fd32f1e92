//! Paths that mean something on one machine only.

use floe_syntax::SyntaxKind;

use super::Checker;
use crate::tree::Node;

/// `/home/alice/x`, `~/x`
pub(super) fn home_path(checker: &mut Checker<'_>, node: Node<'_>) {
    let text = node.text();
    let below = |folder: &str| text.strip_prefix(folder).is_some_and(|rest| !rest.starts_with('.'));
    if text.starts_with("~/") || below("/home/") || below("/Users/") {
        checker.report(node.span(), "a path below one user's home folder");
    }
}

/// `../../x` that leaves what is copied to the store with the `flake.nix`
pub(super) fn path_outside_flake(checker: &mut Checker<'_>, node: Node<'_>) {
    let text = node.text();
    if !text.starts_with("../") || node.child(SyntaxKind::Interpolation).is_some() {
        return;
    }
    let Some(mut depth) = checker.depth_in_flake() else { return };
    for step in text.split('/') {
        match step {
            ".." if depth == 0 => {
                let message = "this path leaves the flake's source, which is all that it may read";
                checker.report(node.span(), message);
                return;
            }
            ".." => depth -= 1,
            "" | "." => {}
            _ => depth += 1,
        }
    }
}

/// `toString ./x`
pub(super) fn path_to_string(checker: &mut Checker<'_>, node: Node<'_>) {
    let (Some(function), Some(argument)) = (node.expr(0), node.expr(1)) else { return };
    let is_path = argument.without_parens().is(SyntaxKind::Path);
    if is_path && checker.is_global(function, "toString") {
        let message =
            "the text of a path is a place on this machine: nothing is copied to the store";
        checker.report(node.span(), message);
    }
}
