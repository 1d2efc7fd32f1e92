//! `builtins.derivationStrict`: from attributes to a derivation and its paths.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use floe_store::derivation::{DerivationError, DerivationOutput, HashModulo};
use floe_store::store::TextFile;
use floe_store::{Algorithm, ContentAddress, Derivation, Hash, Method, StorePath};
use rustc_hash::FxHashMap;

use crate::coerce::Coercion;
use crate::context::{ContextBuilder, deriving_path};
use crate::error::{ErrorKind, EvalError, FrameMessage, Pos, Result};
use crate::evaluator::Evaluator;
use crate::heap::{Attrs, AttrsBuilder, ContextElement, Kind, Value};
use crate::json::push_json_string;

/// Derivations that this evaluation has made or read.
#[derive(Default)]
pub(crate) struct Cache {
    hashes: RefCell<FxHashMap<StorePath, HashModulo>>,
    /// Those that were made, as the text of their files: that is a fraction of their size.
    made: RefCell<FxHashMap<StorePath, Box<[u8]>>>,
    /// Store paths, by where their texts are in the heap and how long they are.
    paths: RefCell<FxHashMap<(usize, usize), StorePath>>,
    /// Those that were read from the store.
    read: RefCell<FxHashMap<StorePath, Rc<Derivation>>>,
}

/// Attributes that say nothing beside structured ones, where `outputChecks` takes their place.
const NOT_WITH_STRUCTURED: [&str; 6] = [
    "allowedReferences",
    "allowedRequisites",
    "disallowedReferences",
    "disallowedRequisites",
    "maxSize",
    "maxClosureSize",
];

/// What the attributes say, apart from the environment.
struct Request<'h> {
    derivation: Derivation,
    context: ContextBuilder<'h>,
    outputs: BTreeSet<String>,
    /// The structured attributes as JSON, from the opening brace on.
    structured: Option<String>,
    content_addressed: bool,
    impure: bool,
    output_hash: Option<String>,
    output_hash_algorithm: Option<Algorithm>,
    method: Option<Method>,
}

