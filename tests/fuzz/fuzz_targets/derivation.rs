//! Whatever is read as a derivation has a text, which reads back as the same derivation; and so has
//! its JSON, unless something in it is not UTF-8.
#![no_main]

use floe_store::{Derivation, StoreDir};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let dir = StoreDir::default();
    let Ok(derivation) = Derivation::from_aterm(&dir, "name", bytes) else { return };
    let text = derivation.to_aterm(&dir).expect("its fixed paths were checked");
    let names = derivation.outputs.keys().chain(derivation.input_drvs.values().flatten());
    let is_plain = |text: &String| !text.contains(['"', '\\']);
    // Systems and names are not escaped, as in Nix, so only plain ones read back.
    if is_plain(&derivation.system) && names.into_iter().all(is_plain) {
        assert_eq!(Derivation::from_aterm(&dir, "name", &text).as_ref(), Ok(&derivation));
    }
    // Structured attributes may be written differently but mean the same.
    if let Ok(json) = derivation.to_json()
        && json.get("structuredAttrs").is_none()
    {
        assert_eq!(Derivation::from_json(&json), Ok(derivation));
    }
});
