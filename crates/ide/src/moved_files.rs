//! What has to change in the workspace when files are moved: relative paths that name them, and the
//! relative paths in them.

use std::path::{Component, Path, PathBuf};

use floe_db::{Db, File, module, parse, scopes, source, source_map};
use floe_hir::{BinaryOp, Expr, ExprId, Module, Scopes};
use floe_syntax::{SyntaxKind as K, TextEdit};

use crate::known;
use crate::modules::called;
use crate::workspace_index::workspace_files;

/// A file or folder that is about to move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Where it is.
    pub from: PathBuf,
    /// Where it will be.
    pub to: PathBuf,
}

/// The edits, in terms of the texts before the move, that make every relative path of the workspace name
/// what it named before.
pub fn moved_files(db: &dyn Db, moves: &[Move]) -> Vec<(File, Vec<TextEdit>)> {
    let files = workspace_files(db).into_iter();
    files
        .map(|file| (file, edits(db, file, moves)))
        .filter(|(_, edits)| !edits.is_empty())
        .collect()
}

fn edits(db: &dyn Db, file: File, moves: &[Move]) -> Vec<TextEdit> {
    let path = file.path(db);
    let moved_to = target(path, moves);
    if moved_to.is_none() && !mentions(db, file, moves) {
        return Vec::new();
    }
    let new_path = moved_to.as_deref().unwrap_or(path);
    let Some(new_folder) = new_path.parent() else { return Vec::new() };
    let text = &source(db, file).text;
    let elements = parse(db, file).tree.elements();
    let mut edits = Vec::new();
    for (index, element) in elements.iter().enumerate() {
        if element.kind != K::Path || element.next as usize != index + 2 {
            continue;
        }
        let written = &text[element.start as usize..element.end as usize];
        if written.starts_with("~/") {
            continue;
        }
        let Some(old_target) = known::resolve_path(path, written) else { continue };
        let moved = target(&old_target, moves)
            .or_else(|| target_of_folder(db, file, element.start, &old_target, moves));
        // A path that leads nowhere is not made to lead elsewhere.
        let stays = moved.is_none() && (moved_to.is_none() || written.starts_with('/'));
        if stays {
            continue;
        }
        let new_target = moved.unwrap_or(old_target);
        let spelled = match written.starts_with('/') {
            true => new_target.display().to_string(),
            false => relative(new_folder, &new_target),
        };
        if spelled != written && is_path_literal(&spelled) {
            edits.push(TextEdit::replace(element.start..element.end, spelled));
        }
    }
    edits
}

/// Whether the text has the name of something that moves: most files have not, and are not parsed.
fn mentions(db: &dyn Db, file: File, moves: &[Move]) -> bool {
    let Ok(text) = floe_db::peek(db, file) else { return false };
    moves.iter().any(|moved| {
        let name = moved.from.file_name().and_then(|name| name.to_str());
        // `default.nix` is also named by its folder, which every path below may stop at.
        let folder = moved.from.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        match name {
            Some(DEFAULT) => {
                folder.is_none_or(|folder| text.contains(folder))
                    || text.contains(DEFAULT)
                    || text.contains("./.")
            }
            Some(name) => text.contains(name),
            None => false,
        }
    })
}

/// Where a path will be.
fn target(path: &Path, moves: &[Move]) -> Option<PathBuf> {
    moves.iter().find_map(|moved| {
        let rest = path.strip_prefix(&moved.from).ok()?;
        Some(if rest.as_os_str().is_empty() { moved.to.clone() } else { moved.to.join(rest) })
    })
}

/// What a folder whose `default.nix` moves means, where it means that file.
fn target_of_folder(
    db: &dyn Db,
    file: File,
    literal: u32,
    folder: &Path,
    moves: &[Move],
) -> Option<PathBuf> {
    let default = folder.join(DEFAULT);
    let moved = moves.iter().find(|moved| moved.from == default)?;
    means_code(db, file, literal).then_some(())?;
    match moved.to.ends_with(DEFAULT) {
        true => Some(moved.to.parent()?.to_path_buf()),
        false => Some(moved.to.clone()),
    }
}

const DEFAULT: &str = "default.nix";

/// Whether the path literal at an offset is there to be imported, and not for the files below it: nearly
/// all paths of folders with a `default.nix` are.
fn means_code(db: &dyn Db, file: File, literal: u32) -> bool {
    let (module, map, scopes) = (module(db, file), source_map(db, file), scopes(db, file));
    let exprs = module.exprs.iter().zip(&map.exprs).zip(0..);
    let mut literals =
        exprs.filter(|((expr, span), _)| matches!(expr, Expr::Path(_)) && span.start == literal);
    let Some(mut inner) = literals.next().map(|(_, id)| ExprId(id)) else { return false };
    for outer in scopes.ancestors(inner).skip(1) {
        match module.expr(outer) {
            Expr::List(_) => {}
            Expr::Binary { op: BinaryOp::Concat, .. } => {}
            Expr::Apply { fun, args } if fun != inner => {
                return module.list(args).contains(&inner) && !reads_files(module, scopes, fun);
            }
            Expr::Attrs(attrs) | Expr::Let { attrs, .. } => {
                let entries = &module.attrs[attrs.0 as usize].entries;
                let entry = entries.iter().find(|entry| entry.value == inner);
                return entry.is_none_or(|entry| !holds_files(entry.name.as_str()));
            }
            Expr::Lambda(_) | Expr::If { .. } => {}
            _ => return false,
        }
        inner = outer;
    }
    true
}

