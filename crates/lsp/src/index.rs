//! The index of the workspace, made in the background so that nobody has to wait for it.

use std::sync::Arc;
use std::thread::available_parallelism;

use crate::progress::Progress;
use crate::session::Session;

/// Makes the index. A write gets before it; then it goes on where it was.
pub(crate) async fn make(session: Arc<Session>) {
    let _progress = Progress::start(&session, "Reading the workspace");
    let threads = available_parallelism().map_or(1, |threads| threads.get().min(8));
    loop {
        let made =
            session.try_read(move |view| floe_ide::build_index(view.db, threads, |_, _| {})).await;
        match made {
            Ok(Some(Ok(()))) | Err(_) => return,
            Ok(Some(Err(_)) | None) => {}
        }
    }
}
