//! What the layers that make spectrograms have in common: windows, and the waves that frames of a signal are multiplied with.

use std::f64::consts::TAU;

use dfdx::tensor::NoneTape;
use serde_json::Value;

use super::{
    conv::{Slider, slid},
    flow::{Flow, Rows, beside},
    functions::FoundFunction,
    merge::{Merging, merged},
};
use crate::{
    backend::{ConvWeights, Recorder, WeightCache, map_values, memory::reserved},
    error::Error,
};

/// What the values of a frame are multiplied with.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shading {
    None,
    /// A sum of cosines with these factors.
    Cosines(&'static [f64]),
    /// The values themselves.
    Given(Vec<f64>),
}

/// The windows that are known by name: those that Keras's documentation names, and others that are sums of cosines.
const SHADINGS: [(&str, &[f64]); 6] = [
    ("hann", &[0.5, 0.5]),
    ("hamming", &[0.54, 0.46]),
    ("blackman", &[0.42, 0.5, 0.08]),
    ("nuttall", &[0.363_581_9, 0.489_177_5, 0.136_599_5, 0.010_641_1]),
    ("blackmanharris", &[0.358_75, 0.488_29, 0.141_28, 0.011_68]),
    ("boxcar", &[1.0]),
];

impl Shading {
    /// Reads a `window` for frames of so many values.
    pub(super) fn read(value: &Value, frame: usize) -> Option<Self> {
        match value {
            Value::Null => Some(Self::None),
            Value::String(name) => {
                let found = SHADINGS.iter().find(|(known, _)| known == name);
                found.map(|(_, factors)| Self::Cosines(factors))
            }
            Value::Array(list) if list.len() == frame => {
                let values: Option<Vec<f64>> = list.iter().map(Value::as_f64).collect();
                values.filter(|all| all.iter().all(|x| (*x as f32).is_finite())).map(Self::Given)
            }
            _ => None,
        }
    }

    /// The factors of a frame; a periodic one begins anew behind its last value.
    pub(super) fn values(&self, frame: usize, periodic: bool) -> Option<Vec<f64>> {
        let period = if periodic { frame } else { frame - 1 };
        match self {
            Self::None => None,
            Self::Given(values) => Some(values.clone()),
            Self::Cosines(_) if frame == 1 => Some(vec![1.0]),
            Self::Cosines(factors) => {
                let value = |n: usize| -> f64 {
                    let term = |(k, factor): (usize, &f64)| {
                        let sign = if k % 2 == 0 { 1.0 } else { -1.0 };
                        sign * factor * (TAU * (k * n) as f64 / period as f64).cos()
                    };
                    factors.iter().enumerate().map(term).sum()
                };
                Some((0..frame).map(value).collect())
            }
        }
    }
}

/// Which part of the complex waves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Real,
    Imaginary,
}

/// A wave of each frequency, down the columns, of which the period is a fraction of `length`; with the factors of a window.
///
/// # Errors
/// [`Error::Device`].
pub(super) fn waves(
    side: Side,
    window: &[f64],
    bins: usize,
    length: usize,
) -> Result<Vec<f32>, Error> {
    let mut waves = reserved(window.len().saturating_mul(bins))?;
    for (time, factor) in window.iter().enumerate() {
        waves.extend((0..bins).map(|bin| {
            // Whole turns change nothing, and would cost digits.
            let turn = -TAU * ((time * bin) % length) as f64 / length as f64;
            let wave = if side == Side::Real { turn.cos() } else { turn.sin() };
            (wave * factor) as f32
        }));
    }
    Ok(waves)
}

/// The products of the frames of signals with waves: a row for each frame. `signals` are `(signals, length, 1)`.
pub(super) fn transformed(
    slider: &Slider,
    signals: (&Rows<NoneTape>, [usize; 3], &Recorder),
    kernel: &Rows<NoneTape>,
    cache: &WeightCache,
    linear: &FoundFunction,
) -> Result<(Rows, Vec<usize>), Error> {
    let (x, sizes, tape) = signals;
    let weights = ConvWeights { kernel, bias: None, groups: 1, cache };
    let y = slid(slider, Flow::plain(beside(x, tape), sizes)?, weights, linear)?.numbers()?;
    Ok((y.x, y.sizes))
}

/// The squares of the lengths of complex values.
pub(super) fn power(real: Rows, imaginary: Rows) -> Result<Rows, Error> {
    let square = |x: Rows| map_values(x, |x| x * x, |x, _| 2.0 * x);
    merged(Merging::Sum, square(real)?, square(imaginary)?)
}
