//! The kinds of tokens and nodes, and with them the shape of every tree.
//!
//! The comment behind a node kind lists its children in order, trivia left out: `Expr` stands for any
//! expression node, `?` for "may be absent", `*` for any number. A node that a syntax error cut short
//! lacks the children behind the error; nothing else about its shape changes.

macro_rules! kinds {
    ($($kind:ident,)*) => {
        /// Every kind of token and node that a tree of Nix source text is made of.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        #[allow(missing_docs, reason = "the comments beside the variants are the documentation")]
        pub enum SyntaxKind {
            $($kind,)*
        }

        impl SyntaxKind {
            /// All kinds, in the order of their numbers.
            pub const ALL: &'static [SyntaxKind] = &[$(SyntaxKind::$kind,)*];
        }
    };
}

kinds! {
    // Trivia.
    Whitespace, // spaces, tabs, line breaks
    Comment,    // `# …` up to the line's end, or `/* … */`

    // Tokens with text of their own.
    Ident,          // `foo`, `foo-bar'`; also `__curPos`
    Int,            // `12`
    Float,          // `1.5e3`, `.5`
    Uri,            // `http://example.org` without quotes
    SearchPath,     // `<nixpkgs/lib>`
    PathFragment, // the literal text of a path between interpolations: `./a/b`, `/c`, `~/d`, `a/b`
    StringQuote,  // `"`
    IndentedQuote, // `''`
    StringFragment, // raw text between quotes and interpolations, escapes not yet decoded
    Unknown,      // a character (or a byte run) that starts no token

    // Keywords.
    AssertKw,
    ElseKw,
    IfKw,
    InKw,
    InheritKw,
    LetKw,
    OrKw, // contextual: also an attribute name, and the variable in `f or`
    RecKw,
    ThenKw,
    WithKw,

    // Punctuation.
    LBrace,      // {
    RBrace,      // }
    LBracket,    // [
    RBracket,    // ]
    LParen,      // (
    RParen,      // )
    DollarBrace, // ${
    Semicolon,   // ;
    Colon,       // :
    Comma,       // ,
    At,          // @
    Dot,         // .
    Ellipsis,    // ...
    Question,    // ?
    Assign,      // =
    Bang,        // !
    EqEq,        // ==
    NotEq,       // !=
    Less,        // <
    LessEq,      // <=
    Greater,     // >
    GreaterEq,   // >=
    AndAnd,      // &&
    OrOr,        // ||
    Arrow,       // ->
    Plus,        // +
    Minus,       // -
    Star,        // *
    Slash,       // /
    SlashSlash,  // //
    PlusPlus,    // ++
    PipeRight,   // |>
    PipeLeft,    // <|

    // The root.
    SourceFile, // Expr?  (what follows a complete expression goes into an `Error` child)

    // Atoms.
    Literal,        // Int | Float | Uri
    Variable,       // Ident | OrKw
    String,         // StringQuote (StringFragment | Interpolation)* StringQuote
    IndentedString, // IndentedQuote (StringFragment | Interpolation)* IndentedQuote
    Interpolation,  // DollarBrace Expr RBrace
    Path,           // (PathFragment | Interpolation)*, the first child is a PathFragment
    PathSearch,     // SearchPath
    Paren,          // LParen Expr RParen
    List,           // LBracket Expr* RBracket

    // Sets and bindings.
    AttrSet,     // RecKw? LBrace (Binding | Inherit)* RBrace
    LegacyLet,   // LetKw LBrace (Binding | Inherit)* RBrace
    LetIn,       // LetKw (Binding | Inherit)* InKw Expr
    Binding,     // AttrPath Assign Expr Semicolon
    Inherit,     // InheritKw InheritFrom? Attr* Semicolon
    InheritFrom, // LParen Expr RParen
    AttrPath,    // Attr (Dot Attr)*
    Attr,        // Ident | OrKw | String | Interpolation

    // Functions.
    Lambda,  // Param Colon Expr
    Param,   // Ident | Pattern | Ident At Pattern | Pattern At Ident
    Pattern, // LBrace (Formal (Comma Formal)*)? Comma? Ellipsis? RBrace
    Formal,  // Ident (Question Expr)?
    Apply,   // Expr Expr   (`f or` is Apply(f, Variable(OrKw)))

    // Operators and control.
    Select,  // Expr Dot AttrPath (OrKw Expr)?
    HasAttr, // Expr Question AttrPath
    Unary,   // (Minus | Bang) Expr
    Binary,  // Expr operator Expr
    If,      // IfKw Expr ThenKw Expr ElseKw Expr
    With,    // WithKw Expr Semicolon Expr
    Assert,  // AssertKw Expr Semicolon Expr

    // Whatever fits nowhere; its text is kept.
    Error,
}

impl SyntaxKind {
    /// Whether it is white space or a comment.
    pub fn is_trivia(self) -> bool {
        matches!(self, SyntaxKind::Whitespace | SyntaxKind::Comment)
    }

    /// Whether it is a token rather than a node.
    pub fn is_token(self) -> bool {
        self < SyntaxKind::SourceFile
    }
}
