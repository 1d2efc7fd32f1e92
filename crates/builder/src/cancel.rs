//! Stopping builds from outside: Ctrl-C, or a failure elsewhere.

use std::io::{PipeReader, PipeWriter, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A request to stop, shared by those who may make it and those who obey. Clones are the same
/// request. It is something to wait for together with a build's output, hence the pipe.
#[derive(Debug, Clone)]
pub struct Cancellation {
    inherited: Vec<Arc<Pipe>>,
    own: Arc<Pipe>,
}

#[derive(Debug)]
struct Pipe {
    /// Readable from the moment of cancellation on: nobody ever reads.
    reader: PipeReader,
    writer: PipeWriter,
}

impl Cancellation {
    /// A request that nobody has made yet.
    pub fn new() -> std::io::Result<Cancellation> {
        let (reader, writer) = std::io::pipe()?;
        Ok(Cancellation { inherited: Vec::new(), own: Arc::new(Pipe { reader, writer }) })
    }

    /// A request of its own that is also made when `self` is.
    pub fn child(&self) -> std::io::Result<Cancellation> {
        let mut child = Cancellation::new()?;
        child.inherited.clone_from(&self.inherited);
        child.inherited.push(Arc::clone(&self.own));
        Ok(child)
    }

    /// Makes the request. It cannot be taken back.
    pub fn cancel(&self) {
        // The pipe can only be full if the request was made before.
        if !self.is_cancelled() {
            let _ = (&self.own.writer).write_all(&[0]);
        }
    }

    /// Whether the request was made.
    pub fn is_cancelled(&self) -> bool {
        self.wait(Duration::ZERO)
    }

    /// Waits for the request, at most for `time`; says whether it was made.
    pub fn wait(&self, time: Duration) -> bool {
        let mut events: Vec<PollFd<'_>> =
            self.descriptors().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        matches!(poll(&mut events, Some(&timespec(time))), Ok(ready) if ready > 0)
    }

    /// What becomes readable when the request is made.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.inherited.iter().chain([&self.own]).map(|pipe| pipe.reader.as_fd())
    }
}

pub(crate) fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(time.subsec_nanos()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_are_cancelled_with_their_parent_only() {
        let parent = Cancellation::new().unwrap();
        let (first, second) = (parent.child().unwrap(), parent.child().unwrap());
        first.cancel();
        first.cancel();
        assert!(first.is_cancelled() && !second.is_cancelled() && !parent.is_cancelled());
        parent.cancel();
        assert!(second.wait(Duration::from_secs(10)));
    }
}
