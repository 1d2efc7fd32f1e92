//! Structural search and replace: `PATTERN ==>> TEMPLATE`, over trees instead of text.
//!
//! Both sides are Nix expressions in which `$name` stands for any expression, or for any name of an
//! attribute. White space, comments and parentheses do not matter to a match; comments stay. A placeholder
//! that stands twice has to stand for the same both times.

use floe_db::{Db, File, peek};
use floe_hir::Span;
use floe_syntax::{FlatTree, ParseOptions, SyntaxKind, TextEdit};
use thiserror::Error;

use crate::rename::FileEdits;
use crate::tree::{Node, Tightness, Tree, in_place_of};
use crate::workspace_index::workspace_files;

/// What to search: an expression with `$name` for any other.
#[derive(Clone, Debug)]
pub struct SsrPattern(Side);

/// A rule to search and replace by.
#[derive(Clone, Debug)]
pub struct SsrRule {
    pattern: SsrPattern,
    template: Side,
}

#[derive(Clone, Debug)]
struct Side {
    text: String,
    tree: FlatTree,
}

/// Why a text is no rule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "the messages are the documentation")]
pub enum SsrError {
    #[error("expected 'PATTERN ==>> TEMPLATE', found no '==>>'")]
    NoArrow,
    #[error("the {side} is no Nix expression: {message}")]
    Syntax { side: &'static str, message: String },
    #[error("the pattern is only a placeholder, which would match everything")]
    MatchesEverything,
    #[error("the template uses '${0}', which the pattern does not have")]
    Unbound(String),
}

/// What placeholders are called in the trees: names that nobody writes.
const PREFIX: &str = "__floe_placeholder_";

impl SsrPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Where it is no expression, or would be all of them.
    pub fn parse(text: &str) -> Result<SsrPattern, SsrError> {
        let pattern = side("pattern", text)?;
        let tree = Tree::new(&pattern.tree, &pattern.text);
        let root = tree.root().expr(0);
        if root.is_none_or(|root| placeholder(root.without_parens()).is_some()) {
            return Err(SsrError::MatchesEverything);
        }
        Ok(SsrPattern(pattern))
    }

    /// Where a text has it, the outermost where matches lie in each other. Nowhere in a text with syntax
    /// errors.
    pub fn matches(&self, text: &str) -> Vec<Span> {
        let mut spans = Vec::new();
        self.each_match(text, |node, _| spans.push(node.span()));
        spans
    }

    fn each_match(&self, text: &str, mut visit: impl FnMut(Node<'_>, &[(&str, Node<'_>)])) {
        let parse = floe_syntax::parse(text, &ParseOptions::default());
        if !parse.errors.is_empty() {
            return;
        }
        let tree = Tree::new(&parse.tree, text);
        let pattern = Tree::new(&self.0.tree, &self.0.text);
        let Some(pattern) = pattern.root().expr(0) else { return };
        let mut reached = 0;
        for node in tree.all().filter(|node| node.is_expr() && !node.is(SyntaxKind::Paren)) {
            let mut found = Vec::new();
            if node.start() >= reached && matches(pattern.without_parens(), node, &mut found) {
                reached = node.end();
                visit(node, &found);
            }
        }
    }
}

impl SsrRule {
    /// Reads a rule.
    ///
    /// # Errors
    /// Where one side is no expression, or the template needs what the pattern does not find.
    pub fn parse(rule: &str) -> Result<SsrRule, SsrError> {
        let (pattern, template) = rule.split_once("==>>").ok_or(SsrError::NoArrow)?;
        let pattern = SsrPattern::parse(pattern)?;
        let rule = SsrRule { pattern, template: side("template", template)? };
        let pattern = Tree::new(&rule.pattern.0.tree, &rule.pattern.0.text);
        let known: Vec<&str> = pattern.all().filter_map(placeholder).collect();
        let template = Tree::new(&rule.template.tree, &rule.template.text);
        let unbound = template.all().filter_map(placeholder).find(|name| !known.contains(name));
        if let Some(name) = unbound {
            return Err(SsrError::Unbound(name.to_owned()));
        }
        Ok(rule)
    }

    /// The edits that replace each match in the files of the workspace.
    pub fn workspace_edits(&self, db: &dyn Db) -> Vec<FileEdits> {
        let edits = |file: File| {
            db.unwind_if_revision_cancelled();
            let edits = self.edits(&peek(db, file).ok()?);
            (!edits.is_empty()).then_some(FileEdits { file, edits })
        };
        workspace_files(db).iter().filter_map(|file| edits(*file)).collect()
    }

