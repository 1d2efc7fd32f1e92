//! What the option can be that is defined at the cursor: the values that its type names, its default, its
//! example, packages.

use floe_db::{Db, File, scopes, source_map};
use floe_hir::{LowerOptions, Name, ProblemKind, Visible, lower};
use floe_syntax::{ElementId, ParseOptions, SyntaxKind as K};
use rustc_hash::FxHashSet;

use super::found::{Found, Make};
use super::{CompletionItem, CompletionKind, attribute_text, innermost, near, quoted};
use crate::context::{Step, around, function_name, in_string, path_steps};
use crate::cursor::Cursor;
use crate::evaluation::all_options::option_at;
use crate::evaluation::option_types::{Alternative, OptionType};
use crate::evaluation::options::{OptionDetails, OptionInfo, is_module, option_path};
use crate::evaluation::packages::{Candidate, package_names};

/// The values of the option whose value the cursor is at, be it in the quotes of a string.
pub(super) fn option_values<'a>(
    db: &'a dyn Db,
    file: File,
    cursor: &Cursor<'_>,
    found: &mut Found<'a>,
) {
    let Some(steps) = value_path(cursor).filter(|_| is_module(db, file)) else { return };
    let Some(steps) = option_path(&steps, &[]) else { return };
    // The option itself, or the one that has a set or list with the value.
    let mut lengths = (1..=steps.len()).rev();
    let Some((length, info, details)) = lengths.find_map(|length| {
        // Who waited for an answer in vain does not wait for the next one.
        if db.lacks_answers() {
            return None;
        }
        let mut info = option_at(db, &steps[..length])?;
        let details = info.option.take()?;
        Some((length, info, details))
    }) else {
        return;
    };
    let of = OptionType::of(details.type_description.as_deref().unwrap_or_default());
    let of = of.inside(&steps[length..]);
    let is_quoted = is_in_string(cursor);
    let own = (length == steps.len() && !is_quoted).then_some(&details);
    let texts = own.map(|own| {
        let scope = names_in_scope(db, file, cursor);
        let usable = |text: &Option<String>| text.clone().filter(|text| can_stand(text, &scope));
        (usable(&own.default), usable(&own.example))
    });
    let (default, example) = texts.unwrap_or_default();
    let documentation = OptionInfo { option: Some(details.clone()), ..info }.markdown();
    let mut offers = Offers { found, details: &details, default, documentation, left: u32::MAX };
    for alternative in &of.0 {
        match alternative {
            Alternative::Text(text) if is_quoted => offers.offer(text.clone(), escaped(text)),
            Alternative::Text(text) => offers.offer(quoted(text), quoted(text)),
            Alternative::Word(word) if !is_quoted => offers.offer(word.clone(), word.clone()),
            _ => {}
        }
    }
    let written = [offers.default.clone(), example];
    for text in written.into_iter().flatten() {
        offers.offer(short(&text), text);
    }
    if of.0.contains(&Alternative::Package) && !is_quoted {
        packages(db, file, cursor, found);
    }
}

/// The steps to the value at the cursor, from the outermost set of the file on.
fn value_path(cursor: &Cursor<'_>) -> Option<Vec<Step>> {
    let kind = |node: ElementId| cursor.get(node).kind;
    let at = cursor.nodes.iter().rposition(|node| kind(*node) == K::Binding)?;
    if kind(*cursor.nodes.get(at.checked_sub(1)?)?) != K::AttrSet {
        return None;
    }
    let mut steps = around(cursor, at);
    steps.extend(path_steps(cursor, cursor.nodes[at]));
    let nodes = &cursor.nodes[at..];
    let (depth, last) = last_step(cursor, nodes)?;
    for pair in nodes[..=depth].windows(2) {
        steps.extend(step_into(cursor, pair[0], pair[1])?);
    }
    steps.extend(last);
    Some(steps)
}

/// The step from an expression into one of its children, if the child's value is one of the definition.
fn step_into(cursor: &Cursor<'_>, node: ElementId, inner: ElementId) -> Option<Option<Step>> {
    let is_behind = |kind: K| {
        let mut tokens = cursor.tree.children(node).filter(|id| cursor.get(*id).kind == kind);
        tokens.any(|token| token < inner)
    };
    let leads = match cursor.get(node).kind {
        K::Binding => is_behind(K::Assign),
        K::Paren => true,
        K::If => is_behind(K::ThenKw),
        K::LetIn => is_behind(K::InKw),
        K::With | K::Assert => is_behind(K::Semicolon),
        K::Binary => cursor.tree.children(node).any(|child| cursor.get(child).kind == K::PlusPlus),
        K::List => return Some(Some(Step::Element)),
        K::Apply => {
            let function = cursor.tree.children(node).next().filter(|first| *first != inner)?;
            return applied(cursor, function).map(Some);
        }
        _ => false,
    };
    leads.then_some(None)
}

/// The step into the next argument of a function, with those that it has already.
fn applied(cursor: &Cursor<'_>, function: ElementId) -> Option<Step> {
    let name = function_name(cursor, function);
    let takes_other_first =
        matches!(name.as_str(), "mkIf" | "mkOverride" | "mkOrder" | "optionalAttrs");
    (!takes_other_first || cursor.get(function).kind == K::Apply).then_some(Step::Argument(name))
}

