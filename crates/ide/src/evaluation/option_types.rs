//! Which values the type of an option names: those of `enum`, the Booleans, `null`, packages. A type is read
//! from its description, which is all that is kept of the options of NixOS, or from its text, where a module
//! of the workspace declares the option.

use floe_syntax::{ParseOptions, SyntaxKind as K};

use super::options::OptionStep;
use crate::tree::{Node, Tree};

/// One of the things that a value of a type can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Alternative {
    /// This string.
    Text(String),
    /// What these words say: a number, `true`, `null`.
    Word(String),
    /// A package.
    Package,
    /// A list with elements of a type.
    List(OptionType),
    /// A set with values of a type.
    Attributes(OptionType),
}

/// What a type says of its values. One with many alternatives may have others that are not told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OptionType(pub(crate) Vec<Alternative>);

/// How deep types in types are looked into.
const MOST_LEVELS: usize = 8;

impl OptionType {
    /// Reads `null or one of "a", "b"`, as options describe their types, or `types.nullOr (types.enum …)`.
    pub(crate) fn of(text: &str) -> OptionType {
        let described = Description(text).alternatives(MOST_LEVELS);
        if !described.is_empty() {
            return OptionType(described);
        }
        let parse = floe_syntax::parse(text, &ParseOptions::default());
        let tree = Tree::new(&parse.tree, text);
        let mut found = Vec::new();
        if let Some(expr) = tree.root().expr(0) {
            written(expr, MOST_LEVELS, &mut found);
        }
        OptionType(found)
    }

    /// The type of what is in its values, at the end of a path there.
    pub(crate) fn inside(self, path: &[OptionStep]) -> OptionType {
        let Some((step, rest)) = path.split_first() else { return self };
        let inner = self.0.into_iter().filter_map(|alternative| match (alternative, step) {
            (Alternative::List(inner), OptionStep::Element) => Some(inner),
            (
                Alternative::Attributes(inner),
                OptionStep::Attribute(_) | OptionStep::AnyAttribute,
            ) => Some(inner),
            _ => None,
        });
        OptionType(inner.flat_map(|inner| inner.inside(rest).0).collect())
    }
}

fn booleans() -> impl Iterator<Item = Alternative> {
    ["true", "false"].into_iter().map(|word| Alternative::Word(word.to_owned()))
}

/// What is left of the description of a type.
struct Description<'t>(&'t str);

impl<'t> Description<'t> {
    fn alternatives(&mut self, levels: usize) -> Vec<Alternative> {
        let mut found = Vec::new();
        loop {
            self.alternative(levels, &mut found);
            if !self.next() {
                return found;
            }
        }
    }

    fn alternative(&mut self, levels: usize, found: &mut Vec<Alternative>) {
        let Some(levels) = levels.checked_sub(1) else { return };
        // What a submodule takes beside its options.
        self.eat("open submodule of ");
        if self.eat("list of ") || self.eat("non-empty list of ") {
            let mut inner = Vec::new();
            self.alternative(levels, &mut inner);
            found.push(Alternative::List(OptionType(inner)));
        } else if self.eat("attribute set of ") || self.eat("lazy attribute set of ") {
            let mut inner = Vec::new();
            self.alternative(levels, &mut inner);
            found.push(Alternative::Attributes(OptionType(inner)));
        } else if self.eat("(") {
            found.append(&mut self.alternatives(levels));
            self.eat(")");
        } else if self.eat("one of ") {
            loop {
                found.extend(self.value());
                if !self.eat(", ") {
                    break;
                }
            }
        } else if self.eat("value ") {
            found.extend(self.value());
        } else {
            // In older descriptions the type of elements is in the plural.
            match self.word().trim_end_matches('s') {
                "boolean" => found.extend(booleans()),
                "null" => found.push(Alternative::Word("null".to_owned())),
                "package" => found.push(Alternative::Package),
                _ => {}
            }
        }
    }

    /// A value of an enumeration: strings are in quotes, and nothing in them is escaped.
    fn value(&mut self) -> Option<Alternative> {
        if self.eat("\"") {
            let end = self.0.find('"')?;
            let text = self.0[..end].to_owned();
            self.0 = &self.0[end + 1..];
            self.eat("s");
            return Some(Alternative::Text(text));
        }
        let word = self.word();
        let word = word.strip_prefix('<').and_then(|word| word.strip_suffix('>')).unwrap_or(word);
        is_literal(word).then(|| Alternative::Word(word.to_owned()))
    }

    /// Goes on behind the next ` or ` that is not in parentheses, if there is one.
    fn next(&mut self) -> bool {
        let mut depth = 0;
        for (at, byte) in self.0.bytes().enumerate() {
            match byte {
                b'(' => depth += 1,
                b')' if depth == 0 => {
                    self.0 = &self.0[at..];
                    return false;
                }
                b')' => depth -= 1,
                b' ' if depth == 0 && self.0[at..].starts_with(" or ") => {
                    self.0 = &self.0[at + " or ".len()..];
                    return true;
                }
                _ => {}
            }
        }
        self.0 = "";
        false
    }

