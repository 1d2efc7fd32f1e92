//! What the keywords and operators of the language do, in a form and a few sentences each.

use floe_syntax::SyntaxKind as K;

/// How a keyword or operator is used, and what it does, as Markdown.
pub(crate) fn keyword_doc(kind: K) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        K::LetKw => (
            "let a = 1; in a",
            "Names for the expression behind `in`. The bindings can refer to each other, in any order.",
        ),
        K::InKw => {
            ("let a = 1; in a", "Ends the bindings of a `let`; behind it stands what the whole is.")
        }
        K::RecKw => (
            "rec { a = 1; b = a; }",
            "A set whose attributes can refer to each other by name. They keep what they meant when the set is updated with `//`.",
        ),
        K::WithKw => (
            "with set; expression",
            "The attributes of the set as names in the expression. Names that a `let` or a function binds come first, however far out; of several `with`s the innermost counts.",
        ),
        K::InheritKw => {
            ("inherit a; inherit (set) b;", "`a = a;` with the outer `a`, and `b = set.b;`.")
        }
        K::IfKw | K::ThenKw | K::ElseKw => (
            "if condition then a else b",
            "One of two values. The condition has to be a Boolean, and there is always an `else`.",
        ),
        K::AssertKw => (
            "assert condition; expression",
            "The expression, if the condition is true. Evaluation fails otherwise.",
        ),
        K::OrKw => (
            "set.a.b or default",
            "The default, if any attribute of the path is missing. An error on the way there is not caught.",
        ),
        K::Ellipsis => (
            "{ a, ... }: a",
            "Other attributes may be in the argument, too; only an `@` name can see them.",
        ),
        K::At => (
            "all@{ a, ... }: all",
            "The whole argument under a name, without the defaults of what is missing in it.",
        ),
        K::Question => (
            "set ? a.b",
            "Whether a set has the attribute. In a pattern: the default of an argument, which can refer to the other arguments.",
        ),
        K::SlashSlash => (
            "a // b",
            "The attributes of both sets; where both have one, that of the right. Sets inside are not merged.",
        ),
        K::PlusPlus => ("a ++ b", "Both lists, one behind the other."),
        K::Arrow => ("a -> b", "Whether `a` implies `b`: `!a || b`."),
        K::AndAnd => ("a && b", "Whether both are true. `b` is evaluated only if `a` is true."),
        K::OrOr => ("a || b", "Whether one is true. `b` is evaluated only if `a` is false."),
        K::EqEq => (
            "a == b",
            "Whether two values are the same: lists and sets by what is in them, functions never.",
        ),
        K::NotEq => ("a != b", "Whether two values are not the same."),
        K::PipeRight => ("a |> f", "`f a`. An experimental feature: `pipe-operators`."),
        K::PipeLeft => ("f <| a", "`f a`. An experimental feature: `pipe-operators`."),
        K::Plus => (
            "a + b",
            "The sum of numbers, or two strings or paths joined. What stands on the left says which it is.",
        ),
        K::DollarBrace => (
            "\"a ${b} c\"",
            "The value as a part of the string or path. It has to be a string, a path, or a set with `outPath` or `__toString`; `toString` makes one of a number.",
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_nix() {
        for kind in K::ALL {
            let Some((form, _)) = keyword_doc(*kind) else { continue };
            // The forms of `inherit` stand in a set.
            let form = match kind {
                K::InheritKw => format!("{{ {form} }}"),
                _ => form.to_owned(),
            };
            let errors = floe_syntax::parse(&form, &floe_syntax::ParseOptions::default()).errors;
            let pipes = matches!(kind, K::PipeLeft | K::PipeRight);
            assert!(errors.is_empty() || pipes, "{form}: {errors:?}");
        }
    }
}