/// The node that the cursor begins something in, or that it stands behind, and the step from there.
fn last_step(cursor: &Cursor<'_>, nodes: &[ElementId]) -> Option<(usize, Option<Step>)> {
    let kind = |node: ElementId| cursor.get(node).kind;
    let (innermost, token) = (nodes.len() - 1, cursor.token?);
    let here = Some((innermost, None));
    match (kind(token), kind(nodes[innermost])) {
        _ if is_in_string(cursor) => return here,
        (K::LBracket, K::List) => return Some((innermost, Some(Step::Element))),
        (K::Assign, K::Binding)
        | (K::LParen, K::Paren)
        | (K::ThenKw | K::ElseKw, K::If)
        | (K::InKw, K::LetIn)
        | (K::Semicolon, K::With | K::Assert)
        | (K::PlusPlus, K::Binary) => return here,
        (K::Ident, K::Variable) if cursor.touches_token() => return here,
        _ if cursor.touches_token() => return None,
        _ => {}
    }
    // Behind an expression another element of its list begins, or its argument.
    let end = cursor.get(token).end;
    let depth = nodes.iter().position(|node| cursor.get(*node).end == end)?;
    match (kind(*nodes.get(depth.checked_sub(1)?)?), kind(nodes[depth])) {
        // The step into this list is the one to the element before.
        (K::List, _) => Some((depth, None)),
        (_, K::Variable | K::Select | K::Apply) => {
            Some((depth, Some(applied(cursor, nodes[depth])?)))
        }
        _ => None,
    }
}

fn is_in_string(cursor: &Cursor<'_>) -> bool {
    cursor.get(cursor.node()).kind == K::String && in_string(cursor)
}

/// What is offered of one option.
struct Offers<'f, 'a> {
    found: &'f mut Found<'a>,
    details: &'f OptionDetails,
    default: Option<String>,
    documentation: Option<String>,
    /// Counts down: what the type names first comes first.
    left: u32,
}

impl Offers<'_, '_> {
    fn offer(&mut self, label: String, insert: String) {
        self.left -= 1;
        let (uses, detail) = match self.default.as_ref() == Some(&insert) {
            true => (u32::MAX, Some("default".to_owned())),
            false => (self.left, self.details.type_description.clone()),
        };
        let documentation = self.documentation.clone();
        let fill = move |item: &mut CompletionItem| {
            item.filter = label_filter(&item.label);
            item.insert = insert;
            item.detail = detail;
            item.documentation = documentation;
        };
        let make = Make::Fill(CompletionKind::Value, Box::new(fill));
        self.found.offer(label, near::OPTION_VALUE, uses, make);
    }
}

/// Who writes a value need not begin with its quote.
fn label_filter(label: &str) -> Option<String> {
    Some(label.strip_prefix('"')?.trim_end_matches('"').to_owned())
}

/// A string's text as it stands between its quotes.
fn escaped(text: &str) -> String {
    let quoted = quoted(text);
    quoted[1..quoted.len() - 1].to_owned()
}

/// A text in one line, and not too much of it.
pub(super) fn short(text: &str) -> String {
    const MOST: usize = 60;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Whether a text is an expression with no names but those in scope: some defaults and examples are prose.
fn can_stand(text: &str, scope: &FxHashSet<Name>) -> bool {
    const MOST: usize = 1000;
    if text.is_empty() || text.len() > MOST {
        return false;
    }
    let parse = floe_syntax::parse(text, &ParseOptions::default());
    let problems = lower(&parse.tree, text, &LowerOptions::default()).problems;
    let is_bound = |kind: &ProblemKind| match kind {
        ProblemKind::UndefinedVariable(name) => scope.contains(name),
        _ => false,
    };
    parse.errors.is_empty() && problems.iter().all(|problem| is_bound(&problem.kind))
}

/// The names that are certainly bound at the cursor.
fn names_in_scope(db: &dyn Db, file: File, cursor: &Cursor<'_>) -> FxHashSet<Name> {
    let (module, map) = (floe_db::module(db, file), source_map(db, file));
    let expr = innermost(cursor, map, module);
    let visible = scopes(db, file).visible(module, expr);
    let bound = visible.into_iter().filter_map(|name| match name {
        Visible::Binding(name, _) => Some(name),
        Visible::With(_) | Visible::Global(..) => None,
    });
    bound.collect()
}

/// `pkgs.hello`, once something is written that packages fit.
fn packages<'a>(db: &'a dyn Db, file: File, cursor: &Cursor<'_>, found: &mut Found<'a>) {
    if !names_in_scope(db, file, cursor).contains(&Name::new("pkgs")) {
        return;
    }
    let fill = |item: &mut CompletionItem| "pkgs.".clone_into(&mut item.insert);
    let make = Make::Fill(CompletionKind::Package, Box::new(fill));
    found.offer("pkgs.…", near::OPTION_VALUE, 0, make);
    if found.is_written("") {
        return;
    }
    let all = Candidate::nixpkgs();
    let Some(names) = package_names(db, all.intern(db)).known(db) else { return };
    for name in names {
        if found.fits(name.as_str()) {
            let path = format!("pkgs.{}", attribute_text(name.as_str()));
            let insert = path.clone();
            let fill = move |item: &mut CompletionItem| item.insert = insert;
            let make = Make::Fill(CompletionKind::Package, Box::new(fill));
            found.offer(path, near::PACKAGE, 0, make);
        }
    }
}
