//! The index of the workspace, made in the background so that nobody has to wait for it.

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::thread::{self, available_parallelism};
use std::time::Duration;

use floe_ide::IndexToMake;
use tokio::sync::oneshot;

use crate::progress::Progress;
use crate::session::Session;

/// How long an edit has the processors to itself, at most.
const EDIT: Duration = Duration::from_millis(200);

/// How often somebody who waits for an edit looks whether it is answered.
const LOOK: Duration = Duration::from_millis(1);

/// Makes the index, and makes it again where other folders have been opened meanwhile.
pub(crate) async fn make(session: Arc<Session>) {
    let _progress = Progress::start(&session, "Reading the workspace");
    loop {
        let roots = session.roots();
        match session.try_read(|view| floe_ide::index_to_make(view.db)).await {
            Ok(Some(index)) if index.is_empty() => return,
            Ok(Some(index)) => make_behind(&session, index, roots).await,
            // A write got in its way; the walk through the folders goes on where it was.
            Ok(None) => {
                while is_edited(&session) {
                    tokio::time::sleep(LOOK).await;
                }
            }
            Err(_) => return,
        }
    }
}

/// Reads files on threads that everything else goes before. While an edit is worked on, they rest.
async fn make_behind(session: &Arc<Session>, index: IndexToMake, roots: Vec<PathBuf>) {
    let threads = available_parallelism().map_or(1, |threads| threads.get().min(8));
    let session = Arc::downgrade(session);
    let (done, made) = oneshot::channel::<()>();
    let make = move || {
        let_others_go_first();
        index.make(threads, || is_wanted(&session, &roots));
        floe_db::give_back_memory();
        drop(done);
    };
    if let Err(error) = thread::Builder::new().name("index".into()).spawn(make) {
        tracing::error!(%error, "the thread that reads the workspace could not be started");
    }
    let _ = made.await;
}

/// Waits until no edit is worked on. Says no when nobody needs the index any more.
fn is_wanted(session: &Weak<Session>, roots: &[PathBuf]) -> bool {
    loop {
        let Some(session) = session.upgrade() else { return false };
        if !is_edited(&session) {
            return session.roots() == roots;
        }
        drop(session);
        thread::sleep(LOOK);
    }
}

/// Whether what an edit has made wrong is still to be shown.
fn is_edited(session: &Session) -> bool {
    session.unshown_edit().is_some_and(|since| since.elapsed() < EDIT)
}

/// From here on this thread, and those that it starts, have a processor when nobody else wants it.
pub(crate) fn let_others_go_first() {
    // Elsewhere this would be about the whole process.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, 10) {
        // Whoever has less already may not have more.
        tracing::debug!(%error, "a thread keeps its priority");
    }
}
