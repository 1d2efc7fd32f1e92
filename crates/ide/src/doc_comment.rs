//! What the comments before a binding say of it.

use floe_db::{Db, parse, source};
use floe_syntax::{ElementId, FlatTree, SyntaxKind};

use crate::cursor::Cursor;
use crate::known::Bound;

/// The documentation of a binding, as Markdown: a comment `/** … */` before it or before the function
/// that it binds (RFC 145), failing that the plain comments right above it. Of a parameter only those.
pub(crate) fn doc_comment(db: &dyn Db, bound: Bound) -> Option<String> {
    let tree = &parse(db, bound.file).tree;
    let text = &source(db, bound.file).text;
    let name = bound.span(db);
    let cursor = Cursor::new(tree, text, name.end);
    let is_binding = |node: &&ElementId| {
        let kind = tree.get(**node).kind;
        matches!(kind, SyntaxKind::Binding | SyntaxKind::Formal | SyntaxKind::Param)
    };
    let binding = *cursor.nodes.iter().rev().find(is_binding)?;
    if tree.get(binding).kind == SyntaxKind::Param {
        return comments_above(tree, text, binding);
    }
    let before_value = tree
        .children(binding)
        .find(|child| !tree.get(*child).kind.is_token() && tree.get(*child).start >= name.end);
    documentation_before(tree, text, binding)
        .or_else(|| documentation_before(tree, text, before_value?))
        .or_else(|| comments_above(tree, text, binding))
}

fn documentation_before(tree: &FlatTree, text: &str, element: ElementId) -> Option<String> {
    let comment = tree.elements()[..element.0 as usize]
        .iter()
        .rev()
        .find(|element| element.kind != SyntaxKind::Whitespace)
        .filter(|element| element.kind == SyntaxKind::Comment)?;
    let comment = &text[comment.start as usize..comment.end as usize];
    Some(block(comment.strip_prefix("/**")?.strip_suffix("*/")?))
}

/// The comments in the lines above, with no empty line between, and nothing else in those lines.
fn comments_above(tree: &FlatTree, text: &str, element: ElementId) -> Option<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut below = tree.get(element).start as usize;
    for element in tree.elements()[..element.0 as usize].iter().rev() {
        let (start, end) = (element.start as usize, element.end as usize);
        match element.kind {
            SyntaxKind::Whitespace => continue,
            SyntaxKind::Comment => {}
            // The function that a parameter begins.
            kind if !kind.is_token() => continue,
            _ => break,
        }
        let is_next_line = text[end..below].matches('\n').count() == 1;
        let line = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let is_alone = text[line..start].trim().is_empty();
        if !is_next_line || !is_alone {
            break;
        }
        let comment = &text[start..end];
        match comment.strip_prefix('#') {
            Some(rest) => lines.push(rest.trim_start_matches('#').trim().to_owned()),
            None => lines.push(block(comment.trim_start_matches("/*").trim_end_matches("*/"))),
        }
        below = start;
    }
    lines.reverse();
    let comment = lines.join("\n").trim().to_owned();
    (!comment.is_empty()).then_some(comment)
}

/// The inside of a comment: the first line stands behind its beginning, the indentation is that of the
/// others.
fn block(inner: &str) -> String {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let rest = inner.lines().skip(1).filter(|line| !line.trim().is_empty());
    let common = rest.map(indent).min().unwrap_or(0);
    let lines = inner.lines().enumerate().map(|(number, line)| match number {
        0 => line.trim_start(),
        _ => line.get(common..).unwrap_or(""),
    });
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::fixture;
    use crate::goto_definition::{definition_of, origin};
    use crate::symbol::symbol_at;

    /// The documentation of what the cursor is on.
    fn documentation(text: &str) -> Option<String> {
        let fixture = fixture(text);
        let (symbol, _) = symbol_at(&fixture.db, fixture.file, fixture.offset).unwrap();
        let bound = definition_of(&fixture.db, fixture.file, symbol).unwrap();
        doc_comment(&fixture.db, origin(&fixture.db, bound))
    }

    fn says(text: &str, expected: &str) {
        assert_eq!(documentation(text).as_deref(), Some(expected), "{text}");
    }

    #[test]
    fn a_comment_of_documentation_stands_before_the_binding_or_its_value() {
        says("rec { /** One. */ a = 1; b = $0a; }", "One.");
        says("rec { a = /** One. */ x: x; b = $0a; }", "One.");
        says(
            "rec {\n  /**\n    # Title\n\n        code\n  */\n  a = 1;\n  b = $0a;\n}",
            "# Title\n\n    code",
        );
        says("let\n  /** One. */\n  a.b = 1;\nin a.$0b", "One.");
    }

    #[test]
    fn plain_comments_stand_in_the_lines_above() {
        says("rec {\n  # One.\n  # Two.\n  a = 1;\n  b = $0a;\n}", "One.\nTwo.");
        says("rec {\n  /* One.\n     Two. */\n  a = 1;\n  b = $0a;\n}", "One.\nTwo.");
        for none in [
            "rec {\n  # Of nothing.\n\n  a = 1;\n  b = $0a;\n}",
            "rec {\n  c = 1; # Of c.\n  a = 1;\n  b = $0a;\n}",
            "rec {\n  a = 1; # behind\n  b = $0a;\n}",
        ] {
            assert_eq!(documentation(none), None, "{none}");
        }
    }

    #[test]
    fn arguments_and_attributes_of_other_files_have_it_too() {
        says("{\n  # One.\n  a,\n  /** Two. */\n  b ? 1,\n}: $0a", "One.");
        says("{\n  # One.\n  a,\n  /** Two. */\n  b ? 1,\n}: $0b", "Two.");
        assert_eq!(documentation("{\n  # Of the function.\n  f = a: $0a;\n}"), None);
        let files = "\n//- /w/b.nix\n{\n  # One.\n  a = 1;\n}\n";
        says(&format!("//- /w/a.nix\n(import ./b.nix).$0a{files}"), "One.");
        says(&format!("//- /w/a.nix\nlet inherit (import ./b.nix) a; in $0a{files}"), "One.");
    }
}
