//! Functions of single values, for loops that have more to do than one of them.

use super::functions;

/// Functions of an `f64`.
pub trait Functions {
    /// `exp(x)`.
    fn exp(x: f64) -> f64;

    /// `exp(x) - 1`, with all digits where that is small.
    fn exp_m1(x: f64) -> f64;

    /// `ln(x)`, of 0 or what is not below the least positive `f32`.
    fn ln(x: f64) -> f64;

    /// `ln(1 + x)`, with all digits where that is small.
    fn ln_1p(x: f64) -> f64;

    /// `ln(1 + exp(x))`.
    fn softplus(x: f64) -> f64;
}

/// Those that have no branch, so that loops of them become vector code. Their errors are far below the last digit of an `f32`.
#[derive(Debug)]
pub struct Loops;

impl Functions for Loops {
    #[inline(always)]
    fn exp(x: f64) -> f64 {
        functions::exp(x)
    }

    #[inline(always)]
    fn exp_m1(x: f64) -> f64 {
        functions::exp_m1(x)
    }

    #[inline(always)]
    fn ln(x: f64) -> f64 {
        functions::ln(x)
    }

    #[inline(always)]
    fn ln_1p(x: f64) -> f64 {
        functions::ln_1p(x)
    }

    #[inline(always)]
    fn softplus(x: f64) -> f64 {
        functions::softplus(x)
    }
}

/// Those of the standard library, with all digits of an `f64`.
#[derive(Debug)]
pub struct Library;

impl Functions for Library {
    #[inline(always)]
    fn exp(x: f64) -> f64 {
        x.exp()
    }

    #[inline(always)]
    fn exp_m1(x: f64) -> f64 {
        x.exp_m1()
    }

    #[inline(always)]
    fn ln(x: f64) -> f64 {
        x.ln()
    }

    #[inline(always)]
    fn ln_1p(x: f64) -> f64 {
        x.ln_1p()
    }

    #[inline(always)]
    fn softplus(x: f64) -> f64 {
        (-x.abs()).exp().ln_1p() + if x < 0.0 { 0.0 } else { x }
    }
}
