//! Programs that a command names: parsed first, then shown, evaluated, or kept until they are needed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::coerce::Coercion;
use crate::context::ContextBuilder;
use crate::error::{Origin, Pos, Result};
use crate::evaluator::Evaluator;
use crate::heap::{Code, Env, Value};
use crate::unit::Unit;

/// A program that has been parsed.
#[derive(Clone, Copy)]
pub struct Program<'h>(&'h Unit<'h>);

impl<'h> Evaluator<'h> {
    /// Parses an expression from the command line, with relative paths relative to `base`.
    ///
    /// # Errors
    ///
    /// If it has a mistake.
    pub fn parse_text(&self, text: &str, base: &Path) -> Result<Program<'h>> {
        let text: Arc<str> = text.into();
        let origin = Origin::Text { text: text.clone(), base: base.to_owned() };
        Ok(Program(self.load(text, origin, None)?))
    }

    /// Parses an expression from standard input, with relative paths relative to `base`.
    ///
    /// # Errors
    ///
    /// If it has a mistake.
    pub fn parse_standard_input(&self, text: &str, base: &Path) -> Result<Program<'h>> {
        let text: Arc<str> = text.into();
        let origin = Origin::StandardInput { text: text.clone(), base: base.to_owned() };
        Ok(Program(self.load(text, origin, None)?))
    }

    /// Parses a file, or the `default.nix` of a folder.
    ///
    /// # Errors
    ///
    /// If it cannot be read, may not be, or has a mistake.
    pub fn parse_file(&self, path: &Path) -> Result<Program<'h>> {
        let path = self.resolve_import(path)?;
        self.check_path(&path)?;
        Ok(Program(self.load_file(&path)?))
    }

    /// The file or folder that `<name>` means.
    ///
    /// # Errors
    ///
    /// If no entry of the search path has it.
    pub fn find_on_search_path(&self, name: &str) -> Result<PathBuf> {
        self.find_file(&self.settings.search_path, name)
    }

    /// A value as the text that `--raw` prints; `doing` is said where it cannot be one.
    ///
    /// # Errors
    ///
    /// If it is neither a string, nor a path, nor a set that stands for one.
    pub fn to_raw(&self, value: Value<'h>, doing: &'static str) -> Result<Vec<u8>> {
        let how = Coercion { copy_to_store: true, ..Coercion::PLAIN };
        let mut context = ContextBuilder::default();
        Ok(self.coerce_to_string(value, Pos::None, &mut context, doing, how)?.into_owned())
    }

    /// The folder that store paths are in, by name.
    pub fn store_dir(&self) -> &floe_store::StoreDir {
        self.store.store_dir()
    }

    /// Evaluates a program.
    ///
    /// # Errors
    ///
    /// Those of its evaluation.
    pub fn run_program(&self, program: Program<'h>) -> Result<Value<'h>> {
        self.eval(program.0, program.0.module.root, Env::none())
    }

    /// The value of a program, which is evaluated when it is first needed.
    pub fn run_later(&self, program: Program<'h>) -> Value<'h> {
        let Program(unit) = program;
        self.heap.thunk(Code { unit: unit.index, expr: unit.module.root }, Env::none())
    }

    /// The program in the notation of C++ Nix: what `nix-instantiate --parse` prints.
    pub fn show(&self, program: Program<'h>) -> String {
        program.0.show(|show| show.expr(program.0.module.root))
    }

    /// Evaluates an expression given as text, with relative paths relative to `base`.
    ///
    /// # Errors
    ///
    /// Those of parsing and evaluating it.
    pub fn eval_text(&self, text: &str, base: &Path) -> Result<Value<'h>> {
        self.run_program(self.parse_text(text, base)?)
    }
}
