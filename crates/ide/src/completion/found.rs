//! What was found so far: ranked, and cut to what a person looks at.

use std::borrow::Cow;
use std::cmp::{Ordering, Reverse};
use std::rc::Rc;

use floe_db::{Db, File};
use floe_hir::Name;
use rustc_hash::FxHashSet;

use super::usage::{Kind, UNUSUAL, Usage, Uses};
use super::{CompletionItem, CompletionKind, CompletionSubject, attribute_text, kind_of};
use crate::evaluation::packages::Candidate as Part;
use crate::fuzzy::score;
use crate::known::Bound;

/// The most items that are given at a time.
pub(super) const MOST: usize = 256;

/// The candidates so far. Of two with one label the first counts: it hides the other.
pub(super) struct Found<'a> {
    db: &'a dyn Db,
    file: File,
    /// What is written already.
    text: String,
    /// The same in lower case.
    written: String,
    usage: Usage<'a>,
    candidates: Vec<Candidate<'a>>,
    seen: FxHashSet<Cow<'a, str>>,
    /// Whether something was left out because it does not fit what is written.
    cut: bool,
    /// Whether names that need quotes cannot be written here.
    pub(super) only_identifiers: bool,
    /// Where what is offered next comes from.
    pub(super) from: Option<Rc<str>>,
}

struct Candidate<'a> {
    label: Cow<'a, str>,
    rank: Rank,
    make: Make<'a>,
}

/// Less is better, the first difference counts. Equals go by the alphabet.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    fit: Reverse<u32>,
    /// `_x`: for whoever asks for it.
    is_private: bool,
    is_in_other_case: bool,
    nearness: u32,
    uses: Reverse<u32>,
    /// The place among the names that are used most in nixpkgs.
    usual: u32,
}

/// How an item is made, if it is among the best.
pub(super) enum Make<'a> {
    Kind(CompletionKind),
    /// What an editor with snippets writes.
    Snippet(CompletionKind, &'static str),
    /// A name that a file binds, what it is unless it is more than that, and where it comes from.
    Bound(Bound, CompletionKind, Option<Rc<str>>),
    /// An attribute of a part of a package set or of its library, what it is, and where it comes from.
    Part(Rc<Part>, CompletionKind, Option<Rc<str>>),
    Fill(CompletionKind, Box<dyn FnOnce(&mut CompletionItem) + 'a>),
}

impl<'a> Found<'a> {
    pub(super) fn new(db: &'a dyn Db, file: File, written: &str) -> Found<'a> {
        Found {
            db,
            file,
            text: written.to_owned(),
            written: written.to_lowercase(),
            usage: Usage::new(db, file),
            candidates: Vec::new(),
            seen: FxHashSet::default(),
            cut: false,
            only_identifiers: false,
            from: None,
        }
    }

    /// Whether a label fits what is written. What does not is missing from the list.
    pub(super) fn fits(&mut self, label: &str) -> bool {
        let fits = score(&self.written, label).is_some();
        self.cut |= !fits;
        fits
    }

    /// Notes that something was not looked at.
    pub(super) fn mark_cut(&mut self, is_cut: bool) {
        self.cut |= is_cut;
    }

    /// Whether a label is what is written, whole.
    pub(super) fn is_written(&self, label: &str) -> bool {
        label.eq_ignore_ascii_case(&self.written)
    }

    /// Offers an attribute, which those that are used less come behind.
    pub(super) fn offer_attribute(
        &mut self,
        name: Name,
        nearness: u32,
        kind: Kind,
        make: Make<'a>,
    ) {
        let uses = move |usage: &Usage<'_>| usage.of(name, kind);
        self.add(name.as_str().into(), nearness, uses, make);
    }

    pub(super) fn offer(
        &mut self,
        label: impl Into<Cow<'a, str>>,
        nearness: u32,
        uses: u32,
        make: Make<'a>,
    ) {
        self.add(label.into(), nearness, |_| (Reverse(uses), UNUSUAL), make);
    }

    fn add(
        &mut self,
        label: Cow<'a, str>,
        nearness: u32,
        uses: impl FnOnce(&Usage<'_>) -> Uses,
        make: Make<'a>,
    ) {
        if self.only_identifiers && !floe_syntax::is_identifier(&label) {
            return;
        }
        let Some(score) = score(&self.written, &label) else {
            self.cut = true;
            return;
        };
        if !self.seen.insert(label.clone()) {
            return;
        }
        // How exactly it fits matters only in big steps: the nearest `makeX` before the shortest.
        let (uses, usual) = uses(&self.usage);
        let rank = Rank {
            fit: Reverse(score / 1000),
            is_private: label.starts_with('_') && !self.text.starts_with('_'),
            is_in_other_case: match has_prefix(&label, &self.text) {
                true => !label.starts_with(&self.text),
                false => !label.contains(&self.text),
            },
            nearness,
            uses,
            usual,
        };
        self.candidates.push(Candidate { label, rank, make });
    }

    /// The best, and whether there are others.
    pub(super) fn finish(mut self) -> (Vec<CompletionItem>, bool) {
        let cut = self.cut || self.candidates.len() > MOST;
        if self.candidates.len() > MOST {
            self.candidates.select_nth_unstable_by(MOST, Candidate::compare);
            self.candidates.truncate(MOST);
        }
        self.candidates.sort_by(Candidate::compare);
        let (db, file) = (self.db, self.file);
        let items = self.candidates.into_iter().map(|candidate| item(db, file, candidate));
        (items.collect(), cut)
    }
}

impl Candidate<'_> {
    fn compare(&self, other: &Self) -> Ordering {
        self.rank.cmp(&other.rank).then_with(|| self.label.cmp(&other.label))
    }
}

/// Whether a label begins with a text, in whatever case.
fn has_prefix(label: &str, text: &str) -> bool {
    label
        .as_bytes()
        .get(..text.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(text.as_bytes()))
}

fn item(db: &dyn Db, file: File, candidate: Candidate<'_>) -> CompletionItem {
    let mut item = CompletionItem {
        insert: attribute_text(&candidate.label),
        label: candidate.label.into_owned(),
        kind: CompletionKind::Attribute,
        detail: None,
        documentation: None,
        filter: None,
        snippet: None,
        subject: None,
    };
    match candidate.make {
        Make::Kind(kind) => item.kind = kind,
        Make::Snippet(kind, snippet) => {
            item.kind = kind;
            item.snippet = Some(snippet.to_owned());
            item.insert.clone_from(&item.label);
        }
        Make::Bound(bound, kind, from) => {
            item.kind = kind_of(db, bound, &item.label, kind);
            let offset = bound.span(db).start;
            item.subject = Some(CompletionSubject::Binding { file: bound.file, offset });
            let elsewhere = || {
                let path = bound.file.path(db);
                let roots = db.workspace().roots(db).iter();
                let shown = roots.filter_map(|root| path.strip_prefix(root).ok()).next();
                shown.unwrap_or(path).display().to_string()
            };
            item.detail = match from {
                Some(from) => Some(from.to_string()),
                None => (bound.file != file).then(elsewhere),
            };
        }
        Make::Part(part, kind, from) => {
            item.kind = kind;
            item.detail = from.map(|from| from.to_string());
            let (set, mut attributes) = (part.set.clone(), part.path.clone());
            attributes.push(item.label.clone());
            item.subject = Some(CompletionSubject::Package { set, attributes });
        }
        Make::Fill(kind, fill) => {
            item.kind = kind;
            fill(&mut item);
        }
    }
    item
}
