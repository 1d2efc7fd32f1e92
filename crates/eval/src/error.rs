//! Errors of evaluation: what went wrong, and the trace of what was being done.
//!
//! The message is the C++ implementation's, word for word. Positions are kept as references into
//! units (loaded files) until [`crate::Evaluator::report`] turns an error into a [`Report`] that
//! outlives the heap.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use floe_hir::{ExprId, LambdaId, Span};

use crate::heap::{Code, PositionId};

/// The result of evaluating something.
pub type Result<T> = std::result::Result<T, EvalError>;

/// What kind of error it is. [`ErrorKind::slug`] names its explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is explained at length under its slug")]
pub enum ErrorKind {
    SyntaxError,
    UndefinedVariable,
    DuplicateAttribute,
    DuplicateFormal,
    DynamicAttribute,
    MissingAttribute,
    NotASet,
    NotAFunction,
    NotAList,
    NotAString,
    NotAnInteger,
    NotABoolean,
    TypeMismatch,
    CannotCoerce,
    MissingArgument,
    UnexpectedArgument,
    InfiniteRecursion,
    StackOverflow,
    AssertionFailed,
    Thrown,
    Aborted,
    DivisionByZero,
    IntegerOverflow,
    IndexOutOfBounds,
    EmptyList,
    FileNotFound,
    SearchPath,
    InvalidStorePath,
    InvalidPath,
    Restricted,
    ImportFromDerivation,
    InvalidHash,
    InvalidRegex,
    InvalidJson,
    InvalidToml,
    ContextNotAllowed,
    NotComparable,
    ExperimentalFeature,
    UnknownOption,
    OptionType,
    OptionConflict,
    OptionUndefined,
    Interrupted,
    Derivation,
    Fetch,
    Io,
    Other,
}

impl ErrorKind {
    /// The name under which `floe explain` explains it.
    pub fn slug(self) -> &'static str {
        match self {
            ErrorKind::SyntaxError => "syntax-error",
            ErrorKind::UndefinedVariable => "undefined-variable",
            ErrorKind::DuplicateAttribute => "duplicate-attribute",
            ErrorKind::DuplicateFormal => "duplicate-formal",
            ErrorKind::DynamicAttribute => "dynamic-attribute",
            ErrorKind::MissingAttribute => "missing-attribute",
            ErrorKind::NotASet => "not-a-set",
            ErrorKind::NotAFunction => "not-a-function",
            ErrorKind::NotAList => "not-a-list",
            ErrorKind::NotAString => "not-a-string",
            ErrorKind::NotAnInteger => "not-an-integer",
            ErrorKind::NotABoolean => "not-a-boolean",
            ErrorKind::TypeMismatch => "type-mismatch",
            ErrorKind::CannotCoerce => "cannot-coerce",
            ErrorKind::MissingArgument => "missing-argument",
            ErrorKind::UnexpectedArgument => "unexpected-argument",
            ErrorKind::InfiniteRecursion => "infinite-recursion",
            ErrorKind::StackOverflow => "stack-overflow",
            ErrorKind::AssertionFailed => "assertion-failed",
            ErrorKind::Thrown => "thrown",
            ErrorKind::Aborted => "aborted",
            ErrorKind::DivisionByZero => "division-by-zero",
            ErrorKind::IntegerOverflow => "integer-overflow",
            ErrorKind::IndexOutOfBounds => "index-out-of-bounds",
            ErrorKind::EmptyList => "empty-list",
            ErrorKind::FileNotFound => "file-not-found",
            ErrorKind::SearchPath => "search-path",
            ErrorKind::InvalidStorePath => "invalid-store-path",
            ErrorKind::InvalidPath => "invalid-path",
            ErrorKind::Restricted => "restricted",
            ErrorKind::ImportFromDerivation => "import-from-derivation",
            ErrorKind::InvalidHash => "invalid-hash",
            ErrorKind::InvalidRegex => "invalid-regex",
            ErrorKind::InvalidJson => "invalid-json",
            ErrorKind::InvalidToml => "invalid-toml",
            ErrorKind::ContextNotAllowed => "context-not-allowed",
            ErrorKind::NotComparable => "not-comparable",
            ErrorKind::ExperimentalFeature => "experimental-feature",
            ErrorKind::UnknownOption => "unknown-option",
            ErrorKind::OptionType => "option-type",
            ErrorKind::OptionConflict => "option-conflict",
            ErrorKind::OptionUndefined => "option-undefined",
            ErrorKind::Interrupted => "evaluation-interrupted",
            ErrorKind::Derivation => "derivation",
            ErrorKind::Fetch => "fetch",
            ErrorKind::Io => "io",
            ErrorKind::Other => "other",
        }
    }

    /// Whether `builtins.tryEval` catches it: `throw`, failed assertions, and `<…>` not found.
    pub fn is_catchable(self) -> bool {
        matches!(
            self,
            ErrorKind::Thrown
                | ErrorKind::AssertionFailed
                | ErrorKind::SearchPath
                | ErrorKind::UnknownOption
                | ErrorKind::OptionType
                | ErrorKind::OptionConflict
                | ErrorKind::OptionUndefined
        )
    }

    /// The kind of an error that a program throws with this message: the module system's own messages
    /// are known by their form, whichever version of `lib` they come from.
    pub(crate) fn of_thrown(message: &str) -> ErrorKind {
        let first = message.trim_start().lines().next().unwrap_or_default();
        if !first.contains("option `") && !first.contains("option '") {
            return ErrorKind::Thrown;
        }
        if first.contains("does not exist") {
            ErrorKind::UnknownOption
        } else if first.contains("is not of type") {
            ErrorKind::OptionType
        } else if first.contains("conflicting definition")
            || first.contains("defined multiple times")
        {
            ErrorKind::OptionConflict
        } else if first.contains("used but not defined") || first.contains("has no value defined") {
            ErrorKind::OptionUndefined
        } else {
            ErrorKind::Thrown
        }
    }
}

