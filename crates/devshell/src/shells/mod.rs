//! The shells we speak: one dialect per file.

mod bash;
mod fish;
mod json;
#[cfg(test)]
mod tests_with_real_shells;
mod zsh;

use std::path::Path;

pub use bash::Bash;
pub(crate) use bash::quote as quote_posix;
pub use fish::Fish;
pub use json::Json;
pub use zsh::Zsh;

use crate::diff::Diff;
use crate::environment::{Environment, state};

/// A dialect: how to hook into a shell and how to change its environment.
pub trait Shell: std::fmt::Debug + Sync {
    /// The name by which `floe hook` and `floe export` know it.
    fn name(&self) -> &'static str;

    /// A script for the shell's start-up file that asks `floe` for changes at every prompt; `None`
    /// for what is no interactive shell.
    fn hook(&self, floe: &Path) -> Option<String>;

    /// A script that makes the assignments, in their order. Names that the shell cannot assign to
    /// are left out.
    fn export(&self, assignments: &[Assignment<'_>]) -> Vec<u8>;

    /// A script that makes the changes of `diff`.
    fn export_diff(&self, diff: &Diff) -> Vec<u8> {
        let changes = diff.changes().map(|(name, change)| (name, change.after.as_deref()));
        self.export(&changes.collect::<Vec<_>>())
    }
}

/// A variable's new value, or `None` to unset it.
pub type Assignment<'a> = (&'a std::ffi::OsStr, Option<&'a std::ffi::OsStr>);

/// The shell called `name`, which may be a path and may start with a dash, as in `$0`.
pub fn detect(name: &str) -> Option<&'static dyn Shell> {
    const SHELLS: [&dyn Shell; 4] = [&Bash, &Zsh, &Fish, &Json];
    let name = name.rsplit('/').next().unwrap_or(name);
    let name = name.strip_prefix('-').unwrap_or(name);
    SHELLS.into_iter().find(|shell| shell.name() == name)
}

/// The names that [`detect`] knows.
pub const NAMES: [&str; 4] = ["bash", "zsh", "fish", "json"];

/// The script that makes the changes of `diff` and leaves our own state variables as they are in
/// `after`.
///
/// A person can interrupt a shell in the middle of the script. So that no change is forgotten then,
/// the way back is recorded before the first change and dropped after the last one, and the watched
/// files, which tell the next prompt that all is done, come last.
pub(crate) fn export_script(
    shell: &dyn Shell,
    diff: &Diff,
    before: &Environment,
    after: &Environment,
) -> Vec<u8> {
    let mut first: Vec<Assignment<'_>> = Vec::new();
    let mut last: Vec<Assignment<'_>> = Vec::new();
    for name in state::ALL.map(std::ffi::OsStr::new) {
        let value = after.get(name).map(std::ffi::OsString::as_os_str);
        if value == before.get(name).map(std::ffi::OsString::as_os_str) {
            continue;
        }
        let early = name == state::DIFF && value.is_some();
        if early { &mut first } else { &mut last }.push((name, value));
    }
    let changes = diff.changes().map(|(name, change)| (name, change.after.as_deref()));
    let assignments: Vec<Assignment<'_>> = first.into_iter().chain(changes).chain(last).collect();
    shell.export(&assignments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_are_known_by_the_names_they_are_started_with() {
        for name in ["bash", "-bash", "/usr/bin/bash"] {
            assert_eq!(detect(name).unwrap().name(), "bash");
        }
        for name in NAMES {
            assert_eq!(detect(name).unwrap().name(), name);
        }
        assert!(detect("").is_none());
        assert!(detect("cmd.exe").is_none());
    }

    #[test]
    fn the_way_back_comes_first_and_goes_last() {
        let before = Environment::from([("A".into(), "1".into())]);
        let mut after = Environment::from([("A".into(), "2".into())]);
        for name in state::ALL {
            after.insert(name.into(), "x".into());
        }
        let enter = export_script(&Bash, &Diff::between(&before, &after), &before, &after);
        let leave = export_script(&Bash, &Diff::between(&after, &before), &after, &before);
        expect_test::expect![[r#"
            export FLOE_DIFF='x';
            export A='2';
            export FLOE_DIR='x';
            export FLOE_FILE='x';
            export FLOE_WATCHES='x';
        "#]]
        .assert_eq(&String::from_utf8(enter).unwrap());
        expect_test::expect![[r#"
            export A='1';
            unset FLOE_DIFF;
            unset FLOE_DIR;
            unset FLOE_FILE;
            unset FLOE_WATCHES;
        "#]]
        .assert_eq(&String::from_utf8(leave).unwrap());
    }
}
