//! The environment of a shell derivation, as captured in the sandbox, and laid over a person's own.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::export_list;
use crate::environment::Environment;
use crate::shells::quote_posix;
use crate::text;

/// What a shell derivation defines. Names and values are kept as [`crate::text`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ShellEnvironment {
    /// Exported variables.
    pub exported: BTreeMap<String, String>,
    /// Variables that are not exported; the shell hook may use them.
    pub variables: BTreeMap<String, Variable>,
    /// Functions by name, each with its definition in bash.
    pub functions: BTreeMap<String, String>,
}

/// A variable that is not exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Variable {
    /// A string.
    Text(String),
    /// An array.
    List(Vec<String>),
    /// An associative array.
    Table(BTreeMap<String, String>),
}

/// A capture that is in neither of the two formats.
#[derive(Debug, thiserror::Error)]
#[error("the captured environment is damaged: {0}")]
pub struct DamagedCapture(&'static str);

/// Variables of the sandbox, not of the shell. The list is that of `nix print-dev-env`, and what
/// belongs to one process only.
const OF_THE_SANDBOX: [&str; 23] = [
    "BASHOPTS",
    "HOME",
    "NIX_ATTRS_JSON_FILE",
    "NIX_ATTRS_SH_FILE",
    "NIX_BUILD_TOP",
    "NIX_ENFORCE_PURITY",
    "NIX_LOG_FD",
    "NIX_REMOTE",
    "OLDPWD",
    "PPID",
    "PWD",
    "SHELL",
    "SHELLOPTS",
    "SHLVL",
    "SSL_CERT_FILE",
    "TEMP",
    "TEMPDIR",
    "TERM",
    "TMP",
    "TMPDIR",
    "TZ",
    "UID",
    "_",
];

impl ShellEnvironment {
    /// Reads the output of `get-env.bash` or `get-env.sh`.
    pub fn parse(capture: &[u8]) -> Result<ShellEnvironment, DamagedCapture> {
        if let Some(list) = capture.strip_prefix(b"floe-exports\n") {
            let exported = export_list::parse(list);
            let exported =
                exported.iter().map(|(name, value)| (text::encode(name), text::encode(value)));
            return Ok(ShellEnvironment { exported: exported.collect(), ..Default::default() });
        }
        let fields = capture
            .strip_prefix(b"floe-environment\0")
            .ok_or(DamagedCapture("it does not start as one"))?;
        // Every field ends with a NUL byte, so nothing comes after the last one.
        let fields = fields.strip_suffix(b"\0").ok_or(DamagedCapture("it ends in the middle"))?;
        let mut fields =
            fields.split(|byte| *byte == 0).map(|field| text::encode(OsStr::from_bytes(field)));
        let mut environment = ShellEnvironment::default();
        while let Some(kind) = fields.next() {
            let mut field = || fields.next().ok_or(DamagedCapture("it ends in the middle"));
            let name = field()?;
            let count = |field: String| {
                field.parse::<usize>().map_err(|_| DamagedCapture("a count is no number"))
            };
            match kind.as_str() {
                "x" => {
                    environment.exported.insert(name, field()?);
                }
                "v" => {
                    environment.variables.insert(name, Variable::Text(field()?));
                }
                "a" => {
                    let list = (0..count(field()?)?).map(|_| field()).collect::<Result<_, _>>()?;
                    environment.variables.insert(name, Variable::List(list));
                }
                "t" => {
                    let table = (0..count(field()?)?)
                        .map(|_| Ok((field()?, field()?)))
                        .collect::<Result<_, DamagedCapture>>()?;
                    environment.variables.insert(name, Variable::Table(table));
                }
                "f" => {
                    environment.functions.insert(name, field()?);
                }
                _ => return Err(DamagedCapture("there is a record of an unknown kind")),
            }
        }
        Ok(environment)
    }

    /// Points the variables that name the shell derivation's outputs, which are never built, to
    /// folders below `project`, as `nix develop` does.
    pub fn redirect_outputs<'a>(
        &mut self,
        outputs: impl IntoIterator<Item = (&'a str, &'a str)>,
        project: &Path,
    ) {
        let folder = text::encode(project.join("outputs").as_os_str());
        for (name, path) in outputs {
            let target = format!("{folder}/{name}");
            let replace = |value: &mut String| {
                if value.contains(path) {
                    *value = value.replace(path, &target);
                }
            };
            self.exported.values_mut().for_each(replace);
            for variable in self.variables.values_mut() {
                match variable {
                    Variable::Text(value) => replace(value),
                    Variable::List(values) => values.iter_mut().for_each(replace),
                    Variable::Table(table) => table.values_mut().for_each(replace),
                }
            }
        }
    }

    /// `base` with the shell's variables laid over it. `store_dir` is the folder of store paths.
    ///
    /// The shell's `PATH` and `XDG_DATA_DIRS` come before the person's; of the folders in them
    /// only those in the store count, as the others are the sandbox's and not this machine's.
    pub fn apply(&self, base: &Environment, store_dir: &str) -> Environment {
        let mut environment = base.clone();
        for (name, value) in &self.exported {
            if OF_THE_SANDBOX.contains(&name.as_str()) {
                continue;
            }
            let value = text::decode(value);
            let value = match name.as_str() {
                "PATH" => prepend(&value, base.get(OsStr::new("PATH")), "", store_dir),
                "XDG_DATA_DIRS" => {
                    let usual = "/usr/local/share:/usr/share";
                    prepend(&value, base.get(OsStr::new("XDG_DATA_DIRS")), usual, store_dir)
                }
                _ => value,
            };
            environment.insert(text::decode(name), value);
        }
        environment
    }

    /// The code to run when the shell is entered.
    pub fn shell_hook(&self) -> Option<&str> {
        let hook =
            self.exported.get("shellHook").or_else(|| match self.variables.get("shellHook") {
                Some(Variable::Text(hook)) => Some(hook),
                _ => None,
            })?;
        (!hook.trim().is_empty()).then_some(hook)
    }

    /// A bash script that defines what is not exported, so that the shell hook finds it.
    pub fn definitions(&self) -> Vec<u8> {
        let mut script = Vec::new();
        let quoted = |value: &str| quote_posix(&text::decode(value));
        let mut line = |text: String| {
            script.extend_from_slice(text.as_bytes());
            script.push(b'\n');
        };
        for (name, variable) in &self.variables {
            if OF_THE_SANDBOX.contains(&name.as_str()) {
                continue;
            }
            match variable {
                Variable::Text(value) => line(format!("{name}={}", quoted(value))),
                Variable::List(values) => {
                    let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
                    line(format!("declare -a {name}=({})", values.join(" ")));
                }
                Variable::Table(table) => {
                    let entries: Vec<String> = table
                        .iter()
                        .map(|(key, value)| format!("[{}]={}", quoted(key), quoted(value)))
                        .collect();
                    line(format!("declare -A {name}=({})", entries.join(" ")));
                }
            }
        }
        for definition in self.functions.values() {
            script.extend_from_slice(text::decode(definition).as_bytes());
            script.push(b'\n');
        }
        script
    }
}

