//! `flake.lock`: which exact tree every input of a flake is. Versions 5 to 7.
//!
//! The file is a graph of nodes. An edge either names a node, or "follows" a path of inputs that starts
//! at the root: `"inputs": { "nixpkgs": ["nixpkgs"] }`.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use crate::reference::{FlakeReference, ReferenceError};

/// A parsed lock file.
#[derive(Clone, Debug)]
pub struct LockFile {
    path: PathBuf,
    root: String,
    nodes: BTreeMap<String, Node>,
}

/// One source tree of the graph, or the root.
#[derive(Clone, Debug)]
pub struct Node {
    /// The tree that the lock file pins; the root has none.
    pub locked: Option<Locked>,
    /// What the flake asked for; the root has none.
    pub original: Option<FlakeReference>,
    /// Its inputs by name.
    pub inputs: BTreeMap<String, Edge>,
}

/// A pinned source tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locked {
    /// Where the tree comes from, commit included.
    pub reference: FlakeReference,
    /// The tree's NAR hash as the file spells it: `sha256-…` in base64.
    pub nar_hash: Option<String>,
}

/// Where an input leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edge {
    /// To the node of this key.
    Node(String),
    /// To wherever this path of inputs, taken from the root, leads.
    Follows(Vec<String>),
}

/// Why a lock file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {kind}", path.display())]
pub struct LockError {
    /// The lock file.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub kind: LockErrorKind,
}

/// What is wrong with a lock file. `place` is a path of keys, such as `nodes.nixpkgs.locked`.
#[derive(Debug, thiserror::Error)]
pub enum LockErrorKind {
    /// It cannot be read.
    #[error("cannot read the lock file: {0}")]
    Io(io::Error),
    /// It is not JSON; the message carries line and column.
    #[error("not valid JSON: {0}; restore the file from version control or run 'nix flake lock'")]
    Json(serde_json::Error),
    /// Its version is one that we do not know.
    #[error("unsupported lock file version {found}; expected 5, 6 or 7")]
    Version {
        /// The version as written, or `none`.
        found: String,
    },
    /// A value has the wrong JSON type.
    #[error("at '{place}': expected {expected}, found {found}")]
    Type {
        /// Where.
        place: String,
        /// The type needed.
        expected: &'static str,
        /// The value that is there.
        found: String,
    },
    /// A reference does not make sense.
    #[error("at '{place}': {error}")]
    Reference {
        /// Where.
        place: String,
        /// Why.
        error: ReferenceError,
    },
    /// An edge leads to a node that is not in the file.
    #[error("at '{place}': the lock file has no node '{node}'")]
    MissingNode {
        /// Where.
        place: String,
        /// The node's key.
        node: String,
    },
    /// Inputs follow each other in a circle.
    #[error("follow cycle detected: [{}]", .0.join(" -> "))]
    FollowCycle(Vec<String>),
    /// Inputs follow each other further than any flake needs.
    #[error("'{0}' follows more than {MOST_FOLLOWS} inputs, one after the other")]
    FollowsTooMany(String),
}

/// How many inputs may follow each other.
const MOST_FOLLOWS: usize = 1_000;

impl LockFile {
    /// Reads and parses the file.
    pub fn read(path: &Path) -> Result<LockFile, LockError> {
        match std::fs::read_to_string(path) {
            Ok(text) => LockFile::parse(path, &text),
            Err(error) => Err(LockError { path: path.into(), kind: LockErrorKind::Io(error) }),
        }
    }

    /// Parses `text`; `path` is for messages.
    pub fn parse(path: &Path, text: &str) -> Result<LockFile, LockError> {
        parse(path, text).map_err(|kind| LockError { path: path.into(), kind })
    }

    /// The flake that the file belongs to.
    pub fn root(&self) -> &Node {
        &self.nodes[&self.root]
    }

