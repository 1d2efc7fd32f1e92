//! The text of `.drv` files: one ATerm, without white space, everything sorted.
//!
//! `Derive([outputs],[input derivations],[input sources],system,builder,[args],[env])`. Only
//! builder, arguments and environment are escaped, and in them only quote, backslash, newline,
//! return and tab. The system is not, although users can write anything there: one with a quote
//! gives a file that nobody can read, Nix included, under the same path as with Nix.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::{Derivation, DerivationError, DerivationOutput, DynamicInput};
use crate::content_address::{ContentAddress, Method};
use crate::hash::{Format, Hash};
use crate::path::{StoreDir, StorePath};

impl Derivation {
    /// The text of the `.drv` file.
    ///
    /// # Errors
    /// If the name does not do for the path of a fixed output.
    pub fn to_aterm(&self, dir: &StoreDir) -> Result<Vec<u8>, DerivationError> {
        Ok(self.to_written(dir)?.text)
    }

    /// The text of the `.drv` file, and where things are in it.
    pub(super) fn to_written(&self, dir: &StoreDir) -> Result<Written, DerivationError> {
        if self.dynamic_inputs.is_empty() {
            let inputs = self.input_drvs.iter();
            let inputs = inputs.map(|(path, outputs)| (Key::Path(path), outputs, None));
            return self.write(dir, Outputs::Stated, inputs);
        }
        let paths: BTreeSet<_> = self.input_drvs.keys().chain(self.dynamic_inputs.keys()).collect();
        let no_outputs = BTreeSet::new();
        let inputs = paths.into_iter().map(|path| {
            let outputs = self.input_drvs.get(path).unwrap_or(&no_outputs);
            (Key::Path(path), outputs, self.dynamic_inputs.get(path))
        });
        self.write(dir, Outputs::Stated, inputs)
    }

    /// Reads the text of a `.drv` file. `name` is the derivation's, from the file's path.
    pub fn from_aterm(dir: &StoreDir, name: &str, text: &[u8]) -> Result<Self, DerivationError> {
        let mut parser = Parser { dir, name, text, offset: 0 };
        let derivation = parser.derivation()?;
        if parser.offset == text.len() { Ok(derivation) } else { Err(parser.error("the end")) }
    }

    /// Writes the text with other keys for the input derivations.
    pub(super) fn write<'a>(
        &self,
        dir: &StoreDir,
        outputs: Outputs,
        inputs: impl Iterator<Item = Input<'a>>,
    ) -> Result<Written, DerivationError> {
        let env_size = |(name, value): (&Vec<u8>, &Vec<u8>)| name.len() + value.len() + 16;
        let mut out = Vec::with_capacity(1024 + self.env.iter().map(env_size).sum::<usize>());
        out.extend_from_slice(match self.dynamic_inputs.is_empty() {
            true => b"Derive([".as_slice(),
            false => b"DrvWithVersion(\"xp-dyn-drv\",[",
        });
        separated(&mut out, &self.outputs, |out, (name, output)| {
            let [path, method, hash] = match outputs {
                Outputs::Stated => self.output_fields(dir, name, output)?,
                Outputs::Masked => Default::default(),
            };
            out.push(b'(');
            plain_string(out, name);
            for field in [path, method, hash] {
                out.push(b',');
                plain_string(out, &field);
            }
            out.push(b')');
            Ok(())
        })?;
        out.extend_from_slice(b"],[");
        let start = out.len();
        write_inputs(&mut out, dir, inputs)?;
        let inputs = start..out.len();
        out.extend_from_slice(b"],[");
        separated(&mut out, &self.input_srcs, |out, path| {
            path_string(out, dir, path);
            Ok(())
        })?;
        out.extend_from_slice(b"],");
        plain_string(&mut out, &self.system);
        out.push(b',');
        string(&mut out, &self.builder);
        out.extend_from_slice(b",[");
        separated(&mut out, &self.args, |out, argument| {
            string(out, argument);
            Ok(())
        })?;
        out.extend_from_slice(b"],[");
        separated(&mut out, &self.env, |out, (name, value)| {
            let is_masked = matches!(outputs, Outputs::Masked)
                && std::str::from_utf8(name).is_ok_and(|name| self.outputs.contains_key(name));
            out.push(b'(');
            string(out, name);
            out.push(b',');
            string(out, if is_masked { b"" } else { value });
            out.push(b')');
            Ok(())
        })?;
        out.extend_from_slice(b"])");
        Ok(Written { text: out, inputs })
    }

    /// An output's path, method and hash as `.drv` files and the worker protocol have them.
    pub(crate) fn output_fields(
        &self,
        dir: &StoreDir,
        name: &str,
        output: &DerivationOutput,
    ) -> Result<[String; 3], DerivationError> {
        let path = output.path(dir, &self.name, name)?;
        let path = path.map(|path| dir.print(&path)).unwrap_or_default();
        let (method, hash) = match output {
            DerivationOutput::InputAddressed(_) | DerivationOutput::Deferred => Default::default(),
            DerivationOutput::Fixed(ContentAddress { method, hash }) => {
                (method.with_algorithm(hash.algorithm()), hash.format(Format::Base16))
            }
            DerivationOutput::Floating { method, algorithm } => {
                (method.with_algorithm(*algorithm), String::new())
            }
            DerivationOutput::Impure { method, algorithm } => {
                (method.with_algorithm(*algorithm), "impure".to_owned())
            }
        };
        Ok([path, method, hash])
    }
}

