//! What the server's parts share: the documents, the writer, the readers, the client.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use floe_db::{
    CancellationToken, Cancelled, Change, Database, Db, File, Host, Salsa, Watcher, normalize,
};
use floe_syntax::ColumnEncoding;
use serde::de::DeserializeOwned;
use tokio::sync::{Notify, oneshot};
use tower_lsp::jsonrpc::{Error, Request, Result};
use tower_lsp::ls_types::{
    DidChangeConfigurationParams, DidChangeTextDocumentParams, DidChangeWatchedFilesParams,
    DidChangeWorkspaceFoldersParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams, Uri,
};

use crate::End;
use crate::documents::Documents;
use crate::ordering::Arrival;
use crate::readers::Readers;
use crate::settings;

pub(crate) struct Session {
    host: Host,
    readers: Readers,
    documents: Mutex<Documents>,
    client: OnceLock<ClientFacts>,
    watcher: Arc<Mutex<Option<Watcher>>>,
    roots: Mutex<Vec<PathBuf>>,
    shut_down: AtomicBool,
    /// Woken when a derived fact may have changed.
    pub(crate) revised: Arc<Notify>,
    /// Woken when there is nobody left to serve.
    pub(crate) client_gone: Notify,
}

/// What the client said about itself when it introduced itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientFacts {
    pub(crate) encoding: ColumnEncoding,
    /// Whether it can be asked to ask for code lenses again.
    pub(crate) refreshes_lenses: bool,
}

impl Session {
    pub(crate) fn new(database: Database, readers: usize) -> Session {
        let revised = Arc::new(Notify::new());
        let wake = revised.clone();
        Session {
            host: Host::start(database, move || wake.notify_one()),
            readers: Readers::start(readers),
            documents: Mutex::default(),
            client: OnceLock::new(),
            watcher: Arc::default(),
            roots: Mutex::default(),
            shut_down: AtomicBool::new(false),
            revised,
            client_gone: Notify::new(),
        }
    }

    /// Called once, by `initialize`: from here on notifications count.
    pub(crate) fn introduce(&self, client: ClientFacts, roots: Vec<PathBuf>) {
        let _ = self.client.set(client);
        match Watcher::new(&self.host) {
            Ok(watcher) => *lock(&self.watcher) = Some(watcher),
            Err(error) => tracing::warn!(%error, "changes on disk will go unnoticed"),
        }
        self.set_roots(roots);
    }

    pub(crate) fn client(&self) -> ClientFacts {
        self.client
            .get()
            .copied()
            .unwrap_or(ClientFacts { encoding: ColumnEncoding::Utf16, refreshes_lenses: false })
    }

    /// The client has asked for an orderly end.
    pub(crate) fn note_shutdown(&self) {
        self.shut_down.store(true, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) -> End {
        if self.shut_down.load(Ordering::Relaxed) { End::Orderly } else { End::Abrupt }
    }

    pub(crate) fn change(&self, change: Change) {
        self.host.change(change);
    }

    pub(crate) fn documents(&self) -> MutexGuard<'_, Documents> {
        lock(&self.documents)
    }

    pub(crate) fn arrival(&self) -> Arrival {
        self.documents().arrival()
    }

    fn set_roots(&self, roots: Vec<PathBuf>) {
        // A folder like nixpkgs has tens of thousands of folders to watch; nobody waits for that.
        let (watcher, watched) = (self.watcher.clone(), roots.clone());
        thread::spawn(move || {
            if let Some(watcher) = &mut *lock(&watcher) {
                watcher.watch(&watched);
            }
        });
        lock(&self.roots).clone_from(&roots);
        self.host.change(Change::Roots(roots));
    }