    /// The edits that replace each match in a text, the outermost where matches lie in each other.
    /// Nothing in a text with syntax errors.
    pub fn edits(&self, text: &str) -> Vec<TextEdit> {
        let template = Tree::new(&self.template.tree, &self.template.text);
        let Some(template) = template.root().expr(0) else { return Vec::new() };
        let used: Vec<&str> = template.descendants().filter_map(placeholder).collect();
        let mut edits: Vec<TextEdit> = Vec::new();
        self.pattern.each_match(text, |node, found| {
            let kept = found.iter().filter(|(name, _)| used.contains(name)).map(|(_, code)| *code);
            let comments = comments_beside(node, &kept.collect::<Vec<_>>());
            let insert = in_place_of(node, &fill(template, found), template.tightness());
            edits.push(TextEdit::replace(node.range(), comments + &insert));
        });
        edits
    }
}

fn side(side: &'static str, text: &str) -> Result<Side, SsrError> {
    let text = with_placeholders(text.trim());
    let options = ParseOptions::default();
    let parse = floe_syntax::parse(&text, &options);
    let mut errors = parse.errors;
    let found = Side { text, tree: parse.tree };
    if errors.is_empty() {
        errors = floe_syntax::parse(&as_written(&found), &options).errors;
    }
    match errors.first() {
        Some(error) => {
            let message = error.to_string().replace(PREFIX, "$");
            Err(SsrError::Syntax { side, message })
        }
        None => Ok(found),
    }
}

/// The text with `$name` as it was where it is no placeholder: in a string, and, which is no Nix, in a path
/// or behind a part of a name.
fn as_written(side: &Side) -> String {
    let tree = Tree::new(&side.tree, &side.text);
    let mut written = String::new();
    let mut at = 0;
    for node in tree.all().filter(|node| placeholder(*node).is_some()) {
        let (start, end) = (node.start() as usize, node.end() as usize);
        if start >= at {
            written += &side.text[at..start].replace(PREFIX, "$");
            written += &side.text[start..end];
            at = end;
        }
    }
    written + &side.text[at..].replace(PREFIX, "$")
}

/// `$name` as an identifier; `${` is an interpolation as ever.
fn with_placeholders(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let is_start = |next: &char| next.is_ascii_alphabetic() || *next == '_';
        match characters.peek() {
            Some(next) if character == '$' && is_start(next) => result += PREFIX,
            _ => result.push(character),
        }
    }
    result
}

/// The name of the placeholder that a variable or an attribute's name is.
fn placeholder(node: Node<'_>) -> Option<&str> {
    let is_name = matches!(node.kind(), SyntaxKind::Variable | SyntaxKind::Attr);
    node.text().strip_prefix(PREFIX).filter(|_| is_name && node.children().count() == 1)
}

/// Whether a piece of code is what a pattern describes; tells what the placeholders stand for.
fn matches<'p, 'c>(
    pattern: Node<'p>,
    code: Node<'c>,
    found: &mut Vec<(&'p str, Node<'c>)>,
) -> bool {
    if let Some(name) = placeholder(pattern) {
        if pattern.is(SyntaxKind::Attr) != code.is(SyntaxKind::Attr) {
            return false;
        }
        if let Some((_, before)) = found.iter().find(|(other, _)| *other == name) {
            return matches(*before, code, &mut Vec::new());
        }
        found.push((name, code));
        return true;
    }
    if pattern.kind() != code.kind() {
        return false;
    }
    if pattern.is_token() {
        return pattern.text().replace(PREFIX, "$") == code.text();
    }
    let plain = |node: Node<'_>| node.is_expr();
    let (mut left, mut right) = (pattern.children(), code.children());
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(pattern), Some(code)) => {
                let is_same = if plain(pattern) && plain(code) {
                    matches(pattern.without_parens(), code.without_parens(), found)
                } else {
                    matches(pattern, code, found)
                };
                if !is_same {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

/// The comments of a match that stand in nothing that is kept, to stand in front of what replaces it.
fn comments_beside(node: Node<'_>, kept: &[Node<'_>]) -> String {
    let is_kept = |comment: Node<'_>| {
        kept.iter().any(|kept| kept.start() <= comment.start() && comment.end() <= kept.end())
    };
    let comments = node.descendants().filter(|inside| inside.is(SyntaxKind::Comment));
    comments
        .filter(|comment| !is_kept(*comment))
        .map(|comment| {
            let separator = if comment.text().starts_with('#') { '\n' } else { ' ' };
            format!("{}{separator}", comment.text())
        })
        .collect()
}

