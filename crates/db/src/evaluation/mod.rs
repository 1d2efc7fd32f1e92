//! Evaluation for the editor: questions to one worker thread, answers that know when they are stale.
//!
//! Evaluation happens outside of salsa: the worker owns the evaluator and its heap, and keeps what it has
//! evaluated of nixpkgs from one question to the next. A question is a function that is run on that
//! thread. Who asks is a tracked query, which [`evaluate`] makes depend on every file and folder that the
//! answer was read from; so salsa asks again exactly when one of these changes, and an answer that does
//! not change stops the change there.
//!
//! While it waits, the query looks whether it has been cancelled. Then it unwinds as any query does, and
//! the worker, which nobody waits for any more, is interrupted.

mod overlay;
mod session;
mod worker;

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::{Db, nixpkgs};

pub use session::Session;
pub(crate) use worker::Worker;
use worker::{Setting, Task};

/// How long an answer is worth waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Somebody looks at the screen.
    Interactive,
    /// Nobody does: gives way to interactive questions, and takes its time.
    Background,
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evaluated<T> {
    /// The answer.
    Answer(T),
    /// It took too long, or the evaluator gave up.
    NoAnswer,
}

impl<T> Evaluated<T> {
    /// The answer, if there is one.
    pub fn answer(self) -> Option<T> {
        match self {
            Evaluated::Answer(answer) => Some(answer),
            Evaluated::NoAnswer => None,
        }
    }
}

/// How often a waiting query looks whether it has been cancelled.
const LOOK: Duration = Duration::from_millis(2);

/// Asks the worker, waits for its answer, and makes the calling query depend on what the answer was read
/// from. To be called from a tracked query, so that the question is not asked again in vain.
pub fn evaluate<T: Send + 'static>(
    db: &dyn Db,
    patience: Patience,
    question: impl Fn(&Session<'_>) -> T + Send + 'static,
) -> Evaluated<T> {
    let (sender, answer) = channel();
    let question = move |session: &Session<'_>| {
        let answer = question(session);
        let interrupted = session.is_interrupted();
        if !interrupted {
            let _ = sender.send((answer, session.reads()));
        }
        interrupted
    };
    let ticket = db.files().worker().ask(Task::new(patience, setting(db), Box::new(question)));
    let limit = Instant::now()
        + match patience {
            Patience::Interactive => Duration::from_secs(20),
            Patience::Background => Duration::from_secs(120),
        };
    let answer = loop {
        match answer.recv_timeout(LOOK) {
            Ok(answer) => break Some(answer),
            Err(RecvTimeoutError::Timeout) if Instant::now() < limit => {
                // Unwinding drops the ticket, which takes the question back.
                salsa::Database::unwind_if_revision_cancelled(db);
            }
            Err(_) => break None,
        }
    };
    drop(ticket);
    match answer {
        Some((answer, reads)) => {
            for path in reads.iter().filter(|path| can_change(path)) {
                let file = db.file(path);
                file.stamp(db);
                file.buffer(db);
            }
            Evaluated::Answer(answer)
        }
        None => {
            // What it would have depended on is not known.
            db.report_untracked_read();
            Evaluated::NoAnswer
        }
    }
}

/// Has the worker answer a question whose answer nobody waits for, so that later ones find their values
/// evaluated. It gives way to every other question.
pub fn warm_up(db: &dyn Db, question: impl Fn(&Session<'_>) + Send + 'static) {
    let question = move |session: &Session<'_>| {
        question(session);
        session.is_interrupted()
    };
    let task = Task::new(Patience::Background, setting(db), Box::new(question));
    db.files().worker().ask(task).keep();
}

fn setting(db: &dyn Db) -> Setting {
    let workspace = db.workspace();
    Setting {
        files: db.files().clone(),
        buffers: db.files().buffers(),
        search_path: nixpkgs(db).search_path.clone(),
        nixpkgs: nixpkgs(db).path.clone(),
        roots: workspace.roots(db).clone(),
        budget: workspace.settings(db).memory_budget,
    }
}

/// What is in a store never changes.
fn can_change(path: &Path) -> bool {
    !path.starts_with("/nix/store")
}

#[cfg(test)]
mod tests;
