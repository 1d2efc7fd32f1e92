//! What the `.gitignore` files of a repository leave out: a search for Nix files does not enter it.

use std::path::Path;
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// The rules that hold in a folder: those of its own `.gitignore`, and of the folders around it up to the
/// root of the repository.
#[derive(Clone, Debug, Default)]
pub struct Ignored {
    innermost: Option<Arc<Rules>>,
}

#[derive(Debug)]
struct Rules {
    own: Gitignore,
    around: Ignored,
}

impl Ignored {
    /// The rules that the folders above one, where a search begins, have for it. `read` gives the text of
    /// a file, if it is there; `is_repository` tells whether a folder is the root of a repository.
    pub fn above(
        folder: &Path,
        read: impl Fn(&Path) -> Option<String>,
        is_repository: impl Fn(&Path) -> bool,
    ) -> Ignored {
        // What lies above a folder that is in no repository has nothing to do with it.
        let Some(depth) = folder.ancestors().position(is_repository) else {
            return Ignored::default();
        };
        let above: Vec<&Path> = folder.ancestors().take(depth + 1).skip(1).collect();
        above.into_iter().rev().fold(Ignored::default(), |rules, folder| {
            rules.entering(folder, read(&folder.join(".gitignore")).as_deref())
        })
    }

    /// The rules that hold in a folder which these are for, with those of its own `.gitignore`.
    pub fn entering(&self, folder: &Path, gitignore: Option<&str>) -> Ignored {
        let Some(text) = gitignore else { return self.clone() };
        let mut builder = GitignoreBuilder::new(folder);
        for line in text.lines() {
            // Git, too, goes by the lines that it understands.
            if let Err(error) = builder.add_line(None, line) {
                tracing::debug!(%error, folder = %folder.display(), "a line of .gitignore");
            }
        }
        match builder.build() {
            Ok(own) if !own.is_empty() => {
                Ignored { innermost: Some(Arc::new(Rules { own, around: self.clone() })) }
            }
            _ => self.clone(),
        }
    }

    /// Whether the rules leave out what lies at a path in the folder that they hold in.
    pub fn leave_out(&self, path: &Path, is_folder: bool) -> bool {
        let mut rules = self.innermost.as_deref();
        while let Some(Rules { own, around }) = rules {
            match own.matched(path, is_folder) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => rules = around.innermost.as_deref(),
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_rule_that_fits_counts() {
        let read = |path: &Path| match path.to_str()? {
            "/w/.gitignore" => Some("*.gen.nix\n/result\nbuild/\n# a comment\n[z-\n".to_owned()),
            "/.gitignore" => Some("*".to_owned()),
            _ => None,
        };
        let is_repository = |folder: &Path| folder == Path::new("/w");
        let root = Ignored::above(Path::new("/w"), read, is_repository);
        let root = root.entering(Path::new("/w"), read(Path::new("/w/.gitignore")).as_deref());
        let left_out =
            |rules: &Ignored, path: &str| rules.leave_out(Path::new(path), !path.ends_with(".nix"));
        assert!(left_out(&root, "/w/a.gen.nix") && left_out(&root, "/w/result"));
        assert!(left_out(&root, "/w/build") && !left_out(&root, "/w/a.nix"));
        let below = root.entering(Path::new("/w/pkgs"), Some("!keep.gen.nix\nsecret.nix\n"));
        assert!(left_out(&below, "/w/pkgs/a.gen.nix") && !left_out(&below, "/w/pkgs/keep.gen.nix"));
        assert!(left_out(&below, "/w/pkgs/secret.nix") && !left_out(&below, "/w/pkgs/result"));
        // From further down the same holds; outside of a repository only a folder's own rules do.
        let begun = Ignored::above(Path::new("/w/pkgs"), read, is_repository);
        assert!(left_out(&begun, "/w/pkgs/a.gen.nix"));
        let alone = Ignored::above(Path::new("/w/pkgs"), read, |_| false);
        assert!(!left_out(&alone, "/w/pkgs/a.gen.nix"));
    }
}