fn prepend(own: &OsStr, base: Option<&OsString>, default: &str, store_dir: &str) -> OsString {
    let prefix = [store_dir.as_bytes(), b"/"].concat();
    let own = own.as_bytes().split(|byte| *byte == b':').filter(|entry| entry.starts_with(&prefix));
    let base =
        base.filter(|base| !base.is_empty()).map_or(OsStr::new(default), OsString::as_os_str);
    let base = Some(base.as_bytes()).filter(|base| !base.is_empty());
    OsString::from_vec(own.chain(base).collect::<Vec<_>>().join(&b':'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn environment(entries: &[(&str, &str)]) -> Environment {
        entries.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    #[test]
    fn both_formats_are_read() {
        let captured = ShellEnvironment::parse(
            b"floe-environment\0x\0A\0one\ntwo\0v\0b\0\0a\0list\x002\0x\0y z\0t\0table\x001\0k\0v\xff\0f\0g\0g () \n{ \n    :\n}\0",
        )
        .unwrap();
        assert_eq!(captured.exported["A"], "one\ntwo");
        assert_eq!(captured.variables["b"], Variable::Text(String::new()));
        assert_eq!(captured.variables["list"], Variable::List(vec!["x".into(), "y z".into()]));
        assert_eq!(
            captured.variables["table"],
            Variable::Table([("k".into(), "v%ff".into())].into())
        );
        assert_eq!(captured.functions["g"], "g () \n{ \n    :\n}");

        let captured = ShellEnvironment::parse(b"floe-exports\nexport A='100%'\n").unwrap();
        assert_eq!(captured.exported["A"], "100%25");
    }

    #[test]
    fn damage_is_noticed() {
        for (capture, expected) in [
            (&b""[..], "does not start"),
            (b"floe-environment\0x\0A", "ends in the middle"),
            (b"floe-environment\0x\0A\0", "ends in the middle"),
            (b"floe-environment\0a\0A\09\0", "ends in the middle"),
            (b"floe-environment\0a\0A\0many\0", "no number"),
            (b"floe-environment\0?\0A\0", "unknown kind"),
        ] {
            let error = ShellEnvironment::parse(capture).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn the_shell_comes_before_the_person_and_the_sandbox_stays_behind() {
        let captured = ShellEnvironment {
            exported: [
                ("PATH", "/nix/store/a-tool/bin:/usr/bin:/bin:/path-not-set"),
                ("XDG_DATA_DIRS", "/nix/store/a-tool/share"),
                ("HOME", "/homeless-shelter"),
                ("TMPDIR", "/build"),
                ("CC", "gcc"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
            ..Default::default()
        };
        let base = environment(&[
            ("PATH", "/home/me/bin:/usr/bin"),
            ("HOME", "/home/me"),
            ("CC", "clang"),
        ]);
        assert_eq!(
            captured.apply(&base, "/nix/store"),
            environment(&[
                ("PATH", "/nix/store/a-tool/bin:/home/me/bin:/usr/bin"),
                ("XDG_DATA_DIRS", "/nix/store/a-tool/share:/usr/local/share:/usr/share"),
                ("HOME", "/home/me"),
                ("CC", "gcc"),
            ])
        );
    }

    #[test]
    fn outputs_are_redirected_to_the_project() {
        let mut captured = ShellEnvironment::parse(
            b"floe-exports\nexport out='/nix/store/x-shell'\nexport FLAGS='-L/nix/store/x-shell/lib'\n",
        )
        .unwrap();
        captured.redirect_outputs([("out", "/nix/store/x-shell")], Path::new("/project"));
        assert_eq!(captured.exported["out"], "/project/outputs/out");
        assert_eq!(captured.exported["FLAGS"], "-L/project/outputs/out/lib");
    }

    proptest! {
        #[test]
        fn any_capture_is_read_or_refused(bytes: Vec<u8>) {
            let _ = ShellEnvironment::parse(&bytes);
            let _ = ShellEnvironment::parse(&[b"floe-environment\0", &bytes[..]].concat());
        }
    }
}
