//! What has to change in the workspace when files are moved: relative paths that name them, and the
//! relative paths in them.

use std::path::{Component, Path, PathBuf};

use floe_db::{Db, File, parse, source};
use floe_syntax::{SyntaxKind as K, TextEdit};

use crate::known;
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
        let moved = target(&old_target, moves);
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
            Some("default.nix") => {
                folder.is_none_or(|folder| text.contains(folder))
                    || text.contains("default.nix")
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
    fn a_name_that_no_literal_can_have_is_left() {
        check(WORKSPACE, &[("/w/other.nix", "/w/an other.nix")], &expect![""]);
    }
}
