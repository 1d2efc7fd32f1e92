//! Whatever is read as an archive is written back byte for byte.
#![no_main]

use floe_store::nar;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    let Ok(tree) = nar::read_tree(&mut rest) else { return };
    let mut written = Vec::new();
    nar::write_tree(&tree, &mut written).expect("a vector takes everything");
    assert_eq!(written, bytes[..bytes.len() - rest.len()]);
});
