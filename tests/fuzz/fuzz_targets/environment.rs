//! What a shell's environment brings: the saved environment of `FLOE_DIFF`, and a captured environment.
#![no_main]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use floe_devshell::diff::Restore;
use floe_devshell::environment::Environment;
use floe_devshell::nix::shell_environment::ShellEnvironment;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(restore) = Restore::from_variable(OsStr::from_bytes(bytes)) {
        let variable = restore.to_variable();
        let again = Restore::from_variable(OsStr::new(&variable)).expect("just written");
        assert_eq!(again, restore);
    }
    if let Ok(captured) = ShellEnvironment::parse(bytes) {
        let _ = captured.apply(&Environment::new(), "/nix/store");
        let _ = captured.definitions();
    }
});
