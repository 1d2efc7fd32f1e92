//! bash.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::{Assignment, Shell};
use crate::environment::is_shell_name;

/// GNU bash, 3.2 and later.
#[derive(Debug, Clone, Copy)]
pub struct Bash;

/// `PROMPT_COMMAND` is a string, or since bash 5.1 possibly an array. Ours goes first, so that what
/// draws the prompt sees the new environment, and returns the status it found for the others.
const HOOK: &str = r#"_floe_hook() {
  local floe_status=$? floe_script
  floe_script="$(@floe@ export bash)"
  [[ -z $floe_script ]] || eval "$floe_script"
  return $floe_status
}
if [[ ";${PROMPT_COMMAND[*]:-};" != *[";"\ ]_floe_hook[";"\ ]* ]]; then
  if [[ "$(declare -p PROMPT_COMMAND 2>/dev/null)" == "declare -a"* ]]; then
    PROMPT_COMMAND=(_floe_hook "${PROMPT_COMMAND[@]}")
  else
    PROMPT_COMMAND="_floe_hook${PROMPT_COMMAND:+;$PROMPT_COMMAND}"
  fi
fi
"#;

impl Shell for Bash {
    fn name(&self) -> &'static str {
        "bash"
    }

    fn hook(&self, floe: &Path) -> Option<String> {
        Some(HOOK.replace("@floe@", &quote(floe.as_os_str())))
    }

    fn export(&self, assignments: &[Assignment<'_>]) -> Vec<u8> {
        export_posix(assignments)
    }
}

/// Assignments as bash and zsh both read them, one a line.
pub(super) fn export_posix(assignments: &[Assignment<'_>]) -> Vec<u8> {
    let mut script = String::new();
    for (name, value) in assignments.iter().filter(|(name, _)| is_shell_name(name)) {
        let name = name.to_string_lossy();
        match value {
            Some(value) => script.extend(["export ", &name, "=", &quote(value), ";\n"]),
            None => script.extend(["unset ", &name, ";\n"]),
        }
    }
    script.into_bytes()
}

/// `bytes` as one word of bash or zsh, in ASCII: single quotes for what is printable, `$'…'` with
/// escapes for the rest, so that neither the locale nor a terminal on the way can change them.
pub(crate) fn quote(bytes: &OsStr) -> String {
    let bytes = bytes.as_bytes();
    let plain = bytes.iter().all(|byte| matches!(byte, b' '..=b'~') && *byte != b'\'');
    let mut word = String::with_capacity(bytes.len() + 3);
    if plain {
        word.push('\'');
        word.extend(bytes.iter().map(|byte| char::from(*byte)));
        word.push('\'');
        return word;
    }
    word.push_str("$'");
    for byte in bytes {
        match byte {
            b'\n' => word.push_str("\\n"),
            b'\t' => word.push_str("\\t"),
            b'\'' | b'\\' => word.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => word.push(char::from(*byte)),
            // Octal with all three digits: a hexadecimal escape would swallow digits after it in
            // some versions.
            other => word.push_str(&format!("\\{other:03o}")),
        }
    }
    word.push('\'');
    word
}

#[cfg(test)]
mod tests {
    use super::super::tests_with_real_shells::{check_round_trip, run};
    use super::*;

    #[test]
    fn quoting() {
        for (bytes, expected) in [
            (&b""[..], "''"),
            (b"/usr/bin:/bin", "'/usr/bin:/bin'"),
            (b"$HOME `id` \"!\" \\", r#"'$HOME `id` "!" \'"#),
            (b"it's", r"$'it\'s'"),
            (b"a\nb\\", r"$'a\nb\\'"),
            (b"\xe2\x99\x801\xff\x01", r"$'\342\231\2001\377\001'"),
        ] {
            assert_eq!(quote(OsStr::from_bytes(bytes)), expected);
        }
    }

    #[test]
    fn every_byte_survives_in_a_real_bash() {
        check_round_trip(&Bash, &["bash", "--norc", "--noprofile", "-c"]);
    }

    #[test]
    fn the_hook_is_added_once_to_a_string() {
        let hook = Bash.hook(Path::new("/opt/it's floe/floe")).unwrap();
        let script = format!("PROMPT_COMMAND='other'\n{hook}{hook}declare -p PROMPT_COMMAND");
        let Some(printed) = run(&["bash", "--norc", "-c", &script]) else { return };
        assert_eq!(printed, "declare -- PROMPT_COMMAND=\"_floe_hook;other\"\n");
        let printed =
            run(&["bash", "--norc", "-c", &format!("{hook}declare -p PROMPT_COMMAND")]).unwrap();
        assert_eq!(printed, "declare -- PROMPT_COMMAND=\"_floe_hook\"\n");
    }

    #[test]
    fn the_hook_is_added_once_to_an_array() {
        let hook = Bash.hook(Path::new("/floe")).unwrap();
        let script =
            format!("PROMPT_COMMAND=(other another)\n{hook}{hook}declare -p PROMPT_COMMAND");
        let Some(printed) = run(&["bash", "--norc", "-c", &script]) else { return };
        assert_eq!(
            printed,
            "declare -a PROMPT_COMMAND=([0]=\"_floe_hook\" [1]=\"other\" [2]=\"another\")\n"
        );
    }

    #[test]
    fn the_hook_keeps_the_status_and_evaluates_what_it_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let floe = folder.path().join("it's floe");
        std::fs::write(&floe, "#!/bin/sh\n[ \"$*\" = 'export bash' ] && echo \"export A='1';\"\n")
            .unwrap();
        std::fs::set_permissions(&floe, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        let script = format!("{}(exit 7); _floe_hook; echo $? $A", Bash.hook(&floe).unwrap());
        let Some(printed) = run(&["bash", "--norc", "-c", &script]) else { return };
        assert_eq!(printed, "7 1\n");
    }
}
