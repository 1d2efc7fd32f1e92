//! Lock files and flake references are read or refused; a reference that is read is printed as one that
//! reads the same.
#![no_main]

use std::path::Path;

use floe_flake::{FlakeReference, LockFile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(lock) = LockFile::parse(Path::new("flake.lock"), text) {
        let _ = lock.root();
        for (name, _) in lock.nodes() {
            let _ = lock.find(&[name]);
            let _ = lock.find(&[name, "nixpkgs"]);
        }
    }
    if let Ok(reference) = FlakeReference::parse(text) {
        let printed = reference.to_string();
        assert_eq!(FlakeReference::parse(&printed).as_ref(), Ok(&reference), "{printed}");
    }
});
