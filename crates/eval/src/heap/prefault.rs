//! Memory made ready ahead of its use, by a thread of its own.
//!
//! The kernel hands out memory page by page, at the first touch, and clears each page then. For an
//! evaluation that fills hundreds of megabytes this is a quarter of the time. A second thread asks for
//! the pages of the next [`STEP_BYTES`] while the evaluation fills the present ones.
//!
//! Huge pages would need fewer steps, but on a machine whose memory is in pieces the kernel takes longer
//! to find one than to hand out its 512 small pages; see `docs/performance.md`.

use std::num::NonZero;
use std::ptr::with_exposed_provenance_mut;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use rustix::mm::{Advice, madvise};

/// How much is asked for at a time.
pub(super) const STEP_BYTES: usize = 2 << 20;

const STACK_BYTES: usize = 64 << 10;

/// The thread.
pub(super) struct Prefaulter {
    /// Ranges of memory, as address and length. Taken away to end the thread.
    ranges: Option<Sender<(usize, usize)>>,
    thread: Option<JoinHandle<()>>,
}

impl Prefaulter {
    /// Starts the thread, if the machine has a second core to run it on.
    pub(super) fn start() -> Option<Prefaulter> {
        if std::thread::available_parallelism().map_or(1, NonZero::get) < 2 {
            return None;
        }
        let (ranges, received) = channel::<(usize, usize)>();
        let populate = move || {
            for (address, len) in received {
                let start = with_exposed_provenance_mut(address);
                // SAFETY: the range is part of one of the heap's chunks, which the heap frees only after
                // this thread has ended; to populate pages does not change what is in them.
                // An error means that the kernel is too old for it: then each page comes when touched.
                let _ = unsafe { madvise(start, len, Advice::LinuxPopulateWrite) };
            }
        };
        let thread = std::thread::Builder::new().name("prefault".into()).stack_size(STACK_BYTES);
        let thread = thread.spawn(populate).ok()?;
        Some(Prefaulter { ranges: Some(ranges), thread: Some(thread) })
    }

    /// Asks for the pages that lie wholly in a range of a chunk.
    pub(super) fn populate(&self, start: *mut u64, end: *mut u64) {
        let page = rustix::param::page_size();
        let first = start.expose_provenance().next_multiple_of(page);
        let last = end.expose_provenance() / page * page;
        if let (Some(ranges), true) = (&self.ranges, first < last) {
            // It fails only when the thread has ended, which it does when this is dropped.
            let _ = ranges.send((first, last - first));
        }
    }
}

impl Drop for Prefaulter {
    fn drop(&mut self) {
        self.ranges = None;
        if let Some(thread) = self.thread.take() {
            // It runs no code that panics.
            let _ = thread.join();
        }
    }
}
