//! How many files of the workspace use a name, for lists that show first what is used most.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use floe_db::Db;
use floe_hir::Name;

use super::{Index, Kept};

/// How many files of the workspace use each name.
#[derive(Default)]
pub(crate) struct Counts {
    /// That mention it, by the number of the name.
    mentioning: Vec<u32>,
    /// That take it from something called `lib`.
    from_lib: Vec<u32>,
}

impl Counts {
    /// How many files mention a name.
    pub(crate) fn mentioning(&self, name: Name) -> u32 {
        self.mentioning.get(name.index() as usize).copied().unwrap_or_default()
    }

    /// How many files take a name from something called `lib`.
    pub(crate) fn taking_from_lib(&self, name: Name) -> u32 {
        self.from_lib.get(name.index() as usize).copied().unwrap_or_default()
    }

    fn of(index: &Index) -> Counts {
        let mut counts = Counts::default();
        for place in index.places() {
            let Some(file) = index.entry(place).index.get() else { continue };
            file.names().for_each(|name| add(&mut counts.mentioning, name));
            let mut from_lib: Vec<Name> = file.names_from_lib().collect();
            from_lib.sort_unstable();
            from_lib.dedup();
            from_lib.into_iter().for_each(|name| add(&mut counts.from_lib, name));
        }
        counts
    }
}

fn add(counts: &mut Vec<u32>, name: Name) {
    let at = name.index() as usize;
    if at >= counts.len() {
        counts.resize(at + 1, 0);
    }
    counts[at] += 1;
}

/// How many files may have no index yet while the others are counted.
const MOST_MISSING: usize = 64;

/// How often names are used, as far as that is known without waiting: nothing while the index is made for the
/// first time, and what it was before while it is made again.
pub(crate) fn counts(db: &dyn Db) -> Arc<Counts> {
    let last = db.files().keep::<Last>();
    let mut last = last.0.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = db.files().keep::<Kept>();
    // Who holds it is walking through folders.
    let Ok(state) = kept.0.try_lock() else { return last.counts.clone() };
    let index = state.index.clone();
    drop(state);
    let is_same = last.index.upgrade().is_some_and(|counted| Arc::ptr_eq(&counted, &index));
    if is_same && last.missing == 0 {
        return last.counts.clone();
    }
    let is_missing = |place: &super::FilePlace| index.entry(*place).index.get().is_none();
    let missing = index.places().filter(is_missing).count();
    if missing <= MOST_MISSING && !(is_same && missing == last.missing) {
        let counts = Arc::new(Counts::of(&index));
        *last = Counted { index: Arc::downgrade(&index), missing, counts };
    }
    last.counts.clone()
}

/// The counts that were made last.
#[derive(Default)]
struct Last(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    /// What was counted, and how many of its files were not there yet.
    index: Weak<Index>,
    missing: usize,
    counts: Arc<Counts>,
}
