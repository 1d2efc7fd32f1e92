//! Watching the open folders, for the files that no editor has open.

use std::path::{Path, PathBuf};

use notify::{EventKind, RecursiveMode, Watcher as _};

use crate::{Change, Host};

/// Tells a [`Host`] what changes on disk, for as long as it lives.
pub struct Watcher {
    inner: notify::RecommendedWatcher,
    watched: Vec<PathBuf>,
}

impl Watcher {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// Where the operating system has no more watches to give.
    pub fn new(host: &Host) -> notify::Result<Watcher> {
        let host = host.clone();
        let inner =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| match event {
                Ok(event) if matches!(event.kind, EventKind::Access(_)) => {}
                Ok(event) => host.change(Change::Disk { paths: event.paths }),
                Err(error) => tracing::warn!(%error, "watching the disk"),
            })?;
        Ok(Watcher { inner, watched: Vec::new() })
    }

    /// Watches these folders, with everything below, and no others. A folder that cannot be watched is
    /// logged and left out: analysis works, it only sees changes there later.
    pub fn watch(&mut self, roots: &[PathBuf]) {
        for old in std::mem::take(&mut self.watched) {
            let _ = self.inner.unwatch(&old);
        }
        for root in roots.iter().filter(|root| worth_watching(root)) {
            match self.inner.watch(root, RecursiveMode::Recursive) {
                Ok(()) => self.watched.push(root.clone()),
                Err(error) => tracing::warn!(%error, root = %root.display(), "cannot watch"),
            }
        }
    }
}

/// A home directory or the root of the disk would cost one watch for each of its folders.
fn worth_watching(root: &Path) -> bool {
    root.parent().is_some() && std::env::home_dir().as_deref() != Some(root)
}
