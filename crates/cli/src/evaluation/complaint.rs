//! Errors of an evaluation as complaints: the whole trace, of which a terminal shows what happened in the
//! user's own files.

use std::{
    collections::HashMap,
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use floe_eval::{
    Evaluator,
    error::{ErrorKind, EvalError, Frame, Origin, Position, Report, Shown},
};

use super::{Request, Source};
use crate::render::{Complaint, Fold, Place, Severity, Step};

/// How many steps of a trace are shown without `--show-trace`.
const MOST_STEPS: usize = 8;

/// The error, its trace folded unless all of it was asked for.
pub(crate) fn of(
    evaluator: &Evaluator<'_>,
    error: &EvalError,
    request: &Request,
    show_trace: bool,
) -> Complaint {
    let mut report = evaluator.report(error);
    if report.position.is_none() {
        // Nix names no place for many a message, but for what was being done.
        report.position = report.frames.first().and_then(|frame| frame.position.clone());
    }
    let mut folding = Folding {
        territory: Territory::new(evaluator, request),
        shown: report.position.iter().cloned().collect(),
        count: 0,
    };
    let steps = report.frames.iter().map(|frame| Step {
        message: frame.message.clone(),
        place: frame.position.as_ref().and_then(|position| place(evaluator, position)),
        folded: if show_trace { None } else { folding.fold(frame) },
    });
    let trace = steps.collect();
    let mut help = Vec::new();
    match report.suggestions.as_slice() {
        [] => {}
        [one] => help.push(format!("Did you mean {one}?")),
        [rest @ .., last] => {
            help.push(format!("Did you mean one of {} or {last}?", rest.join(", ")));
        }
    }
    let is_source = report.position.is_none() && matches!(request.source, Source::File(_));
    if report.kind == ErrorKind::FileNotFound && is_source {
        help.push("--expr takes an expression; a folder is taken for its default.nix".to_owned());
    }
    help.push(format!("floe explain {}", report.kind.slug()));
    Complaint {
        slug: Some(report.kind.slug()),
        place: report.position.as_ref().and_then(|position| place(evaluator, position)),
        trace,
        help,
        ..Complaint::error(report.message)
    }
}

/// The text of a file or expression, also of a file whose syntax has a mistake and which is therefore no
/// part of the evaluation.
pub(crate) fn text_of(evaluator: &Evaluator<'_>, origin: &Origin) -> Option<Arc<str>> {
    evaluator.text_of(origin).or_else(|| text_of_file(origin))
}

/// The text of a file, as it lies on the disk, or of an expression.
pub(crate) fn text_of_file(origin: &Origin) -> Option<Arc<str>> {
    match origin {
        Origin::Text { text, .. } | Origin::StandardInput { text, .. } => Some(text.clone()),
        Origin::File(path) => Some(String::from_utf8_lossy(&fs::read(path).ok()?).into()),
        Origin::Internal(_) => None,
    }
}

/// A warning with its place and what was being done.
pub(super) fn of_warning(report: &Report) -> Complaint {
    let place = |position: &Option<Position>| {
        let position = position.as_ref()?;
        Some(place_in(text_of_file(&position.origin)?, position))
    };
    let steps = report.frames.iter();
    Complaint {
        severity: Severity::Warning,
        place: place(&report.position),
        trace: steps.map(|step| Step::new(step.message.clone(), place(&step.position))).collect(),
        ..Complaint::error(report.message.clone())
    }
}

/// Decides which steps are shown, one after the other.
struct Folding {
    territory: Territory,
    /// Places that are shown already.
    shown: Vec<Position>,
    /// How many steps are.
    count: usize,
}

impl Folding {
    fn fold(&mut self, frame: &Frame) -> Option<Fold> {
        match &frame.position {
            Some(position) => {
                if let Some(name) = self.territory.foreign(&position.origin) {
                    return Some(Fold::In(name));
                }
                if self.shown.contains(position) || self.count >= MOST_STEPS {
                    return Some(Fold::Other);
                }
                self.shown.push(position.clone());
            }
            None if frame.shown != Shown::Always || self.count >= MOST_STEPS => {
                return Some(Fold::Other);
            }
            None => {}
        }
        self.count += 1;
        None
    }
}

/// Which files are the user's own: neither those of a store, nor of the search path, nor of a nixpkgs,
/// except where that is what the user works in.
struct Territory {
    /// The current folder, and that of the file which is evaluated.
    home: Vec<PathBuf>,
    /// Folders of others, with their names.
    foreign: Vec<(PathBuf, String)>,
    /// What is known of a folder.
    known: HashMap<PathBuf, Option<String>>,
}

impl Territory {
    fn new(evaluator: &Evaluator<'_>, request: &Request) -> Territory {
        let mut home = vec![request.directory.clone()];
        if let Source::File(path) = &request.source {
            let path = request.directory.join(path);
            let folder = if path.is_dir() { Some(&*path) } else { path.parent() };
            home.extend(folder.map(floe_db::normalize));
        }
        // A nixpkgs is nobody's own for being what is evaluated.
        home.retain(|folder| *folder == request.directory || !is_nixpkgs(folder));
        let entries = &evaluator.settings.search_path;
        let search_path = entries.iter().map(|entry| {
            let name = if entry.prefix.is_empty() { "the search path" } else { &entry.prefix };
            let path = floe_db::normalize(&request.directory.join(&entry.path));
            (path, name.to_owned())
        });
        let store = (PathBuf::from(evaluator.store_dir().as_str()), "the store".to_owned());
        let foreign = search_path.chain([store]).collect();
        Territory { home, foreign, known: HashMap::new() }
    }

    /// What a text that is not the user's belongs to.
    fn foreign(&mut self, origin: &Origin) -> Option<String> {
        let folder = match origin {
            Origin::Text { .. } | Origin::StandardInput { .. } => return None,
            Origin::Internal(_) => return Some("the evaluator".to_owned()),
            Origin::File(path) => path.parent().unwrap_or(path),
        };
        if let Some(known) = self.known.get(folder) {
            return known.clone();
        }
        let owner = self.owner(folder);
        self.known.insert(folder.to_owned(), owner.clone());
        owner
    }

    /// Of the folders around it, the innermost decides.
    fn owner(&self, folder: &Path) -> Option<String> {
        folder.ancestors().find_map(|around| {
            if self.home.iter().any(|home| home == around) {
                return Some(None);
            }
            let named = self.foreign.iter().find(|(path, _)| path == around);
            match named {
                Some((_, name)) => Some(Some(name.clone())),
                None => is_nixpkgs(around).then(|| Some("nixpkgs".to_owned())),
            }
        })?
    }
}

fn is_nixpkgs(folder: &Path) -> bool {
    folder.join("pkgs/top-level/all-packages.nix").is_file()
}

fn place(evaluator: &Evaluator<'_>, position: &Position) -> Option<Place> {
    Some(place_in(text_of(evaluator, &position.origin)?, position))
}

fn place_in(text: Arc<str>, position: &Position) -> Place {
    let name = match &position.origin {
        Origin::File(path) => shorten(path),
        other => other.to_string(),
    };
    let range = position.span.start as usize..position.span.end as usize;
    Place { name, text, range }
}

/// A path below the current folder is shown relative to it.
fn shorten(path: &Path) -> String {
    let directory = env::current_dir().unwrap_or_default();
    path.strip_prefix(&directory).unwrap_or(path).display().to_string()
}
