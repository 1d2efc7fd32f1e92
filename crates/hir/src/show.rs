//! Expressions in the notation of C++ Nix: what `nix-instantiate --parse` prints, and what the message
//! of a failed assertion quotes.

use std::fmt::{self, Write};

use crate::lower::with_stack;
use crate::{
    AttrKind, Attrs, AttrsId, BinaryOp, Expr, ExprId, Key, KeyList, LambdaId, Module, Param,
    SourceMap, Var, globals,
};

/// An expression of a file, with the file's text at hand for the names of local variables.
pub struct Show<'a> {
    /// The program.
    pub module: &'a Module,
    /// Where its parts stand in `text`.
    pub source_map: &'a SourceMap,
    /// The text of the file.
    pub text: &'a str,
    /// What a path literal stands for: C++ Nix resolves them when it parses.
    pub resolve_path: &'a dyn Fn(&str) -> String,
}

impl Show<'_> {
    /// The expression as C++ Nix shows it.
    pub fn expr(&self, id: ExprId) -> String {
        let mut out = String::new();
        self.write(id, &mut out).expect("writing to a string cannot fail");
        out
    }

    /// An attribute path as C++ Nix shows it, `a."b c"."${x}"`.
    pub fn path(&self, path: KeyList) -> String {
        let mut out = String::new();
        self.write_path(path, &mut out).expect("writing to a string cannot fail");
        out
    }

    fn write(&self, id: ExprId, out: &mut String) -> fmt::Result {
        with_stack(|| self.write_on_stack(id, out))
    }

    fn write_on_stack(&self, id: ExprId, out: &mut String) -> fmt::Result {
        let module = self.module;
        match module.expr(id) {
            Expr::Missing | Expr::InheritFrom(_) => Ok(()),
            Expr::Int(value) => write!(out, "{value}"),
            Expr::Float(value) => write!(out, "{}", ShortFloat(value)),
            Expr::Str(text) => write!(out, "{}", Quoted(module.str(text))),
            Expr::Path(text) => out.write_str(&(self.resolve_path)(module.str(text))),
            Expr::Interpolate(parts) | Expr::InterpolatePath(parts) => {
                self.write_separated(module.list(parts), " + ", out)
            }
            Expr::Var(var) => write!(out, "{}", Identifier(self.variable(id, var))),
            Expr::CurPos => out.write_str("__curPos"),
            Expr::Select { base, path, default } => {
                out.write_str("(")?;
                self.write(base, out)?;
                out.write_str(").")?;
                self.write_path(path, out)?;
                if let Some(default) = default {
                    out.write_str(" or (")?;
                    self.write(default, out)?;
                    out.write_str(")")?;
                }
                Ok(())
            }
            Expr::HasAttr { base, path } => {
                out.write_str("((")?;
                self.write(base, out)?;
                out.write_str(") ? ")?;
                self.write_path(path, out)?;
                out.write_str(")")
            }
            Expr::SearchPath { .. } | Expr::Apply { .. } | Expr::Negate(_) => {
                out.write_str("(")?;
                self.write_call(id, out)?;
                out.write_str(")")
            }
            Expr::Lambda(lambda) => self.write_lambda(lambda, out),
            Expr::Attrs(attrs) => {
                let recursive = module.attrs[attrs.0 as usize].recursive;
                out.write_str(if recursive { "rec { " } else { "{ " })?;
                self.write_bindings(attrs, out)?;
                out.write_str("}")
            }
            Expr::Let { attrs, body } => {
                out.write_str("(let ")?;
                self.write_bindings(attrs, out)?;
                out.write_str("in ")?;
                self.write(body, out)?;
                out.write_str(")")
            }
            Expr::List(elements) => {
                out.write_str("[ ")?;
                for element in module.list(elements) {
                    out.write_str("(")?;
                    self.write(*element, out)?;
                    out.write_str(") ")?;
                }
                out.write_str("]")
            }
            Expr::If { cond, then, otherwise } => {
                self.write_words(&[("(if ", cond), (" then ", then), (" else ", otherwise)], out)?;
                out.write_str(")")
            }
            Expr::With { set, body, .. } => {
                self.write_words(&[("(with ", set), ("; ", body)], out)?;
                out.write_str(")")
            }
            Expr::Assert { cond, body } => {
                self.write_words(&[("assert ", cond), ("; ", body)], out)
            }
            Expr::Binary { op, lhs, rhs } => {
                let infix = match op {
                    BinaryOp::Equal => " == ",
                    BinaryOp::NotEqual => " != ",
                    BinaryOp::And => " && ",
                    BinaryOp::Or => " || ",
                    BinaryOp::Implies => " -> ",
                    BinaryOp::Update => " // ",
                    BinaryOp::Concat => " ++ ",
                    BinaryOp::Add => " + ",
                    BinaryOp::LessOrEqual => {
                        self.write_words(&[("(! (__lessThan ", rhs), (" ", lhs)], out)?;
                        return out.write_str("))");
                    }
                    BinaryOp::GreaterOrEqual => {
                        self.write_words(&[("(! (__lessThan ", lhs), (" ", rhs)], out)?;
                        return out.write_str("))");
                    }
                    BinaryOp::Less
                    | BinaryOp::Greater
                    | BinaryOp::Subtract
                    | BinaryOp::Multiply
                    | BinaryOp::Divide => {
                        out.write_str("(")?;
                        self.write_call(id, out)?;
                        return out.write_str(")");
                    }
                };
                self.write_separated(&[lhs, rhs], infix, out)
            }
            Expr::Not(operand) => {
                self.write_words(&[("(! ", operand)], out)?;
                out.write_str(")")
            }
        }
    }

    /// A call without its parentheses: one that is called again goes on inside of them.
    fn write_call(&self, id: ExprId, out: &mut String) -> fmt::Result {
        let module = self.module;
        match module.expr(id) {
            Expr::Apply { fun, args } => {
                self.write_call(fun, out)?;
                for arg in module.list(args) {
                    self.write_words(&[(" ", *arg)], out)?;
                }
                Ok(())
            }
            Expr::SearchPath { text, .. } => {
                write!(out, "__findFile __nixPath {}", Quoted(module.str(text)))
            }
            Expr::Negate(operand) => self.write_words(&[("__sub 0 ", operand)], out),
            Expr::Binary { op, lhs, rhs } => match op {
                BinaryOp::Less => self.write_words(&[("__lessThan ", lhs), (" ", rhs)], out),
                BinaryOp::Greater => self.write_words(&[("__lessThan ", rhs), (" ", lhs)], out),
                BinaryOp::Subtract => self.write_words(&[("__sub ", lhs), (" ", rhs)], out),
                BinaryOp::Multiply => self.write_words(&[("__mul ", lhs), (" ", rhs)], out),
                BinaryOp::Divide => self.write_words(&[("__div ", lhs), (" ", rhs)], out),
                _ => self.write(id, out),
            },
            _ => self.write(id, out),
        }
    }

    fn write_separated(&self, parts: &[ExprId], infix: &str, out: &mut String) -> fmt::Result {
        out.write_str("(")?;
        for (index, part) in parts.iter().enumerate() {
            self.write_words(&[(if index == 0 { "" } else { infix }, *part)], out)?;
        }
        out.write_str(")")
    }

    fn write_words(&self, words: &[(&str, ExprId)], out: &mut String) -> fmt::Result {
        for (word, expr) in words {
            out.write_str(word)?;
            self.write(*expr, out)?;
        }
        Ok(())
    }

    fn write_path(&self, path: KeyList, out: &mut String) -> fmt::Result {
        for (index, key) in self.module.keys(path).iter().enumerate() {
            out.write_str(if index == 0 { "" } else { "." })?;
            match key {
                Key::Static(name) => write!(out, "{}", Identifier(name.as_str()))?,
                Key::Dynamic(name) => {
                    self.write_words(&[("\"${", *name)], out)?;
                    out.write_str("}\"")?;
                }
            }
        }
        Ok(())
    }

    fn write_lambda(&self, id: LambdaId, out: &mut String) -> fmt::Result {
        let lambda = &self.module.lambdas[id.0 as usize];
        out.write_str("(")?;
        match &lambda.param {
            Param::Simple { name, .. } => write!(out, "{}", Identifier(name.as_str()))?,
            Param::Pattern { formals, ellipsis, at } => {
                let mut formals: Vec<_> = formals.iter().collect();
                formals.sort_unstable_by_key(|formal| formal.name.as_str());
                out.write_str("{ ")?;
                for (index, formal) in formals.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(out, "{comma}{}", Identifier(formal.name.as_str()))?;
                    if let Some(default) = formal.default {
                        self.write_words(&[(" ? ", default)], out)?;
                    }
                }
                if *ellipsis {
                    out.write_str(if formals.is_empty() { "..." } else { ", ..." })?;
                }
                out.write_str(" }")?;
                if let Some((name, _)) = at {
                    write!(out, " @ {}", Identifier(name.as_str()))?;
                }
            }
        }
        self.write_words(&[(": ", lambda.body)], out)?;
        out.write_str(")")
    }

    fn write_bindings(&self, id: AttrsId, out: &mut String) -> fmt::Result {
        let Attrs { entries, inherit_from, dynamic, .. } = &self.module.attrs[id.0 as usize];
        let mut entries: Vec<_> = entries.iter().collect();
        entries.sort_unstable_by_key(|entry| entry.name.as_str());
        let of_kind = |kind| entries.iter().filter(move |entry| entry.kind == kind);

        if of_kind(AttrKind::Inherited).next().is_some() {
            out.write_str("inherit")?;
            for entry in of_kind(AttrKind::Inherited) {
                write!(out, " {}", Identifier(entry.name.as_str()))?;
            }
            out.write_str("; ")?;
        }
        for (set, index) in inherit_from.iter().zip(0..) {
            let mut names =
                of_kind(AttrKind::InheritedFrom).filter(|e| self.inherits_from(e.value, index));
            let Some(first) = names.next() else { continue };
            self.write_words(&[("inherit (", *set)], out)?;
            out.write_str(")")?;
            for entry in std::iter::once(first).chain(names) {
                write!(out, " {}", Identifier(entry.name.as_str()))?;
            }
            out.write_str("; ")?;
        }
        for entry in of_kind(AttrKind::Plain) {
            write!(out, "{} = ", Identifier(entry.name.as_str()))?;
            self.write(entry.value, out)?;
            out.write_str("; ")?;
        }
        for entry in dynamic {
            self.write_words(&[("\"${", entry.name), ("}\" = ", entry.value)], out)?;
            out.write_str("; ")?;
        }
        Ok(())
    }

    fn inherits_from(&self, value: ExprId, index: u32) -> bool {
        match self.module.expr(value) {
            Expr::Select { base, .. } => self.module.expr(base) == Expr::InheritFrom(index),
            _ => false,
        }
    }

    fn variable(&self, id: ExprId, var: Var) -> &str {
        match var {
            Var::Global(id) => globals()[id.0 as usize].name.as_str(),
            Var::With { name, .. } | Var::Undefined(name) => name.as_str(),
            Var::Local { .. } => {
                let span = self.source_map.exprs[id.0 as usize];
                let text = self.text.get(span.start as usize..span.end as usize);
                // A redefined operator stands in the text as that operator.
                match text.unwrap_or_default() {
                    "<" | "<=" | ">" | ">=" => "__lessThan",
                    "*" => "__mul",
                    "/" => "__div",
                    text if text.starts_with('-') => "__sub",
                    text => text,
                }
            }
        }
    }
}

