//! The activator without the rest of Floe: what the `floe` program does for the shell commands, with
//! the real store and the real builder, but without the evaluator. Instead of an expression, a
//! `shell.nix` holds the JSON of a derivation and of those it needs, inputs first; with `$(VAR)` it
//! can refer to an environment variable, as `builtins.getEnv` would, and a file's content can be read
//! by `$<FILE>`. The tests of this crate run it as the hook, behind the prompt, and as what an
//! `.envrc` calls back.

use std::error::Error;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use floe_builder::{BuildSettings, Cancellation, Goal, Scheduler, Silent, Wanted};
use floe_devshell::environment::Environment;
use floe_devshell::nix::background;
use floe_devshell::nix::request::{ShellRequest, ShellSource};
use floe_devshell::nix::tools::{
    EvaluationFailure, Reads, ShellBuilder, ShellDerivation, ShellEvaluator,
};
use floe_devshell::output::Lines;
use floe_devshell::{
    Context, Output, callback, decide, export, nix, project::Project, shells, status,
};
use floe_store::derivation::{DerivationError, HashModulo};
use floe_store::store::Layout;
use floe_store::{Derivation, DerivationOutput, LocalStore, Store, StoreError, StorePath};

struct Stderr;

impl Output for Stderr {
    fn status(&mut self, message: &str) {
        eprintln!("floe: {message}");
    }
    fn error(&mut self, message: &str) {
        eprintln!("floe: {message}");
    }
}

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|first| first == floe_builder::SANDBOX_COMMAND) {
        floe_builder::sandbox_main();
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("floe: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
    let shell =
        |name| shells::detect(name).ok_or_else(|| format!("{name} is no shell that we know"));
    let environment: Environment = std::env::vars_os().collect();
    let script = match arguments[..] {
        ["__dump"] => callback::dump_environment(&environment, None).map(|()| Vec::new())?,
        ["__dump", file] => {
            callback::dump_environment(&environment, Some(Path::new(file))).map(|()| Vec::new())?
        }
        ["__apply-dump", name, file] => {
            callback::apply_dump(&environment, shell(name)?, Path::new(file))?
        }
        ["__dotenv", name, file] => callback::dotenv(shell(name)?, Path::new(file))?,
        _ => run_in_context(&arguments)?,
    };
    std::io::stdout().write_all(&script)?;
    Ok(())
}

fn run_in_context(arguments: &[&str]) -> Result<Vec<u8>, Box<dyn Error>> {
    let context = Context::from_process()?;
    let shell =
        |name| shells::detect(name).ok_or_else(|| format!("{name} is no shell that we know"));
    Ok(match *arguments {
        ["hook", name] => shell(name)?.hook(&context.floe).unwrap_or_default().into_bytes(),
        ["export", name] => {
            let result = export::export(&context, shell(name)?, &mut Stderr)?;
            if let Some(failure) = result.failure {
                eprintln!("floe: {failure}");
            }
            result.script
        }
        ["allow", ref file @ ..] => {
            decide::allow(&context, file.first().map(Path::new)).map(|_| Vec::new())?
        }
        ["deny", ref file @ ..] => {
            decide::deny(&context, file.first().map(Path::new)).map(|_| Vec::new())?
        }
        ["reload"] => decide::reload(&context).map(|_| Vec::new())?,
        ["status"] => serde_json::to_vec_pretty(&status::status(&context))?,
        ["run", file] => {
            let project =
                Project::from_file(&context.directory.join(file)).ok_or("no project file")?;
            let run = floe_devshell::envrc::run(&context, &project, &context.environment);
            for watch in run.watches.iter() {
                eprintln!("watch {}", watch.path.display());
            }
            floe_devshell::environment::dump(run.environment?)
        }
        ["__use-nix", ref words @ ..] => nix::use_nix(&context, words, &mut Stderr)?,
        [background::BUILD_COMMAND, folder] => {
            let tools = Tools::open(&context)?;
            background::build(Path::new(folder), &tools, &tools, &mut Lines(std::io::stderr()))?;
            Vec::new()
        }
        _ => return Err("unknown command".into()),
    })
}

struct Tools {
    store: LocalStore,
    settings: BuildSettings,
}

impl Tools {
    fn open(context: &Context) -> Result<Tools, StoreError> {
        let store = LocalStore::open(Layout::relocated(&context.folders.data)?)?;
        Ok(Tools { store, settings: BuildSettings::default() })
    }
}

impl ShellBuilder for Tools {
    fn store(&self) -> &dyn Store {
        &self.store
    }

    fn build(&self, derivation: &StorePath, output: &mut dyn Output) -> Result<(), String> {
        output.status(&format!("building {}", derivation.name()));
        let goal = Goal { derivation: derivation.clone(), outputs: Wanted::All };
        let cancellation = Cancellation::new().map_err(|error| error.to_string())?;
        let scheduler = Scheduler::new(&self.store, &self.settings, &Silent);
        scheduler.realise(&[goal], &cancellation).map(drop).map_err(|error| error.to_string())
    }
}

impl ShellEvaluator for Tools {
    fn shell_derivation(
        &self,
        request: &ShellRequest,
    ) -> Result<ShellDerivation, EvaluationFailure> {
        let mut reads = Reads::default();
        match self.read_derivations(request, &mut reads) {
            Ok(path) => Ok(ShellDerivation { path, reads }),
            Err(error) => Err(EvaluationFailure { message: error.to_string(), reads }),
        }
    }
}

impl Tools {
    fn read_derivations(
        &self,
        request: &ShellRequest,
        reads: &mut Reads,
    ) -> Result<StorePath, Box<dyn Error>> {
        let ShellSource::File(file) = &request.source else {
            return Err("no packages here".into());
        };
        let text = self.expand(file, reads)?;
        let store: &dyn Store = &self.store;
        let mut made: Option<(StorePath, Derivation)> = None;
        let list: Vec<ShellFile> = serde_json::from_str(&text)?;
        for wanted in list {
            let mut derivation = Derivation {
                name: wanted.name.clone(),
                outputs: [("out".to_owned(), DerivationOutput::Deferred)].into(),
                input_drvs: Default::default(),
                dynamic_inputs: Default::default(),
                input_srcs: Default::default(),
                system: self.settings.system.clone(),
                builder: wanted.builder.into_bytes(),
                args: vec![b"-ec".to_vec(), wanted.script.into_bytes()],
                env: wanted
                    .env
                    .into_iter()
                    .map(|(k, v)| (k.into_bytes(), v.into_bytes()))
                    .collect(),
            };
            derivation.env.insert(b"name".to_vec(), wanted.name.into_bytes());
            derivation.env.insert(b"requiredSystemFeatures".to_vec(), b"host-tools".to_vec());
            let mut hash = None;
            if let Some((path, input)) = &made {
                derivation.input_drvs.insert(path.clone(), ["out".to_owned()].into());
                let output =
                    input.output_paths(store.store_dir())?["out"].clone().ok_or("no path")?;
                let printed = store.store_dir().print(&output).into_bytes();
                derivation.env.insert(b"stdenv".to_vec(), printed);
                let none = |_: &StorePath| Err::<HashModulo, _>(DerivationError::NoOutputs);
                hash = Some(input.hash_modulo(store.store_dir(), none)?);
            }
            derivation
                .fill_output_paths(store.store_dir(), |_| hash.ok_or(DerivationError::NoOutputs))?;
            made = Some((store.add_derivation(&derivation)?, derivation));
        }
        Ok(made.ok_or("the list is empty")?.0)
    }

    fn expand(&self, file: &Path, reads: &mut Reads) -> Result<String, Box<dyn Error>> {
        reads.paths.insert(file.to_owned());
        let mut text = std::fs::read_to_string(file)?;
        while let Some((before, rest)) = text.split_once("$<") {
            let (name, after) = rest.split_once('>').ok_or("$< without >")?;
            let other = file.with_file_name(name);
            reads.paths.insert(other.clone());
            let content = std::fs::read_to_string(&other)
                .map_err(|error| format!("{}: {error}", other.display()))?;
            text = format!("{before}{}{after}", content.trim());
        }
        while let Some((before, rest)) = text.split_once("$(") {
            let (name, after) = rest.split_once(')').ok_or("$( without )")?;
            let value = std::env::var(name).ok();
            reads.variables.insert(name.to_owned(), value.clone());
            text = format!("{before}{}{after}", value.unwrap_or_default());
        }
        Ok(text)
    }
}

#[derive(serde::Deserialize)]
struct ShellFile {
    name: String,
    builder: String,
    script: String,
    env: std::collections::BTreeMap<String, String>,
}
