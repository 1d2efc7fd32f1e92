//! The demo: one server session and one bash session, their real answers drawn as an editor and a
//! terminal show them. Nothing that is shown is written down here, and a story whose answer is missing
//! or wrong fails.
//!
//! `stage` is the temporary place where it happens, `editor` types and asks the server, `terminal` types
//! into bash, `stories` says what is typed and what must come of it. `screen` and `code` draw; `svg`
//! makes a picture of what was drawn.

mod code;
mod editor;
mod screen;
mod stage;
mod stories;
mod svg;
mod terminal;

use std::{
    fs,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clap::ValueEnum;

use self::{editor::Editor, screen::Screen, stage::Stage};

/// What to play, and how.
#[derive(Debug)]
pub(crate) struct Options {
    /// The project; the embedded one if there is none.
    pub(crate) project: Option<PathBuf>,
    /// Which stories, in this order.
    pub(crate) stories: Vec<Story>,
    /// Without pauses.
    pub(crate) fast: bool,
    /// Where a picture of it goes.
    pub(crate) svg: Option<PathBuf>,
}

/// What the program exists for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Story {
    /// Complete a system option.
    Completion,
    /// Jump into a package's definition.
    Jump,
    /// See an evaluation error in the editor, and mend it.
    Error,
    /// Preview what an override changes.
    Override,
    /// Enter and leave a dev shell.
    Shell,
}

impl Story {
    pub(crate) const ALL: [Story; 5] =
        [Story::Completion, Story::Jump, Story::Error, Story::Override, Story::Shell];

    fn title(self) -> &'static str {
        match self {
            Story::Completion => "Complete an option",
            Story::Jump => "Jump into a package's definition",
            Story::Error => "See an evaluation error where it is",
            Story::Override => "Preview an override",
            Story::Shell => "Enter a dev shell on cd",
        }
    }
}

/// Plays the stories. All of them are played even if one fails; the exit status tells.
pub(crate) fn play(options: &Options) -> anyhow::Result<ExitCode> {
    let start = Instant::now();
    let stage = Stage::new(options.project.as_deref())?;
    let mut screen = Screen::new(options.fast);
    let mut editor = None;
    let mut failures = Vec::new();
    for (index, story) in options.stories.iter().enumerate() {
        screen.heading(index + 1, story.title());
        let result = match story {
            Story::Shell => stories::enter_a_dev_shell(&stage, &mut screen),
            _ => play_in_editor(*story, &stage, &mut editor, &mut screen),
        };
        if let Err(error) = result {
            screen.failure(&error);
            failures.push(story.title());
        }
        screen.pause(Duration::from_millis(1500));
    }
    if let Some(editor) = editor {
        editor.close().context("the server did not end as it should")?;
    }
    stage.clear()?;
    let shown = screen.end(start.elapsed(), &failures);
    if let Some(file) = &options.svg {
        fs::write(file, svg::render(screen.shown()))
            .with_context(|| format!("cannot write '{}'", file.display()))?;
    }
    shown?;
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn play_in_editor(
    story: Story,
    stage: &Stage,
    editor: &mut Option<Editor>,
    screen: &mut Screen,
) -> anyhow::Result<()> {
    let editor = match editor {
        Some(editor) => editor,
        None => editor.insert(Editor::start(stage)?),
    };
    match story {
        Story::Completion => stories::complete_an_option(editor, screen),
        Story::Jump => stories::jump_into_a_package(editor, screen),
        Story::Error => stories::see_an_error(editor, stage, screen),
        Story::Override => stories::preview_an_override(editor, screen),
        Story::Shell => unreachable!("the shell is played in a terminal"),
    }
}
