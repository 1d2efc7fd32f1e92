//! Coercion to strings and paths, and concatenation.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use floe_hir::ExprId;
use floe_store::StorePath;

use crate::arithmetic::overflow;
use crate::context::ContextBuilder;
use crate::error::{ErrorKind, EvalError, Pos, Result};
use crate::evaluator::Evaluator;
use crate::heap::{Attrs, ContextElement, Env, Kind, Value};
use crate::store::AddPath;
use crate::unit::{Unit, normalize};

/// What is being done with what a set's `__toString` gave.
pub(crate) const RESULT_OF_TO_STRING: &str =
    "while evaluating the result of the `__toString` attribute";

/// How far a coercion to a string goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Coercion {
    /// Also numbers, Booleans, `null` and lists: what `toString` and derivations do.
    pub(crate) more: bool,
    /// Paths are copied to the store and become store paths.
    pub(crate) copy_to_store: bool,
    /// Paths lose the slash at their end.
    pub(crate) canonical: bool,
}

impl Coercion {
    /// Inside of a string: `"${…}"`.
    pub(crate) const INTERPOLATION: Coercion =
        Coercion { more: false, copy_to_store: true, canonical: true };
    /// An attribute of a derivation.
    pub(crate) const DERIVATION: Coercion =
        Coercion { more: true, copy_to_store: true, canonical: true };
    /// `toString`.
    pub(crate) const TO_STRING: Coercion =
        Coercion { more: true, copy_to_store: false, canonical: true };
    /// Strings and paths only.
    pub(crate) const PLAIN: Coercion =
        Coercion { more: false, copy_to_store: false, canonical: true };
}

