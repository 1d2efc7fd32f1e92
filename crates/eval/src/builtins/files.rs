//! Files, folders, paths, and putting them into the store.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use floe_hir::Name;
use floe_store::{Algorithm, Hash, Method};

use super::{Builtin, builtin};
use crate::coerce::{Coercion, as_path};
use crate::context::ContextBuilder;
use crate::error::{ErrorKind, EvalError, FrameMessage, Pos, Result};
use crate::evaluator::{Evaluator, io_error};
use crate::fs::FileType;
use crate::heap::{AttrsBuilder, Context, ContextElement, Kind, PositionId, Value};
use crate::store::AddPath;

pub(super) const BUILTINS: &[Builtin] = &[
    builtin("baseNameOf", 1, base_name_of),
    builtin("dirOf", 1, dir_of),
    builtin("filterSource", 2, filter_source),
    builtin("findFile", 2, |ev, args, pos| {
        let entries = ev.search_path_of(args[0], pos)?;
        let doing = "while evaluating the second argument passed to builtins.findFile";
        let name = ev.force_plain_string(args[1], pos, doing)?;
        let path = ev.find_file(&entries, &name.to_text())?;
        Ok(ev.path_value(&path))
    }),
    builtin("getEnv", 1, |ev, args, _| {
        let doing = "while evaluating the first argument passed to builtins.getEnv";
        let name = ev.force_plain_string(args[0], Pos::None, doing)?.to_text().into_owned();
        if ev.settings.pure || ev.settings.restricted {
            return Ok(ev.heap.string(""));
        }
        ev.note_variable(&name);
        Ok(ev.heap.string(ev.settings.environment_variable(&name).unwrap_or_default()))
    }),
    builtin("hashFile", 2, |ev, args, _| ev.hash_file(args)),
    builtin("import", 1, |ev, args, pos| {
        let path = ev.realise_path(args[0], Pos::None)?;
        if let Some(derivation) = ev.derivation_file(&path)? {
            return Ok(derivation);
        }
        ev.import_at(&path, pos)
    }),
    builtin("scopedImport", 2, |ev, args, _| {
        let doing = "while evaluating the first argument passed to builtins.scopedImport";
        let scope = ev.force_attrs(args[0], Pos::None, doing)?;
        let path = ev.realise_path(args[1], Pos::None)?;
        ev.import_scoped(&path, scope)
    }),
    builtin("path", 1, path),
    builtin("pathExists", 1, path_exists),
    builtin("readDir", 1, read_dir),
    builtin("readFile", 1, read_file),
    builtin("readFileType", 1, |ev, args, _| {
        let path = ev.realise_path(args[0], Pos::None)?;
        let path = ev.resolve_all_but_last(&path)?;
        ev.note_file(&path);
        match ev.fs.file_type(&ev.physical(&path)) {
            Ok(file_type) => Ok(ev.heap.string(file_type.name())),
            Err(error) => Err(io_error("reading", &path, &error)),
        }
    }),
    builtin("toFile", 2, to_file),
    builtin("toPath", 1, |ev, args, pos| {
        let mut context = ContextBuilder::default();
        let doing = "while evaluating the first argument passed to builtins.toPath";
        let path = ev.coerce_to_path(args[0], pos, &mut context, doing)?;
        Ok(ev.string_value(path.as_os_str().as_encoded_bytes(), context.context()))
    }),
];

fn base_name_of<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], pos: Pos) -> Result<Value<'h>> {
    let mut context = ContextBuilder::default();
    let doing = "while evaluating the first argument passed to builtins.baseNameOf";
    let text = ev.coerce_to_string(args[0], pos, &mut context, doing, Coercion::PLAIN)?;
    // One slash at the end is left out, further ones are not.
    let path = match &*text {
        [rest @ .., b'/'] if !rest.is_empty() => rest,
        all => all,
    };
    let start = memchr::memrchr(b'/', path).map_or(0, |slash| slash + 1);
    Ok(ev.string_value(&path[start..], context.context()))
}