/// The template's text with what was found in the places of the placeholders.
fn fill(template: Node<'_>, found: &[(&str, Node<'_>)]) -> String {
    let mut text = String::new();
    let mut at = template.start();
    let whole = template.tree().text();
    for node in template.descendants() {
        if node.start() < at && node != template {
            continue;
        }
        let Some(name) = placeholder(node) else { continue };
        let Some((_, code)) = found.iter().find(|(other, _)| *other == name) else { continue };
        text += &whole[at as usize..node.start() as usize];
        text += &match node.is(SyntaxKind::Attr)
            || node == template && code.tightness() == Tightness::Atom
        {
            true => code.text().to_owned(),
            false => in_place_of(node, code.text(), code.tightness()),
        };
        at = node.end();
    }
    text += &whole[at as usize..template.end() as usize];
    text.replace(PREFIX, "$")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::fixture;

    #[test]
    fn all_files_of_the_workspace() {
        let fixture = fixture(
            "//- /w/a.nix\nx: isNull x\n//- /w/b.nix\n1\n//- /w/c/d.nix\n[ (isNull 1) ]\n//- /v/e.nix\nisNull 1\n",
        );
        let rule = SsrRule::parse("isNull $x ==>> $x == null").unwrap();
        let shown: Vec<String> = (rule.workspace_edits(&fixture.db).into_iter())
            .map(|FileEdits { file, edits }| {
                let mut text = peek(&fixture.db, file).unwrap().to_string();
                floe_syntax::apply_edits(&mut text, &edits).unwrap();
                format!("{}: {text}", file.path(&fixture.db).display())
            })
            .collect();
        assert_eq!(shown, ["/w/a.nix: x: x == null\n", "/w/c/d.nix: [ (1 == null) ]\n"]);
    }

    fn replaced(rule: &str, text: &str) -> String {
        let mut text = text.to_owned();
        let edits = SsrRule::parse(rule).unwrap().edits(&text);
        floe_syntax::apply_edits(&mut text, &edits).unwrap();
        text
    }

    #[test]
    fn placeholders_keep_their_grouping() {
        for (rule, before, after) in [
            (
                "isNull $x ==>> $x == null",
                "x: !(isNull (f x)) && isNull x",
                "x: !(f x == null) && x == null",
            ),
            (
                "if $c then $a else null ==>> f $c $a",
                "f: if a == b then (g 1) else null",
                "f: f (a == b) (g 1)",
            ),
            ("$a // { } ==>> $a", "a: b: (a // { # c\n}) ++ b", "a: b: (# c\na) ++ b"),
            (
                "isNull $x ==>> $x == null",
                "isNull /* c */ (x /* d */ y)",
                "/* c */ x /* d */ y == null",
            ),
            (
                "stdenv.lib.$f ==>> lib.$f",
                "[ stdenv.lib.id (stdenv.lib.x.y) ]",
                "[ lib.id (stdenv.lib.x.y) ]",
            ),
            (
                "$x == $x ==>> true",
                "[ (a == a) (a == b) ((f a) == f  a) ]",
                "[ (true) (a == b) (true) ]",
            ),
            ("f $x ==>> x: $x", "f (f 1)", "x: f 1"),
            ("\"$a\" + $b ==>> \"$a${$b}\"", "\"$a\" + (c d)", "\"$a${c d}\""),
        ] {
            assert_eq!(replaced(rule, before), after, "{rule}");
        }
    }

    #[test]
    fn a_pattern_alone_is_searched() {
        let text = "f: [ (f (f 1)) (f  (2)) (g 1) ]";
        let found = SsrPattern::parse("f $x").unwrap().matches(text);
        let found: Vec<&str> =
            found.iter().map(|span| &text[span.start as usize..span.end as usize]).collect();
        assert_eq!(found, ["f (f 1)", "f  (2)"]);
        assert_eq!(SsrPattern::parse("$x").unwrap_err(), SsrError::MatchesEverything);
    }

    #[test]
    fn what_is_no_rule_is_told() {
        let wrong = |rule: &str| SsrRule::parse(rule).unwrap_err().to_string();
        assert_eq!(wrong("a"), "expected 'PATTERN ==>> TEMPLATE', found no '==>>'");
        assert!(wrong("a ( ==>> b").starts_with("the pattern is no Nix expression: syntax error"));
        assert_eq!(
            wrong("$x ==>> 1"),
            "the pattern is only a placeholder, which would match everything"
        );
        assert_eq!(
            wrong("f $x ==>> $y"),
            "the template uses '$y', which the pattern does not have"
        );
        for no_placeholder in ["f $x ==>> g$x", "f $x ==>> ./$x", "f ./a/$x ==>> 1"] {
            assert!(wrong(no_placeholder).contains("is no Nix expression"), "{no_placeholder}");
        }
        assert!(SsrRule::parse("f $x ==>> g \"$x ./$x\"").is_ok());
    }
}
