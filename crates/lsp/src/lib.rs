//! The language server: protocol, ordering, capabilities, conversion.
//!
//! `transport` reads messages, `ordering` applies what changes documents in the order of arrival,
//! `server` lists the methods, `requests` has one file for each. Nothing is decided here: every fact
//! that is sent, `floe-ide` computed.

mod capabilities;
pub mod client;
mod client_facts;
mod configuration;
mod convert;
mod diagnostics;
mod documents;
#[cfg(test)]
mod features;
mod index;
mod option_list;
mod ordering;
mod position;
mod progress;
mod readers;
mod requests;
mod server;
mod session;
mod settings;
#[cfg(test)]
mod tests;
mod transport;
mod written;

use std::io::Read;
use std::sync::Arc;
use std::thread;

use floe_db::{Database, OsSystem};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, DuplexStream};
use tower_lsp::LspService;

use crate::server::Server;
use crate::session::Session;

/// How to serve.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many answers are computed at a time.
    pub readers: usize,
}

impl Default for Options {
    fn default() -> Options {
        // Some of them wait for an evaluation; what needs none must not wait with them.
        let cores = thread::available_parallelism().map_or(2, Into::into);
        Options { readers: cores.clamp(4, 8) }
    }
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With `shutdown` and `exit`, as the protocol asks: exit status 0.
    Orderly,
    /// Without `shutdown`, or because the client was gone: exit status 1.
    Abrupt,
}

/// Serves one client over standard input and output until it leaves. Needs a tokio runtime with time.
pub async fn run_stdio(options: Options) -> End {
    // A long answer would take a switch to the client and back for each 64 KiB. Where this is no pipe, or
    // may not be larger, it stays as it is.
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(std::io::stdout(), 1 << 20);
    run(options, stdin(), tokio::io::stdout()).await
}

/// Serves one client over any two streams.
pub async fn run(
    options: Options,
    input: impl AsyncRead + Unpin,
    output: impl AsyncWrite + Unpin + Send + 'static,
) -> End {
    let settings = settings::read(&serde_json::Value::Null);
    let database = Database::new(Arc::new(OsSystem), Vec::new(), settings);
    let session = Arc::new(Session::new(database, options.readers));
    let shared = session.clone();
    let (service, socket) = LspService::build(|client| Server { session: shared, client })
        .custom_method("floe/text", requests::text::handle)
        .finish();
    let service = ordering::Ordered::new(service, session.clone());
    tokio::select! {
        () = transport::serve(input, output, socket, service) => {}
        () = session.client_gone.notified() => return End::Abrupt,
    }
    session.end()
}

/// Standard input, read by a thread of its own: a read that never returns must not keep the runtime,
/// and with it the process, from ending.
fn stdin() -> DuplexStream {
    let (mut writer, reader) = tokio::io::duplex(1 << 20);
    let runtime = tokio::runtime::Handle::current();
    let read = move || {
        let mut buffer = vec![0; 1 << 16];
        let mut stdin = std::io::stdin().lock();
        while let Ok(count @ 1..) = stdin.read(&mut buffer) {
            if runtime.block_on(writer.write_all(&buffer[..count])).is_err() {
                return;
            }
        }
    };
    if let Err(error) = thread::Builder::new().name("stdin".into()).spawn(read) {
        tracing::error!(%error, "standard input cannot be read");
    }
    reader
}
