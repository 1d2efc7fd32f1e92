//! Telling the client that something takes a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;
use tower_lsp::ls_types::ProgressToken;

use crate::session::Session;

/// What is done faster than this is not worth showing.
const PAUSE: Duration = Duration::from_millis(500);

/// Work that is shown in the client while this lives, from half a second on.
pub(crate) struct Progress {
    /// Dropped when the work is done.
    _done: oneshot::Sender<()>,
}

impl Progress {
    pub(crate) fn start(session: &Arc<Session>, title: &'static str) -> Progress {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (done, mut is_done) = oneshot::channel::<()>();
        let client = session.connection().cloned().filter(|_| session.client().shows_progress);
        if let Some(client) = client {
            tokio::spawn(async move {
                if tokio::time::timeout(PAUSE, &mut is_done).await.is_ok() {
                    return;
                }
                let number = NEXT.fetch_add(1, Ordering::Relaxed);
                let token = ProgressToken::String(format!("floe/{number}"));
                if client.create_work_done_progress(token.clone()).await.is_ok() {
                    let shown = client.progress(token, title).begin().await;
                    // An error says that the work is done: nothing is ever sent.
                    let _ = is_done.await;
                    shown.finish().await;
                }
            });
        }
        Progress { _done: done }
    }
}
