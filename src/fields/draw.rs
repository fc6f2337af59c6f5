//! The values of an initialiser.

use std::iter::repeat_with;

use dfdx::{shapes::HasShape, tensor::Tensor};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rand_distr::StandardNormal;

use super::{Fan, Initializer, Spread, initializer::CUT_STD};
use crate::{
    backend::{
        Backend, Element,
        memory::{collected, elements_of, filled},
        to_values,
    },
    error::{Error, OrDevice},
    init::{self, fans},
    parameters::{Parameter, Parameters, Visitor},
    shape::Shape,
};

impl Initializer {
    /// A tensor filled by this initialiser, from the random numbers of the device.
    ///
    /// # Errors
    /// [`Error::Device`]; [`Error::Mismatch`] for an identity that is no matrix; [`Error::Invalid`] for settings that
    /// make no sense; [`Error::NonFinite`] for a value that is too large for its type.
    pub fn fill<S: Shape, E: Element, D: Backend<E>>(
        self,
        dev: &D,
        shape: S,
    ) -> Result<Tensor<S, E, D>, Error> {
        let invalid =
            |expected| Err(Error::invalid("initializer", format_args!("{self:?}"), expected));
        match self {
            Self::Uniform(low, high) if !(low <= high && high - low < f64::MAX / 2.0) => {
                return invalid(
                    "the first limit must be at most the second, and not too far from it",
                );
            }
            Self::Normal { std, .. } if std < 0.0 || std.is_nan() => {
                return invalid("the standard deviation must be at least 0");
            }
            Self::Scaling { scale, .. } if scale <= 0.0 || scale.is_nan() => {
                return invalid("the scale must be greater than 0");
            }
            _ => {}
        }
        let (n, sizes) = (elements_of(&shape)?, shape.concrete());
        let (fan_in, fan_out) = fans(sizes.as_ref());
        let mut rng = StdRng::seed_from_u64(dev.random_u64());
        let mut normal = |mean: f64, std: f64, cut: bool| loop {
            let z: f64 = rng.sample(StandardNormal);
            if !cut || z.abs() <= 2.0 {
                break E::of(mean + std * z);
            }
        };
        let values: Vec<E> = match self {
            Self::Constant(value) => filled(&[n], E::of(value))?,
            Self::Uniform(low, high) => {
                collected(&[n], repeat_with(|| E::of(rng.gen_range(low..=high))))?
            }
            Self::Normal { mean, std, cut } => {
                collected(&[n], repeat_with(|| normal(mean, std, cut)))?
            }
            Self::Scaling { shape: spread, .. } => {
                let std = self.deviation(fan_in, fan_out);
                match spread {
                    Spread::Uniform => {
                        let limit = 3_f64.sqrt() * std;
                        finite(&[E::of(limit)])?;
                        return init::uniform(dev, shape, limit);
                    }
                    Spread::Normal => collected(&[n], repeat_with(|| normal(0.0, std, false)))?,
                    Spread::CutNormal => {
                        collected(&[n], repeat_with(|| normal(0.0, std / CUT_STD, true)))?
                    }
                }
            }
            Self::Orthogonal(gain) => {
                let columns = sizes.as_ref().last().copied().unwrap_or(1);
                let rows = n.checked_div(columns).unwrap_or(0);
                let tensor: Tensor<S, E, D> = init::orthogonal(dev, shape, rows, columns)?;
                let mut values = to_values(&tensor)?;
                values.iter_mut().for_each(|v| *v *= E::of(gain));
                values
            }
            Self::Identity(gain) => {
                let &[_, columns] = sizes.as_ref() else {
                    return Err(Error::mismatch("the dimensions of an identity", 2, sizes));
                };
                let diagonal = |i: usize| i / columns == i % columns;
                let number = |i| if diagonal(i) { E::of(gain) } else { E::of(0.0) };
                collected(&[n], (0..n).map(number))?
            }
        };
        finite(&values)?;
        dev.try_tensor_from_vec(values, shape).or_device()
    }

    /// The standard deviation for so many numbers in and out; 0 for all but a [`Scaling`](Self::Scaling).
    fn deviation(self, fan_in: usize, fan_out: usize) -> f64 {
        let Self::Scaling { scale, fan, .. } = self else { return 0.0 };
        let fan = match fan {
            Fan::In => fan_in as f64,
            Fan::Out => fan_out as f64,
            Fan::Average => (fan_in as f64 + fan_out as f64) / 2.0,
        };
        (scale / fan.max(1.0)).sqrt()
    }

    /// The same for a kernel of any shape that has so many numbers in and out.
    pub(crate) fn of_fans(self, fan_in: usize, fan_out: usize) -> Self {
        let std = self.deviation(fan_in, fan_out);
        match self {
            Self::Scaling { scale, .. } if scale <= 0.0 || scale.is_nan() => self,
            Self::Scaling { shape: Spread::Uniform, .. } => {
                let limit = 3_f64.sqrt() * std;
                Self::Uniform(-limit, limit)
            }
            Self::Scaling { shape: Spread::Normal, .. } => {
                Self::Normal { mean: 0.0, std, cut: false }
            }
            Self::Scaling { shape: Spread::CutNormal, .. } => {
                Self::Normal { mean: 0.0, std: std / CUT_STD, cut: true }
            }
            other => other,
        }
    }

    /// What `#[layer]` calls: [`fill`](Self::fill) for sizes that are values.
    #[doc(hidden)]
    pub fn fill_sizes<S: Shape, E: Element, D: Backend<E>>(
        self,
        dev: &D,
        sizes: S::Concrete,
    ) -> Result<Tensor<S, E, D>, Error> {
        self.fill(dev, init::named::shaped(sizes)?)
    }

    /// What `#[with(..)]` calls: fills parameters again.
    #[doc(hidden)]
    pub fn refill<M: Parameters<E, D>, E: Element, D: Backend<E>>(
        self,
        layer: &mut M,
        names: &[&str],
    ) -> Result<(), Error> {
        let initial: Vec<_> = names.iter().map(|&name| (name.to_owned(), self)).collect();
        fill(layer, &initial)
    }
}

/// Fails for a value that is too large for its type.
fn finite<E: Element>(values: &[E]) -> Result<(), Error> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => {
            let (what, value) = ("the initial value", values[index].as_f64());
            Err(Error::NonFinite { what, index, value })
        }
        None => Ok(()),
    }
}

/// Fills parameters again, those that have another initialiser than usual.
pub(crate) fn fill<M: Parameters<E, D>, E: Element, D: Backend<E>>(
    model: &mut M,
    initial: &[(String, Initializer)],
) -> Result<(), Error> {
    if initial.is_empty() {
        return Ok(());
    }
    model.visit(&mut Fill { initial, path: Vec::new() })
}

struct Fill<'a> {
    initial: &'a [(String, Initializer)],
    path: Vec<String>,
}

impl<E: Element, D: Backend<E>> Visitor<E, D> for Fill<'_> {
    fn visit<S: Shape>(&mut self, parameter: Parameter<'_, S, E, D>) -> Result<(), Error> {
        let path: String = self.path.iter().map(|name| format!("{name}.")).collect();
        let name = format!("{path}{}", parameter.name);
        if let Some((_, how)) = self.initial.iter().find(|(other, _)| *other == name) {
            let dev = parameter.tensor.device().clone();
            *parameter.tensor = how.fill(&dev, *parameter.tensor.shape())?;
        }
        Ok(())
    }

    fn enter(&mut self, name: &str) {
        self.path.push(name.to_owned());
    }

    fn leave(&mut self) {
        self.path.pop();
    }
}
