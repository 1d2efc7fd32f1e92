//! Telling the client that something takes a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower_lsp::Client;
use tower_lsp::jsonrpc::Request;
use tower_lsp::ls_types::ProgressToken;

use crate::session::Session;

/// What is done faster than this is not worth showing.
const PAUSE: Duration = Duration::from_millis(500);

/// Work that is shown in the client while this lives, from half a second on.
pub(crate) struct Progress {
    /// Dropped when the work is done.
    done: oneshot::Sender<()>,
    shown: Option<JoinHandle<()>>,
}

impl Progress {
    /// Work that the server does of its own accord.
    pub(crate) fn start(session: &Arc<Session>, title: &'static str) -> Progress {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let client = session.connection().filter(|_| session.client().shows_progress);
        Progress::show(client, title, |client| async move {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let token = ProgressToken::String(format!("floe/{number}"));
            let created = client.create_work_done_progress(token.clone()).await;
            created.is_ok().then_some(token)
        })
    }

    /// Work on a request, if the client gives a token to show it by.
    pub(crate) fn of(session: &Session, request: &Request) -> Option<Progress> {
        let token = match request.params()?.get("workDoneToken")? {
            serde_json::Value::String(text) => ProgressToken::String(text.clone()),
            number => ProgressToken::Number(i32::try_from(number.as_i64()?).ok()?),
        };
        let title = match request.method() {
            "textDocument/references" | "textDocument/rename" | "workspace/symbol" => {
                "Reading the workspace"
            }
            _ => "Evaluating",
        };
        Some(Progress::show(session.connection(), title, |_| std::future::ready(Some(token))))
    }

    fn show<T>(
        client: Option<&Client>,
        title: &'static str,
        token: impl FnOnce(Client) -> T + Send + 'static,
    ) -> Progress
    where
        T: Future<Output = Option<ProgressToken>> + Send,
    {
        let (done, mut is_done) = oneshot::channel::<()>();
        let shown = client.cloned().map(|client| {
            tokio::spawn(async move {
                if tokio::time::timeout(PAUSE, &mut is_done).await.is_ok() {
                    return;
                }
                if let Some(token) = token(client.clone()).await {
                    let shown = client.progress(token, title).begin().await;
                    // An error says that the work is done: nothing is ever sent.
                    let _ = is_done.await;
                    shown.finish().await;
                }
            })
        });
        Progress { done, shown }
    }

    /// The work is done, and the client has been told so when this returns. A token that it gave with a
    /// request means nothing after the answer.
    pub(crate) async fn finish(self) {
        drop(self.done);
        if let Some(shown) = self.shown {
            let _ = shown.await;
        }
    }
}