    /// All nodes by key, in the order of the keys.
    pub fn nodes(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(key, node)| (key.as_str(), node))
    }

    /// The key and the node that a path of inputs leads to from the root, `follows` resolved. `None`
    /// where an input on the way does not exist.
    pub fn find(&self, inputs: &[&str]) -> Result<Option<(&str, &Node)>, LockError> {
        let path: Vec<String> = inputs.iter().map(|&input| input.to_owned()).collect();
        let key = self
            .follow(&path, &mut Vec::new())
            .map_err(|kind| LockError { path: self.path.clone(), kind })?;
        Ok(key.map(|key| (key, &self.nodes[key])))
    }

    fn follow<'a>(
        &'a self,
        path: &[String],
        visited: &mut Vec<String>,
    ) -> Result<Option<&'a str>, LockErrorKind> {
        let printed = path.join("/");
        if let Some(start) = visited.iter().position(|seen| *seen == printed) {
            let mut cycle = visited.split_off(start);
            cycle.push(printed);
            return Err(LockErrorKind::FollowCycle(cycle));
        }
        if visited.len() == MOST_FOLLOWS {
            return Err(LockErrorKind::FollowsTooMany(visited.swap_remove(0)));
        }
        visited.push(printed);
        let mut key = self.root.as_str();
        for input in path {
            key = match self.nodes[key].inputs.get(input) {
                None => return Ok(None),
                Some(Edge::Node(next)) => next,
                Some(Edge::Follows(target)) => match self.follow(target, visited)? {
                    None => return Ok(None),
                    Some(next) => next,
                },
            };
        }
        Ok(Some(key))
    }
}

fn parse(path: &Path, text: &str) -> Result<LockFile, LockErrorKind> {
    let json: Value = serde_json::from_str(text).map_err(LockErrorKind::Json)?;
    let top = object(&json, "the top of the file")?;
    let version = top.get("version");
    if !matches!(version.and_then(Value::as_u64), Some(5..=7)) {
        let found = version.map_or_else(|| "none".to_owned(), Value::to_string);
        return Err(LockErrorKind::Version { found });
    }
    let root = string(top.get("root").unwrap_or(&Value::Null), "root")?;
    let mut nodes = BTreeMap::new();
    for (key, value) in object(top.get("nodes").unwrap_or(&Value::Null), "nodes")? {
        nodes.insert(key.clone(), parse_node(value, &format!("nodes.{key}"), *key == root)?);
    }
    check_edges(&nodes, &root)?;
    Ok(LockFile { path: path.into(), root, nodes })
}

fn parse_node(value: &Value, place: &str, is_root: bool) -> Result<Node, LockErrorKind> {
    let node = object(value, place)?;
    let reference = |attributes: &Map<String, Value>, place: String| {
        FlakeReference::from_attributes(attributes)
            .map_err(|error| LockErrorKind::Reference { place, error })
    };
    let (mut locked, mut original) = (None, None);
    if !is_root {
        let place_of = |name: &str| format!("{place}.{name}");
        let mut attributes =
            object(node.get("locked").unwrap_or(&Value::Null), &place_of("locked"))?.clone();
        // Version 5 keeps the hash and the date beside the reference.
        if let Some(info) = node.get("info") {
            attributes.extend(object(info, &place_of("info"))?.clone());
        }
        locked = Some(Locked {
            reference: reference(&attributes, place_of("locked"))?,
            nar_hash: (attributes.get("narHash"))
                .map(|hash| string(hash, &place_of("locked.narHash")))
                .transpose()?,
        });
        let attributes =
            object(node.get("original").unwrap_or(&Value::Null), &place_of("original"))?;
        original = Some(reference(attributes, place_of("original"))?);
    }
    let mut inputs = BTreeMap::new();
    if let Some(edges) = node.get("inputs") {
        for (name, edge) in object(edges, &format!("{place}.inputs"))? {
            inputs.insert(name.clone(), parse_edge(edge, &format!("{place}.inputs.{name}"))?);
        }
    }
    Ok(Node { locked, original, inputs })
}

