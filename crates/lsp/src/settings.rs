//! The user's configuration, as a client sends it: `{ "floe": { … } }` or the inside of it.

use floe_db::{Settings, Trust};
use serde_json::Value;

/// Reads what is there and leaves out what is not understood.
pub(crate) fn read(value: &Value) -> Settings {
    let value = value.get("floe").unwrap_or(value);
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    Settings {
        trust: match value.get("trusted").and_then(Value::as_bool) {
            Some(true) => Trust::Trusted,
            Some(false) | None => Trust::ReadOnly,
        },
        nixpkgs: text("nixpkgs").map(Into::into),
        nix_path: text("nixPath").or_else(|| std::env::var("NIX_PATH").ok()),
    }
}
