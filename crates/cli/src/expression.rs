//! What to evaluate, as `eval`, `instantiate`, `build` and `shell` take it.

use std::env;

use anyhow::Context as _;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use crate::evaluation::{Argument, Request, Source};

/// The expression, what to select from it, and what to call it with.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExpressionArguments {
    /// A file, a folder with a default.nix, `<name>` of the search path, or `-` for standard input.
    /// `./default.nix` if nothing is given.
    #[arg(value_name = "FILE", conflicts_with_all = ["file", "expr"])]
    pub(crate) source: Option<String>,
    /// The same as FILE.
    #[arg(long, short, value_name = "FILE", conflicts_with = "expr")]
    pub(crate) file: Option<String>,
    /// An expression; paths in it are relative to the current folder.
    #[arg(long, short = 'E', value_name = "EXPRESSION", allow_hyphen_values = true)]
    pub(crate) expr: Option<String>,
    /// The attribute to take, such as `python3Packages.requests`.
    #[arg(long = "attr", short = 'A', value_name = "PATH")]
    pub(crate) attributes: Vec<String>,
    #[command(flatten)]
    pub(crate) arguments: FunctionArguments,
    /// Put an entry in front of the search path: `nixpkgs=/path` or `/path`.
    #[arg(short = 'I', value_name = "ENTRY")]
    pub(crate) include: Vec<String>,
    /// Set a setting, such as `--option restrict-eval true`.
    #[arg(long, num_args = 2, value_names = ["NAME", "VALUE"], action = clap::ArgAction::Append)]
    pub(crate) option: Vec<String>,
    /// What `builtins.currentSystem` is, such as `aarch64-linux`.
    #[arg(long, value_name = "SYSTEM")]
    pub(crate) eval_system: Option<String>,
    /// Show every step that led to an error, not only those in your own files.
    #[arg(long)]
    pub(crate) show_trace: bool,
}

impl ExpressionArguments {
    /// Where the expression is.
    pub(crate) fn source(&self) -> Source {
        if let Some(text) = &self.expr {
            return Source::Text(text.clone());
        }
        let word = self.source.as_deref().or(self.file.as_deref());
        Source::of_word(word.unwrap_or("default.nix"))
    }

    /// All of it.
    pub(crate) fn request(&self) -> anyhow::Result<Request> {
        let pairs = |words: &[String]| -> Vec<(String, String)> {
            words.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
        };
        Ok(Request {
            source: self.source(),
            directory: env::current_dir().context("the current folder cannot be told")?,
            attributes: self.attributes.clone(),
            arguments: self.arguments.0.clone(),
            include: self.include.clone(),
            options: pairs(&self.option),
            system: self.eval_system.clone(),
            show_trace: self.show_trace,
        })
    }
}

/// What to call a function with, in the order of the command line: what is given last counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FunctionArguments(Vec<(String, Argument)>);

impl Args for FunctionArguments {
    fn augment_args(command: Command) -> Command {
        let argument = |name: &'static str, help: &'static str| {
            Arg::new(name).long(name).help(help).action(ArgAction::Append)
        };
        command
            .arg(
                argument(
                    "arg",
                    "Pass an expression as an argument of the function that the file is",
                )
                .num_args(2)
                .value_names(["NAME", "EXPRESSION"])
                .allow_hyphen_values(true),
            )
            .arg(
                argument("argstr", "Pass a string as an argument of the function that the file is")
                    .num_args(2)
                    .value_names(["NAME", "STRING"])
                    .allow_hyphen_values(true),
            )
            .arg(
                argument("arg-from-file", "Pass the contents of a file as an argument")
                    .num_args(2)
                    .value_names(["NAME", "FILE"]),
            )
            .arg(
                argument("arg-from-stdin", "Pass what comes in on standard input as an argument")
                    .value_name("NAME"),
            )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for FunctionArguments {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        type Make = fn(&str) -> Argument;
        let pairs: [(&str, Make); 3] = [
            ("arg", |text| Argument::Expression(text.to_owned())),
            ("argstr", |text| Argument::String(text.to_owned())),
            ("arg-from-file", |text| Argument::File(text.into())),
        ];
        let mut found: Vec<(usize, (String, Argument))> = Vec::new();
        for (name, make) in pairs {
            let words = matches.get_many::<String>(name).into_iter().flatten();
            let words: Vec<_> = matches.indices_of(name).into_iter().flatten().zip(words).collect();
            found.extend(words.chunks_exact(2).map(|pair| {
                let ((index, name), (_, value)) = (pair[0], pair[1]);
                (index, (name.clone(), make(value)))
            }));
        }
        let names = matches.get_many::<String>("arg-from-stdin").into_iter().flatten();
        let indices = matches.indices_of("arg-from-stdin").into_iter().flatten();
        found.extend(
            indices
                .zip(names)
                .map(|(index, name)| (index, (name.clone(), Argument::StandardInput))),
        );
        found.sort_by_key(|(index, _)| *index);
        Ok(FunctionArguments(found.into_iter().map(|(_, argument)| argument).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        expression: ExpressionArguments,
    }

    fn parse(words: &[&str]) -> ExpressionArguments {
        Line::parse_from([&["x"], words].concat()).expression
    }

    #[test]
    fn where_the_expression_is() {
        assert_eq!(parse(&[]).source(), Source::File("default.nix".into()));
        assert_eq!(parse(&["a.nix"]).source(), Source::File("a.nix".into()));
        assert_eq!(parse(&["--file", "a.nix"]).source(), Source::File("a.nix".into()));
        assert_eq!(
            parse(&["<nixpkgs/nixos>"]).source(),
            Source::SearchPath("nixpkgs/nixos".into())
        );
        assert_eq!(parse(&["-"]).source(), Source::StandardInput);
        assert_eq!(parse(&["-E", "1 + 1"]).source(), Source::Text("1 + 1".into()));
    }

    #[test]
    fn arguments_of_the_function() {
        let line = parse(&["--arg", "a", "1", "--argstr", "b", "x", "--arg", "c", "[ ]"]);
        let string = |name: &str, text: &str| (name.to_owned(), Argument::String(text.into()));
        let expression =
            |name: &str, text: &str| (name.to_owned(), Argument::Expression(text.into()));
        assert_eq!(
            line.request().unwrap().arguments,
            [expression("a", "1"), string("b", "x"), expression("c", "[ ]")]
        );
    }
}
