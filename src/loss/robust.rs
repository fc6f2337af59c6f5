//! Regression in which a few large differences do not decide all.

use kerata_kernels::curves::Functions;

use super::{
    relative::sign,
    row::{ValueLoss, row_loss},
    settings::settings,
};
use crate::{backend::Element, error::Error};

/// `d^2 / 2` for a difference `d` of at most `delta`, and `delta * |d| - delta^2 / 2` beyond, averaged along the last axis.
///
/// Keras: [`Huber`](https://keras.io/api/losses/regression_losses/#huber-class).
///
/// # Shapes
/// - prediction `(Batch, .., Values)`, masked or not; target the same, unmasked
///
/// # Errors
/// [`Error::Invalid`] for a `delta` that is not greater than 0.
///
/// ```
/// use kerata::{*, prelude::*, loss::Huber};
///
/// let dev = Cpu::default();
/// let loss = Huber::default().compute(dev.tensor([[0.5_f32, 3.0]]), dev.tensor([[0.0, 0.0]]))?;
/// assert_eq!(loss.array(), (0.125 + 2.5) / 2.0);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Huber {
    /// Where the square ends. Default 1.
    pub delta: f64,
}

impl Default for Huber {
    fn default() -> Self {
        Self { delta: 1.0 }
    }
}

impl ValueLoss for Huber {
    settings!(delta);

    fn check(&self) -> Result<(), Error> {
        match self.delta > 0.0 {
            true => Ok(()),
            false => Err(Error::invalid("delta", self.delta, "it must be greater than 0")),
        }
    }

    #[inline(always)]
    fn of_value<E: Element>(&self, p: f64, y: f64) -> (f64, f64) {
        let (delta, d) = (self.delta, p - y);
        match d.abs() > delta {
            true => (delta * (d.abs() - 0.5 * delta), delta * sign(d)),
            false => (0.5 * d * d, d),
        }
    }
}
row_loss!(Huber, "huber_loss");

/// `ln(cosh(p - y))`, averaged along the last axis: close to half the square of small differences, and to the size of large
/// ones.
///
/// Keras: [`LogCosh`](https://keras.io/api/losses/regression_losses/#logcosh-class).
///
/// # Shapes
/// - prediction `(Batch, .., Values)`, masked or not; target the same, unmasked
///
/// ```
/// use kerata::{*, prelude::*, loss::LogCosh};
///
/// let dev = Cpu::default();
/// let loss = LogCosh.compute(dev.tensor([[1.0_f32]]), dev.tensor([[0.0_f32]]))?;
/// assert!((loss.array() - 1.0_f32.cosh().ln()).abs() < 1e-6);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogCosh;

impl ValueLoss for LogCosh {
    #[inline(always)]
    fn of_value<E: Element>(&self, p: f64, y: f64) -> (f64, f64) {
        let d = (p - y).abs();
        // Nothing cancels at 0: cosh(d) - 1 = 2 sinh(d/2)^2.
        let more = E::Functions::exp_m1(0.5 * d);
        let sine = 0.5 * (more + more / (1.0 + more));
        let small = E::Functions::ln_1p(2.0 * sine * sine);
        // `-1` to `0`: cosh(d) = exp(d) (1 + less / 2).
        let less = E::Functions::exp_m1(-2.0 * d);
        let large = d + E::Functions::ln_1p(0.5 * less);
        (if d < 1.0 { small } else { large }, sign(p - y) * (-less / (2.0 + less)))
    }
}
row_loss!(LogCosh, "log_cosh");
