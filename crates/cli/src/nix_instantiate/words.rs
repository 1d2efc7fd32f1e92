//! The command line of `nix-instantiate`, read as Nix reads it: letters after one dash are flags of their
//! own, every setting is a flag, and the order of flags and files is free.

use std::{collections::VecDeque, path::PathBuf};

use floe_eval::settings::SearchPathEntry;

use crate::{
    commands::eval::Form,
    evaluation::{
        Argument, Configuration, Source,
        settings::{SettingKind, kind},
    },
    render::print_warning,
};

/// What `--help` prints.
pub(super) const HELP: &str = "\
Usage: nix-instantiate [FLAG]... [FILE]...

Evaluate Nix expressions: write their derivations to the store, or print their values.
This is Floe, answering as the tool of Nix does; `floe eval` and `floe instantiate` say more.

What to evaluate: FILE, a folder with a default.nix, <NAME> of the search path, or - for standard input;
./default.nix if nothing is given.
  -E, --expr               FILEs are expressions
  -A, --attr PATH          take this attribute; may be given several times
  --arg NAME EXPRESSION    pass an argument to a function; also --argstr NAME STRING,
                           --arg-from-file NAME FILE, --arg-from-stdin NAME
  -I, --include ENTRY      put an entry in front of the search path

What to do: without one of these, write derivations to the store and print their paths.
  --eval                   print the value
  --parse                  print the expression as it was read
  --find-file              print what <FILE> stands for

How to print a value:
  --strict                 evaluate all of it
  --json, --xml, --raw     in another form; --no-location leaves places out of XML

Store:
  --add-root LINK          keep the derivation from being collected with this link
  --no-gc-warning          do not warn where no link was asked for
  --read-write-mode        write to the store although only a value is printed
  --readonly-mode, --dry-run
                           write nothing to the store
  --store STORE            which store to use

Settings: --option NAME VALUE, or any setting of nix.conf as a flag, such as --restrict-eval,
--no-allow-import-from-derivation, --extra-experimental-features FEATURES, --max-call-depth NUMBER.
--impure is --no-pure-eval.
  --show-trace             print every step that led to an error
  --version, --help
";

/// A mistake on the command line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UsageError(pub(super) String);

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub(super) enum Task {
    Instantiate,
    Evaluate(Form),
    Parse,
    FindFile,
    Version,
    Help,
}

/// The command line.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) task: Task,
    /// Files, or expressions, or names to find.
    pub(super) files: Vec<String>,
    /// Whether the files are expressions.
    are_expressions: bool,
    reads_standard_input: bool,
    attributes: Vec<String>,
    pub(super) arguments: Vec<(String, Argument)>,
    /// The link that keeps a derivation from being collected.
    pub(super) root: Option<PathBuf>,
    pub(super) warns_of_collection: bool,
    pub(super) store: Option<String>,
    is_read_only: bool,
    pub(super) configuration: Configuration,
}

/// What is known of the task until the command line has been read.
#[derive(Default)]
struct Wishes {
    evaluate: bool,
    parse: bool,
    find_file: bool,
    read_write: bool,
    strict: bool,
    no_location: bool,
    form: Output,
}

#[derive(Clone, Copy, Default)]
enum Output {
    #[default]
    Nix,
    Raw,
    Json,
    Xml,
}

impl Words {
    /// Reads it, with the settings that hold before.
    pub(super) fn parse(
        words: Vec<String>,
        configuration: Configuration,
    ) -> Result<Words, UsageError> {
        let mut parsed = Words {
            task: Task::Instantiate,
            files: Vec::new(),
            are_expressions: false,
            reads_standard_input: false,
            attributes: Vec::new(),
            arguments: Vec::new(),
            root: None,
            warns_of_collection: true,
            store: None,
            is_read_only: false,
            configuration,
        };
        let mut wishes = Wishes::default();
        let mut included = Vec::new();
        let mut rest: VecDeque<String> = words.into();
        let mut are_flags_over = false;
        while let Some(word) = rest.pop_front() {
            if !word.starts_with('-') {
                parsed.files.push(word);
            } else if are_flags_over {
                // C++ Nix knows this tool's own flags there, too.
                if !parsed.own_flag(&word, &mut rest, &mut wishes)? {
                    return Err(UsageError(format!("unexpected argument '{word}'")));
                }
            } else if word == "--" {
                are_flags_over = true;
            } else if let Some(first) = split_letters(&word, &mut rest) {
                rest.push_front(first);
            } else {
                parsed.flag(&word, &mut rest, &mut wishes, &mut included)?;
            }
            if matches!(parsed.task, Task::Help | Task::Version) {
                return Ok(parsed);
            }
        }
        parsed.configuration.settings.search_path.splice(0..0, included);
        parsed.task = wishes.task();
        let prints = matches!(parsed.task, Task::Evaluate(_) | Task::Parse);
        parsed.is_read_only |= prints && !wishes.read_write;
        Ok(parsed)
    }

