//! Paths of the program: following links, what may be read, `<…>`, and reading what is to be built.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use floe_store::StorePath;

use crate::context::ContextBuilder;
use crate::error::{ErrorKind, EvalError, FrameMessage, Pos, Result};
use crate::evaluator::{Evaluator, io_error};
use crate::fs::FileType;
use crate::heap::{ContextElement, Value};
use crate::settings::{SearchPathEntry, Settings};

/// As many links as Linux follows.
const MOST_LINKS: usize = 40;

impl<'h> Evaluator<'h> {
    /// Follows every symbolic link of an absolute path. What does not exist is left as it is.
    pub(crate) fn resolve_links(&self, path: &Path) -> Result<PathBuf> {
        if self.plain_folders.borrow().contains(path.as_os_str()) {
            return Ok(path.to_owned());
        }
        let (mut result, mut todo) = match (path.parent(), path.file_name()) {
            (Some(parent), Some(name))
                if self.plain_folders.borrow().contains(parent.as_os_str()) =>
            {
                (parent.to_owned(), vec![name.to_owned()])
            }
            _ => (PathBuf::from("/"), components(path)),
        };
        let mut links = 0;
        while let Some(name) = todo.pop() {
            if name == ".." {
                result.pop();
                continue;
            }
            let next = result.join(&name);
            let physical = self.physical(&next);
            let file_type = self.fs.file_type(&physical);
            if !matches!(file_type, Ok(FileType::Symlink)) {
                if matches!(file_type, Ok(FileType::Directory)) {
                    self.plain_folders.borrow_mut().insert(next.clone().into_os_string());
                }
                result = next;
                continue;
            }
            links += 1;
            if links > MOST_LINKS {
                return Err(EvalError::new(
                    ErrorKind::Io,
                    format!("too many levels of symbolic links in '{}'", path.display()),
                ));
            }
            let target = self
                .fs
                .read_link(&physical)
                .map_err(|error| io_error("reading symbolic link", &next, &error))?;
            if target.is_absolute() {
                result = PathBuf::from("/");
            }
            todo.extend(components(&target));
        }
        Ok(result)
    }

    /// Fails if the settings forbid reading a path.
    pub(crate) fn check_path(&self, path: &Path) -> Result<()> {
        if !self.settings.pure && !self.settings.restricted {
            return Ok(());
        }
        // A link may lead out of what is allowed.
        if self.is_allowed(path) && self.is_allowed(&self.resolve_links(path)?) {
            return Ok(());
        }
        let mode = if self.settings.pure {
            "pure evaluation mode (use '--impure' to override)"
        } else {
            "restricted mode"
        };
        Err(EvalError::new(
            ErrorKind::Restricted,
            format!("access to absolute path '{}' is forbidden in {mode}", path.display()),
        ))
    }

    /// Whether the settings allow to read a path. A folder around what is allowed may be read, too; of its
    /// entries those are seen that are allowed themselves.
    pub(crate) fn is_allowed(&self, path: &Path) -> bool {
        let Settings { pure, restricted, search_path, .. } = &self.settings;
        if !pure && !restricted {
            return true;
        }
        let directory = std::env::current_dir().unwrap_or_default();
        let in_search_path = !pure
            && search_path.iter().any(|entry| {
                let entry = crate::unit::normalize(&directory, &entry.path);
                path.starts_with(&entry) || entry.starts_with(path)
            });
        in_search_path || self.is_allowed_in_store(path) || path.starts_with(INTERNAL)
    }

    fn is_allowed_in_store(&self, path: &Path) -> bool {
        let allowed = self.allowed.borrow();
        let store_dir = self.store.store_dir();
        if allowed.is_empty() {
            return false;
        }
        let store = Path::new(store_dir.as_str());
        // In pure evaluation there is nothing but the store, not even folders on the way to it.
        let is_around = match self.settings.pure {
            true => path == store || path.parent().is_none(),
            false => store.starts_with(path),
        };
        is_around
            || path
                .to_str()
                .and_then(|path| store_dir.split(path).ok())
                .is_some_and(|(store_path, _)| allowed.contains(&store_path))
    }

    /// Lets a store path be read that the evaluation has made.
    pub(crate) fn allow(&self, path: &StorePath) {
        if self.settings.pure || self.settings.restricted {
            self.allowed.borrow_mut().insert(path.clone());
        }
    }

