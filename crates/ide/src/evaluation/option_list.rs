//! The list of all options: where it comes from, and what a command or an editor gets of it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use floe_db::{Apart, Db, Files, nixpkgs};

use super::SourceLine;
use super::option_cache::{self, Cached};
use super::option_tree::{Below, OptionNode, Wrapper, option_tree};
use super::options::{OptionDetails, is_module};

/// An option of NixOS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedOption {
    /// Its path; `<name>` and `*` stand for any attribute and any element of a list.
    pub name: String,
    /// What its values are.
    pub type_description: Option<String>,
    /// What it is for, as Markdown.
    pub description: Option<String>,
    /// What it is without a definition, as it would be written.
    pub default: Option<String>,
    /// What it could be, likewise.
    pub example: Option<String>,
    /// The files that declare it, with lines from 1.
    pub declarations: Vec<(PathBuf, u32)>,
}

/// A list of options that is still to be made. Nothing waits for it, and no reader is kept meanwhile.
pub struct OptionList {
    apart: Apart,
    files: Files,
    file: Option<PathBuf>,
}

/// All options of the workspace's NixOS, in the order of the alphabet: those that were listed before, or
/// else they are evaluated, and kept if the settings name a folder for that. `None` if there is no NixOS.
pub fn all_options(db: &dyn Db) -> Option<Vec<ListedOption>> {
    let made;
    let options = match known_options(db) {
        Some(known) => &known.options,
        None => {
            made = OptionList::new(db).make()?;
            &made
        }
    };
    let mut found = Vec::new();
    list(options, "", &mut found);
    Some(found)
}

/// The list that is to be kept, if a NixOS module is open and none is known.
pub fn option_list_to_make(db: &dyn Db) -> Option<OptionList> {
    let list = OptionList::new(db);
    list.file.as_ref()?;
    let mut open = db.files().buffers().keys().cloned().collect::<Vec<_>>().into_iter();
    let is_needed = open.any(|path| is_module(db, db.file(&path)));
    (is_needed && known_options(db).is_none()).then_some(list)
}

/// The list of an earlier session, if it still holds.
#[salsa::tracked(no_eq)]
pub(super) fn known_options(db: &dyn Db) -> Option<Arc<Cached>> {
    let file = list_file(db)?;
    let known = Cached::read(&file)?;
    let is_fresh = known.is_fresh(|path| {
        let file = db.file(path);
        file.buffer(db).is_none().then(|| file.stamp(db))
    });
    is_fresh.then(|| Arc::new(known))
}

fn list_file(db: &dyn Db) -> Option<PathBuf> {
    let folder = db.workspace().settings(db).cache_folder.as_ref()?;
    Some(option_cache::file(folder, nixpkgs(db).path.as_ref()?))
}

impl OptionList {
    fn new(db: &dyn Db) -> OptionList {
        OptionList { apart: Apart::new(db), files: db.files().clone(), file: list_file(db) }
    }

    /// Evaluates the list and keeps it for the next session.
    pub fn keep(&self) {
        self.make();
    }

    /// Reads a list as it lies in the cache folder, from behind the header up to the hash, for fuzzing. What
    /// is read has to be written as the same list.
    #[doc(hidden)]
    pub fn check_bytes(bytes: &[u8]) {
        let Some(cached) = Cached::of_entries(bytes) else { return };
        assert_eq!(Cached::of_bytes(&cached.to_bytes()).as_ref(), Some(&cached));
        list(&cached.options, "", &mut Vec::new());
    }

    fn make(&self) -> Option<Vec<OptionNode>> {
        let begin = SystemTime::now();
        let (options, read_from) = self.apart.answer(option_tree)?;
        let options = options?;
        let Some(file) = &self.file else { return Some(options) };
        let buffers = self.files.buffers();
        // What is on disk is not what was read.
        if read_from.paths.iter().any(|path| buffers.contains_key(path)) {
            return Some(options);
        }
        let stamp = |path: &std::path::Path| self.files.system().stamp(path);
        let Some(cached) = Cached::new(options.clone(), &read_from, begin, stamp) else {
            return Some(options);
        };
        if let Err(error) = cached.write(file) {
            tracing::debug!(%error, file = %file.display(), "the list of options is not kept");
        }
        Some(options)
    }
}

fn list(options: &[OptionNode], above: &str, found: &mut Vec<ListedOption>) {
    let is_hidden = |node: &OptionNode| node.info.option.as_ref().is_some_and(|it| it.is_hidden);
    for node in options.iter().filter(|node| !node.is_internal && !is_hidden(node)) {
        let mut name = above.to_owned();
        let _ =
            write!(name, "{}{}", if above.is_empty() { "" } else { "." }, node.info.shown_name());
        if let Some(details) = &node.info.option {
            found.push(ListedOption::new(name.clone(), details));
        }
        let Below::Ways(ways) = &node.below else { continue };
        for way in ways {
            let mut name = name.clone();
            for wrapper in &way.through {
                name += match wrapper {
                    Wrapper::Attributes => ".<name>",
                    Wrapper::Elements => ".*",
                };
            }
            list(&way.options, &name, found);
        }
    }
}

