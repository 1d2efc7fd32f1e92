//! Environments as values: byte strings, never text.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

/// Variables by name. Names and values are arbitrary bytes without NUL; a name has no `=`.
pub type Environment = BTreeMap<OsString, OsString>;

/// The variables in which a shell carries our state from prompt to prompt.
pub(crate) mod state {
    /// How to get the environment back as it was: [`crate::diff::Restore`].
    pub(crate) const DIFF: &str = "FLOE_DIFF";
    /// The loaded project's folder, with a dash in front so that no shell takes it for a folder's
    /// short name (`AUTO_NAME_DIRS` in zsh).
    pub(crate) const DIR: &str = "FLOE_DIR";
    /// The loaded project's file.
    pub(crate) const FILE: &str = "FLOE_FILE";
    /// The files whose change makes the environment stale: [`crate::watch::Watches`].
    pub(crate) const WATCHES: &str = "FLOE_WATCHES";
    /// All of them.
    pub(crate) const ALL: [&str; 4] = [DIFF, DIR, FILE, WATCHES];
}

/// Whether a variable changes freely, or would do harm when carried over, and is therefore never
/// part of a difference between environments. The list is direnv's, so that a project behaves the
/// same under both; the rest are read-only variables of bash, and our own state.
pub fn is_ignored(name: &OsStr) -> bool {
    const IGNORED: [&str; 21] = [
        "_",
        "BASHOPTS",
        "BASH_ARGV0",
        "COMP_WORDBREAKS",
        "DIRENV_BASH",
        "DIRENV_CONFIG",
        "DIRENV_IN_ENVRC",
        "EUID",
        "FLOE_CONTEXT",
        "FLOE_DUMP_FILE",
        "FLOE_IN_ENVRC",
        "OLDPWD",
        "PPID",
        "PS1",
        "PWD",
        "SHELL",
        "SHELLOPTS",
        "SHLVL",
        "UID",
        "BASH_VERSINFO",
        "GROUPS",
    ];
    name.to_str().is_some_and(|name| IGNORED.contains(&name) || state::ALL.contains(&name))
}

/// Whether a POSIX shell can assign to a variable of this name. The environment may hold others
/// (exported functions of bash among them), which no shell command can set or unset.
pub(crate) fn is_shell_name(name: &OsStr) -> bool {
    match name.as_bytes() {
        [first, rest @ ..] => {
            (first.is_ascii_alphabetic() || *first == b'_')
                && rest.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        }
        [] => false,
    }
}

/// The environment as `NAME=value` entries, each ended by a NUL byte: what [`parse_dump`] reads.
pub fn dump(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in environment {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(b'=');
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(0);
    }
    bytes
}

/// Reads what [`dump`] (or `env -0`) wrote. An entry without `=` has no meaning and is skipped; a
/// name given twice has its first value, as `getenv` has it.
pub fn parse_dump(bytes: &[u8]) -> Environment {
    let mut environment = Environment::new();
    for entry in bytes.split(|byte| *byte == 0) {
        // The first byte belongs to the name even when it is `=`.
        let Some(equals) = entry.iter().skip(1).position(|byte| *byte == b'=') else {
            continue;
        };
        environment
            .entry(OsStr::from_bytes(&entry[..equals + 1]).to_owned())
            .or_insert_with(|| OsStr::from_bytes(&entry[equals + 2..]).to_owned());
    }
    environment
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt as _;

    #[test]
    fn a_dump_keeps_every_byte() {
        let environment = Environment::from([
            ("EMPTY".into(), "".into()),
            ("EQUALS".into(), "a=b=c".into()),
            ("LINES".into(), "one\ntwo\n".into()),
            ("BYTES".into(), OsString::from_vec(vec![0xff, 0xfe, b'\''])),
        ]);
        assert_eq!(parse_dump(&dump(environment.clone())), environment);
    }

    #[test]
    fn entries_without_a_name_are_skipped() {
        assert_eq!(
            parse_dump(b"nothing\0\0A=1\0A=2\0"),
            Environment::from([("A".into(), "1".into())])
        );
    }

    #[test]
    fn settings_of_ours_are_not_state() {
        assert!(is_ignored(OsStr::new("FLOE_DIFF")));
        assert!(!is_ignored(OsStr::new("FLOE_STORE")));
        assert!(!is_ignored(OsStr::from_bytes(b"\xff")));
    }

    #[test]
    fn names_that_a_shell_can_assign() {
        for (name, expected) in
            [("A_1", true), ("_", true), ("1A", false), ("BASH_FUNC_f%%", false), ("", false)]
        {
            assert_eq!(is_shell_name(OsStr::new(name)), expected, "{name}");
        }
    }
}
