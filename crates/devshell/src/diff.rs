//! The difference between two environments, and the way back.
//!
//! Loading a project computes a [`Diff`] from the environment of before to the project's own; the
//! shell evaluates it. Leaving needs only the values of before, so `FLOE_DIFF` carries a
//! [`Restore`]: the name of each variable that was touched with its old value, or none where there
//! was none. Everything a shell starts inherits that variable, so it is kept small.
//!
//! As in direnv, leaving puts back the value of before even where the person has changed a
//! variable of the project by hand meanwhile; variables that the project did not touch stay as they
//! are now.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use crate::environment::{Environment, is_ignored};
use crate::text;

/// What has to change to get from one environment to another. Ignored variables
/// ([`crate::environment::is_ignored`]) never take part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diff {
    changes: BTreeMap<OsString, Change>,
}

/// One variable's part of a [`Diff`]. `None` is a variable that is not set, which differs from one
/// that is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The value to come from.
    pub before: Option<OsString>,
    /// The value to go to.
    pub after: Option<OsString>,
}

impl Diff {
    /// The difference that leads from `before` to `after`.
    pub fn between(before: &Environment, after: &Environment) -> Diff {
        let removed = before.iter().filter(|(name, _)| !after.contains_key(*name));
        let removed = removed.map(|(name, value)| (name, Some(value), None));
        let others = after
            .iter()
            .map(|(name, value)| (name, before.get(name), Some(value)))
            .filter(|(_, old, new)| old != new);
        let changes = removed
            .chain(others)
            .filter(|(name, ..)| !is_ignored(name))
            .map(|(name, before, after)| {
                let change = Change { before: before.cloned(), after: after.cloned() };
                (name.clone(), change)
            })
            .collect();
        Diff { changes }
    }

    /// The variables that change, by name.
    pub fn changes(&self) -> impl Iterator<Item = (&OsStr, &Change)> {
        self.changes.iter().map(|(name, change)| (name.as_os_str(), change))
    }

    /// Whether the two environments are equal but for ignored variables.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Changes `environment`.
    pub fn apply(&self, environment: &mut Environment) {
        for (name, change) in &self.changes {
            set(environment, name, change.after.as_deref());
        }
    }

    /// The same difference the other way round.
    #[must_use]
    pub fn reverse(&self) -> Diff {
        let swap =
            |change: &Change| Change { before: change.after.clone(), after: change.before.clone() };
        let changes = self.changes.iter().map(|(name, change)| (name.clone(), swap(change)));
        Diff { changes: changes.collect() }
    }

    /// The way back to the environment of before.
    pub fn restore(&self) -> Restore {
        let values =
            self.changes.iter().map(|(name, change)| (name.clone(), change.before.clone()));
        Restore { values: values.collect() }
    }

    /// `+NEW ~CHANGED -REMOVED`, one word for each variable, as direnv prints it; empty when
    /// nothing changes.
    pub fn summary(&self) -> String {
        let mut words: Vec<String> = (self.changes.iter())
            .map(|(name, change)| {
                let sign = match (&change.before, &change.after) {
                    (None, _) => '+',
                    (_, None) => '-',
                    (Some(_), Some(_)) => '~',
                };
                format!("{sign}{}", name.to_string_lossy())
            })
            .collect();
        words.sort();
        words.join(" ")
    }
}

/// The values that variables had before a project was loaded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Restore {
    values: BTreeMap<OsString, Option<OsString>>,
}

/// `FLOE_DIFF` does not hold what we put there.
#[derive(Debug, thiserror::Error)]
#[error(
    "FLOE_DIFF does not hold a saved environment ({source}); start a new shell, or `unset FLOE_DIFF` to keep the variables as they are now"
)]
pub struct UnreadableRestore {
    #[from]
    source: serde_json::Error,
}

impl Restore {
    /// Puts the values of before back.
    pub fn apply(&self, environment: &mut Environment) {
        for (name, value) in &self.values {
            set(environment, name, value.as_deref());
        }
    }

