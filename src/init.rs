//! Initial values of parameters: Keras's initialisers.
//!
//! All of them draw from the random numbers of the device, so that
//! `Cpu::seed_from_u64(seed)` decides the whole model.

mod orthogonal;

use std::ops::RangeInclusive;

use dfdx::tensor::Tensor;
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::{
    backend::{
        Backend, Element,
        memory::{collected, elements, elements_of},
    },
    error::{Error, OrDevice},
    shape::Shape,
};

/// A tensor of the values.
pub(crate) fn tensor<S: Shape, E: Element, D: Backend<E>>(
    dev: &D,
    shape: S,
    values: Vec<E>,
) -> Result<Tensor<S, E, D>, Error> {
    dev.try_tensor_from_vec(values, shape).or_device()
}

/// Numbers of a generator, one after the other.
pub(crate) fn draws(
    seed: u64,
    draw: impl Fn(&mut StdRng) -> f64 + 'static,
) -> Box<dyn Iterator<Item = f64>> {
    let mut rng = StdRng::seed_from_u64(seed);
    Box::new(std::iter::repeat_with(move || draw(&mut rng)))
}

/// Those of a range.
pub(crate) fn uniform_draws(
    seed: u64,
    range: RangeInclusive<f64>,
) -> Box<dyn Iterator<Item = f64>> {
    draws(seed, move |rng| rng.gen_range(range.clone()))
}

/// Uniform in `[-limit, limit]`. Keras's `RandomUniform` for embeddings has the limit 0.05.
///
/// # Errors
/// [`Error::Device`]; [`Error::Invalid`] for a limit that is negative, or that the elements cannot hold.
pub fn uniform<S: Shape, E: Element, D: Backend<E>>(
    dev: &D,
    shape: S,
    limit: f64,
) -> Result<Tensor<S, E, D>, Error> {
    tensor(dev, shape, uniform_values(dev, shape.concrete().as_ref(), limit)?)
}

pub(crate) fn uniform_values<E: Element, D: Backend<E>>(
    dev: &D,
    sizes: &[usize],
    limit: f64,
) -> Result<Vec<E>, Error> {
    // The random numbers want a range that can still be widened a little.
    if !(0.0..f64::MAX / 4.0).contains(&limit) || E::checked(limit).is_none() {
        let expected = "it must be at least 0, and within the range of the model's elements";
        return Err(Error::invalid("limit", limit, expected));
    }
    collected(sizes, uniform_draws(dev.random_u64(), -limit..=limit).map(E::of))
}

/// Uniform with the limit `sqrt(6 / (fan_in + fan_out))`
/// ([Glorot and Bengio 2010](https://proceedings.mlr.press/v9/glorot10a.html)), Keras's default for
/// kernels.
///
/// # Errors
/// [`Error::Device`].
pub fn glorot_uniform<S: Shape, E: Element, D: Backend<E>>(
    dev: &D,
    shape: S,
    fan_in: usize,
    fan_out: usize,
) -> Result<Tensor<S, E, D>, Error> {
    uniform(dev, shape, (6.0 / (fan_in as f64 + fan_out as f64).max(1.0)).sqrt())
}

/// A matrix whose rows, or columns where there are fewer of them, are orthonormal
/// ([Saxe et al. 2013](https://arxiv.org/abs/1312.6120)), Keras's default for recurrent kernels.
///
/// Of all such matrices each is as likely: it is what a QR decomposition makes of Gaussian numbers, with the signs that
/// make the diagonal of R positive. The same random numbers give the same matrix, whatever the number of threads. It takes
/// about `2 * rows * columns * min(rows, columns)` multiplications, in the precision of the elements.
///
/// # Errors
/// [`Error::Device`]; [`Error::Mismatch`] if the shape has not `rows` times `columns` elements.
pub fn orthogonal<S: Shape, E: Element, D: Backend<E>>(
    dev: &D,
    shape: S,
    rows: usize,
    columns: usize,
) -> Result<Tensor<S, E, D>, Error> {
    let (count, sizes) = (elements(&[rows, columns])?, shape.concrete());
    if elements(sizes.as_ref())? != count {
        return Err(Error::mismatch("the shape of an orthogonal matrix", (rows, columns), sizes));
    }
    tensor(dev, shape, orthogonal_values(dev, rows, columns)?)
}