impl ListedOption {
    fn new(name: String, details: &OptionDetails) -> ListedOption {
        let OptionDetails { type_description, description, default, example, declarations, .. } =
            details.clone();
        let place = |SourceLine { path, line }| (path, line);
        ListedOption {
            name,
            type_description,
            description,
            default,
            example,
            declarations: declarations.into_iter().map(place).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use floe_db::{Change, Database, OsSystem, Settings};

    use super::super::options::{OptionPath, OptionStep, options_below};
    use super::*;

    const EVAL_CONFIG: &str = r#"{ configuration }: {
        options = {
            a.b = option { type = bool; description = "It."; };
            a.hidden = option { type = bool; internal = true; };
            users = option { type = attrsOf (listOf (submodule { name = option { type = bool; }; })); };
            data = option { type = value; };
        };
    }"#;

    /// What `nixos/default.nix` needs, in small.
    const LIBRARY: &str = r#"let
        option = attrs: attrs // { _type = "option"; declarations = [ ./default.nix ]; };
        none = _: { };
        bool = { name = "bool"; description = "boolean"; getSubOptions = none; };
        attrsOf = elemType: { name = "attrsOf"; nestedTypes = { inherit elemType; }; };
        listOf = elemType: { name = "listOf"; nestedTypes = { inherit elemType; }; };
        submodule = options: { name = "submodule"; getSubOptions = _: options; };
        value = { name = "either"; nestedTypes = { left = bool; right = attrsOf value; }; };
    in "#;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let folder = std::env::temp_dir().join(format!("floe-{name}-{}", std::process::id()));
            std::fs::create_dir_all(folder.join("nixpkgs/nixos")).expect("it can be made");
            Folder(folder.canonicalize().expect("it is there"))
        }

        /// Long ago, so that nobody can take it for a change of just now.
        fn write(&self, path: &str, text: &str, age: u64) {
            let path = self.0.join(path);
            std::fs::write(&path, text).expect("it can be written");
            let time = SystemTime::now() - std::time::Duration::from_secs(age);
            for path in path.ancestors().take_while(|path| path.starts_with(&self.0)) {
                let file = std::fs::File::open(path).expect("it is there");
                file.set_modified(time).expect("its time can be set");
            }
        }

        fn database(&self) -> Database {
            let settings = Settings {
                nixpkgs: Some(self.0.join("nixpkgs")),
                cache_folder: Some(self.0.join("cache")),
                ..Settings::default()
            };
            Database::new(Arc::new(OsSystem), vec![self.0.join("open")], settings)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_list_is_kept_until_what_it_was_read_from_changes() {
        let folder = Folder::new("option-list");
        let system = "nixpkgs/nixos/default.nix";
        folder.write(system, &format!("{LIBRARY}{EVAL_CONFIG}"), 100);
        let names = |db: &Database| {
            let options = all_options(db).expect("there is a NixOS");
            options.into_iter().map(|option| option.name).collect::<Vec<_>>().join(" ")
        };
        let mut db = folder.database();
        assert!(known_options(&db).is_none());
        let expected = "a.b data users users.<name>.*.name";
        assert_eq!(names(&db), expected);
        db = folder.database();
        assert!(known_options(&db).is_some());
        assert_eq!(names(&db), expected);

        let path = folder.0.join(system);
        let text = format!("{LIBRARY}{}", EVAL_CONFIG.replace("a.b", "a.c"));
        db.apply(Change::Buffer { path: path.clone(), text: text.as_str().into() });
        assert!(known_options(&db).is_none(), "it is being edited");
        assert_eq!(names(&db), expected.replace("a.b", "a.c"));
        db.apply(Change::Closed { path });
        assert!(known_options(&db).is_some());
        folder.write(system, &text, 50);
        assert!(known_options(&folder.database()).is_none(), "it is another file");
    }

    #[test]
    fn a_list_tells_what_evaluation_tells() {
        let folder = Folder::new("option-steps");
        folder.write("nixpkgs/nixos/default.nix", &format!("{LIBRARY}{EVAL_CONFIG}"), 100);
        let attribute = |name: &str| OptionStep::Attribute(name.into());
        let paths = [
            vec![],
            vec![attribute("a")],
            vec![attribute("a"), attribute("b")],
            vec![attribute("a"), attribute("hidden")],
            vec![attribute("no")],
            vec![attribute("users")],
            vec![attribute("users"), OptionStep::AnyAttribute, OptionStep::Element],
            vec![attribute("users"), attribute("x"), OptionStep::Element],
            vec![attribute("users"), OptionStep::Element],
            vec![attribute("data"), attribute("x")],
        ];
        let ask = |db: &Database| {
            let ask = |path: &Vec<OptionStep>| {
                options_below(db, OptionPath::new(db, path.clone())).clone().answer()
            };
            paths.iter().map(ask).collect::<Vec<_>>()
        };
        let evaluated = ask(&folder.database());
        OptionList::new(&folder.database()).keep();
        let db = folder.database();
        assert!(known_options(&db).is_some());
        assert_eq!(ask(&db), evaluated);
        assert_eq!(evaluated[0].as_ref().map(Vec::len), Some(3));
    }
}
