//! What C++ Nix says about a program while it parses it: the settings `lint-…`, and `or` as a name where
//! its meaning is to change.

use floe_hir::Span;
use floe_syntax::{ElementId, FlatTree, SyntaxKind as K};

use crate::error::{ErrorKind, EvalError, Origin, Position, Result};
use crate::evaluator::Evaluator;
use crate::settings::Lint;

/// Something that stands in a text.
struct Finding {
    /// How far C++ Nix has read the text when it notices.
    noticed_at: u32,
    lint: Lint,
    kind: ErrorKind,
    message: String,
    /// Where, if the message does not say so.
    span: Option<Span>,
}

impl Evaluator<'_> {
    /// Warns of what the settings ask to be warned of in a text, as far as it is read: up to the offset
    /// `end`.
    ///
    /// # Errors
    ///
    /// At what the settings forbid.
    pub(crate) fn lint(
        &self,
        tree: &FlatTree,
        text: &str,
        origin: &Origin,
        end: Option<u32>,
    ) -> Result<()> {
        let mut findings = self.literals(tree, text);
        findings.extend(names_or(tree).map(|span| or_as_name(text, span, origin)));
        findings.sort_by_key(|finding| finding.noticed_at);
        for Finding { noticed_at, lint, kind, message, span } in findings {
            if end.is_some_and(|end| noticed_at > end) {
                break;
            }
            let mut error = EvalError::new(kind, message);
            if let Some(span) = span {
                error = error.in_text(Position::new(origin.clone(), text, span));
            }
            match lint {
                Lint::Ignore => {}
                Lint::Warn => self.console.warn_at(&self.report(&error)),
                Lint::Fatal => return Err(error),
            }
        }
        Ok(())
    }

    fn literals(&self, tree: &FlatTree, text: &str) -> Vec<Finding> {
        let lints = &self.settings.lints;
        if !lints.are_any() && !self.settings.pure {
            return Vec::new();
        }
        let mut findings = Vec::new();
        let elements = tree.elements();
        for (index, element) in elements.iter().enumerate() {
            let span = Span { start: element.start, end: element.end };
            let literal = &text[element.start as usize..element.end as usize];
            let (lint, name, message) = match element.kind {
                K::Uri => {
                    let fatal = lints.url_literals == Lint::Fatal;
                    let how = if fatal { "disallowed" } else { "discouraged" };
                    let message = format!(
                        "URL literals are {how}. Consider using a string literal \"{literal}\" instead"
                    );
                    (lints.url_literals, "lint-url-literals", message)
                }
                // The rest of a path behind an interpolation is no literal of its own.
                K::PathFragment if elements[index - 1].kind == K::Path => {
                    if self.settings.pure && literal.starts_with('~') {
                        findings.push(Finding {
                            noticed_at: element.end,
                            lint: Lint::Fatal,
                            kind: ErrorKind::Restricted,
                            message: format!(
                                "the path '{literal}' can not be resolved in pure mode"
                            ),
                            span: None,
                        });
                        continue;
                    }
                    let not_portable = |what| {
                        let message = format!(
                            "{what} path literals are not portable. Consider replacing path literal \
                             '{literal}' by a string, relative path, or parameter"
                        );
                        (lints.absolute_path_literals, "lint-absolute-path-literals", message)
                    };
                    match literal.as_bytes().first() {
                        Some(b'/') => not_portable("absolute"),
                        Some(b'~') => not_portable("home"),
                        Some(b'.') | None => continue,
                        Some(_) => {
                            let message = format!(
                                "relative path literal '{literal}' should be prefixed with '.' for \
                                 clarity: './{literal}'"
                            );
                            (lints.short_path_literals, "lint-short-path-literals", message)
                        }
                    }
                }
                _ => continue,
            };
            findings.push(Finding {
                noticed_at: element.end,
                lint,
                kind: ErrorKind::SyntaxError,
                message: format!("{message} ({name})"),
                span: Some(span),
            });
        }
        findings
    }
}

/// Calls with the argument `or` that are themselves an argument, an element or a default: if `or` were a
/// name like any other, it would be one more argument or element instead.
fn names_or(tree: &FlatTree) -> impl Iterator<Item = Span> {
    let elements = tree.elements().iter().zip(0_u32..);
    let is_call = move |id: ElementId| {
        let last = tree.children(id).last();
        let is_or = |id| tree.children(id).any(|child| tree.get(child).kind == K::OrKw);
        tree.get(id).kind == K::Apply
            && last.is_some_and(|last| tree.get(last).kind == K::Variable && is_or(last))
    };
    // Few texts have any, and looking for a keyword is quick.
    let has_any = tree.elements().windows(2).any(|pair| {
        let [variable, keyword] = pair else { return false };
        variable.kind == K::Variable && keyword.kind == K::OrKw
    });
    let elements = if has_any { Some(elements) } else { None };
    elements.into_iter().flatten().flat_map(move |(element, index)| {
        let skipped = match element.kind {
            K::List => 0,
            K::Apply | K::Select => 1,
            _ => usize::MAX,
        };
        let children = (skipped < usize::MAX).then(|| tree.children(ElementId(index)));
        children.into_iter().flatten().skip(skipped).filter(move |child| is_call(*child)).map(
            |child| {
                let call = tree.get(child);
                Span { start: call.start, end: call.end }
            },
        )
    })
}

fn or_as_name(text: &str, span: Span, origin: &Origin) -> Finding {
    let position = Position::new(origin.clone(), text, span);
    let call = &text[span.start as usize..span.end as usize];
    Finding {
        noticed_at: span.end,
        lint: Lint::Warn,
        kind: ErrorKind::SyntaxError,
        message: format!(
            "at {position}: This expression uses `or` as an identifier in a way that will change in a \
             future Nix release.\nWrap this entire expression in parentheses to preserve its current \
             meaning:\n    ({call})\nGive feedback at https://github.com/NixOS/nix/pull/11121"
        ),
        span: None,
    }
}
