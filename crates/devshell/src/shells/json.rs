//! JSON, for editors and other programs.

use std::path::Path;

use super::{Assignment, Shell};

/// An object from names to new values, with `null` for a variable to unset. JSON is Unicode: bytes
/// of a value that are not UTF-8 become replacement characters, as with direnv.
#[derive(Debug, Clone, Copy)]
pub struct Json;

impl Shell for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn hook(&self, _floe: &Path) -> Option<String> {
        None
    }

    fn export(&self, assignments: &[Assignment<'_>]) -> Vec<u8> {
        let object: serde_json::Map<String, serde_json::Value> = (assignments.iter())
            .map(|(name, value)| {
                let value = value.map(|value| value.to_string_lossy().into_owned());
                (name.to_string_lossy().into_owned(), value.into())
            })
            .collect();
        let mut text = serde_json::to_vec_pretty(&object).expect("an object of strings is JSON");
        text.push(b'\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn null_unsets() {
        let assignments = [(OsStr::new("A"), Some(OsStr::new("\"1\"\n"))), (OsStr::new("B"), None)];
        expect_test::expect![[r#"
            {
              "A": "\"1\"\n",
              "B": null
            }
        "#]]
        .assert_eq(&String::from_utf8(Json.export(&assignments)).unwrap());
    }
}
