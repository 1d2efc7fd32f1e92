//! Whatever a daemon sends is read or refused, never believed to be longer than it is.
#![no_main]

use floe_store::daemon::wire;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    while let Ok(string) = wire::read_string(&mut rest) {
        let mut written = Vec::new();
        wire::write_string(&mut written, &string).expect("a vector takes everything");
        assert_eq!(wire::read_string(&mut &*written).expect("just written"), string);
    }
    let mut rest = bytes;
    while wire::read_texts(&mut rest).is_ok() {}
});