/// A name as C++ Nix prints it: in quotes unless it could stand there without.
#[derive(Clone, Copy, Debug)]
pub struct Identifier<'a>(pub &'a str);

impl fmt::Display for Identifier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if floe_syntax::is_identifier(self.0) { f.write_str(self.0) } else { Quoted(self.0).fmt(f) }
    }
}

/// A string literal as C++ Nix prints it.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", Escaped(self.0))
    }
}

/// What stands between the quotes of [`Quoted`].
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(special) = rest.find(['"', '\\', '\n', '\r', '\t', '$']) {
            f.write_str(&rest[..special])?;
            let (special, after) = rest[special..].split_at(1);
            match special {
                "\n" => f.write_str("\\n")?,
                "\r" => f.write_str("\\r")?,
                "\t" => f.write_str("\\t")?,
                "$" if !after.starts_with('{') => f.write_str("$")?,
                _ => write!(f, "\\{special}")?,
            }
            rest = after;
        }
        f.write_str(rest)
    }
}

/// A float as a C++ stream prints it: six significant digits, as `%g` does.
struct ShortFloat(f64);

impl fmt::Display for ShortFloat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scientific = format!("{:.5e}", self.0);
        let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let trim = |digits: &str| -> String {
            match digits.contains('.') {
                true => digits.trim_end_matches('0').trim_end_matches('.').to_owned(),
                false => digits.to_owned(),
            }
        };
        if (-4..6).contains(&exponent) {
            let precision = (5 - exponent) as usize;
            f.write_str(&trim(&format!("{:.precision$}", self.0)))
        } else {
            let sign = if exponent < 0 { '-' } else { '+' };
            write!(f, "{}e{sign}{:02}", trim(digits), exponent.abs())
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use floe_syntax::{ParseOptions, parse};

    use super::*;
    use crate::{LowerOptions, Lowered, lower};

    fn check(text: &str, expected: &Expect) {
        let parse = parse(text, &ParseOptions { pipe_operators: true });
        let Lowered { module, source_map, .. } =
            &lower(&parse.tree, text, &LowerOptions::default());
        let resolve_path = &|literal: &str| format!("/folder/{literal}");
        let show = Show { module, source_map, text, resolve_path };
        expected.assert_eq(&show.expr(module.root));
    }

    #[test]
    fn sugar_is_gone() {
        check(
            "a: [ (a.b or -1) (a ? c) (a - 1 < 2) (a >= 1) <n/p> ./x ]",
            &expect![[
                r#"(a: [ ((__sub (a).b 1)) (((a) ? c)) ((__lessThan (__sub a 1) 2)) ((! (__lessThan a 1))) ((__findFile __nixPath "n/p")) (/folder/./x) ])"#
            ]],
        );
        check(
            "a: [ (a 1 2) ((a 1) 2) ((a - 1) 2) (1 |> a) ((<x>) 1) ]",
            &expect![[
                r#"(a: [ ((a 1 2)) ((a 1 2)) ((__sub a 1 2)) ((a 1)) ((__findFile __nixPath "x" 1)) ])"#
            ]],
        );
        check("__sub: [ (1 - 2) (-1) ]", &expect!["(__sub: [ ((__sub 1 2)) ((__sub 0 1)) ])"]);
        check(
            "x: { inherit x; inherit (x) b a; inherit (x) c; ${x}.y = 1; d.e = 2; }",
            &expect![[
                r#"(x: { inherit x; inherit (x) a b; inherit (x) c; d = { e = 2; }; "${x}" = { y = 1; }; })"#
            ]],
        );
        check(
            r#"{ b ? "${a}c", a, ... }@c: with c; assert a; !b || "\${x}" == c"#,
            &expect![[
                r#"({ a, b ? (a + "c"), ... } @ c: (with c; assert a; ((! b) || ("\${x}" == c))))"#
            ]],
        );
        check("let { body = rec { }; }", &expect!["(rec { body = rec { }; }).body"]);
    }

    #[test]
    fn names_have_quotes_where_they_need_them() {
        check(
            r#"x: x.a.or."if"."b c".""."a\n\${b}$c".${x}"#,
            &expect![[r#"(x: (x).a.or."if"."b c".""."a\n\${b}$c"."${x}")"#]],
        );
    }

    #[test]
    fn floats_have_six_digits() {
        check(
            "[ 1.0 1.5 123456.7 1234567.0 0.0001 0.00001 1.0e100 3.14159265 ]",
            &expect!["[ (1) (1.5) (123457) (1.23457e+06) (0.0001) (1e-05) (1e+100) (3.14159) ]"],
        );
    }
}
