//! The values of an initialiser.

use std::iter::repeat;

use dfdx::tensor::Tensor;
use rand::Rng;
use rand_distr::StandardNormal;

use super::{Fan, Initializer, Spread, initializer::CUT_STD};
use crate::{
    backend::{
        Backend, Element,
        memory::{collected, elements, filled},
    },
    error::Error,
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
        init::tensor(dev, shape, self.values(dev, shape.concrete().as_ref())?)
    }

    /// The values for these sizes.
    pub(crate) fn values<E: Element, D: Backend<E>>(
        self,
        dev: &D,
        sizes: &[usize],
    ) -> Result<Vec<E>, Error> {
        self.check()?;
        let (n, seed) = (elements(sizes)?, dev.random_u64());
        let values: Vec<E> = match self {
            Self::Constant(value) => filled(sizes, E::of(value))?,
            Self::Scaling { shape: Spread::Uniform, .. } => {
                let limit = 3_f64.sqrt() * self.deviation(fans(sizes));
                finite(&[E::of(limit)])?;
                return init::uniform_values(dev, sizes, limit);
            }
            Self::Orthogonal(gain) => {
                let columns = sizes.last().copied().unwrap_or(1);
                let rows = n.checked_div(columns).unwrap_or(0);
                let mut values = init::orthogonal_values(dev, rows, columns)?;
                values.iter_mut().for_each(|v: &mut E| *v *= E::of(gain));
                values
            }
            _ => collected(sizes, self.numbers(seed, sizes)?.map(E::of))?,
        };
        finite(&values)?;
        Ok(values)
    }

    /// Fails for settings that make no sense.
    fn check(self) -> Result<(), Error> {
        let expected = match self {
            Self::Uniform(low, high) if !(low <= high && high - low < f64::MAX / 2.0) => {
                "the first limit must be at most the second, and not too far from it"
            }
            Self::Normal { std, .. } if std < 0.0 || std.is_nan() => {
                "the standard deviation must be at least 0"
            }
            Self::Scaling { scale, .. } if scale <= 0.0 || scale.is_nan() => {
                "the scale must be greater than 0"
            }
            _ => return Ok(()),
        };
        Err(Error::invalid("initializer", format_args!("{self:?}"), expected))
    }

    /// The numbers one after the other, as those of a kernel that has the fans of these sizes.
    fn numbers(self, seed: u64, sizes: &[usize]) -> Result<Box<dyn Iterator<Item = f64>>, Error> {
        Ok(match self.of_fans(fans(sizes)) {
            Self::Uniform(low, high) => init::uniform_draws(seed, low..=high),
            Self::Normal { mean, std, cut } => init::draws(seed, move |rng| {
                loop {
                    let z: f64 = rng.sample(StandardNormal);
                    if !cut || z.abs() <= 2.0 {
                        break mean + std * z;
                    }
                }
            }),
            Self::Identity(gain) => {
                let &[_, columns] = sizes else {
                    return Err(Error::mismatch("the dimensions of an identity", 2, sizes));
                };
                let diagonal = move |i: usize| i / columns == i % columns;
                Box::new((0..).map(move |i| if diagonal(i) { gain } else { 0.0 }))
            }
            // No scaling is left, and an orthogonal matrix is not drawn number by number.
            Self::Constant(value)
            | Self::Orthogonal(value)
            | Self::Scaling { scale: value, .. } => Box::new(repeat(value)),
        })
    }

    /// The standard deviation for so many numbers in and out; 0 for all but a [`Scaling`](Self::Scaling).
    fn deviation(self, (fan_in, fan_out): (usize, usize)) -> f64 {
        let Self::Scaling { scale, fan, .. } = self else { return 0.0 };
        let fan = match fan {
            Fan::In => fan_in as f64,
            Fan::Out => fan_out as f64,
            Fan::Average => (fan_in as f64 + fan_out as f64) / 2.0,
        };
        (scale / fan.max(1.0)).sqrt()
    }

    /// The same for a kernel of any shape that has so many numbers in and out.
    pub(crate) fn of_fans(self, fans: (usize, usize)) -> Self {
        let std = self.deviation(fans);
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
    #[inline(never)]
    fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error> {
        let path: String = self.path.iter().map(|name| format!("{name}.")).collect();
        let name = format!("{path}{}", parameter.name);
        if let Some((_, how)) = self.initial.iter().find(|(other, _)| *other == name) {
            let values = how.values(parameter.tensor.device(), &parameter.sizes())?;
            parameter.tensor.replace(values)?;
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