/// A text, and where in it the input derivations are.
pub(super) struct Written {
    pub(super) text: Vec<u8>,
    pub(super) inputs: Range<usize>,
}

/// An input derivation: its key, which outputs are needed, and what is needed of outputs that are derivations.
pub(super) type Input<'a> = (Key<'a>, &'a BTreeSet<String>, Option<&'a Dynamic>);

/// What stands for an input derivation.
pub(super) enum Key<'a> {
    Path(&'a StorePath),
    Hash(&'a Hash),
}

/// Outputs that are derivations, and what is needed of these.
pub(super) type Dynamic = BTreeMap<String, DynamicInput>;

/// How deep outputs of outputs may nest in a text that is read.
const MOST_DYNAMIC: usize = 64;

/// Whether a text shows output paths, or leaves them out to compute them.
#[derive(Clone, Copy)]
pub(super) enum Outputs {
    Stated,
    Masked,
}

fn separated<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T) -> Result<(), DerivationError>,
) -> Result<(), DerivationError> {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item)?;
    }
    Ok(())
}

/// The input derivations, without brackets around them.
pub(super) fn write_inputs<'a>(
    out: &mut Vec<u8>,
    dir: &StoreDir,
    inputs: impl Iterator<Item = Input<'a>>,
) -> Result<(), DerivationError> {
    separated(out, inputs, |out, (key, names, dynamic)| {
        out.push(b'(');
        match key {
            Key::Path(path) => path_string(out, dir, path),
            Key::Hash(hash) => plain_string(out, &hash.format(Format::Base16)),
        }
        input(out, names, dynamic)?;
        out.push(b')');
        Ok(())
    })
}

/// What is needed of an input: a list of outputs, and where some are derivations, these beside it.
fn input(
    out: &mut Vec<u8>,
    names: &BTreeSet<String>,
    dynamic: Option<&Dynamic>,
) -> Result<(), DerivationError> {
    let dynamic = dynamic.filter(|dynamic| !dynamic.is_empty());
    out.extend_from_slice(if dynamic.is_some() { b",([" } else { b",[" });
    separated(out, names, |out, name| {
        plain_string(out, name);
        Ok(())
    })?;
    out.push(b']');
    let Some(dynamic) = dynamic else { return Ok(()) };
    out.extend_from_slice(b",[");
    separated(out, dynamic, |out, (name, node)| {
        out.push(b'(');
        plain_string(out, name);
        input(out, &node.outputs, Some(&node.dynamic))?;
        out.push(b')');
        Ok(())
    })?;
    out.extend_from_slice(b"])");
    Ok(())
}

