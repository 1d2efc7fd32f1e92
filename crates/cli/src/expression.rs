//! What to evaluate, as `eval`, `instantiate`, `build` and `shell` take it.

use std::env;

use anyhow::Context as _;
use clap::Args;

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
    /// Pass an expression as an argument of the function that the file is.
    #[arg(long, num_args = 2, value_names = ["NAME", "EXPRESSION"], action = clap::ArgAction::Append)]
    pub(crate) arg: Vec<String>,
    /// Pass a string as an argument of the function that the file is.
    #[arg(long, num_args = 2, value_names = ["NAME", "STRING"], action = clap::ArgAction::Append)]
    pub(crate) argstr: Vec<String>,
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
        let name = self.source.as_deref().or(self.file.as_deref()).unwrap_or("./default.nix");
        match name.strip_prefix('<').and_then(|name| name.strip_suffix('>')) {
            Some(name) => Source::SearchPath(name.to_owned()),
            None if name == "-" => Source::StandardInput,
            None => Source::File(name.into()),
        }
    }

    /// All of it.
    pub(crate) fn request(&self) -> anyhow::Result<Request> {
        let pairs = |words: &[String]| -> Vec<(String, String)> {
            words.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
        };
        let expressions =
            pairs(&self.arg).into_iter().map(|(name, text)| (name, Argument::Expression(text)));
        let strings =
            pairs(&self.argstr).into_iter().map(|(name, text)| (name, Argument::String(text)));
        Ok(Request {
            source: self.source(),
            directory: env::current_dir().context("the current folder cannot be told")?,
            attributes: self.attributes.clone(),
            arguments: expressions.chain(strings).collect(),
            include: self.include.clone(),
            options: pairs(&self.option),
            system: self.eval_system.clone(),
            show_trace: self.show_trace,
        })
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
        assert_eq!(parse(&[]).source(), Source::File("./default.nix".into()));
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
            [expression("a", "1"), expression("c", "[ ]"), string("b", "x")]
        );
    }
}
