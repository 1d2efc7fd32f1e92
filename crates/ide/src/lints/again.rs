//! Lints that look at one node after the other, and what an edit leaves of their findings.

use floe_hir::Span;
use floe_syntax::{Stretch, SyntaxKind, TextEdit};

use super::{Check, Checker, Finding, Input, LINTS, Level, Levels, Lint, Nodes};
use crate::tree::{Node, Tree};

/// A finding, and the node that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Local {
    node: Span,
    pub(super) finding: Finding,
}

/// After so many nodes the reader rests.
const REST: usize = 4096;

/// Of more bytes than this, finding the nodes costs more than looking at all of a file.
const MOST_NEAR: u32 = 64 << 10;

/// What is found when these nodes are looked at, in the order of the text.
pub(super) fn local<'a>(
    input: &'a Input<'a>,
    tree: &'a Tree<'a>,
    levels: &Levels,
    nodes: impl IntoIterator<Item = Node<'a>>,
) -> Vec<Local> {
    look(Checker::new(input, tree), levels, nodes)
}

fn look<'a>(
    mut checker: Checker<'a>,
    levels: &Levels,
    nodes: impl IntoIterator<Item = Node<'a>>,
) -> Vec<Local> {
    let mut by_kind: Vec<Vec<(&'static Lint, Level, Check)>> =
        vec![Vec::new(); SyntaxKind::ALL.len()];
    for (lint, level) in LINTS.iter().zip(levels).filter(|(_, level)| **level > Level::Allow) {
        if let Nodes(kinds, check) = lint.rule {
            for kind in kinds {
                by_kind[*kind as usize].push((lint, *level, check));
            }
        }
    }
    let mut found = Vec::new();
    for (node, count) in nodes.into_iter().zip(0..) {
        if count % REST == 0 {
            (checker.input.rest)();
        }
        for (lint, level, check) in &by_kind[node.kind() as usize] {
            checker.current = (lint, *level);
            check(&mut checker, node);
            let node = node.span();
            found.extend(checker.found.drain(..).map(|finding| Local { node, finding }));
        }
    }
    found
}

impl Local {
    /// All of a file.
    pub(crate) fn all(input: &Input<'_>, levels: &Levels) -> Vec<Local> {
        let tree = Tree::new(input.tree, input.text);
        local(input, &tree, levels, tree.all())
    }

    /// All of a file, of which only a stretch is another than it was when `old` was found. `None` where
    /// that does not help.
    pub(crate) fn again(
        input: &Input<'_>,
        levels: &Levels,
        old: &[Local],
        stretch: &Stretch,
    ) -> Option<Vec<Local>> {
        let near = surroundings(input.text, stretch);
        if near.end - near.start > MOST_NEAR {
            return None;
        }
        let (before, behind) =
            (stretch.new.start - near.start, near.end.wrapping_sub(stretch.new.end));
        let old_near = Span { start: near.start, end: stretch.old.end + behind };
        debug_assert_eq!(stretch.old.start - old_near.start, before);
        let tree = Tree::near(input.tree, input.text, near);
        let checker = Checker { near, ..Checker::new(input, &tree) };
        let new = look(checker, levels, tree.all_near());

        let kept = old
            .iter()
            .filter(|local| local.node.end < old_near.start || old_near.end < local.node.start);
        let mut found: Vec<Local> =
            kept.map(|local| local.moved(stretch)).collect::<Option<_>>()?;
        found.extend(new);
        // Outer nodes come first, as in the tree. What has the same place was found in one go.
        found.sort_by_key(|local| (local.node.start, std::cmp::Reverse(local.node.end)));
        Some(found)
    }

    fn moved(&self, stretch: &Stretch) -> Option<Local> {
        let moved = |span: Span| {
            Some(Span { start: stretch.moved(span.start)?, end: stretch.moved(span.end)? })
        };
        let mut finding = self.finding.clone();
        finding.span = moved(finding.span)?;
        for TextEdit { range, .. } in finding.fix.iter_mut().flat_map(|fix| &mut fix.edits) {
            *range = stretch.moved(range.start)?..stretch.moved(range.end)?;
        }
        Some(Local { node: moved(self.node)?, finding })
    }
}

/// The bytes in which a node has to be looked at again: the lines of what has changed, and one more on
/// each side, whose line break may belong to an entry.
fn surroundings(text: &str, stretch: &Stretch) -> Span {
    let line_start = |at: usize| text[..at].rfind('\n').unwrap_or(0);
    let line_end = |at: usize| text[at..].find('\n').map_or(text.len(), |end| at + end + 1);
    let start = line_start(line_start(stretch.new.start as usize));
    let end = line_end(line_end(stretch.new.end as usize));
    Span { start: start as u32, end: end as u32 }
}
