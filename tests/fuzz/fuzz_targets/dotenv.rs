//! Any file is read as an `.env` file or refused with its path.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let folder = std::env::temp_dir();
    let path = folder.join(format!("floe-fuzz-{}.env", std::process::id()));
    std::fs::write(&path, bytes).expect("the folder for temporary files is writable");
    if let Err(error) = floe_devshell::dotenv::read(&path) {
        assert!(error.to_string().starts_with(path.to_str().expect("UTF-8")));
    }
});
