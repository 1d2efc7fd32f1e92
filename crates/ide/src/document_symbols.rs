//! The outline of a file: its attributes and `let` bindings, nested as they are written.

use floe_db::{Db, File, module, source, source_map};
use floe_hir::{AttrKind, AttrsId, Expr, ExprId, Module, Param, SourceMap, Span, Var, globals};

/// One entry of the outline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// The attribute's name.
    pub name: String,
    /// What its value is, as far as the text shows.
    pub kind: SymbolKind,
    /// For a function, its arguments.
    pub detail: Option<String>,
    /// The whole binding.
    pub span: Span,
    /// Its name alone.
    pub focus: Span,
    /// What is inside.
    pub children: Vec<Symbol>,
}

/// What a value is, as far as the text shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum SymbolKind {
    Set,
    Function,
    List,
    String,
    Number,
    Boolean,
    Path,
    Value,
}

impl SymbolKind {
    /// All of them, in the order of their numbers.
    pub(crate) const ALL: [SymbolKind; 8] = {
        use SymbolKind::*;
        [Set, Function, List, String, Number, Boolean, Path, Value]
    };
}

/// Sets that are nested more deeply than this are data, and the outline of data helps nobody.
const DEEPEST: usize = 60;

/// The outline of a file.
pub fn document_symbols(db: &dyn Db, file: File) -> Vec<Symbol> {
    let outline = Outline {
        module: module(db, file),
        map: source_map(db, file),
        length: source(db, file).text.len() as u32,
    };
    outline.expr(outline.module.root, 0)
}

struct Outline<'a> {
    module: &'a Module,
    map: &'a SourceMap,
    length: u32,
}

impl Outline<'_> {
    /// The symbols inside of an expression.
    fn expr(&self, expr: ExprId, depth: usize) -> Vec<Symbol> {
        if depth > DEEPEST {
            return Vec::new();
        }
        let module = self.module;
        match module.expr(expr) {
            Expr::Attrs(attrs) => self.attrs(attrs, depth),
            Expr::Let { attrs, body } => {
                let mut symbols = self.attrs(attrs, depth);
                symbols.extend(self.expr(body, depth + 1));
                symbols
            }
            Expr::Lambda(lambda) => self.expr(module.lambdas[lambda.0 as usize].body, depth + 1),
            Expr::With { body, .. } | Expr::Assert { body, .. } => self.expr(body, depth + 1),
            // `mkIf cond { … }`, `stdenv.mkDerivation { … }`: the sets that are passed.
            Expr::Apply { args, .. } => {
                module.list(args).iter().flat_map(|arg| self.expr(*arg, depth + 1)).collect()
            }
            Expr::Binary { lhs, rhs, .. } => {
                let mut symbols = self.expr(lhs, depth + 1);
                symbols.extend(self.expr(rhs, depth + 1));
                symbols
            }
            _ => Vec::new(),
        }
    }

    fn attrs(&self, attrs: AttrsId, depth: usize) -> Vec<Symbol> {
        let entries = self.module.attrs[attrs.0 as usize].entries.iter();
        // What is inherited is defined elsewhere.
        let entries = entries.filter(|entry| entry.kind == AttrKind::Plain);
        let mut symbols: Vec<Symbol> = entries
            .map(|entry| {
                let focus = self.map.names[entry.binding.0 as usize];
                let value = self.map.wrapped(entry.value);
                Symbol {
                    name: entry.name.to_string(),
                    kind: kind_of(self.module, entry.value),
                    detail: self.parameters(entry.value),
                    // `a.b = 1; a.c = 2;` makes a set `a` whose range is that of its first part.
                    span: Span {
                        start: focus.start,
                        end: value.end.max(focus.end).min(self.length),
                    },
                    focus,
                    children: self.expr(entry.value, depth + 1),
                }
            })
            .collect();
        symbols.sort_by_key(|symbol| symbol.focus.start);
        for symbol in &mut symbols {
            // The protocol wants children inside of their parents.
            let end = symbol.children.iter().map(|child| child.span.end).max();
            symbol.span.end = symbol.span.end.max(end.unwrap_or(0));
        }
        symbols
    }

    fn parameters(&self, expr: ExprId) -> Option<String> {
        let Expr::Lambda(lambda) = self.module.expr(expr) else { return None };
        Some(signature(self.map, &self.module.lambdas[lambda.0 as usize].param))
    }
}

/// What a value is, as far as the expression itself says.
pub(crate) fn kind_of(module: &Module, expr: ExprId) -> SymbolKind {
    match module.expr(expr) {
        Expr::Attrs(_) => SymbolKind::Set,
        Expr::Lambda(_) => SymbolKind::Function,
        Expr::List(_) => SymbolKind::List,
        Expr::Str(_) | Expr::Interpolate(_) => SymbolKind::String,
        Expr::Int(_) | Expr::Float(_) => SymbolKind::Number,
        Expr::Path(_) | Expr::InterpolatePath(_) | Expr::SearchPath { .. } => SymbolKind::Path,
        Expr::Var(Var::Global(id))
            if matches!(globals()[id.0 as usize].name.as_str(), "true" | "false") =>
        {
            SymbolKind::Boolean
        }
        _ => SymbolKind::Value,
    }
}

/// How a function says what it takes, without the defaults.
pub(crate) fn signature(map: &SourceMap, param: &Param) -> String {
    match param {
        Param::Simple { name, .. } => format!("{name}: …"),
        Param::Pattern { formals, ellipsis, at } => {
            let mut formals: Vec<_> = formals.iter().collect();
            formals.sort_by_key(|formal| map.names[formal.binding.0 as usize]);
            let mut parts: Vec<String> = formals
                .iter()
                .map(|formal| match formal.default {
                    Some(_) => format!("{} ? …", formal.name),
                    None => formal.name.to_string(),
                })
                .collect();
            if *ellipsis {
                parts.push("...".to_owned());
            }
            let at = at.map_or(String::new(), |(name, _)| format!(" @ {name}"));
            format!("{{ {} }}{at}: …", parts.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::fixture::fixture;

    fn check(text: &str, expected: &Expect) {
        fn show(symbols: &[Symbol], indent: usize, out: &mut String) {
            for symbol in symbols {
                let detail = symbol.detail.as_deref().unwrap_or("");
                let line = format!("{:indent$}{} {:?} {detail}", "", symbol.name, symbol.kind);
                *out += line.trim_end();
                *out += "\n";
                assert!(symbol.span.start <= symbol.focus.start);
                assert!(symbol.focus.end <= symbol.span.end);
                show(&symbol.children, indent + 2, out);
            }
        }
        let fixture = fixture(text);
        let mut shown = String::new();
        show(&document_symbols(&fixture.db, fixture.file), 0, &mut shown);
        expected.assert_eq(&shown);
    }

    #[test]
    fn nests_as_the_text_does() {
        check(
            "{ config, lib, ... }: let port = 22; in {
               services.openssh.enable = true;
               services.openssh.ports = [ port ];
               networking = lib.mkIf config.x { hostName = \"a\"; f = { a, b ? 1 }@args: a; };
               inherit (lib) id;
             }",
            &expect![[r#"
                port Number
                services Set
                  openssh Set
                    enable Boolean
                    ports List
                networking Value
                  hostName String
                  f Function { a, b ? … } @ args: …
            "#]],
        );
    }

    #[test]
    fn broken_text_has_an_outline() {
        check(
            "{ a = { b = 1; c",
            &expect![[r#"
            a Set
              b Number
              c Value
        "#]],
        );
    }
}