/// A place in a unit, not yet looked up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pos {
    /// Nowhere known.
    #[default]
    None,
    /// An expression.
    Expr(Code),
    /// The operator of an expression.
    Operator(Code),
    /// An expression with the parentheses around it.
    Wrapped(Code),
    /// A function.
    Lambda {
        /// The unit it was written in.
        unit: u32,
        /// Which of the unit's.
        lambda: LambdaId,
    },
    /// A binding.
    Binding(PositionId),
}

/// An error on its way up. One word, so that a result of a value is two.
#[derive(Clone)]
pub struct EvalError(Box<ErrorData>);

/// What an [`EvalError`] carries.
#[derive(Clone)]
pub struct ErrorData {
    /// What kind of error.
    pub kind: ErrorKind,
    /// The message, in the words of the C++ implementation.
    pub message: String,
    /// Where it went wrong.
    pub pos: Pos,
    /// Names that the program may have meant, nearest first.
    pub suggestions: Vec<&'static str>,
    /// What was being done, innermost first.
    pub frames: Vec<RawFrame>,
    /// A place in a text that is no unit yet: a file with a syntax error.
    pub text_pos: Option<Position>,
    /// See [`Report::is_usage`].
    pub is_usage: bool,
    /// Which failure of a value it is; see [`crate::failures`].
    failure: Option<FailureId>,
}

/// An error that is remembered, by its number.
#[derive(Clone, Copy)]
pub(crate) struct FailureId(pub(crate) u32);

/// One step of a trace, its place not yet looked up.
#[derive(Clone)]
pub struct RawFrame {
    /// What was being done.
    pub message: FrameMessage,
    /// Where.
    pub pos: Pos,
}

/// What was being done; formatted only when somebody reads it.
#[derive(Clone)]
pub enum FrameMessage {
    /// An attribute of this path was asked for. C++ Nix has no such step.
    Use(String),
    /// A fixed text.
    Static(&'static str),
    /// A text made for the occasion.
    Text(String),
    /// What the program itself says with `addErrorContext`: no trace is shortened by these.
    Context(String),
    /// A call of the builtin with this name.
    Builtin(&'static str),
    /// A call of the function of this unit and number, which has this name.
    Calling(Option<&'static str>),
    /// Where such a call is.
    CallSite,
}

impl fmt::Display for FrameMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameMessage::Use(path) => write!(f, "from the use of '{path}'"),
            FrameMessage::Static(text) => f.write_str(text),
            FrameMessage::Text(text) | FrameMessage::Context(text) => f.write_str(text),
            FrameMessage::Builtin(name) => write!(f, "while calling the '{name}' builtin"),
            FrameMessage::Calling(Some(name)) => write!(f, "while calling '{name}'"),
            FrameMessage::CallSite => f.write_str("from call site"),
            FrameMessage::Calling(None) => f.write_str("while calling anonymous lambda"),
        }
    }
}

