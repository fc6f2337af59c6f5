//! Values as they are written.

use syn::{Expr, ExprLit, ExprUnary, Lit, UnOp};

/// The value of a number as it is written.
pub(crate) fn number(value: &Expr) -> Option<f64> {
    match value {
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => number(expr).map(|n| -n),
        Expr::Lit(ExprLit { lit: Lit::Int(digits), .. }) => digits.base10_parse().ok(),
        Expr::Lit(ExprLit { lit: Lit::Float(digits), .. }) => digits.base10_parse().ok(),
        _ => None,
    }
}

/// The numbers at the ends of a range as it is written, as far as there are such.
pub(crate) fn range(value: &Expr) -> [Option<f64>; 2] {
    let Expr::Range(range) = value else { return [None; 2] };
    [&range.start, &range.end].map(|end| number(end.as_deref()?))
}
