//! The short texts of the store's database and of derivations, and the search path: whatever is read is
//! printed as what reads the same.
#![no_main]

use std::path::Path;

use floe_flake::SearchPath;
use floe_store::hash::Format;
use floe_store::{ContentAddress, Hash, StoreDir, StorePath};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let dir = StoreDir::default();
    if let Ok(path) = StorePath::parse(text) {
        assert_eq!(path.base_name(), text);
        assert_eq!(dir.parse(&dir.print(&path)).ok(), Some(path));
    }
    if let Ok((path, rest)) = dir.split(text) {
        assert_eq!(format!("{}{rest}", dir.print(&path)), text);
    }
    if let Ok(hash) = Hash::parse_any(text, None) {
        for format in [Format::Base16, Format::Nix32, Format::Base64, Format::Sri] {
            let printed = hash.format_with_algorithm(format);
            assert_eq!(Hash::parse_any(&printed, None).ok(), Some(hash), "{printed}");
        }
    }
    if let Ok(address) = text.parse::<ContentAddress>() {
        assert_eq!(address.to_string().parse().ok(), Some(address));
    }
    let mut notes = Vec::new();
    let _ = SearchPath::parse(text, Path::new("/nowhere"), &mut notes);
});
