//! Structured attributes as the build sees them: `.attrs.json`, and the same for bash in `.attrs.sh`.

use serde_json::{Map, Value};

/// The text of `.attrs.json`: compact, keys in order, as Nix writes it.
pub(crate) fn to_json(attributes: &Map<String, Value>) -> String {
    sorted(&Value::Object(attributes.clone())).to_string()
}

/// The text of `.attrs.sh`: a declaration for each attribute that bash can hold.
pub(crate) fn to_shell(attributes: &Map<String, Value>) -> String {
    let mut text = String::new();
    let mut names: Vec<&String> = attributes.keys().collect();
    names.sort();
    for name in names {
        if is_variable_name(name) {
            text += &declaration(name, &attributes[name]).unwrap_or_default();
        }
    }
    text
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(values) => Value::Array(values.iter().map(sorted).collect()),
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(name, _)| *name);
            Value::Object(
                entries.into_iter().map(|(name, value)| (name.clone(), sorted(value))).collect(),
            )
        }
        other => other.clone(),
    }
}

/// One level of lists and sets; what is deeper is left to those who read the JSON.
fn declaration(name: &str, value: &Value) -> Option<String> {
    match value {
        Value::Array(values) => {
            let mut items = String::new();
            for value in values {
                items += &format!("{} ", simple(value)?);
            }
            Some(format!("declare -a {name}=({items})\n"))
        }
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let mut items = String::new();
            for (key, value) in entries {
                items += &format!("[{}]={} ", quoted(key), simple(value)?);
            }
            Some(format!("declare -A {name}=({items})\n"))
        }
        value => Some(format!("declare {name}={}\n", simple(value)?)),
    }
}

/// Nix turns numbers into the C type `int` here; those that are not whole are left out.
fn simple(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(quoted(text)),
        Value::Null => Some("''".to_owned()),
        Value::Bool(true) => Some("1".to_owned()),
        Value::Bool(false) => Some(String::new()),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Some((integer as i32).to_string()),
            (None, Some(float)) if (float as f32).fract() == 0.0 => {
                Some((float as i32).to_string())
            }
            _ => None,
        },
        Value::Array(_) | Value::Object(_) => None,
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn is_variable_name(name: &str) -> bool {
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    starts_well
        && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn attributes_become_bash_declarations() {
        let json = r#"{"z":"it's","b":true,"c":false,"n":null,"i":7,"f":1.5,"g":2.0,"not-a-name":1,
            "list":["a b",1],"deep":[["x"]],"set":{"k y":"v","a":1},"empty":[],"sets":{"a":{}}}"#;
        let attributes: Map<String, Value> = serde_json::from_str(json).unwrap();
        expect![[r#"
            declare b=1
            declare c=
            declare -a empty=()
            declare g=2
            declare i=7
            declare -a list=('a b' 1 )
            declare n=''
            declare -A set=(['a']=1 ['k y']='v' )
            declare z='it'\''s'
        "#]]
        .assert_eq(&to_shell(&attributes));
        assert!(
            to_json(&attributes)
                .starts_with(r#"{"b":true,"c":false,"deep":[["x"]],"empty":[],"f":1.5,"g":2.0"#)
        );
    }
}