fn plain_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

fn path_string(out: &mut Vec<u8>, dir: &StoreDir, path: &StorePath) {
    for part in ["\"", dir.as_str(), "/", path.base_name(), "\""] {
        out.extend_from_slice(part.as_bytes());
    }
}

fn string(out: &mut Vec<u8>, text: &[u8]) {
    let mut copied = 0;
    let mut escape = |out: &mut Vec<u8>, at: usize, letter: u8| {
        out.extend_from_slice(&text[copied..at]);
        out.extend_from_slice(&[b'\\', letter]);
        copied = at + 1;
    };
    out.push(b'"');
    // Three bytes can be looked for quickly; the other two hardly ever occur.
    if memchr::memchr2(b'\r', b'\t', text).is_none() {
        for at in memchr::memchr3_iter(b'"', b'\\', b'\n', text) {
            escape(out, at, if text[at] == b'\n' { b'n' } else { text[at] });
        }
    } else {
        for (at, byte) in text.iter().enumerate() {
            match byte {
                b'"' | b'\\' => escape(out, at, *byte),
                b'\n' => escape(out, at, b'n'),
                b'\r' => escape(out, at, b'r'),
                b'\t' => escape(out, at, b't'),
                _ => {}
            }
        }
    }
    out.extend_from_slice(&text[copied..]);
    out.push(b'"');
}

struct Parser<'a> {
    dir: &'a StoreDir,
    name: &'a str,
    text: &'a [u8],
    offset: usize,
}

