//! Names the embedded package set by its contents, and rebuilds when they change.

use std::{
    collections::BTreeMap,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
};

fn main() -> io::Result<()> {
    // Asked when it runs, not when it is compiled: checkouts may share a target folder.
    let directory = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let packages = Path::new(&directory).join("../../fixtures/pkgs");
    println!("cargo:rerun-if-changed={}", packages.display());
    let mut files = BTreeMap::new();
    collect(&packages, &packages, &mut files)?;
    let mut hasher = DefaultHasher::new();
    files.hash(&mut hasher);
    println!("cargo:rustc-env=FLOE_PACKAGES_HASH={:016x}", hasher.finish());
    Ok(())
}

fn collect(top: &Path, directory: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(top, &path, files)?;
        } else {
            let name = path.strip_prefix(top).unwrap_or(&path).to_path_buf();
            files.insert(name, fs::read(&path)?);
        }
    }
    Ok(())
}
