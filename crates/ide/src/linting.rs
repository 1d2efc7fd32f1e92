//! When lints run. In a file that is being edited, those that look at single nodes run where something
//! has changed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use floe_db::{
    Db, File, Generation, changed_since, generation, module, parse, problems, scopes, source,
    source_map,
};
use rustc_hash::FxHashMap;

use crate::config::flake_source_of;
use crate::fixes::levels;
use crate::lints::{Finding, Input, Levels, Local, all_findings};

/// What the lints find; nothing in a file with errors, about which they would be wrong.
#[salsa::tracked(no_eq)]
pub(crate) fn lint_findings(db: &dyn Db, file: File) -> Vec<Finding> {
    let parse = parse(db, file);
    if !parse.errors.is_empty() || !problems(db, file).is_empty() {
        return Vec::new();
    }
    let levels = levels(db, file);
    let flake = flake_source_of(db, file);
    let input = Input {
        path: file.path(db),
        flake,
        text: &source(db, file).text,
        tree: &parse.tree,
        module: module(db, file),
        map: source_map(db, file),
        scopes: scopes(db, file),
        rest: &|| db.unwind_if_revision_cancelled(),
    };
    let memory = db.files().keep::<Memory>();
    let again = memory.of(file).and_then(|kept| {
        let is_as_before = kept.levels == levels && kept.flake.as_deref() == flake;
        let stretch = changed_since(db, file, kept.generation).filter(|_| is_as_before)?;
        Local::again(&input, &levels, &kept.local, &stretch)
    });
    let local = again.unwrap_or_else(|| Local::all(&input, &levels));
    let found = all_findings(&input, &levels, &local);
    let flake = flake.map(Path::to_path_buf);
    let kept = Kept { generation: generation(db, file), levels, flake, local };
    memory.keep(file, file.buffer(db).is_some().then(|| Arc::new(kept)));
    found
}

/// What was last found in the open files. What it was found in is told by its generation, so that it can
/// lie beside salsa.
#[derive(Default)]
struct Memory {
    kept: Mutex<FxHashMap<File, Arc<Kept>>>,
}

struct Kept {
    generation: Generation,
    levels: Levels,
    flake: Option<PathBuf>,
    local: Vec<Local>,
}

impl Memory {
    fn of(&self, file: File) -> Option<Arc<Kept>> {
        self.lock().get(&file).cloned()
    }

    fn keep(&self, file: File, kept: Option<Arc<Kept>>) {
        match kept {
            Some(kept) => self.lock().insert(file, kept),
            None => self.lock().remove(&file),
        };
    }

    fn lock(&self) -> MutexGuard<'_, FxHashMap<File, Arc<Kept>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
