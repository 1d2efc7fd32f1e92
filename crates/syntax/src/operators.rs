//! How tightly the operators bind, as the reference grammar has it: what the parser goes by, and whoever
//! writes code needs to know where parentheses have to stand.

use crate::kind::SyntaxKind::{self, *};

/// How tightly an operator binds; the order is that of the reference grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Precedence {
    Implication,
    Or,
    And,
    Equality,
    Comparison,
    Update,
    Not,
    Sum,
    Product,
    Concatenation,
    HasAttr,
    /// That of unary minus. No operator binds tighter.
    Negation,
}

/// Which of two operators of one precedence takes the operand between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Associativity {
    Left,
    Right,
    /// Neither: they cannot stand beside each other.
    None,
}

/// What a token is as an operator between two operands; nothing if it is none. The pipes, which bind
/// less than everything else, are not among them.
pub fn binary_operator(kind: SyntaxKind) -> Option<(Precedence, Associativity)> {
    Some(match kind {
        Arrow => (Precedence::Implication, Associativity::Right),
        OrOr => (Precedence::Or, Associativity::Left),
        AndAnd => (Precedence::And, Associativity::Left),
        EqEq | NotEq => (Precedence::Equality, Associativity::None),
        Less | LessEq | Greater | GreaterEq => (Precedence::Comparison, Associativity::None),
        SlashSlash => (Precedence::Update, Associativity::Right),
        Plus | Minus => (Precedence::Sum, Associativity::Left),
        Star | Slash => (Precedence::Product, Associativity::Left),
        PlusPlus => (Precedence::Concatenation, Associativity::Right),
        Question => (Precedence::HasAttr, Associativity::Left),
        _ => return None,
    })
}

impl Precedence {
    /// The next tighter one; the tightest itself where there is none.
    pub fn next(self) -> Precedence {
        match self {
            Precedence::Implication => Precedence::Or,
            Precedence::Or => Precedence::And,
            Precedence::And => Precedence::Equality,
            Precedence::Equality => Precedence::Comparison,
            Precedence::Comparison => Precedence::Update,
            Precedence::Update => Precedence::Not,
            Precedence::Not => Precedence::Sum,
            Precedence::Sum => Precedence::Product,
            Precedence::Product => Precedence::Concatenation,
            Precedence::Concatenation => Precedence::HasAttr,
            Precedence::HasAttr | Precedence::Negation => Precedence::Negation,
        }
    }
}
