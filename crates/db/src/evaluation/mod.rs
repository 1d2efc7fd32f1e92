//! Evaluation for the editor: questions to one worker thread, answers that know when they are stale.
//!
//! Evaluation happens outside of salsa: the worker owns the evaluator and its heap, and keeps what it has
//! evaluated of nixpkgs from one question to the next. A question is a function that is run on that
//! thread. Who asks is a tracked query, which [`evaluate`] makes depend on every file and folder that the
//! answer was read from; so salsa asks again exactly when one of these changes, and an answer that does
//! not change stops the change there.
//!
//! While it waits, the query looks whether it has been cancelled. Then it unwinds as any query does. Nobody
//! waits in front of a screen for an evaluation: a question that takes longer is left behind (see `left`),
//! and the query says that it has no answer, for this revision. The answer's arrival begins the next.

mod apart;
mod left;
mod overlay;
mod session;
mod worker;

use std::any::TypeId;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use salsa::Cancelled;
use salsa::plumbing::AsId;

use crate::{Db, nixpkgs};

pub use apart::{Apart, ReadFrom};
use left::{Asked, Key, Left};
pub use session::Session;
pub(crate) use worker::Worker;
use worker::{Setting, Task};

/// How long an answer is worth waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Somebody looks at the screen. With an editor around, what is not known within 200 ms is left out of
    /// the answer; the evaluation goes on, and a new revision begins when it is done.
    Interactive,
    /// Nobody does: gives way to interactive questions, and takes its time.
    Background,
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evaluated<T> {
    /// The answer.
    Answer(T),
    /// It is not known yet, it took too long, or the evaluator gave up.
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

    /// The answer, if there is one. If not, the database notes that it lacks one.
    pub fn known(&self, db: &dyn Db) -> Option<&T> {
        match self {
            Evaluated::Answer(answer) => Some(answer),
            Evaluated::NoAnswer => {
                db.note_lack();
                None
            }
        }
    }
}

/// How often a waiting query looks whether it has been cancelled.
const LOOK: Duration = Duration::from_millis(2);

/// For how long an editor waits: a person notices, and goes on typing.
const HURRY: Duration = Duration::from_millis(200);

/// Asks the worker, waits for its answer, and makes the calling query depend on what the answer was read
/// from. To be called from a tracked query, so that the question is not asked again in vain, with what
/// that query is about.
pub fn evaluate<T: Send + 'static, Q>(
    db: &dyn Db,
    patience: Patience,
    about: impl AsId + Copy,
    question: Q,
) -> Evaluated<T>
where
    Q: Fn(&Session<'_>) -> T + Send + 'static,
{
    // Without an editor nobody would come back for the answer.
    let hurries = patience == Patience::Interactive && db.files().arrival().is_some();
    let asker = Asker {
        db,
        left: hurries.then(|| db.files().worker().left()),
        key: Key { question: TypeId::of::<Q>(), about: about.as_id() },
        limit: Instant::now()
            + match patience {
                Patience::Interactive if hurries => HURRY,
                Patience::Interactive => Duration::from_secs(20),
                Patience::Background => Duration::from_secs(120),
            },
    };
    let setting = setting(db);
    let earlier = asker.left.and_then(|left| left.take(asker.key, &setting));
    let answer = earlier.map_or(Waited::InVain, |earlier| asker.wait(earlier));
    let answer = match answer {
        Waited::InVain => asker.wait(asker.ask(patience, setting, question)),
        answer => answer,
    };
    match answer {
        Waited::Answer(answer, reads) => {
            for path in reads.iter().filter(|path| can_change(path)) {
                let file = db.file(path);
                file.stamp(db);
                file.buffer(db);
            }
            Evaluated::Answer(answer)
        }
        Waited::InVain | Waited::TooLong => {
            // What it would have depended on is not known.
            db.report_untracked_read();
            Evaluated::NoAnswer
        }
    }
}

/// Who waits for an answer.
struct Asker<'a> {
    db: &'a dyn Db,
    /// Where the question is left if the answer takes too long.
    left: Option<&'a Left>,
    key: Key,
    limit: Instant,
}

enum Waited<T> {
    Answer(T, Vec<PathBuf>),
    /// There will be no answer, or none that still holds.
    InVain,
    TooLong,
}

impl Asker<'_> {
    fn ask<T: Send + 'static>(
        &self,
        patience: Patience,
        setting: Setting,
        question: impl Fn(&Session<'_>) -> T + Send + 'static,
    ) -> Asked<T> {
        let (sender, answer) = channel();
        let is_awaited = Arc::<AtomicBool>::default();
        let (files, told) = (self.db.files().clone(), is_awaited.clone());
        let question = move |session: &Session<'_>| {
            let answer = question(session);
            let interrupted = session.is_interrupted();
            if !interrupted {
                let _ = sender.send((answer, session.reads()));
                if let Some(arrival) = files.arrival().filter(|_| told.load(Ordering::SeqCst)) {
                    arrival();
                }
            }
            interrupted
        };
        let task = Task::new(patience, setting.clone(), Box::new(question));
        let ticket = self.db.files().worker().ask(task);
        Asked { ticket, answer, is_awaited, left_at: None, setting, changed: Vec::new() }
    }

    fn wait<T: Send + 'static>(&self, asked: Asked<T>) -> Waited<T> {
        loop {
            match asked.answer.recv_timeout(LOOK) {
                Ok(found) => return asked.checked(found),
                Err(RecvTimeoutError::Disconnected) => return Waited::InVain,
                Err(RecvTimeoutError::Timeout) => {}
            }
            let look = || salsa::Database::unwind_if_revision_cancelled(self.db);
            if let Err(reason) = Cancelled::catch(AssertUnwindSafe(look)) {
                // After a keystroke the same is asked again; after the client has taken its request back,
                // it is not. A question that is dropped is interrupted.
                let is_wanted = asked.left_at.is_some() || !matches!(reason, Cancelled::Local);
                if let Some(left) = self.left.filter(|_| is_wanted) {
                    left.leave(self.key, asked);
                }
                resume_unwind(Box::new(reason));
            }
            if Instant::now() >= self.limit {
                let Some(left) = self.left else { return Waited::TooLong };
                asked.is_awaited.store(true, Ordering::SeqCst);
                // From here on its arrival is told; it may have arrived just before.
                if let Ok(found) = asked.answer.try_recv() {
                    return asked.checked(found);
                }
                left.leave(self.key, asked);
                return Waited::TooLong;
            }
        }
    }
}

impl<T> Asked<T> {
    fn checked(&self, (answer, reads): (T, Vec<PathBuf>)) -> Waited<T> {
        match self.holds(&reads) {
            true => Waited::Answer(answer, reads),
            false => Waited::InVain,
        }
    }
}

fn setting(db: &dyn Db) -> Setting {
    let workspace = db.workspace();
    Setting {
        files: db.files().clone(),
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