impl Parser<'_> {
    fn derivation(&mut self) -> Result<Derivation, DerivationError> {
        let is_dynamic = self.skip("DrvWithVersion(");
        if is_dynamic {
            let version = self.utf8("the version")?;
            if version != "xp-dyn-drv" {
                return Err(DerivationError::UnsupportedVersion(version));
            }
            self.expect(",")?;
        } else {
            self.expect("Derive(")?;
        }
        let mut outputs = BTreeMap::new();
        self.list(|parser| {
            let (name, output) = parser.output()?;
            outputs.insert(name, output);
            Ok(())
        })?;
        self.expect(",")?;
        let (mut input_drvs, mut dynamic_inputs) = (BTreeMap::new(), BTreeMap::new());
        self.list(|parser| {
            parser.expect("(")?;
            let path = parser.store_path()?;
            let most = if is_dynamic { MOST_DYNAMIC } else { 0 };
            let DynamicInput { outputs, dynamic } = parser.input(most)?;
            parser.expect(")")?;
            if !dynamic.is_empty() {
                dynamic_inputs.insert(path.clone(), dynamic);
            }
            // An input of which nothing is needed is one, too.
            if !outputs.is_empty() || !dynamic_inputs.contains_key(&path) {
                input_drvs.insert(path, outputs);
            }
            Ok(())
        })?;
        self.expect(",")?;
        let mut input_srcs = BTreeSet::new();
        self.list(|parser| {
            input_srcs.insert(parser.store_path()?);
            Ok(())
        })?;
        self.expect(",")?;
        let system = self.utf8("the system")?;
        self.expect(",")?;
        let builder = self.string()?;
        self.expect(",")?;
        let mut args = Vec::new();
        self.list(|parser| {
            args.push(parser.string()?);
            Ok(())
        })?;
        self.expect(",")?;
        let mut env = BTreeMap::new();
        self.list(|parser| {
            parser.expect("(")?;
            let name = parser.string()?;
            parser.expect(",")?;
            env.insert(name, parser.string()?);
            parser.expect(")")
        })?;
        self.expect(")")?;
        let name = self.name.to_owned();
        Ok(Derivation {
            name,
            outputs,
            input_drvs,
            dynamic_inputs,
            input_srcs,
            system,
            builder,
            args,
            env,
        })
    }

    /// Reads what [`input`] writes, with so many levels of outputs of outputs.
    fn input(&mut self, most: usize) -> Result<DynamicInput, DerivationError> {
        self.expect(",")?;
        let has_dynamic = most > 0 && self.skip("(");
        let mut input = DynamicInput::default();
        self.list(|parser| {
            input.outputs.insert(parser.utf8("an output name")?);
            Ok(())
        })?;
        if has_dynamic {
            self.expect(",")?;
            self.list(|parser| {
                parser.expect("(")?;
                let name = parser.utf8("an output name")?;
                let node = parser.input(most - 1)?;
                parser.expect(")")?;
                input.dynamic.insert(name, node);
                Ok(())
            })?;
            self.expect(")")?;
        }
        Ok(input)
    }

    fn output(&mut self) -> Result<(String, DerivationOutput), DerivationError> {
        self.expect("(")?;
        let name = self.utf8("an output name")?;
        self.expect(",")?;
        let path = self.utf8("an output path")?;
        self.expect(",")?;
        let method = self.utf8("an output's method")?;
        self.expect(",")?;
        let hash = self.utf8("an output's hash")?;
        self.expect(")")?;
        let output = parse_output(self.dir, self.name, &name, [&path, &method, &hash])?;
        Ok((name, output))
    }

    fn list(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<(), DerivationError>,
    ) -> Result<(), DerivationError> {
        self.expect("[")?;
        if self.skip("]") {
            return Ok(());
        }
        loop {
            item(self)?;
            if self.skip("]") {
                return Ok(());
            }
            if !self.skip(",") {
                return Err(self.error("',' or ']'"));
            }
        }
    }

    fn store_path(&mut self) -> Result<StorePath, DerivationError> {
        Ok(self.dir.parse_canonical(&self.utf8("a store path")?)?)
    }

    fn utf8(&mut self, place: &'static str) -> Result<String, DerivationError> {
        String::from_utf8(self.string()?).map_err(|error| DerivationError::NotUtf8 {
            place,
            text: String::from_utf8_lossy(error.as_bytes()).into_owned(),
        })
    }

    fn string(&mut self) -> Result<Vec<u8>, DerivationError> {
        self.expect("\"")?;
        let mut bytes = Vec::new();
        loop {
            let rest = &self.text[self.offset..];
            let Some(end) = memchr::memchr2(b'"', b'\\', rest) else {
                return Err(self.error("the end of the string"));
            };
            bytes.extend_from_slice(&rest[..end]);
            self.offset += end + 1;
            if rest[end] == b'"' {
                return Ok(bytes);
            }
            bytes.push(match rest.get(end + 1) {
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                Some(b't') => b'\t',
                Some(other) => *other,
                None => return Err(self.error("the end of the string")),
            });
            self.offset += 1;
        }
    }

    fn expect(&mut self, expected: &'static str) -> Result<(), DerivationError> {
        if self.skip(expected) { Ok(()) } else { Err(self.error(expected)) }
    }

    fn skip(&mut self, expected: &str) -> bool {
        let is_there = self.text[self.offset..].starts_with(expected.as_bytes());
        if is_there {
            self.offset += expected.len();
        }
        is_there
    }

    fn error(&self, expected: &'static str) -> DerivationError {
        DerivationError::Syntax { offset: self.offset, expected }
    }
}