/// Whether a function is one that looks at the files of a folder.
fn reads_files(module: &Module, scopes: &Scopes, fun: ExprId) -> bool {
    matches!(
        called(module, scopes, fun),
        "cleanSource"
            | "difference"
            | "fileFilter"
            | "filterSource"
            | "gitTracked"
            | "hashFile"
            | "intersection"
            | "listFilesRecursive"
            | "maybeMissing"
            | "pathExists"
            | "readDir"
            | "readFileType"
            | "sourceByRegex"
            | "sourceFilesBySuffices"
            | "storePath"
            | "toString"
            | "union"
            | "unions"
    )
}

/// Whether an attribute of this name is given a folder for the files in it.
fn holds_files(name: &str) -> bool {
    matches!(name, "src" | "srcs" | "source" | "sources" | "root" | "path" | "paths" | "dir")
}

/// A path as a literal in a file of `folder` names it.
fn relative(folder: &Path, target: &Path) -> String {
    let common = folder.components().zip(target.components()).take_while(|(a, b)| a == b).count();
    let up = folder.components().count() - common;
    let mut parts: Vec<String> = std::iter::repeat_n("..".to_owned(), up).collect();
    let down = target.components().skip(common).filter_map(|component| match component {
        Component::Normal(name) => name.to_str().map(str::to_owned),
        _ => None,
    });
    if up == 0 {
        parts.push(".".to_owned());
    }
    parts.extend(down);
    // `./.` and `../.`: without a slash and a name it is no path.
    if parts.last().is_some_and(|part| part == "." || part == "..") && parts.len() == 1 {
        parts.push(".".to_owned());
    }
    parts.join("/")
}

/// Whether a text is one path literal: names with spaces have none.
fn is_path_literal(text: &str) -> bool {
    let parse = floe_syntax::parse(text, &floe_syntax::ParseOptions::default());
    let elements = parse.tree.elements();
    parse.errors.is_empty()
        && elements
            .get(1)
            .is_some_and(|path| path.kind == K::Path && path.end as usize == text.len())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::fixture::fixture;

    fn check(text: &str, moves: &[(&str, &str)], expected: &Expect) {
        let fixture = fixture(text);
        let moves: Vec<Move> =
            moves.iter().map(|(from, to)| Move { from: from.into(), to: to.into() }).collect();
        let mut shown = String::new();
        for (file, edits) in moved_files(&fixture.db, &moves) {
            let mut text = source(&fixture.db, file).text.to_string();
            floe_syntax::apply_edits(&mut text, &edits).unwrap();
            shown += &format!("{}: {text}", file.path(&fixture.db).display());
        }
        expected.assert_eq(&shown);
    }

    const WORKSPACE: &str = "//- /w/default.nix\n[ ./a.nix ./lib ./lib/x.nix ./other.nix ]\n\
         //- /w/a.nix\nimport ./lib/x.nix ./none\n//- /w/lib/default.nix\n../a.nix\n\
         //- /w/lib/x.nix\n[ ./default.nix ../. ]\n//- /w/other.nix\n1\n";

    #[test]
    fn a_file_moves() {
        check(
            WORKSPACE,
            &[("/w/a.nix", "/w/lib/b.nix")],
            &expect![[r#"
            /w/a.nix: import ./x.nix ../none
            /w/default.nix: [ ./lib/b.nix ./lib ./lib/x.nix ./other.nix ]
            /w/lib/default.nix: ./b.nix
        "#]],
        );
    }

    #[test]
    fn a_folder_moves_with_what_is_in_it() {
        check(
            WORKSPACE,
            &[("/w/lib", "/w/deep/er")],
            &expect![[r#"
            /w/a.nix: import ./deep/er/x.nix ./none
            /w/default.nix: [ ./a.nix ./deep/er ./deep/er/x.nix ./other.nix ]
            /w/lib/default.nix: ../../a.nix
            /w/lib/x.nix: [ ./default.nix ../.. ]
        "#]],
        );
    }

    #[test]
    fn a_default_of_a_folder_moves() {
        let workspace = "//- /w/default.nix\n{ callPackage }: [ (callPackage ./foo { }) (import ./foo) (import (./foo + \"/x\")) { src = ./foo; imports = [ ./foo ] ++ map f [ ./foo/default.nix ]; a = builtins.readDir ./foo; modules = builtins.concatLists [ [ ./foo ] ]; \"${\"b\"}\" = ./foo; } ]\n\
             //- /w/foo/default.nix\n[ ./x ../. ]\n//- /w/foo/x.nix\nimport ./.\n";
        check(
            workspace,
            &[("/w/foo/default.nix", "/w/foo/package.nix")],
            &expect![[r#"
                /w/default.nix: { callPackage }: [ (callPackage ./foo/package.nix { }) (import ./foo/package.nix) (import (./foo + "/x")) { src = ./foo; imports = [ ./foo/package.nix ] ++ map f [ ./foo/package.nix ]; a = builtins.readDir ./foo; modules = builtins.concatLists [ [ ./foo/package.nix ] ]; "${"b"}" = ./foo/package.nix; } ]
                /w/foo/x.nix: import ./package.nix
            "#]],
        );
        check(
            workspace,
            &[("/w/foo/default.nix", "/w/bar/default.nix")],
            &expect![[r#"
                /w/default.nix: { callPackage }: [ (callPackage ./bar { }) (import ./bar) (import (./foo + "/x")) { src = ./foo; imports = [ ./bar ] ++ map f [ ./bar/default.nix ]; a = builtins.readDir ./foo; modules = builtins.concatLists [ [ ./bar ] ]; "${"b"}" = ./bar; } ]
                /w/foo/default.nix: [ ../foo/x ../. ]
                /w/foo/x.nix: import ../bar
            "#]],
        );
    }

    #[test]
    fn a_name_that_no_literal_can_have_is_left() {
        check(WORKSPACE, &[("/w/other.nix", "/w/an other.nix")], &expect![""]);
    }
}
