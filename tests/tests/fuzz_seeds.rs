//! The fuzz targets on the inputs that fuzzing starts from: what has to hold of any input holds of these.
//!
//! Looking for more inputs takes a nightly compiler: CONTRIBUTING.md says how. Here the targets are plain
//! functions.

#![allow(
    clippy::duplicate_mod,
    reason = "targets are programs, which share modules in no other way"
)]

use std::{fs, path::PathBuf};

// A target takes the macro that makes it one from this name.
extern crate self as libfuzzer_sys;
pub use arbitrary;

/// Each target, and a test of it.
macro_rules! targets {
    ($($path:literal $target:ident,)*) => {
        const TARGETS: &[&str] = &[$(stringify!($target)),*];

        $(
            #[expect(unused_attributes, reason = "alone, a target is a program without 'main'")]
            #[path = $path]
            mod $target;
        )*

        mod holds_for {
            $(#[test]
            fn $target() {
                super::check_seeds(stringify!($target), super::$target::fuzz);
            })*
        }
    };
}

targets! {
    "../fuzz/fuzz_targets/builtins.rs" builtins,
    "../fuzz/fuzz_targets/configuration.rs" configuration,
    "../fuzz/fuzz_targets/daemon.rs" daemon,
    "../fuzz/fuzz_targets/derivation.rs" derivation,
    "../fuzz/fuzz_targets/dotenv.rs" dotenv,
    "../fuzz/fuzz_targets/environment.rs" environment,
    "../fuzz/fuzz_targets/evaluation.rs" evaluation,
    "../fuzz/fuzz_targets/flake.rs" flake,
    "../fuzz/fuzz_targets/nar.rs" nar,
    "../fuzz/fuzz_targets/nix_source.rs" nix_source,
    "../fuzz/fuzz_targets/option_list.rs" option_list,
    "../fuzz/fuzz_targets/reparse.rs" reparse,
    "../fuzz/fuzz_targets/server.rs" server,
    "../fuzz/fuzz_targets/store_names.rs" store_names,
}

/// Makes a function of a target.
#[macro_export]
macro_rules! fuzz_target {
    (|$bytes:ident: &[u8]| $body:expr) => {
        pub(crate) fn fuzz($bytes: &[u8]) {
            $body
        }
    };
    (|$input:ident: $kind:ty| $body:expr) => {
        pub(crate) fn fuzz(bytes: &[u8]) {
            use $crate::arbitrary::{Arbitrary, Unstructured};

            if let Ok($input) = <$kind>::arbitrary_take_rest(Unstructured::new(bytes)) {
                $body
            }
        }
    };
}

#[test]
fn every_target_is_tested() {
    let files = files("fuzz_targets");
    let names: Vec<&str> =
        files.iter().map(|file| file.file_stem().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, TARGETS);
}

fn check_seeds(target: &str, check: fn(&[u8])) {
    let seeds = files(&format!("seeds/{target}"));
    assert!(!seeds.is_empty(), "the fuzz target '{target}' has no seeds");
    for seed in seeds {
        eprintln!("{}", seed.display());
        check(&fs::read(seed).unwrap());
    }
}

/// The files in a folder of the fuzz targets, by name.
fn files(folder: &str) -> Vec<PathBuf> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz")).join(folder);
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.is_file()).collect();
    files.sort();
    files
}