fn dir_of<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], pos: Pos) -> Result<Value<'h>> {
    let value = ev.force(args[0], Pos::None)?;
    if let Kind::Path(path) = value.kind() {
        let path = as_path(path.as_bytes());
        return Ok(ev.path_value(path.parent().unwrap_or(path)));
    }
    let mut context = ContextBuilder::default();
    let doing = "while evaluating the first argument passed to 'builtins.dirOf'";
    let text = ev.coerce_to_string(value, pos, &mut context, doing, Coercion::PLAIN)?;
    let folder: &[u8] = match memchr::memrchr(b'/', &text) {
        None => b".",
        Some(0) => b"/",
        Some(slash) => &text[..slash],
    };
    Ok(ev.string_value(folder, context.context()))
}

fn path_exists<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], _: Pos) -> Result<Value<'h>> {
    let value = ev.force(args[0], Pos::None)?;
    let must_be_folder = matches!(
        value.kind(),
        Kind::String(text) if text.as_bytes().ends_with(b"/") || text.as_bytes().ends_with(b"/.")
    );
    let path = match ev.realise_path(value, Pos::None) {
        Ok(path) => path,
        Err(error) if error.kind() == ErrorKind::Restricted => return Ok(Value::bool(false)),
        Err(error) => return Err(error),
    };
    let path =
        if must_be_folder { ev.resolve_links(&path) } else { ev.resolve_all_but_last(&path) };
    let Ok(path) = path else { return Ok(Value::bool(false)) };
    ev.note_file(&path);
    let file_type = ev.file_type(&path);
    Ok(Value::bool(match file_type {
        Some(file_type) => !must_be_folder || file_type == FileType::Directory,
        None => false,
    }))
}

fn read_file<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], _: Pos) -> Result<Value<'h>> {
    let path = ev.realise_path(args[0], Pos::None)?;
    let resolved = ev.resolve_links(&path)?;
    let bytes = match crate::paths::internal_file(&resolved) {
        Some(text) => text.as_bytes().to_vec(),
        None => ev.read_file(&resolved)?,
    };
    if bytes.contains(&0) {
        return Err(EvalError::new(
            ErrorKind::Io,
            format!(
                "the contents of the file '{}' cannot be represented as a Nix string",
                path.display()
            ),
        ));
    }
    Ok(ev.string_value(&bytes, Context::default()))
}

fn read_dir<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], _: Pos) -> Result<Value<'h>> {
    let path = ev.realise_path(args[0], Pos::None)?;
    let resolved = ev.resolve_links(&path)?;
    ev.note_folder(&resolved);
    let mut attrs = AttrsBuilder::default();
    let mut interrupted = Ok(());
    let read = ev.fs.visit_dir(&ev.physical(&resolved), &mut |name, file_type| {
        interrupted = ev.check_interrupt();
        if interrupted.is_err() {
            return ControlFlow::Break(());
        }
        if ev.is_allowed(&resolved.join(&name)) {
            let name = Name::new(&name.to_string_lossy());
            attrs.push(name, ev.heap.string(file_type.name()), PositionId::NONE);
        }
        ControlFlow::Continue(())
    });
    interrupted?;
    read.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotADirectory if ev.fs.file_type(&ev.physical(&resolved)).is_ok() => {
            let message =
                format!("cannot read directory \"{}\": Not a directory", resolved.display());
            EvalError::new(ErrorKind::Io, message)
        }
        _ => io_error("reading directory", &path, &error),
    })?;
    Ok(attrs.finish(ev.heap))
}

fn to_file<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], _: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the first argument passed to builtins.toFile";
    let name = ev.force_plain_string(args[0], Pos::None, doing)?.to_text();
    let doing = "while evaluating the second argument passed to builtins.toFile";
    let contents = ev.force_string(args[1], Pos::None, doing)?;
    let mut references = Vec::new();
    for element in contents.context().elements() {
        match element {
            ContextElement::Opaque(path) => references.push(ev.store_path(path)?),
            other => {
                return Err(EvalError::new(
                    ErrorKind::ContextNotAllowed,
                    format!(
                        "files created by builtins.toFile may not reference derivations, but {name} \
                         references {}",
                        crate::context::encode(*other)
                    ),
                ));
            }
        }
    }
    references.sort();
    let path = ev
        .store
        .add_text(&name, contents.as_bytes(), &references)
        .map_err(|message| EvalError::new(ErrorKind::InvalidStorePath, message))?;
    ev.allow(&path);
    Ok(ev.store_path_value(&path))
}

