//! What the server's parts share: the documents, the writer, the readers, the client.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use floe_db::{
    CancellationToken, Cancelled, Change, Database, Db, File, Host, Salsa, Watcher, normalize,
};
use rustc_hash::FxHashMap;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::{Notify, oneshot, watch};
use tower_lsp::Client;
use tower_lsp::jsonrpc::{Error, Request, Result};
use tower_lsp::ls_types::{
    CreateFilesParams, DeleteFilesParams, Diagnostic, DidChangeConfigurationParams,
    DidChangeTextDocumentParams, DidChangeWatchedFilesParams, DidChangeWorkspaceFoldersParams,
    DidCloseTextDocumentParams, DidOpenTextDocumentParams, RenameFilesParams, SemanticToken, Uri,
};

use crate::client_facts::ClientFacts;
use crate::documents::Documents;
use crate::index::let_others_go_first;
use crate::ordering::Arrival;
use crate::readers::Readers;
use crate::settings::{self, Preferences};
use crate::{End, configuration};

/// The tokens of a file that were sent last, with their number.
type NumberedTokens = (u64, Arc<Vec<SemanticToken>>);

/// How long an evaluation may take before "nothing" is answered in its place.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Session {
    host: Host,
    readers: Readers,
    documents: Mutex<Documents>,
    client: OnceLock<ClientFacts>,
    /// The way to the client; absent until it has introduced itself.
    connection: OnceLock<Client>,
    /// All that the client said of its configuration, and what of it the protocol's side needs.
    configuration: Mutex<(Value, Arc<Preferences>)>,
    watcher: Arc<Mutex<Option<Watcher>>>,
    roots: Arc<Mutex<Vec<PathBuf>>>,
    shut_down: AtomicBool,
    /// When the last edit arrived, while its mistakes are not shown yet.
    unshown_edit: Mutex<Option<Instant>>,
    /// What evaluation last found in the open documents.
    pub(crate) evaluated: Mutex<FxHashMap<PathBuf, Vec<Diagnostic>>>,
    /// The semantic tokens that the client was last sent, for the difference to the next.
    pub(crate) tokens: Mutex<FxHashMap<PathBuf, NumberedTokens>>,
    /// The documentation of the last list of completions, which is asked for one by one.
    pub(crate) documentation: Mutex<(u64, Vec<Option<String>>)>,
    /// Woken when a derived fact may have changed.
    pub(crate) revised: Arc<Notify>,
    /// How often that has happened, for all who wait for the next time.
    pub(crate) revision: watch::Receiver<u64>,
    /// Woken when diagnostics of a file have been sent.
    pub(crate) has_shown: Notify,
    /// Woken when there is nobody left to serve.
    pub(crate) client_gone: Notify,
}

impl Session {
    pub(crate) fn new(database: Database, readers: usize) -> Session {
        let revised = Arc::new(Notify::new());
        let wake = revised.clone();
        let (revise, revision) = watch::channel(0);
        let host = Host::start(database, move || {
            wake.notify_one();
            revise.send_modify(|revision| *revision += 1);
        });
        let configuration = settings::empty();
        let preferences = Arc::new(settings::preferences(&configuration));
        Session {
            host,
            readers: Readers::start(readers),
            documents: Mutex::default(),
            client: OnceLock::new(),
            connection: OnceLock::new(),
            configuration: Mutex::new((configuration, preferences)),
            watcher: Arc::default(),
            roots: Arc::default(),
            shut_down: AtomicBool::new(false),
            unshown_edit: Mutex::default(),
            evaluated: Mutex::default(),
            tokens: Mutex::default(),
            documentation: Mutex::default(),
            revised,
            revision,
            has_shown: Notify::new(),
            client_gone: Notify::new(),
        }
    }

    /// Called once, by `initialize`: from here on notifications count.
    pub(crate) fn introduce(&self, facts: ClientFacts, connection: Client, roots: Vec<PathBuf>) {
        let _ = self.client.set(facts);
        let _ = self.connection.set(connection);
        self.set_roots(roots);
    }

    /// Watches the disk, since the client does not.
    pub(crate) fn watch_disk(&self) {
        let (watcher, roots, host) = (self.watcher.clone(), self.roots.clone(), self.host.clone());
        // A folder like nixpkgs has tens of thousands of folders to watch; nobody waits for that.
        thread::spawn(move || {
            let_others_go_first();
            match Watcher::new(&host) {
                Ok(new) => *lock(&watcher) = Some(new),
                Err(error) => tracing::warn!(%error, "changes on disk will go unnoticed"),
            }
            watch(&watcher, &roots, &host);
        });
    }

    /// When the last edit arrived, if its mistakes are not shown yet.
    pub(crate) fn unshown_edit(&self) -> Option<Instant> {
        *lock(&self.unshown_edit)
    }

    /// The mistakes of the edits are shown.
    pub(crate) fn note_shown(&self) {
        *lock(&self.unshown_edit) = None;
        self.has_shown.notify_one();
    }

    pub(crate) fn roots(&self) -> Vec<PathBuf> {
        lock(&self.roots).clone()
    }

    pub(crate) fn client(&self) -> ClientFacts {
        self.client.get().copied().unwrap_or_default()
    }

    /// The way to the client.
    pub(crate) fn connection(&self) -> Option<&Client> {
        self.connection.get()
    }

    pub(crate) fn preferences(&self) -> Arc<Preferences> {
        lock(&self.configuration).1.clone()
    }