impl EvalError {
    /// An error without a place.
    #[cold]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> EvalError {
        EvalError(Box::new(ErrorData {
            kind,
            message: message.into(),
            pos: Pos::None,
            suggestions: Vec::new(),
            frames: Vec::new(),
            text_pos: None,
            is_usage: false,
            failure: None,
        }))
    }

    /// The error, as one in the use of a command: see [`Report::is_usage`].
    #[must_use]
    pub fn usage(mut self) -> EvalError {
        self.0.is_usage = true;
        self
    }

    /// The error, at a place.
    #[must_use]
    pub fn at(mut self, pos: Pos) -> EvalError {
        self.0.pos = pos;
        self
    }

    /// The error, at a place unless it already has one.
    #[must_use]
    pub fn at_if_nowhere(mut self, pos: Pos) -> EvalError {
        if self.0.pos == Pos::None && self.0.text_pos.is_none() {
            self.0.pos = pos;
        }
        self
    }

    /// The error, with one more step of its trace.
    #[must_use]
    #[cold]
    pub fn frame(mut self, pos: Pos, message: FrameMessage) -> EvalError {
        self.0.frames.push(RawFrame { message, pos });
        self
    }

    /// The error, while something was being done that a fixed text says. An empty text adds nothing.
    #[must_use]
    #[cold]
    pub fn context(self, pos: Pos, message: &'static str) -> EvalError {
        if message.is_empty() {
            return self;
        }
        self.frame(pos, FrameMessage::Static(message))
    }

    /// The error, with names that the program may have meant.
    #[must_use]
    pub fn suggest(mut self, suggestions: Vec<&'static str>) -> EvalError {
        self.0.suggestions = suggestions;
        self
    }

    /// The error, at a place in a text that could not be loaded.
    #[must_use]
    pub fn in_text(mut self, position: Position) -> EvalError {
        self.0.text_pos = Some(position);
        self
    }

    /// What kind of error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    pub(crate) fn failure(&self) -> Option<FailureId> {
        self.0.failure
    }

    pub(crate) fn failure_mut(&mut self) -> &mut Option<FailureId> {
        &mut self.0.failure
    }

    /// Everything.
    pub fn data(&self) -> &ErrorData {
        &self.0
    }
}

impl fmt::Debug for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.0.message)
    }
}

/// An error with all its places looked up; it borrows nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What kind of error.
    pub kind: ErrorKind,
    /// The message, in the words of the C++ implementation.
    pub message: String,
    /// Where it went wrong.
    pub position: Option<Position>,
    /// Names that the program may have meant, nearest first.
    pub suggestions: Vec<&'static str>,
    /// What was being done, innermost first.
    pub frames: Vec<Frame>,
    /// Whether C++ Nix takes it for an error in the use of a command, also where a program made it, and
    /// adds a line that advises `--help`.
    pub is_usage: bool,
}

/// One step of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What was being done.
    pub message: String,
    /// Where.
    pub position: Option<Position>,
    /// When C++ Nix prints it.
    pub shown: Shown,
}

/// When C++ Nix prints a step of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// However long the trace is.
    Always,
    /// Up to a length of the trace, with `--show-trace` in any case.
    Usually,
    /// Only with `--show-trace`: calls of functions.
    OnRequest,
    /// Never: only Floe says this.
    Never,
}

impl FrameMessage {
    /// When C++ Nix prints such a step.
    pub(crate) fn shown(&self) -> Shown {
        match self {
            FrameMessage::Use(_) => Shown::Never,
            FrameMessage::Calling(_) | FrameMessage::CallSite => Shown::OnRequest,
            FrameMessage::Context(_) => Shown::Always,
            FrameMessage::Static(_) | FrameMessage::Text(_) | FrameMessage::Builtin(_) => {
                Shown::Usually
            }
        }
    }
}

/// A place in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Which text.
    pub origin: Origin,
    /// Which bytes.
    pub span: Span,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1, in bytes as the C++ implementation counts.
    pub column: u32,
}

/// Where a text comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A file.
    File(PathBuf),
    /// An expression given as text; relative paths in it are relative to the folder.
    Text {
        /// The text itself.
        text: Arc<str>,
        /// The folder.
        base: PathBuf,
    },
    /// An expression read from standard input.
    StandardInput {
        /// The text itself.
        text: Arc<str>,
        /// The folder.
        base: PathBuf,
    },
    /// Part of the evaluator itself.
    Internal(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File(path) => write!(f, "{}", path.display()),
            Origin::Text { .. } => f.write_str("«string»"),
            Origin::StandardInput { .. } => f.write_str("«stdin»"),
            Origin::Internal(name) => write!(f, "«nix-internal»/{name}"),
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.origin, self.line, self.column)
    }
}

impl Report {
    /// The message with its suggestions, as the last lines of the C++ implementation's output:
    /// `attribute 'foo' missing` and, on a line of its own, `Did you mean fo?`.
    pub fn full_message(&self) -> String {
        match self.suggestions.as_slice() {
            [] => self.message.clone(),
            [one] => format!("{}\nDid you mean {one}?", self.message),
            [rest @ .., last] => {
                format!("{}\nDid you mean one of {} or {last}?", self.message, rest.join(", "))
            }
        }
    }
}

impl Pos {
    /// An expression of a unit, with the parentheses or `${ }` around it.
    pub fn wrapped(unit: u32, expr: ExprId) -> Pos {
        Pos::Wrapped(Code { unit, expr })
    }

    /// An expression of a unit.
    pub fn expr(unit: u32, expr: ExprId) -> Pos {
        Pos::Expr(Code { unit, expr })
    }

    /// The operator of an expression of a unit.
    pub fn operator(unit: u32, expr: ExprId) -> Pos {
        Pos::Operator(Code { unit, expr })
    }
}

impl From<PositionId> for Pos {
    fn from(position: PositionId) -> Pos {
        if position == PositionId::NONE { Pos::None } else { Pos::Binding(position) }
    }
}