    /// The text kept in `FLOE_DIFF`: a JSON object from names to values or `null`, bytes written as
    /// [`crate::text`] has it.
    pub fn to_variable(&self) -> String {
        let object: BTreeMap<String, Option<String>> = (self.values.iter())
            .map(|(name, value)| (text::encode(name), value.as_deref().map(text::encode)))
            .collect();
        serde_json::to_string(&object).expect("a map from strings to strings is JSON")
    }

    /// Reads what [`Restore::to_variable`] wrote.
    pub fn from_variable(variable: &OsStr) -> Result<Restore, UnreadableRestore> {
        let object: BTreeMap<String, Option<String>> =
            serde_json::from_slice(std::os::unix::ffi::OsStrExt::as_bytes(variable))?;
        let values = (object.iter())
            .map(|(name, value)| (text::decode(name), value.as_deref().map(text::decode)));
        Ok(Restore { values: values.collect() })
    }
}

fn set(environment: &mut Environment, name: &OsStr, value: Option<&OsStr>) {
    match value {
        Some(value) => environment.insert(name.to_owned(), value.to_owned()),
        None => environment.remove(name),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::ffi::OsStringExt as _;

    fn environment(entries: &[(&str, &str)]) -> Environment {
        entries.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    #[test]
    fn added_changed_and_removed_variables() {
        let before = environment(&[("KEEP", "1"), ("CHANGE", "1"), ("DROP", "1"), ("SHLVL", "1")]);
        let after = environment(&[("KEEP", "1"), ("CHANGE", "2"), ("NEW", ""), ("SHLVL", "2")]);
        let diff = Diff::between(&before, &after);
        assert_eq!(diff.summary(), "+NEW -DROP ~CHANGE");
        assert_eq!(diff.restore().to_variable(), r#"{"CHANGE":"1","DROP":"1","NEW":null}"#);
    }

    #[test]
    fn empty_and_unset_differ() {
        let unset = environment(&[]);
        let empty = environment(&[("A", "")]);
        let mut now = empty.clone();
        Diff::between(&unset, &empty).restore().apply(&mut now);
        assert_eq!(now, unset);
        let mut now = unset.clone();
        Diff::between(&empty, &unset).restore().apply(&mut now);
        assert_eq!(now, empty);
    }

    #[test]
    fn leaving_puts_the_old_value_over_a_change_made_by_hand() {
        let before = environment(&[("PATH", "/bin")]);
        let after = environment(&[("PATH", "/project/bin:/bin")]);
        let restore = Diff::between(&before, &after).restore();
        let mut now = environment(&[("PATH", "/mine:/project/bin:/bin"), ("UNTOUCHED", "stays")]);
        restore.apply(&mut now);
        assert_eq!(now, environment(&[("PATH", "/bin"), ("UNTOUCHED", "stays")]));
    }

    #[test]
    fn a_foreign_floe_diff_is_an_error_that_says_what_to_do() {
        let error = Restore::from_variable(OsStr::new("eJyq")).unwrap_err().to_string();
        assert!(error.contains("unset FLOE_DIFF"), "{error}");
    }

    fn environments() -> impl Strategy<Value = Environment> {
        let name = proptest::collection::vec(1u8..4, 1..3).prop_map(OsString::from_vec);
        let value = proptest::collection::vec(1u8.., 0..12).prop_map(OsString::from_vec);
        proptest::collection::btree_map(name, value, 0..12)
    }

    proptest! {
        #[test]
        fn applying_reaches_the_other_environment(before in environments(), after in environments()) {
            let mut now = before.clone();
            Diff::between(&before, &after).apply(&mut now);
            prop_assert_eq!(now, after);
        }

        #[test]
        fn the_reverse_leads_back(before in environments(), after in environments()) {
            let mut now = after.clone();
            Diff::between(&before, &after).reverse().apply(&mut now);
            prop_assert_eq!(&now, &before);
            prop_assert_eq!(Diff::between(&before, &after).reverse(), Diff::between(&after, &before));
        }

        #[test]
        fn restoring_through_the_variable_is_exact(before in environments(), after in environments()) {
            let restore = Diff::between(&before, &after).restore();
            let read = Restore::from_variable(OsStr::new(&restore.to_variable())).unwrap();
            let mut now = after;
            read.apply(&mut now);
            prop_assert_eq!(now, before);
        }
    }
}