fn parse_edge(value: &Value, place: &str) -> Result<Edge, LockErrorKind> {
    match value {
        Value::Array(path) => {
            let path = path.iter().map(|part| string(part, place));
            Ok(Edge::Follows(path.collect::<Result<_, _>>()?))
        }
        value => Ok(Edge::Node(string(value, place)?)),
    }
}

/// Every edge leads to a node, so that walking the graph later cannot fail.
fn check_edges(nodes: &BTreeMap<String, Node>, root: &str) -> Result<(), LockErrorKind> {
    let exists = |key: &str, place: &dyn Fn() -> String| match nodes.contains_key(key) {
        true => Ok(()),
        false => Err(LockErrorKind::MissingNode { place: place(), node: key.to_owned() }),
    };
    exists(root, &|| "root".to_owned())?;
    for (key, node) in nodes {
        for (name, edge) in &node.inputs {
            if let Edge::Node(target) = edge {
                exists(target, &|| format!("nodes.{key}.inputs.{name}"))?;
            }
        }
    }
    Ok(())
}

fn object<'a>(value: &'a Value, place: &str) -> Result<&'a Map<String, Value>, LockErrorKind> {
    value.as_object().ok_or_else(|| mismatch(value, place, "an object"))
}

fn string(value: &Value, place: &str) -> Result<String, LockErrorKind> {
    value.as_str().map(str::to_owned).ok_or_else(|| mismatch(value, place, "a string"))
}