    fn word(&mut self) -> &'t str {
        let end = self.0.find([' ', ',', ')', ';']).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest;
        word
    }

    fn eat(&mut self, text: &str) -> bool {
        let rest = self.0.strip_prefix(text);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }
}

fn is_literal(word: &str) -> bool {
    matches!(word, "true" | "false" | "null") || word.parse::<i64>().is_ok()
}

/// The alternatives of a type as a module writes it.
fn written(of: Node<'_>, levels: usize, found: &mut Vec<Alternative>) {
    let Some(levels) = levels.checked_sub(1) else { return };
    let mut function = of.without_parens();
    let mut arguments = Vec::new();
    while function.is(K::Apply) {
        let (Some(inner), Some(argument)) = (function.expr(0), function.expr(1)) else { return };
        arguments.insert(0, argument.without_parens());
        function = inner.without_parens();
    }
    let name = match function.kind() {
        K::Select => function.attrs().last().and_then(|attr| attr.name()),
        _ => function.is(K::Variable).then(|| function.text().to_owned()),
    };
    let inner = |of: Node<'_>| {
        let mut found = Vec::new();
        written(of, levels, &mut found);
        OptionType(found)
    };
    match (name.as_deref().unwrap_or_default(), arguments.as_slice()) {
        ("bool" | "boolByOr", []) => found.extend(booleans()),
        ("package" | "shellPackage", []) => found.push(Alternative::Package),
        ("enum", [list]) if list.is(K::List) => found.extend(list.exprs().filter_map(literal)),
        ("nullOr", [of]) => {
            found.push(Alternative::Word("null".to_owned()));
            written(*of, levels, found);
        }
        ("uniq", [of]) | ("unique", [_, of]) => written(*of, levels, found),
        ("listOf" | "nonEmptyListOf", [of]) => found.push(Alternative::List(inner(*of))),
        ("attrsOf" | "lazyAttrsOf", [of]) => found.push(Alternative::Attributes(inner(*of))),
        ("either", [one, other]) | ("coercedTo", [one, _, other]) => {
            written(*one, levels, found);
            written(*other, levels, found);
        }
        ("oneOf", [list]) => list.exprs().for_each(|of| written(of, levels, found)),
        _ => {}
    }
}

fn literal(node: Node<'_>) -> Option<Alternative> {
    let is_plain = node.is(K::String) && node.child(K::Interpolation).is_none();
    if is_plain {
        let text = node.child(K::StringFragment).map_or("", Node::text);
        return Some(Alternative::Text(floe_syntax::unescape_string(text).into_owned()));
    }
    is_literal(node.text()).then(|| Alternative::Word(node.text().to_owned()))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn show(of: &OptionType) -> String {
        let shown = of.0.iter().map(|alternative| match alternative {
            Alternative::Text(text) => format!("{text:?}"),
            Alternative::Word(word) => word.clone(),
            Alternative::Package => "package".to_owned(),
            Alternative::List(inner) => format!("[{}]", show(inner)),
            Alternative::Attributes(inner) => format!("{{{}}}", show(inner)),
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    fn check(texts: &[&str], expected: &Expect) {
        let shown = texts.iter().map(|text| show(&OptionType::of(text)) + "\n");
        expected.assert_eq(&shown.collect::<String>());
    }

    #[test]
    fn types_are_read_from_their_descriptions() {
        check(
            &[
                "boolean",
                "one of \"a\", \"b c\", 1, true, <null>, <lambda>",
                "null or one of \"yes\", \"no\"",
                "value \"only\" (singular enum)",
                "boolean (merged using or) or string",
                "string or (null or package)",
                "list of (one of \"a\", \"b\")",
                "list of one of \"a\", \"b\"s or boolean",
                "list of packages",
                "attribute set of (list of (null or boolean))",
                "open submodule of attribute set of (null or boolean or string)",
                "16 bit unsigned integer; between 0 and 65535 (both inclusive)",
                "one of \"a",
                "",
            ],
            &expect![[r#"
                true false
                "a" "b c" 1 true null
                null "yes" "no"
                "only"
                true false
                null package
                ["a" "b"]
                ["a" "b"] true false
                [package]
                {[null true false]}
                {null true false}



            "#]],
        );
    }

    #[test]
    fn types_are_read_from_their_texts() {
        check(
            &[
                "types.bool",
                "with lib.types; nullOr (enum [ \"a\" \"b\\n\" 3 null x ])",
                "lib.types.nullOr (lib.types.enum [ \"a\" ])",
                "types.attrsOf (types.listOf types.package)",
                "types.oneOf [ types.bool (types.enum [ \"x\" ]) types.str ]",
                "types.submodule { }",
            ],
            &expect![[r#"
                true false

                null "a"
                {[package]}
                true false "x"

            "#]],
        );
    }

    #[test]
    fn a_description_without_end_is_read_to_some_depth() {
        let of = OptionType::of(&"list of ".repeat(100_000));
        let inside = of.inside(&vec![OptionStep::Element; 100]);
        assert_eq!(inside, OptionType::default());
        OptionType::of(&"(".repeat(100_000));
    }
}
