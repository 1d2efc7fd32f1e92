//! Derivations as JSON, in format version 4: what `nix derivation show` of Nix 2.34 prints and
//! `nix derivation add` reads. Keys are sorted.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Derivation, DerivationError, DerivationOutput, DynamicInput};
use crate::content_address::ContentAddress;
use crate::hash::{Format, Hash};
use crate::path::StorePath;

/// The version of the format.
const VERSION: u64 = 4;

/// The variable that carries structured attributes.
const STRUCTURED_ATTRS: &[u8] = b"__json";

impl Derivation {
    /// The derivation as JSON.
    ///
    /// # Errors
    /// If the builder, an argument or a variable is not UTF-8, or `__json` is not JSON.
    pub fn to_json(&self) -> Result<Value, DerivationError> {
        let paths = self.input_drvs.keys().chain(self.dynamic_inputs.keys());
        let drvs = paths.map(|path| {
            let outputs = self.input_drvs.get(path).into_iter().flatten();
            let dynamic = self.dynamic_inputs.get(path).into_iter().flatten();
            (path.to_string(), input_to_json(outputs, dynamic))
        });
        let inputs = object([
            ("drvs", Value::Object(drvs.collect())),
            ("srcs", strings(self.input_srcs.iter().map(StorePath::to_string))),
        ]);
        let args = self.args.iter().map(|argument| utf8("an argument", argument));
        let env =
            self.env.iter().filter(|(name, _)| *name != STRUCTURED_ATTRS).map(|(name, value)| {
                Ok((
                    utf8("the name of a variable", name)?,
                    utf8("the value of a variable", value)?.into(),
                ))
            });
        let outputs = self.outputs.iter().map(|(name, how)| (name.clone(), output_to_json(how)));
        let mut derivation = object([
            ("args", strings(args.collect::<Result<Vec<_>, _>>()?)),
            ("builder", utf8("the builder", &self.builder)?.into()),
            ("env", Value::Object(env.collect::<Result<_, DerivationError>>()?)),
            ("inputs", inputs),
            ("name", self.name.as_str().into()),
            ("outputs", Value::Object(outputs.collect())),
        ]);
        if let Some(text) = self.env.get(STRUCTURED_ATTRS) {
            let mut attributes = serde_json::from_slice::<Value>(text)
                .map_err(|error| DerivationError::Json(format!("'__json' is not JSON: {error}")))?;
            attributes.sort_all_objects();
            derivation["structuredAttrs"] = attributes;
        }
        derivation["system"] = self.system.as_str().into();
        derivation["version"] = VERSION.into();
        Ok(derivation)
    }

    /// Reads what [`Self::to_json`] writes.
    pub fn from_json(json: &Value) -> Result<Self, DerivationError> {
        let version = member(json, "version")?;
        if version.as_u64() != Some(VERSION) {
            return Err(DerivationError::Json(format!(
                "Unsupported derivation JSON format version {version}, only format version \
                 {VERSION} is currently supported."
            )));
        }
        let outputs = members(json, "outputs")?
            .iter()
            .map(|(name, output)| Ok((name.clone(), output_from_json(output)?)))
            .collect::<Result<_, DerivationError>>()?;
        let inputs = member(json, "inputs")?;
        let input_srcs = string_list(inputs, "srcs")?
            .map(|path| Ok(StorePath::parse(path?)?))
            .collect::<Result<_, DerivationError>>()?;
        let (mut input_drvs, mut dynamic_inputs) = (BTreeMap::new(), BTreeMap::new());
        for (path, node) in members(inputs, "drvs")? {
            let path = StorePath::parse(path)?;
            let DynamicInput { outputs, dynamic } = input_from_json(node)?;
            // An input of which nothing is needed is one, too.
            if !outputs.is_empty() || dynamic.is_empty() {
                input_drvs.insert(path.clone(), outputs);
            }
            if !dynamic.is_empty() {
                dynamic_inputs.insert(path, dynamic);
            }
        }
        let args = string_list(json, "args")?
            .map(|argument| Ok(argument?.as_bytes().to_vec()))
            .collect::<Result<_, DerivationError>>()?;
        let env = members(json, "env")?;
        let mut env = env
            .keys()
            .map(|name| {
                let value = text(member(json, "env")?, name)?;
                Ok((name.clone().into_bytes(), value.as_bytes().to_vec()))
            })
            .collect::<Result<BTreeMap<_, _>, DerivationError>>()?;
        if let Some(attributes) = json.get("structuredAttrs") {
            env.insert(STRUCTURED_ATTRS.to_vec(), attributes.to_string().into_bytes());
        }
        Ok(Self {
            name: text(json, "name")?.to_owned(),
            outputs,
            input_drvs,
            dynamic_inputs,
            input_srcs,
            system: text(json, "system")?.to_owned(),
            builder: text(json, "builder")?.as_bytes().to_vec(),
            args,
            env,
        })
    }
}

