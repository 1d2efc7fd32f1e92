//! The layer in front of the server that makes messages count in the order of their arrival.
//!
//! tower-lsp polls its handlers concurrently: a completion could overtake the keystroke before it. So
//! what changes a document is applied right here, inside of [`Service::call`], which sees one message
//! after the other; and every request carries the number of changes that had arrived before it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower::Service;
use tower_lsp::jsonrpc::{Error, Request, Response};

use crate::progress::Progress;
use crate::session::Session;
use crate::written::{self, Answer};

/// How many changes had arrived when a message did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrival(pub(crate) u64);

tokio::task_local! {
    static ARRIVAL: Arrival;
}

impl Arrival {
    /// That of the request which the current task answers.
    pub(crate) fn current() -> Arrival {
        ARRIVAL.try_with(|arrival| *arrival).unwrap_or(Arrival(u64::MAX))
    }
}

pub(crate) struct Ordered<S> {
    inner: S,
    session: Arc<Session>,
}

impl<S> Ordered<S> {
    pub(crate) fn new(inner: S, session: Arc<Session>) -> Ordered<S> {
        Ordered { inner, session }
    }
}

type Answering<E> = Pin<Box<dyn Future<Output = Result<Option<Answer>, E>> + Send>>;

impl<S> Service<Request> for Ordered<S>
where
    S: Service<Request, Response = Option<Response>>,
    S::Error: Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Option<Answer>;
    type Error = S::Error;
    type Future = Answering<S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Answering<S::Error> {
        if request.id().is_none() && self.session.notify(&request) {
            return Box::pin(std::future::ready(Ok(None)));
        }
        // Unknown ones of these may be ignored where they are notifications only.
        if let Some(id) = request.id().filter(|_| request.method().starts_with("$/")) {
            let refusal = Response::from_error(id.clone(), Error::method_not_found());
            return Box::pin(std::future::ready(Ok(Some(Answer {
                response: refusal,
                text: None,
            }))));
        }
        let arrival = self.session.arrival();
        let progress = Progress::of(&self.session, &request);
        Box::pin(shown(
            progress,
            ARRIVAL.scope(arrival, written::collect(self.inner.call(request))),
        ))
    }
}

/// An answer whose work is shown until it is there.
async fn shown<T>(progress: Option<Progress>, answer: impl Future<Output = T>) -> T {
    let answer = answer.await;
    if let Some(progress) = progress {
        progress.finish().await;
    }
    answer
}