    /// Applies a notification that changes what analysis sees. Tells whether it was one.
    pub(crate) fn notify(&self, request: &Request) -> bool {
        if self.client.get().is_none() {
            return false;
        }
        match request.method() {
            "textDocument/didOpen" => with(request, |params: DidOpenTextDocumentParams| {
                let document = params.text_document;
                let Some(path) = path_of(&document.uri) else { return };
                let text: Arc<str> = document.text.into();
                self.documents().open(path.clone(), document.uri, document.version, text.clone());
                self.host.change(Change::Buffer { path, text });
            }),
            "textDocument/didChange" => with(request, |params: DidChangeTextDocumentParams| {
                let document = params.text_document;
                let Some(path) = path_of(&document.uri) else { return };
                let (version, edits) = (document.version, params.content_changes);
                let encoding = self.client().encoding;
                let text = self.documents().change(&path, version, &edits, encoding);
                match text {
                    Some(text) => self.host.change(Change::Buffer { path, text }),
                    None => tracing::warn!(path = %path.display(), "edited, but not open"),
                }
            }),
            "textDocument/didClose" => with(request, |params: DidCloseTextDocumentParams| {
                let Some(path) = path_of(&params.text_document.uri) else { return };
                self.documents().close(&path);
                self.host.change(Change::Closed { path });
            }),
            "workspace/didChangeWatchedFiles" => {
                with(request, |params: DidChangeWatchedFilesParams| {
                    let paths = params.changes.iter().filter_map(|event| path_of(&event.uri));
                    self.host.change(Change::Disk { paths: paths.collect() });
                });
            }
            "workspace/didChangeConfiguration" => {
                with(request, |params: DidChangeConfigurationParams| {
                    self.host.change(Change::Settings(settings::read(&params.settings)));
                });
            }
            "workspace/didChangeWorkspaceFolders" => {
                with(request, |params: DidChangeWorkspaceFoldersParams| {
                    let removed: Vec<_> =
                        params.event.removed.iter().filter_map(|root| path_of(&root.uri)).collect();
                    let mut roots = lock(&self.roots).clone();
                    roots.retain(|root| !removed.contains(root));
                    roots.extend(params.event.added.iter().filter_map(|root| path_of(&root.uri)));
                    self.set_roots(roots);
                });
            }
            // The text was told by `didChange`, and the disk is watched.
            "textDocument/didSave" => {}
            _ => return false,
        }
        true
    }

    /// Computes something about the document at `uri` on a reader's thread.
    ///
    /// A write cancels the computation; then it starts anew, unless the write was to the very document
    /// that the request spoke of: its positions mean nothing any more, and the client asks again.
    pub(crate) async fn read_document<T: Send + 'static>(
        self: &Arc<Self>,
        uri: &Uri,
        read: impl Fn(&View<'_>, File) -> T + Send + Sync + 'static,
    ) -> Result<T> {
        let path = path_of(uri).ok_or_else(|| {
            Error::invalid_params(format!("expected a file: URI, found {}", uri.as_str()))
        })?;
        let arrival = Arrival::current();
        let read = Arc::new(read);
        loop {
            if self.documents().changed_since(&path, arrival) {
                return Err(Error::content_modified());
            }
            let (read, path) = (read.clone(), path.clone());
            if let Some(answer) = self.try_read(move |view| read(view, view.db.file(&path))).await?
            {
                return Ok(answer);
            }
        }
    }

    /// One attempt; `None` when a write cancelled it.
    pub(crate) async fn try_read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&View<'_>) -> T + Send + 'static,
    ) -> Result<Option<T>> {
        let (sender, answer) = oneshot::channel();
        let (session, readers) = (self.clone(), self.readers.clone());
        let unwanted = CancelOnDrop::default();
        let token = unwanted.token.clone();
        self.host.read(move |database| {
            *lock(&token) = Some(database.cancellation_token());
            readers.run(move || {
                if sender.is_closed() {
                    return;
                }
                let answer =
                    floe_db::cancellable(|| read(&View { db: &database, session: &session }));
                // The writer waits for the handle; the answer can wait for the writer.
                drop(database);
                let _ = sender.send(answer);
            });
        });
        let answer = answer.await;
        drop(unwanted);
        match answer {
            Ok(Ok(answer)) => Ok(Some(answer)),
            Ok(Err(Cancelled::PendingWrite)) => Ok(None),
            Ok(Err(_)) | Err(_) => Err(Error::internal_error()),
        }
    }
}

/// What a reader works with.
pub(crate) struct View<'a> {
    pub(crate) db: &'a Database,
    pub(crate) session: &'a Session,
}

/// Stops the computation for a request that the client has cancelled: tower-lsp drops its future.
#[derive(Default)]
struct CancelOnDrop {
    token: Arc<Mutex<Option<CancellationToken>>>,
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some(token) = lock(&self.token).take() {
            token.cancel();
        }
    }
}

/// The path that a `file:` URI names.
pub(crate) fn path_of(uri: &Uri) -> Option<PathBuf> {
    if !uri.scheme().as_str().eq_ignore_ascii_case("file") {
        return None;
    }
    let path = uri.to_file_path()?;
    path.is_absolute().then(|| normalize(&path))
}

fn with<P: DeserializeOwned>(request: &Request, apply: impl FnOnce(P)) {
    let params = request.params().cloned().unwrap_or_default();
    match serde_json::from_value(params) {
        Ok(params) => apply(params),
        Err(error) => tracing::warn!(%error, method = request.method(), "malformed notification"),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