fn input_to_json<'a>(
    outputs: impl IntoIterator<Item = &'a String>,
    dynamic: impl IntoIterator<Item = (&'a String, &'a DynamicInput)>,
) -> Value {
    let nodes = dynamic
        .into_iter()
        .map(|(name, node)| (name.clone(), input_to_json(&node.outputs, &node.dynamic)));
    object([("dynamicOutputs", Value::Object(nodes.collect())), ("outputs", strings(outputs))])
}

fn input_from_json(node: &Value) -> Result<DynamicInput, DerivationError> {
    Ok(DynamicInput {
        outputs: string_list(node, "outputs")?
            .map(|name| Ok(name?.to_owned()))
            .collect::<Result<_, DerivationError>>()?,
        dynamic: members(node, "dynamicOutputs")?
            .iter()
            .map(|(name, node)| Ok((name.clone(), input_from_json(node)?)))
            .collect::<Result<_, DerivationError>>()?,
    })
}

fn output_to_json(output: &DerivationOutput) -> Value {
    match output {
        DerivationOutput::InputAddressed(path) => object([("path", path.to_string().into())]),
        DerivationOutput::Fixed(ContentAddress { method, hash }) => {
            object([("hash", hash.format(Format::Sri).into()), ("method", method.name().into())])
        }
        DerivationOutput::Floating { method, algorithm } => {
            object([("hashAlgo", algorithm.name().into()), ("method", method.name().into())])
        }
        DerivationOutput::Deferred => object([]),
        DerivationOutput::Impure { method, algorithm } => object([
            ("hashAlgo", algorithm.name().into()),
            ("impure", true.into()),
            ("method", method.name().into()),
        ]),
    }
}

fn output_from_json(json: &Value) -> Result<DerivationOutput, DerivationError> {
    let mut keys: Vec<_> = json.as_object().into_iter().flat_map(Map::keys).collect();
    keys.sort_unstable();
    let keys: Vec<_> = keys.into_iter().map(String::as_str).collect();
    Ok(match (&*keys, json.is_object()) {
        (["path"], _) => DerivationOutput::InputAddressed(StorePath::parse(text(json, "path")?)?),
        (["hash", "method"], _) => DerivationOutput::Fixed(ContentAddress {
            method: text(json, "method")?.parse()?,
            hash: Hash::parse_sri(text(json, "hash")?)?,
        }),
        (["hashAlgo", "method"], _) => DerivationOutput::Floating {
            method: text(json, "method")?.parse()?,
            algorithm: text(json, "hashAlgo")?.parse()?,
        },
        (["hashAlgo", "impure", "method"], _) => DerivationOutput::Impure {
            method: text(json, "method")?.parse()?,
            algorithm: text(json, "hashAlgo")?.parse()?,
        },
        ([], true) => DerivationOutput::Deferred,
        _ => return Err(DerivationError::Json(format!("'{json}' is not a derivation output"))),
    })
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn strings<T: Into<String>>(strings: impl IntoIterator<Item = T>) -> Value {
    strings.into_iter().map(|string| Value::String(string.into())).collect()
}

fn utf8(place: &'static str, bytes: &[u8]) -> Result<String, DerivationError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| DerivationError::NotUtf8 {
        place,
        text: String::from_utf8_lossy(bytes).into_owned(),
    })
}