pub(crate) fn orthogonal_values<E: Element, D: Backend<E>>(
    dev: &D,
    rows: usize,
    columns: usize,
) -> Result<Vec<E>, Error> {
    let (seed, sizes) = (dev.random_u64(), [rows, columns]);
    let (few, many) = (rows.min(columns), rows.max(columns));
    if size_of::<E>() > size_of::<f32>() {
        let vectors = orthogonal::doubles(seed, few, many)?;
        collected(&sizes, matrix(vectors, rows, columns).map(E::of))
    } else {
        let vectors = orthogonal::singles(seed, few, many)?;
        collected(&sizes, matrix(vectors, rows, columns).map(|x| E::of(f64::from(x))))
    }
}

/// The vectors as the rows of a matrix, or as its columns where there are fewer of them.
fn matrix<E: Copy>(vectors: Vec<E>, rows: usize, columns: usize) -> impl Iterator<Item = E> {
    let place = move |i: usize| if rows <= columns { i } else { i % columns * rows + i / columns };
    (0..vectors.len()).map(move |i| vectors[place(i)])
}

/// Ones, Keras's default for the scale of a normalisation.
///
/// # Errors
/// [`Error::Device`].
pub fn ones<S: Shape, E: Element, D: Backend<E>>(
    dev: &D,
    shape: S,
) -> Result<Tensor<S, E, D>, Error> {
    elements_of(&shape)?;
    dev.try_ones_like(&shape).or_device()
}

/// Zeros, Keras's default for biases.
///
/// # Errors
/// [`Error::Device`].
pub fn zeros<S: Shape, E: Element, D: Backend<E>>(
    dev: &D,
    shape: S,
) -> Result<Tensor<S, E, D>, Error> {
    elements_of(&shape)?;
    dev.try_zeros_like(&shape).or_device()
}

/// How many numbers go in and out of a kernel, as Keras counts them: a convolution's window counts too.
pub(crate) fn fans(sizes: &[usize]) -> (usize, usize) {
    match sizes {
        [] => (1, 1),
        [n] => (*n, *n),
        [window @ .., i, o] => {
            let window = window.iter().fold(1, |all: usize, &size| all.saturating_mul(size));
            (window.saturating_mul(*i), window.saturating_mul(*o))
        }
    }
}

/// What `#[layer]` calls: the initializers by their names, for sizes that are values.
#[doc(hidden)]
pub mod named {
    use super::{Backend, Element, Error, Shape, Tensor, fans};
    pub use crate::memory::elements as product;

    pub(crate) fn shaped<S: Shape>(sizes: S::Concrete) -> Result<S, Error> {
        let misfit = || Error::mismatch("the shape of a weight", "that of its type", sizes);
        S::from_concrete(&sizes).ok_or_else(misfit)
    }

    /// Looks whether a weight has the shape that its layer says.
    pub fn check<S: Shape, E: Element, D: Backend<E>>(
        what: &'static str,
        weight: &Tensor<S, E, D>,
        sizes: S::Concrete,
    ) -> Result<(), Error> {
        let found = dfdx::shapes::HasShape::shape(weight).concrete();
        if found == sizes { Ok(()) } else { Err(Error::mismatch(what, sizes, found)) }
    }

    macro_rules! named {
        ($($name:ident($dev:ident, $shape:ident, $sizes:ident) => $made:expr;)*) => {
            $(
                pub fn $name<S: Shape, E: Element, D: Backend<E>>(
                    $dev: &D,
                    $sizes: S::Concrete,
                ) -> Result<Tensor<S, E, D>, Error> {
                    let $shape: S = shaped($sizes)?;
                    $made
                }
            )*
        };
    }
    named! {
        zeros(dev, shape, sizes) => super::zeros(dev, shape);
        ones(dev, shape, sizes) => super::ones(dev, shape);
        uniform(dev, shape, sizes) => super::uniform(dev, shape, 0.05);
        orthogonal(dev, shape, sizes) => {
            let (rows, columns) = match sizes.as_ref() {
                [] => (1, 1),
                [rows @ .., columns] => (product(rows)?, *columns),
            };
            super::orthogonal(dev, shape, rows, columns)
        };
        glorot_uniform(dev, shape, sizes) => {
            let (fan_in, fan_out) = fans(sizes.as_ref());
            super::glorot_uniform(dev, shape, fan_in, fan_out)
        };
    }
}
