//! What the dialects' tests share: values through the real shells.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::process::Command;

use super::Shell;
use crate::environment::parse_dump;

/// What the command prints; `None`, with a message, when the program is not installed.
pub(super) fn run(command: &[&str]) -> Option<String> {
    let (program, arguments) = command.split_first()?;
    let output = match Command::new(program).args(arguments).output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("skipped: {program} is not installed");
            return None;
        }
        Err(error) => panic!("{program}: {error}"),
    };
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{command:?}");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Hands values with every byte and every awkward neighbourhood to the shell, and compares what a
/// program started by it receives.
pub(super) fn check_round_trip(shell: &dyn Shell, command: &[&str]) {
    let mut values: Vec<Vec<u8>> = (1..=255).map(|byte| vec![byte]).collect();
    values.extend((1..=255).map(|byte| vec![b'a', byte, b'7', byte, byte, b'\'']));
    values.push((1..=255).collect());
    values.push((1..=255).rev().collect());
    values.push(b"".to_vec());
    values.push(b"- -e --\n\n".to_vec());
    values.push("♀♂ \u{10ffff} grün".into());
    let names: Vec<OsString> =
        (0..values.len()).map(|index| format!("FLOE_TEST_{index}").into()).collect();
    let values: Vec<OsString> = values.into_iter().map(OsString::from_vec).collect();
    let mut assignments: Vec<_> = names
        .iter()
        .zip(&values)
        .map(|(name, value)| (name.as_os_str(), Some(value.as_os_str())))
        .collect();
    assignments.push((OsStr::new("FLOE_TEST_GONE"), None));
    assignments.push((OsStr::new("not a name"), Some(OsStr::new("skipped"))));

    for locale in ["C", "C.UTF-8"] {
        let script = [&shell.export(&assignments)[..], b"env -0\n"].concat();
        let (program, arguments) = command.split_first().unwrap();
        let output = Command::new(program)
            .args(arguments)
            .arg(OsString::from_vec(script))
            .env("LC_ALL", locale)
            .env("FLOE_TEST_GONE", "still here")
            .output();
        let output = match output {
            Ok(output) => output,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                eprintln!("skipped: {program} is not installed");
                return;
            }
            Err(error) => panic!("{program}: {error}"),
        };
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        let received = parse_dump(&output.stdout);
        for (name, value) in names.iter().zip(&values) {
            assert_eq!(received.get(name), Some(value), "{name:?} in locale {locale}");
        }
        assert_eq!(received.get(OsStr::new("FLOE_TEST_GONE")), None);
    }
}
