//! Builders that are part of the program: `builtin:fetchurl`.
//!
//! Only `file://` addresses are fetched so far. Fetching from the network is the business of the
//! crate that fetches flake inputs, and comes to this one with it.

use std::fs;
use std::io::BufReader;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use floe_store::{Derivation, nar};

use crate::error::BuildError;

/// Runs the builtin builder of a fixed-output derivation; its output goes to `output`.
pub(crate) fn run(derivation: &Derivation, printed: &str, output: &Path) -> Result<(), BuildError> {
    let builder = String::from_utf8_lossy(&derivation.builder).into_owned();
    if builder != "builtin:fetchurl" {
        return Err(BuildError::UnsupportedBuiltin { derivation: printed.to_owned(), builder });
    }
    let variable = |name: &str| {
        let value = derivation.env.get(name.as_bytes());
        value.map(|value| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
    };
    let url = variable("url");
    let fetched = match url.strip_prefix("file://") {
        None => Err("only 'file://' addresses can be fetched yet".to_owned()),
        Some(_) if variable("unpack") == "1" && url.ends_with(".xz") => {
            Err("archives compressed with xz cannot be unpacked yet".to_owned())
        }
        Some(file) if variable("unpack") == "1" => {
            fs::File::open(file).map_err(|error| error.to_string()).and_then(|file| {
                nar::restore(BufReader::new(file), output).map_err(|error| error.to_string())
            })
        }
        Some(file) => copy(Path::new(file), output).map_err(|error| error.to_string()),
    };
    let executable = || {
        if variable("executable") == "1" {
            fs::set_permissions(output, fs::Permissions::from_mode(0o755))
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    };
    fetched.and_then(|()| executable()).map_err(|reason| BuildError::Download {
        derivation: printed.to_owned(),
        url,
        reason,
    })
}

/// The contents only: the source's permissions are not the output's.
fn copy(source: &Path, target: &Path) -> std::io::Result<()> {
    let mut source = fs::File::open(source)?;
    std::io::copy(&mut source, &mut fs::File::create(target)?)?;
    Ok(())
}
