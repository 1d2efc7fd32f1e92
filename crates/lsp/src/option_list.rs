//! The list of all options is kept for the next session, once nobody waits for anything.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::session::Session;

/// For how long nothing must have changed: the evaluation takes a second or two of a processor.
const QUIET: Duration = Duration::from_secs(5);

/// Waits for a quiet moment in which a NixOS module is open, and makes the list if there is none.
pub(crate) async fn keep(session: Arc<Session>) {
    let mut revision = session.revision.clone();
    loop {
        revision.mark_unchanged();
        match tokio::time::timeout(QUIET, revision.changed()).await {
            Ok(Ok(())) => continue,
            Ok(Err(_)) => return,
            Err(_) => {}
        }
        let list = session.try_read(|view| floe_ide::option_list_to_make(view.db)).await;
        if let Ok(Some(Some(list))) = list {
            let (done, made) = oneshot::channel::<()>();
            let make = move || {
                list.keep();
                drop(done);
            };
            if let Err(error) = thread::Builder::new().name("options".into()).spawn(make) {
                tracing::error!(%error, "the thread that lists options could not be started");
            }
            let _ = made.await;
            return;
        }
        if revision.changed().await.is_err() {
            return;
        }
    }
}