fn mismatch(value: &Value, place: &str, expected: &'static str) -> LockErrorKind {
    let found = match value {
        Value::Null => "nothing".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        scalar => scalar.to_string(),
    };
    LockErrorKind::Type { place: place.to_owned(), expected, found }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const LOCK: &str = r#"{
      "version": 7,
      "root": "root",
      "nodes": {
        "root": { "inputs": { "nixpkgs": "nixpkgs_2", "tools": "tools", "lib": ["tools", "nixpkgs"] } },
        "tools": {
          "inputs": { "nixpkgs": ["nixpkgs"], "gone": ["nowhere"] },
          "locked": { "type": "path", "path": "./tools" },
          "original": { "type": "path", "path": "./tools" }
        },
        "nixpkgs_2": {
          "flake": false,
          "locked": { "type": "github", "owner": "NixOS", "repo": "nixpkgs", "rev": "abc",
                      "narHash": "sha256-vNpU", "lastModified": 1767039857 },
          "original": { "type": "indirect", "id": "nixpkgs" }
        }
      }
    }"#;

    fn lock(text: &str) -> Result<LockFile, LockError> {
        LockFile::parse(Path::new("/p/flake.lock"), text)
    }

    fn check_error(text: &str, expected: &Expect) {
        expected.assert_eq(&lock(text).expect_err("a bad lock file").to_string());
    }

    #[test]
    fn an_input_is_found_by_name() {
        let lock = lock(LOCK).unwrap();
        let (key, node) = lock.find(&["nixpkgs"]).unwrap().unwrap();
        assert_eq!(key, "nixpkgs_2");
        let locked = node.locked.as_ref().unwrap();
        assert_eq!(locked.reference.to_string(), "github:NixOS/nixpkgs/abc");
        assert_eq!(locked.nar_hash.as_deref(), Some("sha256-vNpU"));
    }

    #[test]
    fn follows_is_taken_from_the_root_through_other_inputs() {
        let lock = lock(LOCK).unwrap();
        let key = |path: &[&str]| lock.find(path).unwrap().map(|(key, _)| key.to_owned());
        assert_eq!(key(&["lib"]), Some("nixpkgs_2".into()));
        assert_eq!(key(&["tools", "nixpkgs"]), Some("nixpkgs_2".into()));
        assert_eq!(key(&["tools", "gone"]), None);
        assert_eq!(key(&["absent"]), None);
    }

    #[test]
    fn version_5_keeps_the_hash_in_info() {
        let lock = lock(
            r#"{ "version": 5, "root": "r", "nodes": {
                "r": { "inputs": { "n": "n" } },
                "n": { "info": { "narHash": "sha256-x" },
                       "locked": { "type": "path", "path": "/a" },
                       "original": { "type": "path", "path": "/a" } } } }"#,
        )
        .unwrap();
        let (_, node) = lock.find(&["n"]).unwrap().unwrap();
        assert_eq!(node.locked.as_ref().unwrap().nar_hash.as_deref(), Some("sha256-x"));
    }

    #[test]
    fn a_cycle_of_follows_is_an_error() {
        let lock = lock(
            r#"{ "version": 7, "root": "r",
                 "nodes": { "r": { "inputs": { "a": ["b"], "b": ["a"] } } } }"#,
        )
        .unwrap();
        expect!["/p/flake.lock: follow cycle detected: [a -> b -> a]"]
            .assert_eq(&lock.find(&["a"]).unwrap_err().to_string());
    }

    #[test]
    fn inputs_that_follow_each_other_without_end_are_an_error() {
        let inputs: Vec<String> =
            (0..100_000).map(|n| format!(r#""i{n}": ["i{}"]"#, n + 1)).collect();
        let root = format!(r#""r": {{ "inputs": {{ {} }} }}"#, inputs.join(", "));
        let lock =
            lock(&format!(r#"{{ "version": 7, "root": "r", "nodes": {{ {root} }} }}"#)).unwrap();
        expect!["/p/flake.lock: 'i0' follows more than 1000 inputs, one after the other"]
            .assert_eq(&lock.find(&["i0"]).unwrap_err().to_string());
        assert!(lock.find(&["i99999"]).unwrap().is_none());
    }

    #[test]
    fn errors_name_the_place() {
        check_error(
            "{ \"version\": 7,\n  oops }",
            &expect![
                "/p/flake.lock: not valid JSON: key must be a string at line 2 column 3; restore the file from version control or run 'nix flake lock'"
            ],
        );
        check_error(
            "[]",
            &expect!["/p/flake.lock: at 'the top of the file': expected an object, found a list"],
        );
        check_error(
            r#"{ "version": 4 }"#,
            &expect!["/p/flake.lock: unsupported lock file version 4; expected 5, 6 or 7"],
        );
        check_error(
            r#"{ "version": 7, "nodes": {} }"#,
            &expect!["/p/flake.lock: at 'root': expected a string, found nothing"],
        );
        check_error(
            r#"{ "version": 7, "root": "r", "nodes": {} }"#,
            &expect!["/p/flake.lock: at 'root': the lock file has no node 'r'"],
        );
        check_error(
            r#"{ "version": 7, "root": "r", "nodes": { "r": { "inputs": { "a": "b" } } } }"#,
            &expect!["/p/flake.lock: at 'nodes.r.inputs.a': the lock file has no node 'b'"],
        );
        check_error(
            r#"{ "version": 7, "root": "r", "nodes": { "r": { "inputs": { "a": 1 } } } }"#,
            &expect!["/p/flake.lock: at 'nodes.r.inputs.a': expected a string, found 1"],
        );
        check_error(
            r#"{ "version": 7, "root": "r", "nodes": { "r": {}, "n": {} } }"#,
            &expect!["/p/flake.lock: at 'nodes.n.locked': expected an object, found nothing"],
        );
        check_error(
            r#"{ "version": 7, "root": "r", "nodes": { "r": {},
                 "n": { "locked": { "type": "github", "owner": "x" } } } }"#,
            &expect![
                "/p/flake.lock: at 'nodes.n.locked': a reference of type 'github' needs the attribute 'repo'"
            ],
        );
    }
}
