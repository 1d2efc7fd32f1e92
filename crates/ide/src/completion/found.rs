//! What was found so far: ranked, and cut to what a person looks at.

use std::borrow::Cow;
use std::cmp::{Ordering, Reverse};
use std::rc::Rc;

use floe_db::{Db, File};
use rustc_hash::FxHashSet;

use super::{CompletionItem, CompletionKind, attribute_text, kind_of};
use crate::fuzzy::score;
use crate::known::Bound;

/// The most items that are given at a time.
pub(super) const MOST: usize = 256;

/// The candidates so far. Of two with one label the first counts: it hides the other.
pub(super) struct Found<'a> {
    db: &'a dyn Db,
    file: File,
    /// What is written already, in lower case.
    written: String,
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

/// Less is better: how it fits, how near it is, how often it is used. Equals go by the alphabet.
type Rank = (Reverse<u32>, u32, Reverse<u32>);

/// How an item is made, if it is among the best.
pub(super) enum Make<'a> {
    Kind(CompletionKind),
    /// What an editor with snippets writes.
    Snippet(CompletionKind, &'static str),
    /// A name that a file binds, what it is unless it is more than that, and where it comes from.
    Bound(Bound, CompletionKind, Option<Rc<str>>),
    Fill(CompletionKind, Box<dyn FnOnce(&mut CompletionItem) + 'a>),
}

impl<'a> Found<'a> {
    pub(super) fn new(db: &'a dyn Db, file: File, written: &str) -> Found<'a> {
        Found {
            db,
            file,
            written: written.to_lowercase(),
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

    pub(super) fn offer(
        &mut self,
        label: impl Into<Cow<'a, str>>,
        nearness: u32,
        uses: u32,
        make: Make<'a>,
    ) {
        let label = label.into();
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
        let rank = (Reverse(score / 1000), nearness, Reverse(uses));
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

fn item(db: &dyn Db, file: File, candidate: Candidate<'_>) -> CompletionItem {
    let mut item = CompletionItem {
        insert: attribute_text(&candidate.label),
        label: candidate.label.into_owned(),
        kind: CompletionKind::Attribute,
        detail: None,
        documentation: None,
        filter: None,
        snippet: None,
        definition: None,
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
            item.definition = Some((bound.file, bound.span(db).start));
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
        Make::Fill(kind, fill) => {
            item.kind = kind;
            fill(&mut item);
        }
    }
    item
}
