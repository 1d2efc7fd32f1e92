//! An evaluator that can do no harm.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::AtomicBool;

use floe_eval::fs::{FileSystem, FileType};
use floe_eval::heap::Heap;
use floe_eval::settings::Settings;
use floe_eval::store::ReadOnlyStore;
use floe_eval::{Console, Evaluator, Options};
use floe_store::StoreDir;

/// The evaluator measures its stack by the addresses of local variables, which the sanitizer would
/// otherwise keep elsewhere.
#[cfg(not(test))]
#[unsafe(no_mangle)]
extern "C" fn __asan_default_options() -> *const std::ffi::c_char {
    c"detect_stack_use_after_return=0".as_ptr()
}

/// Gives `work` an evaluator without files, environment and store. Once the switch is on, it ends at the first
/// time that it looks whether it should: after a few hundred calls, or steps of a loop.
pub(crate) fn with(work: impl for<'h> FnOnce(&Evaluator<'h>, &AtomicBool) + Send) {
    floe_eval::with_big_stack(|stack_bytes| {
        let heap = Heap::new();
        let settings = Settings {
            max_call_depth: 100,
            environment: Some(BTreeMap::new()),
            ..Settings::default()
        };
        let ends = settings.interrupt.clone();
        let options = Options {
            settings,
            fs: Rc::new(NoFiles),
            store: Rc::new(ReadOnlyStore::new(StoreDir::default(), None)),
            console: Rc::new(Silent),
        };
        work(&Evaluator::new(&heap, options, stack_bytes), &ends);
    });
}

struct NoFiles;

impl FileSystem for NoFiles {
    fn read(&self, _path: &Path) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn file_type(&self, _path: &Path) -> io::Result<FileType> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn read_link(&self, _path: &Path) -> io::Result<PathBuf> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn read_dir(&self, _path: &Path) -> io::Result<Vec<(OsString, FileType)>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

struct Silent;

impl Console for Silent {
    fn trace(&self, _message: &str) {}

    fn warn(&self, _message: &str) {}
}
