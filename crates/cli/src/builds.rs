//! Building on behalf of a command: settings from the command line, progress on the terminal.

use std::sync::Mutex;

use anstyle::{AnsiColor, Style};
use anyhow::{Context as _, bail};
use clap::Args;
use floe_builder::{
    BuildEvent, BuildSettings, BuildStore, Cancellation, Goal, Realisation, Reporter, SandboxMode,
};
use floe_store::StorePath;

use crate::{output, progress::Progress};

/// How builds are done.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct BuildArguments {
    /// How many builds run at the same time.
    #[arg(long, short = 'j', value_name = "NUMBER")]
    max_jobs: Option<usize>,
    /// How many cores one build may use; 0 for all.
    #[arg(long, value_name = "NUMBER")]
    cores: Option<usize>,
    /// Go on with other builds after one has failed.
    #[arg(long, short)]
    keep_going: bool,
    /// Keep the build folder of a failed build.
    #[arg(long, short = 'K')]
    keep_failed: bool,
    /// Print what builders print.
    #[arg(long, short = 'L')]
    print_build_logs: bool,
    /// Build without isolation, where the kernel allows no user namespaces.
    #[arg(long)]
    no_sandbox: bool,
}

impl BuildArguments {
    fn settings(&self) -> BuildSettings {
        let defaults = BuildSettings::default();
        BuildSettings {
            max_jobs: self.max_jobs.unwrap_or(defaults.max_jobs).max(1),
            cores: self.cores.unwrap_or(defaults.cores),
            keep_going: self.keep_going,
            keep_failed: self.keep_failed,
            sandbox: if self.no_sandbox { SandboxMode::Disabled } else { defaults.sandbox },
            ..defaults
        }
    }

    /// Makes the outputs of the goals valid.
    pub(crate) fn realise(&self, store: &BuildStore, goals: &[Goal]) -> anyhow::Result<()> {
        let settings = self.settings();
        let reporter = Terminal { print_logs: self.print_build_logs, progress: Mutex::default() };
        let cancellation = Cancellation::new().context("builds cannot be started")?;
        let result = store.realise(goals, &settings, &reporter, &cancellation);
        drop(reporter);
        if let Err(failures) = result {
            bail!("{failures}");
        }
        Ok(())
    }
}

/// Shows what happens: a bar over all builds, and a line for each that is done.
struct Terminal {
    print_logs: bool,
    progress: Mutex<Option<Progress>>,
}

impl Reporter for Terminal {
    fn report(&self, event: BuildEvent<'_>) {
        let Ok(mut progress) = self.progress.lock() else { return };
        if let BuildEvent::Planned { build, fetch } = event {
            let total = build.len() + fetch.len();
            if total > 0 {
                let derivations = output::counted(total, "derivation", "derivations");
                output::note(format_args!("{derivations} to build"));
                *progress = Some(Progress::steps("", total as u64));
            }
            return;
        }
        if let BuildEvent::Message { text } = event {
            match &*progress {
                Some(progress) => progress.line(text),
                None => output::note(text),
            }
            return;
        }
        let Some(progress) = &*progress else { return };
        match event {
            BuildEvent::Waiting { derivation } => {
                progress.message(format!("{}: being built by another process", name(derivation)));
            }
            BuildEvent::Started { derivation } => progress.message(name(derivation)),
            BuildEvent::Phase { derivation, phase } => {
                progress.message(format!("{}: {phase}", name(derivation)));
            }
            BuildEvent::Log { derivation, line } => {
                if self.print_logs {
                    let style = AnsiColor::BrightBlack.on_default();
                    progress.line(&format!("{style}{}>{style:#} {line}", name(derivation)));
                } else {
                    progress.message(format!("{}: {line}", name(derivation)));
                }
            }
            BuildEvent::Finished { derivation, realisation, duration, .. } => {
                progress.advance();
                let verb = match realisation {
                    Realisation::Built => "built",
                    Realisation::Fetched => "fetched",
                    Realisation::AlreadyValid => "found",
                };
                let (green, dim) = (AnsiColor::Green.on_default(), Style::new().dimmed());
                let seconds = duration.as_secs_f64();
                let name = name(derivation);
                progress.line(&format!("{green}{verb}{green:#} {name} {dim}{seconds:.1}s{dim:#}"));
            }
            BuildEvent::Failed { derivation, .. } => {
                progress.advance();
                let red = AnsiColor::Red.on_default();
                progress.line(&format!("{red}failed{red:#} {}", name(derivation)));
            }
            BuildEvent::Planned { .. } | BuildEvent::Message { .. } => {}
        }
    }
}

fn name(derivation: &StorePath) -> String {
    derivation.derivation_name().unwrap_or(derivation.name()).to_owned()
}