impl<'h> Evaluator<'h> {
    /// The value of `derivationStrict attributes`.
    pub(crate) fn derivation_strict(&self, argument: Value<'h>, pos: Pos) -> Result<Value<'h>> {
        let attrs = self.force_attrs(
            argument,
            pos,
            "while evaluating the argument passed to builtins.derivationStrict",
        )?;
        let name_attr = attrs.get(self.names.name).ok_or_else(|| {
            EvalError::new(ErrorKind::MissingAttribute, "attribute 'name' missing").context(
                Pos::None,
                "in the attrset passed as argument to builtins.derivationStrict",
            )
        })?;
        let name_pos = Pos::from(name_attr.position);
        let name = self
            .force_plain_string(
                name_attr.cell.get(),
                pos,
                "while evaluating the `name` attribute passed to builtins.derivationStrict",
            )
            .map_err(|error| {
                error.context(name_pos, "while evaluating the derivation attribute 'name'")
            })?
            .to_text()
            .into_owned();
        self.derivation_named(&name, attrs, pos).map_err(|error| {
            let place = self.locate(name_pos).map_or_else(|| "«none»".into(), |p| p.to_string());
            let message = format!(
                "while evaluating derivation '{name}'\n  whose name attribute is located at {place}"
            );
            error.frame(Pos::None, FrameMessage::Text(message))
        })
    }

    /// The derivations that this evaluation has made, by path.
    pub fn made_derivation(&self, path: &StorePath) -> Option<Rc<Derivation>> {
        let made = self.derivations.made.borrow();
        let name = path.name().strip_suffix(".drv").unwrap_or(path.name());
        let derivation = Derivation::from_aterm(self.store.store_dir(), name, made.get(path)?);
        Some(Rc::new(derivation.expect("what was written as a derivation is read as one")))
    }

    fn derivation_named(&self, name: &str, attrs: Attrs<'h>, pos: Pos) -> Result<Value<'h>> {
        floe_store::path::check_name(name).map_err(|error| {
            invalid(format!("invalid derivation name: {error}. Please pass a different 'name'."))
        })?;
        let mut request = self.read_attributes(name, attrs, pos)?;
        self.add_inputs(&mut request)?;
        let fail = |message: &str| Err(invalid(message).at(pos));
        if request.derivation.builder.is_empty() {
            return fail("required attribute 'builder' missing");
        }
        if request.derivation.system.is_empty() {
            return fail("required attribute 'system' missing");
        }
        let is_single_text =
            request.method == Some(Method::Text) && request.outputs.iter().eq(["out"]);
        if name.ends_with(".drv") && !is_single_text {
            return fail(
                "derivation names are allowed to end in '.drv' only if they produce a single \
                 derivation file",
            );
        }
        if let Some(mut json) = request.structured.take() {
            json.push_str(if json.is_empty() { "{}" } else { "}" });
            request.derivation.env.insert(b"__json".to_vec(), json.into_bytes());
        }
        self.set_outputs(&mut request, pos)?;
        self.instantiate(&request.derivation)
    }

    fn read_attributes(&self, name: &str, attrs: Attrs<'h>, pos: Pos) -> Result<Request<'h>> {
        let flag = |key, doing| match attrs.get(key) {
            Some(attr) => self.force_bool(attr.cell.get(), pos, doing),
            None => Ok(false),
        };
        let structured = flag(
            self.names.structured_attrs,
            "while evaluating the `__structuredAttrs` attribute passed to builtins.derivationStrict",
        )?;
        let ignore_nulls = flag(
            self.names.ignore_nulls,
            "while evaluating the `__ignoreNulls` attribute passed to builtins.derivationStrict",
        )?;
        let mut request = Request {
            derivation: Derivation {
                name: name.to_owned(),
                outputs: Default::default(),
                input_drvs: Default::default(),
                dynamic_inputs: Default::default(),
                input_srcs: Default::default(),
                system: String::new(),
                builder: Vec::new(),
                args: Vec::new(),
                env: Default::default(),
            },
            context: ContextBuilder::default(),
            outputs: BTreeSet::from(["out".to_owned()]),
            structured: structured.then(String::new),
            content_addressed: false,
            impure: false,
            output_hash: None,
            output_hash_algorithm: None,
            method: None,
        };
        for attr in self.sorted(attrs)? {
            if attr.name == self.names.ignore_nulls {
                continue;
            }
            self.read_attribute(&mut request, attr, ignore_nulls, pos).map_err(|error| {
                let message = format!(
                    "while evaluating attribute '{}' of derivation '{name}'",
                    floe_hir::Identifier(attr.name.as_str())
                );
                error.frame(attr.position.into(), FrameMessage::Text(message))
            })?;
        }
        Ok(request)
    }

    fn read_attribute(
        &self,
        request: &mut Request<'h>,
        attr: crate::heap::Attr<'h>,
        ignore_nulls: bool,
        pos: Pos,
    ) -> Result<()> {
        let value = attr.cell.get();
        if ignore_nulls && matches!(self.force(value, pos)?.kind(), Kind::Null) {
            return Ok(());
        }
        let names = &self.names;
        if attr.name == names.content_addressed {
            if self.force_bool(value, pos, "")? {
                self.require_feature("ca-derivations")?;
                request.content_addressed = true;
            }
            return Ok(());
        }
        if attr.name == names.impure {
            if self.force_bool(value, pos, "")? {
                self.require_feature("impure-derivations")?;
                request.impure = true;
            }
            return Ok(());
        }
        if attr.name == names.args {
            for element in self.force_list(value, pos, "")?.iter() {
                let argument = self.coerce_to_string(
                    element,
                    pos,
                    &mut request.context,
                    "while evaluating an element of the argument list",
                    Coercion::DERIVATION,
                )?;
                request.derivation.args.push(argument.into_owned());
            }
            return Ok(());
        }
        if request.structured.is_some() {
            return self.read_structured(request, attr, pos);
        }
        let mut text =
            self.coerce_to_string(value, pos, &mut request.context, "", Coercion::DERIVATION)?;
        if attr.name == names.builder {
            request.derivation.builder = text.to_vec();
        }
        if attr.name == self.names.json {
            self.console.warn(&format!(
                "In derivation '{}': setting structured attributes via '__json' is deprecated, and may be \
                 disallowed in future versions of Nix. Set '__structuredAttrs = true' instead.",
                request.derivation.name
            ));
            // Whoever writes this attribute wants structured attributes: C++ Nix reads it, and writes it
            // anew.
            let json = self.json_to_value(&text).and_then(|value| {
                self.check_json_object(value)?;
                self.to_json(value)
            });
            let json = json.map_err(|error| {
                invalid(format!("cannot process __json attribute: {}", error.message())).at(pos)
            })?;
            text = json.into_bytes().into();
        }
        let string = || String::from_utf8_lossy(&text).into_owned();
        self.read_special(
            request,
            attr.name,
            string,
            || Ok(string().split_ascii_whitespace().map(str::to_owned).collect()),
            pos,
        )?;
        request.derivation.env.insert(attr.name.as_str().as_bytes().to_vec(), text.into_owned());
        Ok(())
    }

    fn read_structured(
        &self,
        request: &mut Request<'h>,
        attr: crate::heap::Attr<'h>,
        pos: Pos,
    ) -> Result<()> {
        if attr.name == self.names.structured_attrs {
            return Ok(());
        }
        let value = attr.cell.get();
        if let Some(json) = &mut request.structured {
            json.push(if json.is_empty() { '{' } else { ',' });
            push_json_string(attr.name.as_str(), json);
            json.push(':');
            self.write_json(value, pos, &mut request.context, json)?;
        }
        if NOT_WITH_STRUCTURED.contains(&attr.name.as_str()) {
            self.console.warn(&format!(
                "In a derivation named '{}', 'structuredAttrs' disables the effect of the derivation \
                 attribute '{1}'; use 'outputChecks.<output>.{1}' instead",
                request.derivation.name, attr.name
            ));
        }
        if attr.name == self.names.builder {
            let builder = self.force_string(value, pos, "")?;
            request.context.add(self, builder.context());
            request.derivation.builder = builder.as_bytes().to_vec();
            return Ok(());
        }
        let names = &self.names;
        let special =
            [names.system, names.output_hash, names.output_hash_algo, names.output_hash_mode];
        let text = if special.contains(&attr.name) {
            self.force_plain_string(value, pos, "")?.to_text().into_owned()
        } else {
            String::new()
        };
        let outputs = || {
            let list = self.force_list(value, pos, "")?;
            list.iter()
                .map(|output| Ok(self.force_plain_string(output, pos, "")?.to_text().into_owned()))
                .collect()
        };
        self.read_special(request, attr.name, || text.clone(), outputs, pos)
    }

    fn check_json_object(&self, value: Value<'h>) -> Result<()> {
        let found = match value.kind() {
            Kind::Attrs(_) => return Ok(()),
            Kind::Null => "null",
            Kind::Bool(_) => "boolean",
            Kind::List(_) => "array",
            Kind::String(_) => "string",
            _ => "number",
        };
        Err(EvalError::new(
            ErrorKind::InvalidJson,
            format!("[json.exception.type_error.302] type must be object, but is {found}"),
        ))
    }

    /// The attributes that say more than what is in the environment.
    fn read_special(
        &self,
        request: &mut Request<'h>,
        name: floe_hir::Name,
        text: impl Fn() -> String,
        list: impl FnOnce() -> Result<Vec<String>>,
        pos: Pos,
    ) -> Result<()> {
        let names = &self.names;
        if name == names.system {
            request.derivation.system = text();
        } else if name == names.output_hash {
            request.output_hash = Some(text());
        } else if name == names.output_hash_algo {
            request.output_hash_algorithm = text().parse().ok();
        } else if name == names.output_hash_mode {
            request.method = Some(self.hash_mode(&text(), &request.derivation.name, pos)?);
        } else if name == names.outputs {
            request.outputs.clear();
            for output in list()? {
                if output == "drvPath" {
                    return Err(invalid("invalid derivation output name 'drvPath'").at(pos));
                }
                if request.outputs.contains(&output) {
                    return Err(invalid(format!("duplicate derivation output '{output}'")).at(pos));
                }
                request.outputs.insert(output);
            }
            if request.outputs.is_empty() {
                return Err(invalid("derivation cannot have an empty set of outputs").at(pos));
            }
        }
        Ok(())
    }

    fn hash_mode(&self, text: &str, name: &str, pos: Pos) -> Result<Method> {
        match text {
            "recursive" | "nar" => Ok(Method::Nar),
            "flat" => Ok(Method::Flat),
            "text" => {
                let what = format!(" (text-hashed derivation '{name}', outputHashMode = \"text\")");
                self.require_feature_for("dynamic-derivations", &what)?;
                Ok(Method::Text)
            }
            "git" => {
                self.require_feature("git-hashing")?;
                Ok(Method::Git)
            }
            _ => {
                Err(invalid(format!("invalid value '{text}' for 'outputHashMode' attribute"))
                    .at(pos))
            }
        }
    }

    pub(crate) fn require_feature(&self, name: &str) -> Result<()> {
        self.require_feature_for(name, "")
    }

    /// [`Evaluator::require_feature`]; `what` needs it.
    fn require_feature_for(&self, name: &str, what: &str) -> Result<()> {
        if self.settings.has_feature(name) {
            return Ok(());
        }
        Err(EvalError::new(
            ErrorKind::ExperimentalFeature,
            format!(
                "experimental Nix feature '{name}' is disabled{what}; add \
                 '--extra-experimental-features {name}' to enable it"
            ),
        ))
    }

    /// Fails if a hash algorithm is an experimental feature that is not enabled.
    pub(crate) fn require_algorithm(&self, algorithm: Algorithm) -> Result<()> {
        match algorithm {
            Algorithm::Blake3 => self.require_feature("blake3-hashes"),
            _ => Ok(()),
        }
    }

    /// What the strings depend on becomes the derivation's inputs.
    fn add_inputs(&self, request: &mut Request<'h>) -> Result<()> {
        for element in request.context.context().elements() {
            let derivation = &mut request.derivation;
            match element {
                ContextElement::Opaque(path) => {
                    derivation.input_srcs.insert(self.known_store_path(path)?);
                }
                ContextElement::Output { derivation: path, output } => {
                    let (path, way) = deriving_path(path);
                    let path = self.known_store_path(path)?;
                    let outputs = match way.as_slice() {
                        [] => derivation.input_drvs.entry(path).or_default(),
                        [first, others @ ..] => {
                            let inputs = derivation.dynamic_inputs.entry(path).or_default();
                            let first = inputs.entry((*first).to_owned()).or_default();
                            let last = others.iter().fold(first, |input, output| {
                                input.dynamic.entry((*output).to_owned()).or_default()
                            });
                            &mut last.outputs
                        }
                    };
                    outputs.insert((*output).to_owned());
                }
                ContextElement::DerivationDeep(path) => {
                    let root = self.store_path(path)?;
                    self.add_closure(&root, derivation)?;
                }
            }
        }
        Ok(())
    }

    /// The store path that an element of a context names, by the place of its text in the heap.
    fn known_store_path(&self, text: &'h str) -> Result<StorePath> {
        let place = (text.as_ptr() as usize, text.len());
        if let Some(path) = self.derivations.paths.borrow().get(&place) {
            return Ok(path.clone());
        }
        let path = self.store_path(text)?;
        self.derivations.paths.borrow_mut().insert(place, path.clone());
        Ok(path)
    }

    /// Adds a derivation's whole closure, with all outputs.
    fn add_closure(&self, root: &StorePath, derivation: &mut Derivation) -> Result<()> {
        let mut todo = vec![root.clone()];
        let mut seen = BTreeSet::new();
        while let Some(path) = todo.pop() {
            if !seen.insert(path.clone()) {
                continue;
            }
            derivation.input_srcs.insert(path.clone());
            if !path.is_derivation() {
                continue;
            }
            let input = self.read_derivation(&path)?;
            derivation.input_drvs.entry(path).or_default().extend(input.outputs.keys().cloned());
            todo.extend(input.references());
        }
        Ok(())
    }

    fn set_outputs(&self, request: &mut Request<'h>, pos: Pos) -> Result<()> {
        let Request { derivation, outputs, .. } = request;
        let store_dir = self.store.store_dir();
        if let Some(hash) = &request.output_hash {
            if !outputs.iter().eq(["out"]) {
                let message = "multiple outputs are not supported in fixed-output derivations";
                return Err(invalid(message).at(pos));
            }
            let hash = self.output_hash(hash, request.output_hash_algorithm)?;
            let method = request.method.unwrap_or(Method::Flat);
            let address = ContentAddress { method, hash };
            let path = store_dir
                .content_address_path(&derivation.name, &address)
                .map_err(|error| EvalError::new(ErrorKind::InvalidStorePath, error.to_string()))?;
            derivation.env.insert(b"out".to_vec(), store_dir.print(&path).into_bytes());
            derivation.outputs.insert("out".to_owned(), DerivationOutput::Fixed(address));
            return Ok(());
        }
        if request.content_addressed || request.impure {
            if request.content_addressed && request.impure {
                let message = "derivation cannot be both content-addressed and impure";
                return Err(invalid(message).at(pos));
            }
            let method = request.method.unwrap_or(Method::Nar);
            let algorithm = request.output_hash_algorithm.unwrap_or(Algorithm::Sha256);
            for output in outputs.iter() {
                let placeholder = floe_store::path::placeholder(output);
                derivation.env.insert(output.clone().into_bytes(), placeholder.into_bytes());
                let kind = if request.impure {
                    DerivationOutput::Impure { method, algorithm }
                } else {
                    DerivationOutput::Floating { method, algorithm }
                };
                derivation.outputs.insert(output.clone(), kind);
            }
            return Ok(());
        }
        for output in outputs.iter() {
            derivation.env.insert(output.clone().into_bytes(), Vec::new());
            derivation.outputs.insert(output.clone(), DerivationOutput::Deferred);
        }
        derivation.fill_output_paths(store_dir, |input| self.hash_modulo(input))?;
        Ok(())
    }

    fn output_hash(&self, text: &str, algorithm: Option<Algorithm>) -> Result<Hash> {
        if text.is_empty() {
            let algorithm = algorithm.ok_or_else(|| {
                EvalError::new(
                    ErrorKind::InvalidHash,
                    "empty hash requires explicit hash algorithm",
                )
            })?;
            let hash = Hash::zero(algorithm);
            self.console.warn(&format!(
                "found empty hash, assuming '{}'",
                hash.format(floe_store::hash::Format::Sri)
            ));
            return Ok(hash);
        }
        let hash = Hash::parse_any(text, algorithm)
            .map_err(|error| EvalError::new(ErrorKind::InvalidHash, error.to_string()))?;
        self.require_algorithm(hash.algorithm()).map(|()| hash)
    }

    /// Writes a finished derivation and gives the set with its paths.
    fn instantiate(&self, derivation: &Derivation) -> Result<Value<'h>> {
        let store_dir = self.store.store_dir();
        let (path, file, hash) =
            derivation.to_store_with_hash(store_dir, |input| self.hash_modulo(input))?;
        if !self.store.is_read_only() {
            let references = derivation.references();
            self.store
                .write_derivation(TextFile {
                    name: derivation.file_name(),
                    contents: file.clone(),
                    references,
                })
                .map_err(|message| EvalError::new(ErrorKind::Derivation, message))?;
        }
        self.derivations.hashes.borrow_mut().insert(path.clone(), hash);

        let text = self.text(&store_dir.print(&path));
        let mut attrs = AttrsBuilder::with_capacity(1 + derivation.outputs.len());
        let deep = self.heap.context(&[ContextElement::DerivationDeep(text)]);
        attrs.insert("drvPath", self.string_value(text.as_bytes(), deep));
        for (output, value) in self.output_values(&path, derivation)? {
            attrs.insert(&output, value);
        }
        self.derivations.made.borrow_mut().insert(path, file.into_boxed_slice());
        Ok(attrs.finish(self.heap))
    }

    /// The outputs of a derivation as strings: their paths, or placeholders where those are not known.
    pub(crate) fn output_values(
        &self,
        path: &StorePath,
        derivation: &Derivation,
    ) -> Result<Vec<(String, Value<'h>)>> {
        let text = self.text(&self.store.store_dir().print(path));
        let values = derivation.outputs.iter().map(|(output, kind)| {
            let shown = self.output_text(path, &derivation.name, output, kind)?;
            let element = ContextElement::Output { derivation: text, output: self.text(output) };
            let context = self.heap.context(&[element]);
            Ok((output.clone(), self.string_value(shown.as_bytes(), context)))
        });
        values.collect()
    }

    /// The path of an output of a derivation, or the placeholder for it if it is not known.
    pub(crate) fn output_text(
        &self,
        path: &StorePath,
        name: &str,
        output: &str,
        kind: &DerivationOutput,
    ) -> Result<String> {
        let store_dir = self.store.store_dir();
        match kind.path(store_dir, name, output).map_err(|error| invalid_path(&error))? {
            Some(path) => Ok(store_dir.print(&path)),
            None => self.output_placeholder(path, output, &[]),
        }
    }

    /// What stands for an output that is not known: the first of a derivation, and each of the others of
    /// the one before it.
    pub(crate) fn output_placeholder(
        &self,
        path: &StorePath,
        first: &str,
        others: &[&str],
    ) -> Result<String> {
        self.require_feature("ca-derivations")?;
        floe_store::path::dynamic_placeholder(path, first, others)
            .map_err(|error| invalid_path(&error))
    }

    /// Returns when the derivations that were made are in the store, if they are written at all.
    ///
    /// # Errors
    ///
    /// If one cannot be written.
    pub fn write_derivations(&self) -> Result<()> {
        self.store.finish().map_err(|message| EvalError::new(ErrorKind::Derivation, message))
    }

    fn hash_modulo(&self, path: &StorePath) -> Result<HashModulo> {
        if let Some(hash) = self.derivations.hashes.borrow().get(path) {
            return Ok(*hash);
        }
        let derivation = self.read_derivation(path)?;
        let hash = self.nested(|| {
            derivation.hash_modulo(self.store.store_dir(), |input| self.hash_modulo(input))
        })?;
        self.derivations.hashes.borrow_mut().insert(path.clone(), hash);
        Ok(hash)
    }

    pub(crate) fn read_derivation(&self, path: &StorePath) -> Result<Rc<Derivation>> {
        if let Some(derivation) = self.made_derivation(path) {
            return Ok(derivation);
        }
        if let Some(derivation) = self.derivations.read.borrow().get(path) {
            return Ok(derivation.clone());
        }
        let derivation = self
            .store
            .read_derivation(path)
            .map_err(|message| EvalError::new(ErrorKind::InvalidStorePath, message))?;
        let derivation = Rc::new(derivation);
        self.derivations.read.borrow_mut().insert(path.clone(), derivation.clone());
        Ok(derivation)
    }
}

fn invalid_path(error: &floe_store::path::PathError) -> EvalError {
    EvalError::new(ErrorKind::InvalidStorePath, error.to_string())
}

fn invalid(message: impl Into<String>) -> EvalError {
    EvalError::new(ErrorKind::Derivation, message)
}

impl From<DerivationError> for EvalError {
    fn from(error: DerivationError) -> EvalError {
        EvalError::new(ErrorKind::Derivation, error.to_string())
    }
}