    /// Takes over what a client says of its configuration. Tells whether that changed anything that only
    /// the protocol's side knows.
    pub(crate) fn configure(&self, value: &Value) -> bool {
        let mut configuration = lock(&self.configuration);
        let before = settings::read(&configuration.0);
        settings::merge(&mut configuration.0, value);
        let after = settings::read(&configuration.0);
        if before != after {
            self.host.change(Change::Settings(after));
        }
        let preferences = settings::preferences(&configuration.0);
        let changed = preferences != *configuration.1;
        configuration.1 = Arc::new(preferences);
        changed
    }

    /// The client has asked for an orderly end.
    pub(crate) fn note_shutdown(&self) {
        self.shut_down.store(true, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) -> End {
        if self.shut_down.load(Ordering::Relaxed) { End::Orderly } else { End::Abrupt }
    }

    pub(crate) fn documents(&self) -> MutexGuard<'_, Documents> {
        lock(&self.documents)
    }

    pub(crate) fn arrival(&self) -> Arrival {
        self.documents().arrival()
    }

    fn set_roots(&self, roots: Vec<PathBuf>) {
        lock(&self.roots).clone_from(&roots);
        self.watch_roots();
        self.host.change(Change::Roots(roots));
    }

    fn watch_roots(&self) {
        // Whoever has it is about to watch.
        if self.watcher.try_lock().is_ok_and(|watcher| watcher.is_none()) {
            return;
        }
        let (watcher, roots, host) = (self.watcher.clone(), self.roots.clone(), self.host.clone());
        thread::spawn(move || {
            let_others_go_first();
            watch(&watcher, &roots, &host);
        });
    }

    /// Applies a notification that changes what analysis sees. Tells whether it was one.
    pub(crate) fn notify(self: &Arc<Self>, request: &Request) -> bool {
        if self.client.get().is_none() {
            return false;
        }
        match request.method() {
            "textDocument/didOpen" => with(request, |params: DidOpenTextDocumentParams| {
                let document = params.text_document;
                let Some(path) = path_of(&document.uri) else { return };
                let text: Arc<str> = document.text.into();
                *lock(&self.unshown_edit) = Some(Instant::now());
                self.documents().open(path.clone(), document.uri, document.version, text.clone());
                self.host.change(Change::Buffer { path, text });
            }),
            "textDocument/didChange" => with(request, |params: DidChangeTextDocumentParams| {
                let document = params.text_document;
                let Some(path) = path_of(&document.uri) else { return };
                *lock(&self.unshown_edit) = Some(Instant::now());
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
                lock(&self.evaluated).remove(&path);
                lock(&self.tokens).remove(&path);
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
                    configuration::changed(self, &params.settings);
                });
            }
            "workspace/didCreateFiles" => with(request, |params: CreateFilesParams| {
                self.disk_changed(params.files.iter().map(|file| file.uri.as_str()));
            }),
            "workspace/didDeleteFiles" => with(request, |params: DeleteFilesParams| {
                self.disk_changed(params.files.iter().map(|file| file.uri.as_str()));
            }),
            "workspace/didRenameFiles" => with(request, |params: RenameFilesParams| {
                let files = params.files.iter();
                self.disk_changed(
                    files.flat_map(|file| [file.old_uri.as_str(), file.new_uri.as_str()]),
                );
            }),
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

    /// A client that moves files itself says so before anybody who watches the disk.
    fn disk_changed<'a>(&self, uris: impl Iterator<Item = &'a str>) {
        let uris = uris.filter_map(|uri| uri.parse().ok());
        let paths = uris.filter_map(|uri: Uri| path_of(&uri)).collect();
        self.host.change(Change::Disk { paths });
    }

    /// Computes something about all of the workspace on a reader's thread, anew whenever a write gets in
    /// its way.
    pub(crate) async fn read_workspace<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl Fn(&View<'_>) -> T + Send + Sync + 'static,
    ) -> Result<T> {
        let read = Arc::new(read);
        loop {
            let read = read.clone();
            if let Some(answer) = self.try_read(move |view| read(view)).await? {
                return Ok(answer);
            }
        }
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

    /// The same where nothing would be a wrong answer for as long as an evaluation goes on: then what is
    /// known is answered at once, and nothing only when the evaluation has come to nothing.
    pub(crate) async fn read_until_known<T: Send + 'static>(
        self: &Arc<Self>,
        uri: &Uri,
        read: impl Fn(&View<'_>, File) -> Option<T> + Send + Sync + 'static,
    ) -> Result<Option<T>> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let mut revision = self.revision.clone();
        let read = Arc::new(read);
        loop {
            revision.mark_unchanged();
            let read = read.clone();
            let read = move |view: &View<'_>, file| {
                let answer = read(view, file);
                let is_all = answer.is_some() || !view.db.lacks_answers();
                (answer, is_all)
            };
            let (answer, is_all) = self.read_document(uri, read).await?;
            if is_all || tokio::time::timeout_at(deadline, revision.changed()).await.is_err() {
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

/// Watches the open folders.
fn watch(watcher: &Mutex<Option<Watcher>>, roots: &Mutex<Vec<PathBuf>>, host: &Host) {
    let mut watcher = lock(watcher);
    let Some(watcher) = &mut *watcher else { return };
    // Of two threads the later one can be the first here: what counts is what is open now.
    let roots = lock(roots).clone();
    watcher.watch(&roots);
    host.look_again(&roots);
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
    match P::deserialize(request.params().unwrap_or(&Value::Null)) {
        Ok(params) => apply(params),
        Err(error) => tracing::warn!(%error, method = request.method(), "malformed notification"),
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
