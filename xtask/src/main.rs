//! The project's own automation: `cargo xtask …`.

mod bench;
mod conformance;
mod demo;
mod fuzz;
mod readme;
mod run;
mod test;
mod tools;

use std::{env, process::ExitCode};

const USAGE: &str = "usage: cargo xtask COMMAND

  demo           build the release program and play the five stories
  test           install what the tests need (it says what, first), then check and test everything
  bench          measure Floe and its peers in turn and print the ratios
                 FLOE_NIXPKGS names the nixpkgs checkout to measure on
  conformance    compute the derivation paths of a whole nixpkgs and of NixOS systems with Floe and with
                 C++ Nix, and list every difference
  fuzz           look for inputs that the fuzz targets fail on, with a nightly compiler and cargo-fuzz;
                 targets can be named, and how many seconds each may take
  picture        draw the picture of README.md from the demo's output
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["demo"] => demo::run_demo(),
        ["test"] => test::run_all(),
        ["picture"] => demo::draw(),
        ["fuzz", words @ ..] => fuzz::run_targets(words),
        ["bench", words @ ..] => bench::run_bench(words),
        ["conformance", words @ ..] => conformance::run_conformance(words),
        _ => {
            run::say(USAGE);
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            run::say(&format!("\nxtask: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