    /// What is to be evaluated, in turn.
    pub(super) fn sources(&self) -> Vec<Source> {
        let mut sources = Vec::new();
        if self.reads_standard_input {
            sources.push(Source::StandardInput);
        } else if self.files.is_empty() && !self.are_expressions {
            sources.push(Source::File("default.nix".into()));
        }
        sources.extend(self.files.iter().map(|word| match self.are_expressions {
            true => Source::Text(word.clone()),
            false => Source::of_word(word),
        }));
        sources
    }

    /// The attributes that are wanted of each; an empty path is all of it.
    pub(super) fn attributes(&self) -> Vec<&str> {
        match self.attributes.as_slice() {
            [] => vec![""],
            attributes => attributes.iter().map(String::as_str).collect(),
        }
    }

    /// Whether nothing is to be written.
    pub(super) fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    fn flag(
        &mut self,
        flag: &str,
        rest: &mut VecDeque<String>,
        wishes: &mut Wishes,
        included: &mut Vec<SearchPathEntry>,
    ) -> Result<(), UsageError> {
        if self.own_flag(flag, rest, wishes)? {
            return Ok(());
        }
        match flag {
            "--store" => self.store = Some(operands::<1>(flag, rest)?.concat()),
            "--arg" | "--argstr" | "--arg-from-file" => {
                let [name, value] = operands(flag, rest)?;
                let argument = match flag {
                    "--arg" => Argument::Expression(value),
                    "--argstr" => Argument::String(value),
                    _ => Argument::File(value.into()),
                };
                self.arguments.push((name, argument));
            }
            "--arg-from-stdin" => {
                let [name] = operands(flag, rest)?;
                self.arguments.push((name, Argument::StandardInput));
            }
            "--include" | "-I" => {
                let [entry] = operands(flag, rest)?;
                included.push(SearchPathEntry::parse(&entry));
            }
            "--impure" => self.configuration.settings.pure = false,
            "--option" => {
                let [name, value] = operands(flag, rest)?;
                if let Err(error) = self.configuration.set(&name, &value) {
                    print_warning(&error.to_string());
                }
            }
            // What concerns builds, and how much is said about them, concerns nothing here.
            "--verbose" | "-v" | "--quiet" | "--debug" | "--no-build-output" | "-Q" | "-K"
            | "-k" | "--repair" => {}
            "-j" | "--log-format" | "--eval-store" | "--build-cores" => {
                operands::<1>(flag, rest)?;
            }
            "--override-flake" => {
                operands::<2>(flag, rest)?;
            }
            _ => return self.setting(flag, rest),
        }
        Ok(())
    }

