//! The layer in front of the server that makes messages count in the order of their arrival.
//!
//! tower-lsp polls its handlers concurrently: a completion could overtake the keystroke before it. So
//! what changes a document is applied right here, inside of [`Service::call`], which sees one message
//! after the other; and every request carries the number of changes that had arrived before it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower::Service;
use tower_lsp::jsonrpc::{Request, Response};

use crate::session::Session;

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

type Answer<E> = Pin<Box<dyn Future<Output = Result<Option<Response>, E>> + Send>>;

impl<S> Service<Request> for Ordered<S>
where
    S: Service<Request, Response = Option<Response>>,
    S::Error: Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Option<Response>;
    type Error = S::Error;
    type Future = Answer<S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Answer<S::Error> {
        if request.id().is_none() && self.session.notify(&request) {
            return Box::pin(std::future::ready(Ok(None)));
        }
        let arrival = self.session.arrival();
        Box::pin(ARRIVAL.scope(arrival, self.inner.call(request)))
    }
}