fn member<'a>(json: &'a Value, key: &str) -> Result<&'a Value, DerivationError> {
    json.get(key).ok_or_else(|| DerivationError::Json(format!("expected an object with '{key}'")))
}

fn members<'a>(json: &'a Value, key: &str) -> Result<&'a Map<String, Value>, DerivationError> {
    member(json, key)?
        .as_object()
        .ok_or_else(|| DerivationError::Json(format!("'{key}' is not an object")))
}

fn text<'a>(json: &'a Value, key: &str) -> Result<&'a str, DerivationError> {
    member(json, key)?
        .as_str()
        .ok_or_else(|| DerivationError::Json(format!("'{key}' is not a string")))
}

fn string_list<'a>(
    json: &'a Value,
    key: &'a str,
) -> Result<impl Iterator<Item = Result<&'a str, DerivationError>>, DerivationError> {
    let wrong = move || DerivationError::Json(format!("'{key}' is not a list of strings"));
    let items = member(json, key)?.as_array().ok_or_else(wrong)?;
    Ok(items.iter().map(move |item| item.as_str().ok_or_else(wrong)))
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use crate::path::StoreDir;
    use expect_test::expect;

    #[test]
    fn as_nix_derivation_show_prints_it() {
        let dir = StoreDir::default();
        let mut shown = String::new();
        for (path, text) in samples::all() {
            let path = StorePath::parse(path).unwrap();
            let name = path.derivation_name().unwrap();
            let derivation = Derivation::from_aterm(&dir, name, text.as_bytes()).unwrap();
            let json = derivation.to_json().unwrap();
            assert_eq!(Derivation::from_json(&json).unwrap(), derivation);
            shown += &format!("{json}\n");
        }
        // `nix derivation show -r` of Nix 2.34.8, without the surrounding object.
        expect![[r#"
            {"args":[],"builder":"/bin/sh","env":{"builder":"/bin/sh","name":"fix-flat","out":"/nix/store/f0yw1k9kw1p6vh154s8y08r2bfqfl24l-fix-flat","outputHash":"da39a3ee5e6b4b0d3255bfef95601890afd80709","outputHashAlgo":"sha1","system":"x86_64-linux"},"inputs":{"drvs":{},"srcs":[]},"name":"fix-flat","outputs":{"out":{"hash":"sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=","method":"flat"}},"system":"x86_64-linux","version":4}
            {"args":[],"builder":"/bin/sh","env":{"builder":"/bin/sh","name":"fix","out":"/nix/store/4vavzfhm22ca4g26mf3ch96sp5gckmrf-fix","outputHash":"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=","outputHashMode":"recursive","system":"x86_64-linux"},"inputs":{"drvs":{},"srcs":[]},"name":"fix","outputs":{"out":{"hash":"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=","method":"nar"}},"system":"x86_64-linux","version":4}
            {"args":["-c","echo hi \"q\" \\ \t $"],"builder":"/bin/sh","env":{"builder":"/bin/sh","dev":"/nix/store/sdd85g0rw1laipccqn55a7g2vxvmk3y4-dep-dev","name":"dep","out":"/nix/store/xml2j8r3p7mq42gdi8108za9gpdmy57n-dep","outputs":"out dev","system":"x86_64-linux"},"inputs":{"drvs":{},"srcs":[]},"name":"dep","outputs":{"dev":{"path":"sdd85g0rw1laipccqn55a7g2vxvmk3y4-dep-dev"},"out":{"path":"xml2j8r3p7mq42gdi8108za9gpdmy57n-dep"}},"system":"x86_64-linux","version":4}
            {"args":["/nix/store/igyqgjr9qf4b57k33k7js2m3dbmmj2na-src.txt"],"builder":"/bin/sh","env":{"a":"/nix/store/sdd85g0rw1laipccqn55a7g2vxvmk3y4-dep-dev","b":"/nix/store/4vavzfhm22ca4g26mf3ch96sp5gckmrf-fix","builder":"/bin/sh","c":"/nix/store/f0yw1k9kw1p6vh154s8y08r2bfqfl24l-fix-flat","multi":"line1\nline2\r\ttab\"quote\\back${x}","name":"top-1.0","out":"/nix/store/4jf9hi88piw9i2w0d7n6g4wdvc1jr7ma-top-1.0","system":"x86_64-linux","uni":"é"},"inputs":{"drvs":{"4210hpmxy6gzqhnj0hd7pk9kf7wlcflk-fix-flat.drv":{"dynamicOutputs":{},"outputs":["out"]},"88mmxj11iqyr7s77i6zarzc7l2c0d89c-fix.drv":{"dynamicOutputs":{},"outputs":["out"]},"953r9pgwav52mkazac4vncdmfvrnjzha-dep.drv":{"dynamicOutputs":{},"outputs":["dev"]}},"srcs":["igyqgjr9qf4b57k33k7js2m3dbmmj2na-src.txt"]},"name":"top-1.0","outputs":{"out":{"path":"4jf9hi88piw9i2w0d7n6g4wdvc1jr7ma-top-1.0"}},"system":"x86_64-linux","version":4}
            {"args":[],"builder":"/bin/sh","env":{"builder":"/bin/sh","dev":"/02qcpld1y6xhs5gz9bchpxaw0xdhmsp5dv88lh25r2ss44kh8dxz","name":"floating","out":"/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9","outputHashAlgo":"sha256","outputHashMode":"recursive","outputs":"out dev","system":"x86_64-linux"},"inputs":{"drvs":{},"srcs":[]},"name":"floating","outputs":{"dev":{"hashAlgo":"sha256","method":"nar"},"out":{"hashAlgo":"sha256","method":"nar"}},"system":"x86_64-linux","version":4}
            {"args":[],"builder":"/bin/sh","env":{"builder":"/bin/sh","name":"impure","out":"/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9","system":"x86_64-linux"},"inputs":{"drvs":{},"srcs":[]},"name":"impure","outputs":{"out":{"hashAlgo":"sha256","impure":true,"method":"nar"}},"system":"x86_64-linux","version":4}
            {"args":[],"builder":"/bin/sh","env":{"builder":"/bin/sh","name":"deferred","out":"","system":"x86_64-linux","x":"/1qrh49cj24z0qi4axraxim70y77q1wsard58a3p1k88rl4fr2wbc","y":"/1jin0w508888dygb1rmf4c9hipvl31i27fg931xf0m8kd95k3n7p"},"inputs":{"drvs":{"6a9zcr3mgmw009zzhavqlg5abs3x8gf4-impure.drv":{"dynamicOutputs":{},"outputs":["out"]},"i5z7x0ys65z6zq7jizmyzpn9nrfdnaak-floating.drv":{"dynamicOutputs":{},"outputs":["dev"]}},"srcs":[]},"name":"deferred","outputs":{"out":{}},"system":"x86_64-linux","version":4}
        "#]]
        .assert_eq(&shown);
    }

    #[test]
    fn structured_attributes_stand_apart() {
        let text = r#"Derive([("out","","","")],[],[],"any","/bin/sh",[],[("__json","{\"b\":1,\"a\":{\"d\":[1.5],\"c\":null}}")])"#;
        let derivation =
            Derivation::from_aterm(&StoreDir::default(), "x", text.as_bytes()).unwrap();
        let json = derivation.to_json().unwrap();
        assert_eq!(json["env"], object([]));
        assert_eq!(json["structuredAttrs"].to_string(), r#"{"a":{"c":null,"d":[1.5]},"b":1}"#);
    }

    #[test]
    fn what_is_not_utf8_has_no_json() {
        let text = b"Derive([(\"out\",\"\",\"\",\"\")],[],[],\"any\",\"/bin/sh\",[\"\xff\"],[])";
        let derivation = Derivation::from_aterm(&StoreDir::default(), "x", text).unwrap();
        assert!(matches!(derivation.to_json(), Err(DerivationError::NotUtf8 { .. })));
    }

    #[test]
    fn malformed_json_is_refused() {
        for text in ["null", "{}", r#"{"version":3}"#, r#"{"version":4,"outputs":{"out":null}}"#] {
            assert!(Derivation::from_json(&serde_json::from_str(text).unwrap()).is_err(), "{text}");
        }
    }
}
