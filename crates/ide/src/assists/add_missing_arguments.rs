//! Adds the arguments that a known function requires and a call leaves out.

use floe_db::module;
use floe_hir::{Expr, Param};
use floe_syntax::{SyntaxKind as K, TextEdit};

use super::{Assist, AssistKind, Context, names};
use crate::known::{self, Place};
use crate::tree::Node;

pub(super) fn assist(context: &Context<'_>) -> Option<Assist> {
    let set = given_at(context.token()?)?;
    let literal = names::expr_of(context, set)?;
    let Expr::Attrs(attrs) = context.module.expr(literal) else { return None };
    let place = Place { file: context.file, expr: literal };
    let (file, lambda) = known::pattern_that_takes(context.db, place)?;
    let lambda = &module(context.db, file).lambdas[lambda.0 as usize];
    let Param::Pattern { formals, .. } = &lambda.param else { return None };
    let given = &context.module.attrs[attrs.0 as usize];
    if !given.dynamic.is_empty() {
        return None;
    }
    let mut missing: Vec<&str> = formals
        .iter()
        .filter(|formal| formal.default.is_none())
        .filter(|formal| !given.entries.iter().any(|entry| entry.name == formal.name))
        .map(|formal| formal.name.as_str())
        .collect();
    missing.sort_unstable();
    if missing.is_empty() {
        return None;
    }
    let visible: Vec<String> = context
        .scopes
        .visible(context.module, literal)
        .filter_map(|visible| match visible {
            floe_hir::Visible::Binding(name, _) => Some(name.to_string()),
            _ => None,
        })
        .collect();
    let is_recursive = set.child(K::RecKw).is_some();
    // A name that is there already is most likely meant; any other is for the user to fill in.
    let line = |name: &&str| match visible.iter().any(|seen| seen == name) && !is_recursive {
        true => format!("inherit {name};"),
        false => format!("{name} = throw \"to do: {name}\";"),
    };
    let lines: Vec<String> = missing.iter().map(line).collect();
    let close = set.child(K::RBrace)?;
    let last = set.entries().last();
    let edit = match (last, set.text().contains('\n')) {
        (Some(last), true) => {
            let indentation = context.tree.indentation(last.start());
            let text: String = lines.iter().map(|line| format!("\n{indentation}{line}")).collect();
            TextEdit::insert(last.end(), text)
        }
        (Some(last), false) => TextEdit::insert(last.end(), format!(" {}", lines.join(" "))),
        (None, _) => {
            let open = set.child(K::LBrace)?;
            TextEdit::replace(open.end()..close.start(), format!(" {} ", lines.join(" ")))
        }
    };
    Some(Assist {
        title: format!(
            "Add missing argument{} {}",
            if missing.len() == 1 { "" } else { "s" },
            missing.join(", ")
        ),
        kind: AssistKind::QuickFix,
        edits: vec![edit],
        new_file: None,
    })
}

/// The set that a call is given, for a cursor in the set or on what is called.
fn given_at(token: Node<'_>) -> Option<Node<'_>> {
    let callee = token
        .ancestors()
        .skip(1)
        .take_while(|node| matches!(node.kind(), K::Variable | K::Attr | K::AttrPath | K::Select));
    let call = callee.last().and_then(Node::parent).filter(|parent| parent.is(K::Apply));
    let argument = call.and_then(|call| call.expr(1)).filter(|argument| argument.is(K::AttrSet));
    match argument {
        Some(set) => Some(set),
        None => token.around(K::AttrSet),
    }
}
