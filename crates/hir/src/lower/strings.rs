//! Strings and paths.

use std::borrow::Cow;

use floe_syntax::{Element, ElementId, StringPart, SyntaxKind, strip_indentation, unescape_string};

use super::{AttrKey, Lowering, span_of};
use crate::{Expr, ExprId, Name, Span};

impl<'a> Lowering<'a> {
    pub(super) fn string(&mut self, id: ElementId, span: Span) -> ExprId {
        let mark = self.exprs.len();
        let mut constant = true;
        for part in self.children(id) {
            let element = self.tree.get(part);
            match element.kind {
                SyntaxKind::StringFragment => {
                    let text = unescape_string(self.text_of(element));
                    self.push_str(&text, element);
                }
                SyntaxKind::Interpolation => {
                    constant = false;
                    self.push_interpolation(part);
                }
                _ => {}
            }
        }
        self.finish_string(mark, constant, span)
    }

    pub(super) fn indented_string(&mut self, id: ElementId, span: Span) -> ExprId {
        let mark = self.exprs.len();
        for part in self.indented_parts(id) {
            match part {
                StringPart::Text(text) => self.push_str(&text, self.tree.get(id)),
                StringPart::Interpolation(part) => self.push_interpolation(part),
            }
        }
        // C++ Nix takes a lone constant for the whole string, even one in `${ }`.
        let constant = match self.exprs[mark..] {
            [] => true,
            [only] => matches!(self.module.expr(only), Expr::Str(_)),
            _ => false,
        };
        self.finish_string(mark, constant, span)
    }

    /// The parts on the stack above `mark`, as one expression.
    fn finish_string(&mut self, mark: usize, constant: bool, span: Span) -> ExprId {
        if !constant {
            let parts = self.take_list(mark);
            return self.add(Expr::Interpolate(parts), span);
        }
        let only = self.exprs.get(mark).copied();
        self.exprs.truncate(mark);
        match only {
            Some(only) => {
                self.source_map.exprs[only.0 as usize] = span;
                self.source_map.wrapped.pop_if(|(id, _)| *id == only);
                only
            }
            None => {
                let empty = self.add_str("");
                self.add(Expr::Str(empty), span)
            }
        }
    }

    pub(super) fn path(&mut self, id: ElementId, span: Span) -> ExprId {
        let mark = self.exprs.len();
        for part in self.children(id) {
            let element = self.tree.get(part);
            match element.kind {
                SyntaxKind::PathFragment if self.exprs.len() == mark => {
                    let text = self.add_str(self.text_of(element));
                    let path = self.add(Expr::Path(text), span_of(element));
                    self.exprs.push(path);
                }
                SyntaxKind::PathFragment => self.push_str(self.text_of(element), element),
                SyntaxKind::Interpolation => self.push_interpolation(part),
                _ => {}
            }
        }
        if let [only] = self.exprs[mark..] {
            self.exprs.truncate(mark);
            return only;
        }
        let parts = self.take_list(mark);
        self.add(Expr::InterpolatePath(parts), span)
    }

    pub(super) fn search_path(&mut self, element: Element) -> ExprId {
        let span = span_of(element);
        let text = self.text_of(element);
        let text = text.strip_prefix('<').unwrap_or(text);
        let text = self.add_str(text.strip_suffix('>').unwrap_or(text));
        let find_file = self.names.local("__findFile");
        let find_file = self.variable(find_file, span);
        let nix_path = self.names.local("__nixPath");
        let nix_path = self.variable(nix_path, span);
        self.add(Expr::SearchPath { find_file, nix_path, text }, span)
    }

    fn push_str(&mut self, text: &str, element: Element) {
        let text = self.add_str(text);
        let part = self.add(Expr::Str(text), span_of(element));
        self.exprs.push(part);
    }

    fn push_interpolation(&mut self, id: ElementId) {
        let part = self.interpolation(id);
        self.exprs.push(part);
    }

    /// The expression in an `Interpolation` node.
    fn interpolation(&mut self, id: ElementId) -> ExprId {
        let element = self.tree.get(id);
        let inner = self.first_expr(id);
        let inner = self.expr_or_missing(inner, element.end);
        self.wrapped(inner, span_of(element));
        inner
    }

    fn indented_parts(&self, id: ElementId) -> Vec<StringPart<String, ElementId>> {
        let mut parts = Vec::new();
        for part in self.children(id) {
            let element = self.tree.get(part);
            match element.kind {
                SyntaxKind::StringFragment => parts.push(StringPart::Text(self.text_of(element))),
                SyntaxKind::Interpolation => parts.push(StringPart::Interpolation(part)),
                _ => {}
            }
        }
        strip_indentation(&parts)
    }

    /// What an `Attr` node names. As in C++ Nix, `${"a"}` is the same as `a`, but `"${"a"}"` is
    /// dynamic.
    pub(super) fn attr_key(&mut self, attr: ElementId) -> AttrKey {
        let Some(child) = self.children(attr).next() else { return AttrKey::Missing };
        let element = self.tree.get(child);
        let local = match element.kind {
            SyntaxKind::Ident | SyntaxKind::OrKw => self.names.local(self.text_of(element)),
            SyntaxKind::String | SyntaxKind::Interpolation => match self.constant(child) {
                Some(text) => self.names.local(text),
                None => return AttrKey::Dynamic(child),
            },
            _ => return AttrKey::Missing,
        };
        AttrKey::Static(local)
    }

    /// The expression of a dynamic attribute's name.
    pub(super) fn dynamic_name(&mut self, id: ElementId) -> ExprId {
        match self.tree.get(id).kind {
            SyntaxKind::Interpolation => self.interpolation(id),
            _ => self.expr(id),
        }
    }

    /// The text of a string, URI or interpolation that C++ Nix parses to a constant string.
    fn constant(&self, mut id: ElementId) -> Option<&'a str> {
        loop {
            match self.tree.get(id).kind {
                SyntaxKind::Interpolation | SyntaxKind::Paren => id = self.first_expr(id)?,
                SyntaxKind::Literal => {
                    let token = self.tree.get(self.children(id).next()?);
                    return (token.kind == SyntaxKind::Uri).then(|| self.text_of(token));
                }
                SyntaxKind::String => return self.constant_string(id),
                SyntaxKind::IndentedString => match self.indented_parts(id).as_slice() {
                    [] => return Some(""),
                    [StringPart::Text(text)] => return Some(Name::new(text).as_str()),
                    [StringPart::Interpolation(part)] => id = *part,
                    _ => return None,
                },
                _ => return None,
            }
        }
    }

    fn constant_string(&self, id: ElementId) -> Option<&'a str> {
        let mut text = "";
        for part in self.children(id) {
            let part = self.tree.get(part);
            match part.kind {
                SyntaxKind::StringFragment => text = self.text_of(part),
                SyntaxKind::Interpolation => return None,
                _ => {}
            }
        }
        Some(match unescape_string(text) {
            Cow::Borrowed(text) => text,
            Cow::Owned(text) => Name::new(&text).as_str(),
        })
    }
}