/// Reads what [`Derivation::output_fields`] writes.
fn parse_output(
    dir: &StoreDir,
    derivation: &str,
    name: &str,
    [path, method, hash]: [&str; 3],
) -> Result<DerivationOutput, DerivationError> {
    if method.is_empty() {
        return Ok(match path {
            "" => DerivationOutput::Deferred,
            _ => DerivationOutput::InputAddressed(dir.parse_canonical(path)?),
        });
    }
    let (method, algorithm) = Method::parse_with_algorithm(method)?;
    let output = match hash {
        "" => DerivationOutput::Floating { method, algorithm },
        "impure" => DerivationOutput::Impure { method, algorithm },
        _ => {
            let hash = Hash::parse_bare(hash, algorithm)?;
            let output = DerivationOutput::Fixed(ContentAddress { method, hash });
            // The path is redundant, and two texts must not mean the same derivation.
            if output.path(dir, derivation, name)? != Some(dir.parse_canonical(path)?) {
                return Err(DerivationError::WrongFixedPath {
                    output: name.to_owned(),
                    found: path.to_owned(),
                });
            }
            return Ok(output);
        }
    };
    if path.is_empty() { Ok(output) } else { Err(DerivationError::NeedlessPath(name.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use expect_test::expect;
    use proptest::prelude::*;

    #[test]
    fn texts_of_nix_read_back_byte_for_byte() {
        let dir = StoreDir::default();
        for (path, text) in samples::all() {
            let path = StorePath::parse(path).unwrap();
            let name = path.derivation_name().unwrap();
            let derivation = Derivation::from_aterm(&dir, name, text.as_bytes()).unwrap();
            assert_eq!(derivation.to_aterm(&dir).unwrap(), text.as_bytes());
        }
    }

    #[test]
    fn the_parts_of_a_derivation() {
        let (_, text) = samples::INPUT_ADDRESSED[3];
        let derivation =
            Derivation::from_aterm(&StoreDir::default(), "top-1.0", text.as_bytes()).unwrap();
        assert_eq!(derivation.system, "x86_64-linux");
        assert_eq!(derivation.builder, b"/bin/sh");
        assert_eq!(derivation.env[&b"multi"[..]], b"line1\nline2\r\ttab\"quote\\back${x}");
        let dep = StorePath::parse("953r9pgwav52mkazac4vncdmfvrnjzha-dep.drv").unwrap();
        assert_eq!(derivation.input_drvs[&dep], BTreeSet::from(["dev".to_owned()]));
    }

    #[test]
    fn the_system_is_not_escaped() {
        let (_, text) = samples::INPUT_ADDRESSED[1];
        let dir = StoreDir::default();
        let mut derivation = Derivation::from_aterm(&dir, "fix", text.as_bytes()).unwrap();
        derivation.system = r#"a"b\c"#.to_owned();
        let text = derivation.to_aterm(&dir).unwrap();
        assert!(memchr::memmem::find(&text, br#","a"b\c","/bin/sh""#).is_some());
        assert!(Derivation::from_aterm(&dir, "fix", &text).is_err());
    }

    #[test]
    fn inputs_that_are_outputs_themselves() {
        let dir = StoreDir::default();
        // As Nix 2.34.8 writes it, with the path that it gives to it.
        let text = r#"DrvWithVersion("xp-dyn-drv",[("out","","","")],[("/nix/store/g8lm2i7x5isqykv7g2p9zvklkcxw44q0-a.drv.drv",(["out"],[("out",["dev","out"])]))],[],"s","b",[],[("builder","b"),("d","/0vgwr12afv22a3lglv5s7vpri3jzjp64dvxvd6x8lfp7f68f460f"),("e","/199bfw7kplrjws52fmdx7q7jzzwk96d68y0wq5743zv4zf1hgvzj"),("f","/0h86pcagkpm9nxxs4jd4l41llvbg7hr21xgnfh9jjnkpz6fgjqh6"),("name","c"),("out",""),("system","s")])"#;
        let derivation = Derivation::from_aterm(&dir, "c", text.as_bytes()).unwrap();
        let input = StorePath::parse("g8lm2i7x5isqykv7g2p9zvklkcxw44q0-a.drv.drv").unwrap();
        let needed = &derivation.dynamic_inputs[&input]["out"];
        assert_eq!(needed.outputs, BTreeSet::from(["dev".to_owned(), "out".to_owned()]));
        assert!(needed.dynamic.is_empty());
        assert_eq!(derivation.input_drvs[&input], BTreeSet::from(["out".to_owned()]));
        assert_eq!(derivation.to_aterm(&dir).unwrap(), text.as_bytes());
        let path = derivation.drv_path(&dir).unwrap();
        assert_eq!(path.to_string(), "6cw2n07flc6kycmgn145zd7x2qanqyyi-c.drv");
        assert_eq!(Derivation::from_json(&derivation.to_json().unwrap()).unwrap(), derivation);
        // Outputs of outputs of outputs, and more of these than anybody needs.
        let deep = text.replace(r#"["dev","out"]"#, r#"([],[("x",["y"])])"#);
        let read = Derivation::from_aterm(&dir, "c", deep.as_bytes()).unwrap();
        assert_eq!(read.to_aterm(&dir).unwrap(), deep.as_bytes());
        let endless = text.replace(r#"["dev","out"]"#, &r#"([],[("x","#.repeat(100_000));
        assert!(Derivation::from_aterm(&dir, "c", endless.as_bytes()).is_err());
    }

    #[test]
    fn errors_say_where() {
        let dir = StoreDir::default();
        let mut errors = String::new();
        for text in [
            "",
            "Derive(",
            "Derive([(\"out",
            "Derive([(\"out\",\"\",\"\",\"\")(",
            r#"Derive([("out","/x","","")],[],[],"","",[],[])"#,
            r#"Derive([("out","/nix/store/4vavzfhm22ca4g26mf3ch96sp5gckmrf-fix","","")],[],[],"","",[],[]) "#,
            r#"Derive([("out","/nix/store/4vavzfhm22ca4g26mf3ch96sp5gckmrf-fix","sha1","da39a3ee5e6b4b0d3255bfef95601890afd80709")],[],[],"","",[],[])"#,
            r#"Derive([("out","/nix/store/4vavzfhm22ca4g26mf3ch96sp5gckmrf-fix","sha1","")],[],[],"","",[],[])"#,
            r#"DrvWithVersion("2",[],[],[],"","",[],[])"#,
        ] {
            let error = Derivation::from_aterm(&dir, "x", text.as_bytes()).unwrap_err();
            errors += &format!("{error}\n");
        }
        expect![[r#"
            expected Derive( at byte 0 of the derivation
            expected [ at byte 7 of the derivation
            expected the end of the string at byte 10 of the derivation
            expected ',' or ']' at byte 24 of the derivation
            path '/x' is not in the Nix store
            expected the end at byte 91 of the derivation
            derivation output 'out' has path '/nix/store/4vavzfhm22ca4g26mf3ch96sp5gckmrf-fix', which does not match its content address
            derivation output 'out' should not specify an output path
            derivation format version '2' is experimental in Nix and not supported
        "#]]
        .assert_eq(&errors);
    }

    proptest! {
        #[test]
        fn any_bytes_survive(
            builder: Vec<u8>, args: Vec<Vec<u8>>, env: BTreeMap<Vec<u8>, Vec<u8>>
        ) {
            let dir = StoreDir::default();
            let derivation = Derivation {
                name: "x".to_owned(),
                outputs: BTreeMap::from([("out".to_owned(), DerivationOutput::Deferred)]),
                input_drvs: BTreeMap::new(),
                dynamic_inputs: BTreeMap::new(),
                input_srcs: BTreeSet::new(),
                system: "any".to_owned(),
                builder,
                args,
                env,
            };
            let text = derivation.to_aterm(&dir).unwrap();
            prop_assert_eq!(Derivation::from_aterm(&dir, "x", &text).unwrap(), derivation);
        }

        #[test]
        fn parsing_is_total(at: prop::sample::Index, byte: u8) {
            for (_, text) in samples::all() {
                let mut text = text.as_bytes().to_vec();
                let at = at.index(text.len());
                let _ = Derivation::from_aterm(&StoreDir::default(), "x", &text[..at]);
                text[at] = byte;
                let _ = Derivation::from_aterm(&StoreDir::default(), "x", &text);
            }
        }
    }
}
