//! What shell is wanted: the words after `use nix`, or a `shell.nix`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::watch::normalise;

/// A shell that can be evaluated and built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShellRequest {
    /// The project's folder.
    pub project: PathBuf,
    /// The folder that relative paths start at; also where the shell hook runs.
    pub folder: PathBuf,
    /// The expression.
    pub source: ShellSource,
    /// `-A`: the attribute path of the shell in the expression's value.
    pub attribute: Option<String>,
    /// `--arg` and `--argstr`: arguments if the expression's value is a function, in order.
    pub arguments: Vec<(String, ShellArgument)>,
    /// `-I`: entries in front of the search path.
    pub search_path: Vec<String>,
}

/// Where the expression of a shell is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShellSource {
    /// A file, or a folder with a `default.nix`.
    File(PathBuf),
    /// `-p`: packages, each an expression in the scope of the package set.
    Packages(Vec<String>),
}

/// The value of an argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShellArgument {
    /// A Nix expression.
    Expression(String),
    /// A string.
    Text(String),
}

/// The words after `use nix` make no sense.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RequestError {
    /// An option we do not have.
    #[error("use nix: the option {0} is not known; there are -A, -p, -I, --arg and --argstr")]
    UnknownOption(String),
    /// An option at the end.
    #[error("use nix: {option} needs {needs} after it")]
    MissingWord {
        /// The option.
        option: String,
        /// What it needs.
        needs: &'static str,
    },
    /// Two expressions.
    #[error("use nix: {0} and {1} are two shells; there can be one")]
    TwoSources(String, String),
    /// No file was named and there is none.
    #[error("use nix: {0} holds neither a shell.nix nor a default.nix")]
    NoFile(PathBuf),
}

impl ShellRequest {
    /// The shell of a `shell.nix`.
    pub fn of_file(project: &Path, file: &Path) -> ShellRequest {
        ShellRequest {
            project: project.to_owned(),
            folder: project.to_owned(),
            source: ShellSource::File(file.to_owned()),
            attribute: None,
            arguments: Vec::new(),
            search_path: Vec::new(),
        }
    }

    /// Reads the words after `use nix` in `folder`.
    pub fn parse<S: AsRef<str>>(
        words: &[S],
        folder: &Path,
        project: &Path,
    ) -> Result<ShellRequest, RequestError> {
        let mut words = words.iter().map(AsRef::as_ref);
        let mut request = ShellRequest::of_file(project, Path::new(""));
        request.folder = folder.to_owned();
        let mut file: Option<&str> = None;
        let mut packages: Option<Vec<String>> = None;
        while let Some(word) = words.next() {
            let mut after = |needs| {
                words
                    .next()
                    .map(str::to_owned)
                    .ok_or(RequestError::MissingWord { option: word.to_owned(), needs })
            };
            match word {
                "-A" | "--attr" => request.attribute = Some(after("an attribute path")?),
                "-I" => request.search_path.push(after("an entry of the search path")?),
                "--arg" => {
                    let (name, value) =
                        (after("a name and an expression")?, after("an expression")?);
                    request.arguments.push((name, ShellArgument::Expression(value)));
                }
                "--argstr" => {
                    let (name, value) = (after("a name and a text")?, after("a text")?);
                    request.arguments.push((name, ShellArgument::Text(value)));
                }
                "-p" | "--packages" => packages = Some(packages.unwrap_or_default()),
                option if option.starts_with('-') => {
                    return Err(RequestError::UnknownOption(option.to_owned()));
                }
                package if packages.is_some() => {
                    packages.get_or_insert_default().push(package.to_owned());
                }
                name => match file.replace(name) {
                    None => {}
                    Some(other) => {
                        return Err(RequestError::TwoSources(other.to_owned(), name.to_owned()));
                    }
                },
            }
        }
        request.source = match (file, packages) {
            (Some(file), Some(_)) => {
                return Err(RequestError::TwoSources(file.to_owned(), "-p".to_owned()));
            }
            (None, Some(packages)) => ShellSource::Packages(packages),
            (Some(file), None) => ShellSource::File(normalise(&folder.join(file))),
            (None, None) => ShellSource::File(
                ["shell.nix", "default.nix"]
                    .map(|name| folder.join(name))
                    .into_iter()
                    .find(|path| path.is_file())
                    .ok_or_else(|| RequestError::NoFile(folder.to_owned()))?,
            ),
        };
        Ok(request)
    }

    /// A name for messages.
    pub fn display(&self) -> String {
        match &self.source {
            ShellSource::File(file) => file.display().to_string(),
            ShellSource::Packages(packages) => format!("-p {}", packages.join(" ")),
        }
    }
}

/// The Nix expression of a shell of packages, each an expression in the scope of `<nixpkgs>`.
pub fn packages_expression(packages: &[String]) -> String {
    let packages: Vec<String> = packages.iter().map(|package| format!("({package})")).collect();
    // `buildInputs` and not `packages`, which older package sets do not know.
    format!(
        "with import <nixpkgs> {{ }}; mkShell {{ name = \"shell\"; buildInputs = [ {} ]; }}",
        packages.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<ShellRequest, RequestError> {
        ShellRequest::parse(words, Path::new("/project/sub"), Path::new("/project"))
    }

    #[test]
    fn files_attributes_and_arguments() {
        let request = parse(&[
            "../nix/shell.nix",
            "-A",
            "dev.shell",
            "--arg",
            "a",
            "1",
            "--argstr",
            "b",
            "x",
            "-I",
            "n=/p",
        ])
        .unwrap();
        assert_eq!(request.source, ShellSource::File("/project/nix/shell.nix".into()));
        assert_eq!(request.attribute.as_deref(), Some("dev.shell"));
        assert_eq!(
            request.arguments,
            [
                ("a".to_owned(), ShellArgument::Expression("1".to_owned())),
                ("b".to_owned(), ShellArgument::Text("x".to_owned())),
            ]
        );
        assert_eq!(request.search_path, ["n=/p"]);
    }

    #[test]
    fn packages_become_an_expression() {
        let request = parse(&["-p", "hello", "python3.withPackages (p: [ p.numpy ])"]).unwrap();
        let ShellSource::Packages(packages) = request.source else { panic!("no packages") };
        assert_eq!(
            packages_expression(&packages),
            "with import <nixpkgs> { }; mkShell { name = \"shell\"; buildInputs = [ (hello) (python3.withPackages (p: [ p.numpy ])) ]; }"
        );
    }

    #[test]
    fn mistakes_say_what_is_wrong() {
        for (words, expected) in [
            (
                &["--pure"][..],
                "use nix: the option --pure is not known; there are -A, -p, -I, --arg and --argstr",
            ),
            (&["-A"], "use nix: -A needs an attribute path after it"),
            (&["a.nix", "b.nix"], "use nix: a.nix and b.nix are two shells; there can be one"),
            (&["a.nix", "-p", "hello"], "use nix: a.nix and -p are two shells; there can be one"),
            (&[], "use nix: /project/sub holds neither a shell.nix nor a default.nix"),
        ] {
            assert_eq!(parse(words).unwrap_err().to_string(), expected);
        }
    }
}