    /// Lets the outputs of derivations be read, with all that they refer to.
    fn allow_outputs(&self, wanted: &[(StorePath, String)]) -> Result<()> {
        if !self.settings.pure && !self.settings.restricted {
            return Ok(());
        }
        for (path, output) in wanted {
            let derivation = self.read_derivation(path)?;
            let kind = derivation.outputs.get(output);
            let known =
                kind.map(|kind| kind.path(self.store.store_dir(), &derivation.name, output));
            let Some(Ok(Some(path))) = known else { continue };
            let closure = self.store.closure(&path);
            let closure =
                closure.map_err(|message| EvalError::new(ErrorKind::InvalidStorePath, message))?;
            self.allowed.borrow_mut().extend(closure);
        }
        Ok(())
    }

    /// A value as a path to read from: what it depends on is built first, if that is needed.
    pub(crate) fn realise_path(&self, value: Value<'h>, pos: Pos) -> Result<PathBuf> {
        let mut context = ContextBuilder::default();
        let doing = "while realising the context of a path";
        let path = self.coerce_to_path(value, pos, &mut context, doing)?;
        (|| {
            self.realise_context(&context)?;
            self.check_path(&path)
        })()
        .map_err(|error| {
            let message = format!("while realising the context of path '{}'", path.display());
            error.frame(pos, FrameMessage::Text(message))
        })?;
        Ok(path)
    }

    /// Builds the outputs that a string depends on.
    pub(crate) fn realise_context(&self, context: &ContextBuilder<'h>) -> Result<()> {
        let mut wanted: Vec<(StorePath, String)> = Vec::new();
        for element in context.context().elements() {
            match element {
                ContextElement::Output { derivation, .. } if derivation.contains('^') => {
                    let message = format!("failed to obtain derivation of '{derivation}'");
                    return Err(EvalError::new(ErrorKind::ImportFromDerivation, message));
                }
                ContextElement::Output { derivation, output } => {
                    wanted.push((self.store_path(derivation)?, (*output).to_owned()));
                }
                ContextElement::Opaque(path) => {
                    let path = self.store_path(path)?;
                    if self.store.physical_path(&path).is_none() {
                        let message = format!("path '{path}' is not valid");
                        return Err(EvalError::new(ErrorKind::InvalidStorePath, message));
                    }
                }
                ContextElement::DerivationDeep(_) => {}
            }
        }
        let Some((first, output)) = wanted.first() else { return Ok(()) };
        if !self.settings.allow_import_from_derivation {
            let first = self.store.store_dir().print(first);
            return Err(EvalError::new(
                ErrorKind::ImportFromDerivation,
                format!(
                    "cannot build '{first}^{output}' during evaluation because the option \
                     'allow-import-from-derivation' is disabled"
                ),
            ));
        }
        self.store
            .realise(&wanted)
            .map_err(|message| EvalError::new(ErrorKind::ImportFromDerivation, message))?;
        self.allow_outputs(&wanted)
    }

    /// A full path in the store, taken apart.
    pub(crate) fn store_path(&self, path: &str) -> Result<StorePath> {
        self.store
            .store_dir()
            .parse(path)
            .map_err(|error| EvalError::new(ErrorKind::InvalidStorePath, error.to_string()))
    }

