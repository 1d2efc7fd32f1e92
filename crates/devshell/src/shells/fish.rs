//! fish.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::{Assignment, Shell};
use crate::environment::is_shell_name;

/// The friendly interactive shell, 3.0 and later.
#[derive(Debug, Clone, Copy)]
pub struct Fish;

/// Before each prompt, and at each change of folder, so that `cd project; and tool` finds the tool.
const HOOK: &str = r"function __floe_hook --on-event fish_prompt --on-variable PWD
    @floe@ export fish | source
end
";

impl Shell for Fish {
    fn name(&self) -> &'static str {
        "fish"
    }

    fn hook(&self, floe: &Path) -> Option<String> {
        Some(HOOK.replace("@floe@", &quote(floe.as_os_str().as_bytes())))
    }

    fn export(&self, assignments: &[Assignment<'_>]) -> Vec<u8> {
        let mut script = String::new();
        for (name, value) in assignments.iter().filter(|(name, _)| is_shell_name(name)) {
            match value {
                Some(value) => script.push_str(&assign(name, value)),
                None => script.push_str(&format!("set -e -g {};\n", name.to_string_lossy())),
            }
        }
        script.into_bytes()
    }
}

/// `PATH` is a list in fish; the other lists are split by fish itself at each colon.
fn assign(name: &OsStr, value: &OsStr) -> String {
    let words: Vec<String> = if name == "PATH" {
        value.as_bytes().split(|byte| *byte == b':').map(quote).collect()
    } else {
        vec![quote(value.as_bytes())]
    };
    format!("set -g -x {} {};\n", name.to_string_lossy(), words.join(" "))
}

/// `bytes` as one word, in ASCII. Escapes for single bytes are known outside quotes only.
fn quote(bytes: &[u8]) -> String {
    let mut word = String::from("'");
    for byte in bytes {
        match byte {
            b'\'' | b'\\' => word.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => word.push(char::from(*byte)),
            other => word.push_str(&format!("'\\X{other:02x}'")),
        }
    }
    word.push('\'');
    word
}

#[cfg(test)]
mod tests {
    use super::super::tests_with_real_shells::check_round_trip;
    use super::*;

    #[test]
    fn quoting() {
        assert_eq!(quote(b""), "''");
        assert_eq!(quote(b"it's \\ $HOME"), r"'it\'s \\ $HOME'");
        assert_eq!(quote(b"a\nb\xff1"), r"'a'\X0a'b'\Xff'1'");
    }

    #[test]
    fn the_path_is_a_list() {
        assert_eq!(
            assign(OsStr::new("PATH"), OsStr::new("/a b:/c")),
            "set -g -x PATH '/a b' '/c';\n"
        );
    }

    #[test]
    fn every_byte_survives_in_a_real_fish() {
        check_round_trip(&Fish, &["fish", "--no-config", "-c"]);
    }
}
