//! What the shell's hook costs at a prompt where nothing has changed.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::OsStringExt as _,
    path::Path,
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use super::{
    measure::{Floe, alternate, process_rows},
    peer::Peer,
    table::Table,
};
use crate::run::output;

const ENVRC: &str = "export PROJECT=here\nPATH_add bin\n";

pub(crate) fn measure(floe: &Floe, direnv: Option<&Peer>, runs: usize) -> Result<Table> {
    let home = tempfile::Builder::new().prefix("floe-bench-").tempdir()?;
    let mut ours = at_prompt(&home.path().join("floe"), &|| floe.command())?;
    let mut theirs = match direnv {
        Some(direnv) => Some(at_prompt(&home.path().join("direnv"), &|| direnv.command())?),
        None => None,
    };
    let (ours, theirs) = alternate(runs, &mut ours, theirs.as_mut())?;
    Ok(Table {
        title: format!("The hook where nothing has changed, whole process, {runs} runs"),
        peer: direnv.map(|direnv| direnv.title.clone()),
        rows: process_rows(&ours, theirs.as_ref()),
        notes: vec![format!(
            "`floe export bash` and `direnv export bash` in the environment that a shell has after entering an allowed project, whose `.envrc` is `{}`",
            ENVRC.trim().replace('\n', "; "),
        )],
    })
}

/// The command that the hook runs in a shell that has entered an allowed project.
fn at_prompt(home: &Path, program: &dyn Fn() -> Command) -> Result<Command> {
    let project = home.join("project");
    fs::create_dir_all(project.join("bin"))?;
    fs::write(project.join(".envrc"), ENVRC)?;
    let in_project = |mut command: Command| {
        command.current_dir(&project).env_clear().envs([
            ("HOME", home.as_os_str()),
            ("PWD", project.as_os_str()),
            ("PATH", &env::var_os("PATH").unwrap_or_default()),
        ]);
        command
    };

    output(in_project(program()).arg("allow"))?;
    let script = output(in_project(program()).args(["export", "bash"]))?;
    let mut shell = in_project(Command::new("bash"));
    let entered = shell.args(["-c", &format!("{script}\nexec env -0")]).output()?;
    ensure!(entered.status.success(), "bash cannot enter {}", project.display());
    let environment: Vec<(OsString, OsString)> =
        entered.stdout.split(|&byte| byte == 0).filter_map(variable).collect();
    let is_here = |(name, _): &(OsString, OsString)| name == OsStr::new("PROJECT");
    ensure!(environment.iter().any(is_here), "{script:?} does not enter {}", project.display());

    let mut command = program();
    command.args(["export", "bash"]).current_dir(&project).env_clear().envs(environment);
    let said = output(&mut command).context("at the prompt")?;
    ensure!(said.is_empty(), "{command:?} finds a change where there is none: {said}");
    Ok(command)
}

fn variable(entry: &[u8]) -> Option<(OsString, OsString)> {
    let equals = entry.iter().position(|&byte| byte == b'=')?;
    let part = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    Some((part(&entry[..equals]), part(&entry[equals + 1..])))
}