    /// A flag that other tools do not have. Whether it is one.
    fn own_flag(
        &mut self,
        flag: &str,
        rest: &mut VecDeque<String>,
        wishes: &mut Wishes,
    ) -> Result<bool, UsageError> {
        match flag {
            "--help" => self.task = Task::Help,
            "--version" => self.task = Task::Version,
            "-" => self.reads_standard_input = true,
            "--expr" | "-E" => self.are_expressions = true,
            "--eval" | "--eval-only" => wishes.evaluate = true,
            "--parse" | "--parse-only" => wishes.parse = true,
            "--find-file" => wishes.find_file = true,
            "--read-write-mode" => wishes.read_write = true,
            "--strict" => wishes.strict = true,
            "--raw" => wishes.form = Output::Raw,
            "--json" => wishes.form = Output::Json,
            "--xml" => wishes.form = Output::Xml,
            "--no-location" => wishes.no_location = true,
            "--dry-run" | "--readonly-mode" => self.is_read_only = true,
            "--attr" | "-A" => self.attributes.push(operand(flag, rest)?),
            "--add-root" => self.root = Some(operand(flag, rest)?.into()),
            "--no-gc-warning" => self.warns_of_collection = false,
            // Roots are never anything else here.
            "--indirect" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// A setting as a flag: `--name` and `--no-name` for those that are true or false, `--name VALUE` for
    /// others.
    fn setting(&mut self, flag: &str, rest: &mut VecDeque<String>) -> Result<(), UsageError> {
        let unknown = || UsageError(format!("unrecognised flag '{flag}'"));
        let name = flag.strip_prefix("--").ok_or_else(unknown)?;
        let (name, value) = match (kind(name), name.strip_prefix("no-")) {
            (Some(SettingKind::Switch), _) => (name, "true".to_owned()),
            (Some(SettingKind::Value), _) => (name, operands::<1>(flag, rest)?.concat()),
            (None, Some(name)) if kind(name) == Some(SettingKind::Switch) => {
                (name, "false".to_owned())
            }
            (None, _) => return Err(unknown()),
        };
        self.configuration.set(name, &value).map_err(|error| UsageError(error.to_string()))
    }
}

impl Wishes {
    fn task(&self) -> Task {
        let strict = self.strict;
        match self {
            Wishes { find_file: true, .. } => Task::FindFile,
            Wishes { parse: true, .. } => Task::Parse,
            Wishes { evaluate: false, .. } => Task::Instantiate,
            _ => Task::Evaluate(match self.form {
                Output::Nix => Form::Nix { strict },
                Output::Raw => Form::Raw { doing: "while generating the nix-instantiate output" },
                Output::Json => Form::Json { strict },
                Output::Xml => Form::Xml { strict, location: !self.no_location },
            }),
        }
    }
}

/// Takes `-abc` apart: gives `-a` and puts `-b` and `-c` in front of the rest. What begins with no letter
/// is the operand of the flag before it, as in `-j3`.
fn split_letters(word: &str, rest: &mut VecDeque<String>) -> Option<String> {
    let letters = word.strip_prefix('-')?;
    let mut characters = letters.char_indices();
    let (_, first) = characters.next().filter(|(_, first)| first.is_ascii_alphabetic())?;
    let (second, _) = characters.next()?;
    let mut following = Vec::new();
    for (at, letter) in letters.char_indices().skip_while(|(at, _)| *at < second) {
        if !letter.is_ascii_alphabetic() {
            following.push(letters[at..].to_owned());
            break;
        }
        following.push(format!("-{letter}"));
    }
    following.into_iter().rev().for_each(|word| rest.push_front(word));
    Some(format!("-{first}"))
}

/// The word that a flag of this tool takes.
fn operand(flag: &str, rest: &mut VecDeque<String>) -> Result<String, UsageError> {
    rest.pop_front().ok_or_else(|| UsageError(format!("'{flag}' requires an argument")))
}

/// The words that a flag of every tool takes.
fn operands<const N: usize>(
    flag: &str,
    rest: &mut VecDeque<String>,
) -> Result<[String; N], UsageError> {
    let words: Vec<String> = rest.drain(..N.min(rest.len())).collect();
    words.try_into().map_err(|words: Vec<String>| {
        let given = words.len();
        UsageError(format!("flag '{flag}' requires {N} argument(s), but only {given} were given"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Words, String> {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Words::parse(words, Configuration::default()).map_err(|UsageError(message)| message)
    }

    #[test]
    fn letters_after_one_dash_are_flags_of_their_own() {
        // The operand of a flag is the next word, whatever it was written with.
        let words = parse(&["-QEv", "1", "-Aa", "--eval"]).unwrap();
        assert_eq!(words.attributes(), ["-a"]);
        let words = parse(&["-QEvj3", "1", "-A", "a", "--eval"]).unwrap();
        assert_eq!(words.sources(), [Source::Text("1".into())]);
        assert_eq!(words.attributes(), ["a"]);
        assert!(matches!(words.task, Task::Evaluate(Form::Nix { strict: false })));
    }

    #[test]
    fn what_to_evaluate() {
        assert_eq!(parse(&[]).unwrap().sources(), [Source::File("default.nix".into())]);
        assert_eq!(parse(&["-"]).unwrap().sources(), [Source::StandardInput]);
        assert_eq!(
            parse(&["a.nix", "--", "<b/c>", "--eval"]).unwrap().sources(),
            [Source::File("a.nix".into()), Source::SearchPath("b/c".into())]
        );
        assert!(parse(&["--eval", "-E"]).unwrap().sources().is_empty());
    }

    #[test]
    fn every_setting_is_a_flag() {
        let words = parse(&["--restrict-eval", "--max-call-depth", "7", "--show-trace"]).unwrap();
        let settings = &words.configuration.settings;
        assert!(settings.restricted && words.configuration.show_trace);
        assert_eq!(settings.max_call_depth, 7);
        let words = parse(&["--no-allow-import-from-derivation", "--cores", "2"]).unwrap();
        assert!(!words.configuration.settings.allow_import_from_derivation);
        let error = parse(&["--max-call-depth", "x"]).map(|_| ()).unwrap_err();
        assert_eq!(error, "setting 'max-call-depth' has invalid value 'x'");
    }

    #[test]
    fn mistakes_are_named() {
        let mistake = |words: &[&str]| parse(words).map(|_| ()).unwrap_err();
        assert_eq!(mistake(&["--foo"]), "unrecognised flag '--foo'");
        assert_eq!(mistake(&["--", "--show-trace"]), "unexpected argument '--show-trace'");
        assert_eq!(mistake(&["-A"]), "'-A' requires an argument");
        assert_eq!(
            mistake(&["--option", "a"]),
            "flag '--option' requires 2 argument(s), but only 1 were given"
        );
    }

    #[test]
    fn only_values_are_printed_without_writing() {
        assert!(!parse(&[]).unwrap().is_read_only());
        assert!(parse(&["--eval"]).unwrap().is_read_only());
        assert!(parse(&["--dry-run"]).unwrap().is_read_only());
        assert!(!parse(&["--eval", "--read-write-mode"]).unwrap().is_read_only());
    }
}
