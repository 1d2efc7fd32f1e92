//! The smallest program around the activator: what the `floe` program does for the shell commands,
//! without its argument parser. The tests of this crate run it as the hook and as the program that
//! an `.envrc` calls back.

use std::error::Error;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use floe_devshell::environment::Environment;
use floe_devshell::{Context, Output, callback, export, project::Project, shells};

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
        ["allow", file] => {
            context.allow_list().allow(&context.directory.join(file))?;
            Vec::new()
        }
        ["deny", file] => {
            context.allow_list().deny(&context.directory.join(file))?;
            Vec::new()
        }
        ["run", file] => {
            let project =
                Project::from_file(&context.directory.join(file)).ok_or("no project file")?;
            let run = floe_devshell::envrc::run(&context, &project, &context.environment);
            for watch in run.watches.iter() {
                eprintln!("watch {}", watch.path.display());
            }
            floe_devshell::environment::dump(run.environment?)
        }
        _ => return Err("unknown command".into()),
    })
}
