//! The demonstration: one server session and one bash session, their real answers drawn as an editor
//! and a terminal show them.

mod screen;
mod stories;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use floe_lsp::client::Client;
use serde_json::json;

/// Plays all stories in `home`, on the copy of the demo project in `project`.
pub(crate) fn play(home: &Path, project: &Path) -> anyhow::Result<()> {
    screen::line(&format!(
        "{}Floe, five stories. Everything below is a real answer.{}",
        screen::BOLD,
        screen::PLAIN
    ));
    let mut session = Session::start(home, project)?;
    stories::complete_an_option(&mut session)?;
    stories::jump_into_a_package(&mut session)?;
    stories::see_an_error(&mut session)?;
    stories::preview_an_override(&mut session)?;
    session.client.shutdown()?;
    stories::enter_a_dev_shell(home, project)?;
    Ok(())
}

/// The editor's side of a session with the server.
struct Session {
    client: Client,
    home: PathBuf,
    project: PathBuf,
}

/// A document that is open in the server.
struct Document {
    path: PathBuf,
    text: String,
}

impl Session {
    fn start(home: &Path, project: &Path) -> anyhow::Result<Session> {
        let mut command = command_in(home, &floe()?);
        command.arg("lsp").stderr(Stdio::inherit());
        let mut client = Client::start(&mut command)?;
        client.set_patience(Duration::from_secs(120));
        client.initialize(project, &json!({}))?;
        Ok(Session { client, home: home.into(), project: project.into() })
    }

    /// Opens a file of the project as a person has just changed it.
    fn open(&mut self, name: &str, edit: impl Fn(&str) -> String) -> anyhow::Result<Document> {
        let path = self.project.join(name);
        let text = edit(&fs::read_to_string(&path)?);
        self.client.open(&path, &text)?;
        Ok(Document { path, text })
    }

    /// A path as it is best read here.
    fn shorten(&self, path: &Path) -> String {
        let pairs = [
            (self.project.clone(), ""),
            (self.home.join(".cache/floe"), "~/.cache/floe/"),
            (self.home.clone(), "~/"),
        ];
        let short = pairs.iter().find_map(|(folder, name)| {
            Some(format!("{name}{}", path.strip_prefix(folder).ok()?.display()))
        });
        short.unwrap_or_else(|| path.display().to_string())
    }
}

impl Document {
    /// Line and character, from 0, of the first occurrence of `needle`.
    fn find(&self, needle: &str) -> anyhow::Result<(u32, u32)> {
        let offset = self.text.find(needle).with_context(|| {
            format!("'{}' does not say '{needle}' any more", self.path.display())
        })?;
        let before = &self.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Ok((before.matches('\n').count() as u32, (offset - line_start) as u32))
    }
}

/// What an answer took.
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}

fn floe() -> anyhow::Result<PathBuf> {
    env::current_exe().context("cannot tell where the floe program is")
}

/// A command in the demo's own home: nothing outside of it is read or changed.
fn command_in(home: &Path, program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("TERM", env::var_os("TERM").unwrap_or_default())
        .env("HOME", home)
        .env("FLOE_STORE", home.join("data"));
    command
}
