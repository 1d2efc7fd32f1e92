//! The index of the workspace, made in the background so that nobody has to wait for it.

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use crate::progress::Progress;
use crate::session::Session;

/// How long an edit has the processors to itself, at most.
const EDIT: Duration = Duration::from_millis(200);

/// Makes the index. A write gets before it, and what that write has made wrong is shown first; then it goes
/// on where it was.
pub(crate) async fn make(session: Arc<Session>) {
    let _progress = Progress::start(&session, "Reading the workspace");
    let threads = available_parallelism().map_or(1, |threads| threads.get().min(8));
    loop {
        // What was shown before does not count.
        let _ = tokio::time::timeout(Duration::ZERO, session.has_shown.notified()).await;
        let made =
            session.try_read(move |view| floe_ide::build_index(view.db, threads, |_, _| {})).await;
        match made {
            Ok(Some(Ok(()))) | Err(_) => return,
            Ok(Some(Err(_)) | None) => {
                let _ = tokio::time::timeout(EDIT, session.has_shown.notified()).await;
            }
        }
    }
}