    /// The store path that a path lies in, and the path below it.
    pub(crate) fn split_store_path<'p>(&self, path: &'p str) -> Result<(StorePath, &'p str)> {
        self.store
            .store_dir()
            .split(path)
            .map_err(|error| EvalError::new(ErrorKind::InvalidStorePath, error.to_string()))
    }

    /// `<name>`: the first entry of the search path that has it.
    pub(crate) fn find_file(&self, entries: &[SearchPathEntry], name: &str) -> Result<PathBuf> {
        for entry in entries {
            let Some(rest) = entry.rest_of(name) else { continue };
            let Some(base) = self.search_path_base(&entry.path)? else { continue };
            let path = if rest.is_empty() { base } else { base.join(rest) };
            self.note_file(&path);
            if self.exists(&path) {
                return Ok(path);
            }
        }
        if let Some(rest) = name.strip_prefix("nix/") {
            return Ok(Path::new(INTERNAL).join(rest));
        }
        let message = if self.settings.pure {
            format!(
                "cannot look up '<{name}>' in pure evaluation mode (use '--impure' to override)"
            )
        } else {
            format!(
                "file '{name}' was not found in the Nix search path (add it using $NIX_PATH or -I)"
            )
        };
        Err(EvalError::new(ErrorKind::SearchPath, message))
    }

    /// The folder of a search path entry; `None`, with a warning, for one that cannot be used.
    fn search_path_base(&self, path: &str) -> Result<Option<PathBuf>> {
        if !is_local(path) {
            self.console.warn(&format!(
                "Nix search path entry '{path}' is not a local path, ignoring: only local paths are \
                 supported yet"
            ));
            return Ok(None);
        }
        let path = crate::unit::normalize(&std::env::current_dir().unwrap_or_default(), path);
        self.check_path(&path)?;
        if self.exists(&path) {
            return Ok(Some(path));
        }
        self.warn_of_missing_entry(path);
        Ok(None)
    }

    /// Restricted evaluation may read what is on the search path: C++ Nix looks at all of it before it
    /// begins.
    pub(crate) fn check_search_path(&self) {
        if self.settings.pure || !self.settings.restricted {
            return;
        }
        let directory = std::env::current_dir().unwrap_or_default();
        for entry in self.settings.search_path.iter().filter(|entry| is_local(&entry.path)) {
            let path = crate::unit::normalize(&directory, &entry.path);
            if !self.exists(&path) {
                self.warn_of_missing_entry(path);
            }
        }
    }

    fn warn_of_missing_entry(&self, path: PathBuf) {
        let message =
            format!("Nix search path entry '{}' does not exist, ignoring", path.display());
        if self.missing_entries.borrow_mut().insert(path) {
            self.console.warn(&message);
        }
    }

    /// Whether there is something at a path; a link that leads nowhere counts.
    pub(crate) fn exists(&self, path: &Path) -> bool {
        if internal_file(path).is_some() {
            return true;
        }
        self.resolve_parent(path)
            .is_some_and(|path| self.fs.file_type(&self.physical(&path)).is_ok())
    }

    fn resolve_parent(&self, path: &Path) -> Option<PathBuf> {
        match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) => Some(self.resolve_links(parent).ok()?.join(name)),
            _ => Some(path.to_owned()),
        }
    }

    /// The search path as the value of `__nixPath`, turned back.
    pub(crate) fn search_path_of(
        &self,
        value: Value<'h>,
        pos: Pos,
    ) -> Result<Vec<SearchPathEntry>> {
        let doing = "while evaluating the first argument passed to builtins.findFile";
        let list = self.force_list(value, pos, doing)?;
        let mut entries = Vec::with_capacity(list.len());
        for element in list.iter() {
            let attrs = self.force_attrs(
                element,
                pos,
                "while evaluating an element of the list passed to builtins.findFile",
            )?;
            let prefix = match attrs.get(self.names.prefix) {
                Some(prefix) => self
                    .force_plain_string(
                        prefix.cell.get(),
                        pos,
                        "while evaluating the `prefix` attribute of an element of the list passed to \
                         builtins.findFile",
                    )?
                    .to_text()
                    .into_owned(),
                None => String::new(),
            };
            let path = attrs.get(self.names.path).ok_or_else(|| {
                EvalError::new(ErrorKind::MissingAttribute, "attribute 'path' missing")
                    .context(Pos::None, "in an element of the __nixPath")
            })?;
            let mut context = ContextBuilder::default();
            let path = self.coerce_to_string(
                path.cell.get(),
                pos,
                &mut context,
                "while evaluating the `path` attribute of an element of the list passed to \
                 builtins.findFile",
                crate::coerce::Coercion::PLAIN,
            )?;
            self.realise_context(&context)?;
            entries.push(SearchPathEntry {
                prefix,
                path: String::from_utf8_lossy(&path).into_owned(),
            });
        }
        Ok(entries)
    }

    /// The value of `__nixPath`.
    pub(crate) fn search_path_value(&self) -> Value<'h> {
        let entries: &[SearchPathEntry] =
            if self.settings.pure { &[] } else { &self.settings.search_path };
        self.heap.list_with(entries.len(), |i| {
            let mut attrs = crate::heap::AttrsBuilder::with_capacity(2);
            attrs.insert("path", self.heap.string(&entries[i].path));
            attrs.insert("prefix", self.heap.string(&entries[i].prefix));
            attrs.finish(self.heap)
        })
    }
}

/// Where `<nix/…>` leads: files that are part of the evaluator.
pub(crate) const INTERNAL: &str = "/__corepkgs__";

/// The text of a file that is part of the evaluator.
pub(crate) fn internal_file(path: &Path) -> Option<&'static str> {
    match path.strip_prefix(INTERNAL).ok()?.to_str()? {
        "fetchurl.nix" => Some(include_str!("fetchurl.nix")),
        _ => None,
    }
}

fn components(path: &Path) -> Vec<OsString> {
    path.components()
        .rev()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        })
        .collect()
}

/// Whether an entry of the search path is a path, and nothing to fetch.
fn is_local(entry: &str) -> bool {
    !entry.contains("://") && !entry.starts_with("channel:") && !entry.starts_with("flake:")
}