impl<'h> Evaluator<'h> {
    /// A value's bytes as a string; what it depends on is added to `context`.
    pub(crate) fn coerce_to_string(
        &self,
        value: Value<'h>,
        pos: Pos,
        context: &mut ContextBuilder<'h>,
        doing: &'static str,
        how: Coercion,
    ) -> Result<Cow<'h, [u8]>> {
        let value = self.force(value, pos)?;
        match value.kind() {
            Kind::String(string) => {
                if string.has_context() {
                    context.add(self, string.context());
                }
                Ok(Cow::Borrowed(string.as_bytes()))
            }
            Kind::Path(path) if how.copy_to_store => {
                let path = self.copy_to_store(as_path(path.as_bytes()), context)?;
                Ok(Cow::Borrowed(path.as_bytes()))
            }
            Kind::Path(path) => {
                let bytes = path.as_bytes();
                let bytes = match bytes {
                    [rest @ .., b'/'] if how.canonical && !rest.is_empty() => rest,
                    _ => bytes,
                };
                Ok(Cow::Borrowed(bytes))
            }
            _ => self.nested_at(pos, || self.coerce_others(value, pos, context, doing, how)),
        }
    }

    fn coerce_others(
        &self,
        value: Value<'h>,
        pos: Pos,
        context: &mut ContextBuilder<'h>,
        doing: &'static str,
        how: Coercion,
    ) -> Result<Cow<'h, [u8]>> {
        let how = Coercion { canonical: true, ..how };
        match value.kind() {
            Kind::Attrs(attrs) => {
                let is_result = attrs.get(self.names.to_string).is_some();
                if let Some(inner) = self.string_of_attrs(value, attrs, pos)? {
                    let doing = if is_result { RESULT_OF_TO_STRING } else { doing };
                    return self.coerce_to_string(inner, pos, context, doing, how);
                }
            }
            Kind::Bool(bool) if how.more => {
                return Ok(Cow::Borrowed(if bool { b"1" } else { b"" }));
            }
            Kind::Null if how.more => return Ok(Cow::Borrowed(b"")),
            Kind::Int(int) if how.more => return Ok(Cow::Owned(int.to_string().into_bytes())),
            Kind::Float(float) if how.more => {
                return Ok(Cow::Owned(crate::print::fixed_float(float).into_bytes()));
            }
            Kind::List(list) if how.more => {
                let mut joined = Vec::new();
                let last = list.len().saturating_sub(1);
                for (index, element) in list.iter().enumerate() {
                    self.check_interrupt_at(index)?;
                    let inner = "while evaluating one element of the list";
                    let text = self
                        .coerce_to_string(element, pos, context, inner, how)
                        .map_err(|error| error.context(pos, doing))?;
                    joined.extend_from_slice(&text);
                    let is_empty_list = matches!(
                        self.force(element, pos)?.kind(),
                        Kind::List(inner) if inner.is_empty()
                    );
                    if index < last && !is_empty_list {
                        joined.push(b' ');
                    }
                }
                return Ok(Cow::Owned(joined));
            }
            _ => {}
        }
        Err(self.cannot_coerce(value, "a string").context(pos, doing))
    }

    /// What a set stands for as a string: the result of its `__toString`, or its `outPath`.
    pub(crate) fn string_of_attrs(
        &self,
        value: Value<'h>,
        attrs: Attrs<'h>,
        pos: Pos,
    ) -> Result<Option<Value<'h>>> {
        if let Some(to_string) = attrs.get(self.names.to_string) {
            return self.call(to_string.cell.get(), &[value], pos).map(Some);
        }
        match attrs.get(self.names.out_path) {
            Some(out_path) => self.force_cell(out_path.cell, pos).map(Some),
            None => Ok(None),
        }
    }

    pub(crate) fn cannot_coerce(&self, value: Value<'h>, to: &str) -> EvalError {
        EvalError::new(
            ErrorKind::CannotCoerce,
            format!(
                "cannot coerce {} to {to}: {}",
                self.describe(value),
                self.print_for_error(value)
            ),
        )
    }

    /// A value as an absolute path.
    pub(crate) fn coerce_to_path(
        &self,
        value: Value<'h>,
        pos: Pos,
        context: &mut ContextBuilder<'h>,
        doing: &'static str,
    ) -> Result<PathBuf> {
        let forced = self.force(value, pos);
        let mut value = forced.map_err(|error| error.context(pos, doing))?;
        while let Kind::Attrs(attrs) = value.kind() {
            self.check_stack()?;
            match self.string_of_attrs(value, attrs, pos)? {
                Some(inner) => value = self.force(inner, pos)?,
                None => break,
            }
        }
        let bytes = self.coerce_to_string(value, pos, context, doing, Coercion::PLAIN)?;
        if bytes.first() != Some(&b'/') {
            return Err(EvalError::new(
                ErrorKind::InvalidPath,
                format!(
                    "string '{}' doesn't represent an absolute path",
                    String::from_utf8_lossy(&bytes)
                ),
            )
            .context(pos, doing));
        }
        Ok(normalize(Path::new("/"), &path_text(&bytes)))
    }

    /// `a + b`, `"…${a}…"` and `./a/${b}`: the first part decides what the result is.
    pub(crate) fn concat_strings(
        &self,
        unit: &'h Unit<'h>,
        expr: ExprId,
        parts: &[ExprId],
        env: Env<'h>,
        is_string: bool,
    ) -> Result<Value<'h>> {
        let mut context = ContextBuilder::default();
        // No memory is allocated for few parts.
        let mut few = [const { Cow::Borrowed(&[] as &[u8]) }; FEW_PARTS];
        let mut many = Vec::new();
        let texts: &mut [Cow<'h, [u8]>] = match few.get_mut(..parts.len()) {
            Some(few) => few,
            None => {
                many.resize(parts.len(), Cow::Borrowed(&[] as &[u8]));
                &mut many
            }
        };
        let mut sum = Sum::Text;
        let mut is_path = false;
        // Behind a set that stands for a string, a path is not copied: `drv + /bin` is in the output.
        let mut copy_to_store = true;
        for (index, part) in parts.iter().enumerate() {
            let pos = Pos::wrapped(unit.index, *part);
            let value = self.eval(unit, *part, env)?;
            if index == 0 && !is_string {
                match value.kind() {
                    Kind::Int(int) => {
                        sum = Sum::Int(int);
                        continue;
                    }
                    Kind::Float(float) => {
                        sum = Sum::Float(float);
                        continue;
                    }
                    Kind::Path(_) => is_path = true,
                    _ => {}
                }
                copy_to_store = matches!(value.kind(), Kind::String(_));
            }
            match sum {
                Sum::Text => {
                    let how =
                        Coercion { more: false, copy_to_store, canonical: index > 0 || is_string };
                    let doing = "while evaluating a path segment";
                    texts[index] = self.coerce_to_string(value, pos, &mut context, doing, how)?;
                }
                _ => sum = self.add_to(sum, value, pos)?,
            }
        }
        match sum {
            Sum::Int(int) => return Ok(self.heap.int(int)),
            Sum::Float(float) => return Ok(self.heap.float(float)),
            Sum::Text => {}
        }
        if is_path {
            if !context.context().is_empty() {
                return Err(EvalError::new(
                    ErrorKind::ContextNotAllowed,
                    "a string that refers to a store path cannot be appended to a path",
                )
                .at(Pos::operator(unit.index, expr)));
            }
            let path = normalize(Path::new("/"), &path_text(&texts.concat()));
            return Ok(self.path_value(&path));
        }
        // Strings that are doubled again and again take more time than calls.
        if texts.iter().map(|text| text.len()).sum::<usize>() > BYTES_BETWEEN_CHECKS {
            self.check_interrupt()?;
        }
        let mut few = [&[] as &[u8]; FEW_PARTS];
        let many: Vec<&[u8]>;
        let texts = match few.get_mut(..texts.len()) {
            Some(few) => {
                few.iter_mut().zip(&*texts).for_each(|(part, text)| *part = text);
                &*few
            }
            None => {
                many = texts.iter().map(|text| &**text).collect();
                &many
            }
        };
        Ok(self.heap.str_with_context(texts, context.context()).value())
    }

    fn add_to(&self, sum: Sum, value: Value<'h>, pos: Pos) -> Result<Sum> {
        let error = match (sum, value.kind()) {
            (Sum::Int(a), Kind::Int(b)) => match a.checked_add(b) {
                Some(sum) => return Ok(Sum::Int(sum)),
                None => overflow("adding", a, '+', b),
            },
            (Sum::Int(a), Kind::Float(b)) => return Ok(Sum::Float(a as f64 + b)),
            (Sum::Float(a), Kind::Int(b)) => return Ok(Sum::Float(a + b as f64)),
            (Sum::Float(a), Kind::Float(b)) => return Ok(Sum::Float(a + b)),
            (Sum::Int(_), _) => EvalError::new(
                ErrorKind::TypeMismatch,
                format!("cannot add {} to an integer", self.describe(value)),
            ),
            (_, _) => EvalError::new(
                ErrorKind::TypeMismatch,
                format!("cannot add {} to a float", self.describe(value)),
            ),
        };
        Err(error.at(pos))
    }

    /// A path as a value.
    pub(crate) fn path_value(&self, path: &Path) -> Value<'h> {
        self.heap.path(path.as_os_str().as_encoded_bytes())
    }

    /// Copies a file or folder to the store, as `"${./path}"` does, and gives its store path.
    pub(crate) fn copy_to_store(
        &self,
        path: &Path,
        context: &mut ContextBuilder<'h>,
    ) -> Result<&'h str> {
        let path = normalize(Path::new("/"), &path.to_string_lossy());
        let known = self.copied.borrow().get(&path).cloned();
        let (store_path, text) = match known {
            Some(known) => {
                self.note_file(&path);
                known
            }
            None => {
                let store_path = self.copy_uncached(&path)?;
                let text = self.text(&self.store.store_dir().print(&store_path));
                self.copied.borrow_mut().insert(path, (store_path.clone(), text));
                (store_path, text)
            }
        };
        self.allow(&store_path);
        context.insert(self, ContextElement::Opaque(text));
        Ok(text)
    }

    fn copy_uncached(&self, path: &Path) -> Result<StorePath> {
        if path.extension().is_some_and(|extension| extension == "drv") {
            return Err(EvalError::new(
                ErrorKind::InvalidStorePath,
                "file names are not allowed to end in '.drv'",
            ));
        }
        self.check_path(path)?;
        let resolved = match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) => self.resolve_links(parent)?.join(name),
            _ => path.to_owned(),
        };
        let name = path.file_name().map_or("source".into(), |name| name.to_string_lossy());
        let physical = self.physical(&resolved);
        self.note_file(&resolved);
        if let Err(error) = self.fs.file_type(&physical) {
            return Err(crate::evaluator::io_error("reading", path, &error));
        }
        let request = AddPath {
            name: &name,
            source: &physical,
            recursive: true,
            filter: None,
            interrupt: &self.settings.interrupt,
        };
        self.store.add_path(&request).or_else(|message| {
            self.check_interrupt()?;
            Err(EvalError::new(ErrorKind::InvalidStorePath, message))
        })
    }
}

/// Most strings with interpolations have no more parts.
const FEW_PARTS: usize = 6;

/// A string longer than this is a reason to look whether the evaluation is to end.
const BYTES_BETWEEN_CHECKS: usize = 1 << 20;

/// What `+` has added up so far.
#[derive(Clone, Copy)]
enum Sum {
    Text,
    Int(i64),
    Float(f64),
}

/// Bytes of the language as a path of the system.
pub(crate) fn as_path(bytes: &[u8]) -> &Path {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(bytes))
}

fn path_text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