fn filter_source<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], pos: Pos) -> Result<Value<'h>> {
    let mut context = ContextBuilder::default();
    let doing = "while evaluating the second argument (the path to filter) passed to \
                 'builtins.filterSource'";
    let path = ev.coerce_to_path(args[1], pos, &mut context, doing)?;
    let doing = "while evaluating the first argument passed to builtins.filterSource";
    ev.force_function(args[0], pos, doing)?;
    let name = path.file_name().map_or_else(|| "source".into(), |name| name.to_string_lossy());
    let request = SourceRequest {
        name: &name,
        path: &path,
        filter: Some(args[0]),
        recursive: true,
        expected: None,
    };
    ev.add_source(&request, &context)
}

fn path<'h>(ev: &Evaluator<'h>, args: &[Value<'h>], _: Pos) -> Result<Value<'h>> {
    let doing = "while evaluating the argument passed to 'builtins.path'";
    let attrs = ev.force_attrs(args[0], Pos::None, doing)?;
    let mut context = ContextBuilder::default();
    let (mut path, mut name, mut filter, mut recursive, mut expected) =
        (None, String::new(), None, true, None);
    for attr in attrs.sorted() {
        let pos = Pos::from(attr.position);
        let value = attr.cell.get();
        match attr.name.as_str() {
            "path" => {
                let doing = "while evaluating the 'path' attribute passed to 'builtins.path'";
                path = Some(ev.coerce_to_path(value, pos, &mut context, doing)?);
            }
            "name" => {
                let doing = "while evaluating the `name` attribute passed to builtins.path";
                name = ev.force_plain_string(value, pos, doing)?.to_text().into_owned();
            }
            "filter" => {
                let doing = "while evaluating the `filter` parameter passed to builtins.path";
                filter = Some(ev.force_function(value, pos, doing)?);
            }
            "recursive" => {
                let doing = "while evaluating the `recursive` attribute passed to builtins.path";
                recursive = ev.force_bool(value, pos, doing)?;
            }
            "sha256" => {
                let doing = "while evaluating the `sha256` attribute passed to builtins.path";
                let text = ev.force_plain_string(value, pos, doing)?;
                let hash = Hash::parse_any(&text.to_text(), Some(Algorithm::Sha256))
                    .map_err(|error| EvalError::new(ErrorKind::InvalidHash, error.to_string()))?;
                expected = Some(hash);
            }
            other => {
                return Err(EvalError::new(
                    ErrorKind::UnexpectedArgument,
                    format!(
                        "unsupported argument '{}' to 'builtins.path'",
                        floe_hir::Identifier(other)
                    ),
                )
                .at(pos));
            }
        }
    }
    let path = path.ok_or_else(|| {
        EvalError::new(
            ErrorKind::MissingArgument,
            "missing required 'path' attribute in the first argument to 'builtins.path'",
        )
    })?;
    if name.is_empty() {
        name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    }
    let request = SourceRequest { name: &name, path: &path, filter, recursive, expected };
    ev.add_source(&request, &context)
}

struct SourceRequest<'a, 'h> {
    name: &'a str,
    path: &'a Path,
    filter: Option<Value<'h>>,
    recursive: bool,
    expected: Option<Hash>,
}

impl<'h> Evaluator<'h> {
    /// A store path as a string that depends on it.
    pub(crate) fn store_path_value(&self, path: &floe_store::StorePath) -> Value<'h> {
        let text = self.text(&self.store.store_dir().print(path));
        let context = self.heap.context(&[ContextElement::Opaque(text)]);
        self.string_value(text.as_bytes(), context)
    }

    fn add_source(
        &self,
        request: &SourceRequest<'_, 'h>,
        context: &ContextBuilder<'h>,
    ) -> Result<Value<'h>> {
        self.add_source_here(request, context).map_err(|error| {
            let message = format!("while adding path '{}'", request.path.display());
            error.frame(Pos::None, FrameMessage::Text(message))
        })
    }

    fn add_source_here(
        &self,
        request: &SourceRequest<'_, 'h>,
        context: &ContextBuilder<'h>,
    ) -> Result<Value<'h>> {
        self.realise_context(context)?;
        self.check_path(request.path)?;
        let store_dir = self.store.store_dir();
        let invalid = |error: &dyn std::fmt::Display| {
            EvalError::new(ErrorKind::InvalidStorePath, error.to_string())
        };
        let method = if request.recursive { Method::Nar } else { Method::Flat };
        if let Some(hash) = &request.expected {
            let expected = store_dir
                .fixed_output_path(request.name, method, hash, [], false)
                .map_err(|error| invalid(&error))?;
            if self.store.physical_path(&expected).is_some() {
                self.allow(&expected);
                return Ok(self.store_path_value(&expected));
            }
        }
        let resolved = self.resolve_links(request.path)?;
        let physical = self.physical(&resolved);
        if let Err(error) = self.fs.file_type(&physical) {
            return Err(io_error("reading", request.path, &error));
        }
        self.note_file(&resolved);
        let mut failure = None;
        let mut ask = |path: &Path, file_type: FileType| -> bool {
            let Some(filter) = request.filter else { return true };
            if failure.is_some() {
                return false;
            }
            let seen =
                path.strip_prefix(&physical).map_or_else(|_| path.into(), |p| resolved.join(p));
            match self.call_filter(filter, &seen, file_type) {
                Ok(keep) => keep,
                Err(error) => {
                    failure = Some(error);
                    false
                }
            }
        };
        let added = self.store.add_path(&AddPath {
            name: request.name,
            source: &physical,
            recursive: request.recursive,
            filter: Some(std::cell::RefCell::new(&mut ask)),
            interrupt: &self.settings.interrupt,
        });
        if let Some(error) = failure {
            return Err(error);
        }
        let added = added.or_else(|message| {
            self.check_interrupt()?;
            Err(invalid(&message))
        })?;
        if let Some(hash) = &request.expected {
            let expected = store_dir
                .fixed_output_path(request.name, method, hash, [], false)
                .map_err(|error| invalid(&error))?;
            if expected != added {
                return Err(EvalError::new(
                    ErrorKind::InvalidHash,
                    format!(
                        "store path mismatch in (possibly filtered) path added from '{}'",
                        request.path.display()
                    ),
                ));
            }
        }
        self.allow(&added);
        Ok(self.store_path_value(&added))
    }

    fn call_filter(&self, filter: Value<'h>, path: &Path, file_type: FileType) -> Result<bool> {
        let path = self.heap.string(path.as_os_str().as_encoded_bytes());
        let file_type = self.heap.string(file_type.name());
        let keep = self.call(filter, &[path, file_type], Pos::None)?;
        let doing = "while evaluating the return value of the path filter function";
        self.force_bool(keep, Pos::None, doing)
    }

    /// What is at a path, with its last part not followed.
    pub(crate) fn file_type(&self, path: &Path) -> Option<FileType> {
        if crate::paths::internal_file(path).is_some() {
            return Some(FileType::Regular);
        }
        self.fs.file_type(&self.physical(path)).ok()
    }

    /// Follows links in all parts of a path but the last.
    pub(crate) fn resolve_all_but_last(&self, path: &Path) -> Result<PathBuf> {
        match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) => Ok(self.resolve_links(parent)?.join(name)),
            _ => Ok(path.to_owned()),
        }
    }

    /// `import` of a `.drv` file in the store gives its outputs.
    fn derivation_file(&self, path: &Path) -> Result<Option<Value<'h>>> {
        let Some(text) = path.to_str().filter(|text| text.ends_with(".drv")) else {
            return Ok(None);
        };
        let Ok(store_path) = self.store.store_dir().parse(text) else { return Ok(None) };
        if self.store.physical_path(&store_path).is_none() {
            return Ok(None);
        }
        let derivation = self.read_derivation(&store_path)?;
        let drv_path = self.text(text);
        let mut attrs = AttrsBuilder::with_capacity(derivation.outputs.len() + 6);
        let deep = self.heap.context(&[ContextElement::DerivationDeep(drv_path)]);
        attrs.insert("drvPath", self.string_value(text.as_bytes(), deep));
        attrs.insert("name", self.heap.string(derivation.name.as_bytes()));
        attrs.insert("type", self.heap.string("derivation"));
        let mut names = Vec::new();
        for (output, value) in self.output_values(&store_path, &derivation)? {
            names.push(self.heap.string(&output));
            attrs.insert(&output, value);
            if names.len() == 1 {
                attrs.insert("outPath", value);
                attrs.insert("outputName", self.heap.string(&output));
            }
        }
        attrs.insert("outputs", self.heap.list(&names));
        Ok(Some(attrs.finish(self.heap)))
    }
}
