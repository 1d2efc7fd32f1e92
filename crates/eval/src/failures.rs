//! Failures that a program has caught: whoever needs the same value again gets the same error, with the
//! steps that were added to it on its way to where it was caught. C++ Nix does so since 2.34, and it can be
//! seen: what a failing value traces is traced once.
//!
//! Errors that nothing catches end the evaluation, so they are not remembered: for a heap that is kept for
//! many questions, what failed is work that is still to do.

use std::cell::RefCell;

use crate::error::{EvalError, FailureId};
use crate::evaluator::Evaluator;
use crate::heap::{Suspended, Thunk, Undo};
use crate::volatile::Regions;

/// What has failed, and with which errors.
#[derive(Default)]
pub(crate) struct Failures<'h> {
    /// By their [`FailureId`]; `None` while an error is on its way, and if nothing caught it.
    errors: RefCell<Vec<Option<EvalError>>>,
    thunks: RefCell<Vec<FailedThunk<'h>>>,
}

struct FailedThunk<'h> {
    undo: Undo<'h>,
    failure: Failure,
}

/// The failure of a thunk or a file.
#[derive(Clone, Copy)]
pub(crate) struct Failure {
    error: FailureId,
    /// See [`crate::volatile`].
    read: Regions,
}

impl<'h> Failures<'h> {
    /// What has failed is work to do again: the next question traces and warns as a program of its own does,
    /// and errors do not add up. It is little work, since what the failed values had evaluated stays. The
    /// failures of files go with the files.
    pub(crate) fn forget(&self) {
        self.thunks.borrow_mut().drain(..).for_each(|failed| failed.undo.undo());
        self.errors.borrow_mut().clear();
    }

    /// A program has caught an error.
    pub(crate) fn catch(&self, error: EvalError) {
        if let Some(FailureId(id)) = error.failure() {
            self.errors.borrow_mut()[id as usize] = Some(error);
        }
    }

    /// The failure that an error on its way is from now on.
    fn of(&self, error: &mut EvalError, read: Regions) -> Failure {
        let mut errors = self.errors.borrow_mut();
        let id = *error.failure_mut().get_or_insert_with(|| {
            errors.push(None);
            FailureId(errors.len() as u32 - 1)
        });
        Failure { error: id, read }
    }
}

impl<'h> Evaluator<'h> {
    /// The error that a file's evaluation failed with before, if a program caught it.
    pub(crate) fn failure(&self, failure: Failure) -> Option<EvalError> {
        let mut error = self.failures.errors.borrow()[failure.error.0 as usize].clone()?;
        // Steps that are added from here on are no concern of the one that is remembered.
        *error.failure_mut() = None;
        self.volatile.note(failure.read);
        Some(error)
    }

    /// An error ends the evaluation of a file: the failure to remember, if it can be caught.
    pub(crate) fn failed(&self, error: &mut EvalError, read: Regions) -> Option<Failure> {
        error.kind().is_catchable().then(|| self.failures.of(error, read))
    }

    /// An error ends the work of a thunk.
    #[cold]
    pub(crate) fn fail_thunk(
        &self,
        thunk: Thunk<'h>,
        work: Suspended<'h>,
        mut error: EvalError,
        read: Regions,
    ) -> EvalError {
        match self.failed(&mut error, read) {
            Some(failure) => {
                let mut thunks = self.failures.thunks.borrow_mut();
                let undo = thunk.fail(work, thunks.len() as u32);
                thunks.push(FailedThunk { undo, failure });
            }
            None => thunk.restore(work),
        }
        error
    }

    /// The error that a thunk failed with. If nothing caught it, the thunk is made what it was before.
    #[cold]
    pub(crate) fn thunk_failure(&self, number: u32) -> Option<EvalError> {
        let (undo, failure) = {
            let thunks = self.failures.thunks.borrow();
            let failed = &thunks[number as usize];
            (failed.undo, failed.failure)
        };
        let error = self.failure(failure);
        if error.is_none() {
            undo.undo();
        }
        error
    }
}
