//! Initial values of parameters: Keras's initialisers.
//!
//! All of them draw from the random numbers of the device, so that
//! `Cpu::seed_from_u64(seed)` decides the whole model.

use dfdx::{shapes::Shape, tensor::Tensor};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rand_distr::StandardNormal;

use crate::{
    backend::{Backend, Element},
    error::{Error, OrDevice},
};

fn fill<S: Shape, E: Element, D: Backend<E>>(
    dev: &D,
    shape: S,
    values: impl IntoIterator<Item = f64>,
) -> Result<Tensor<S, E, D>, Error> {
    let values = values.into_iter().map(E::of).collect();
    dev.try_tensor_from_vec(values, shape).or_device()
}

fn draws<E: Element, D: Backend<E>>(dev: &D) -> StdRng {
    StdRng::seed_from_u64(dev.random_u64())
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
    // The random numbers want a range that can still be widened a little.
    if !(0.0..f64::MAX / 4.0).contains(&limit) || E::checked(limit).is_none() {
        let expected = "it must be at least 0, and within the range of the model's elements";
        return Err(Error::invalid("limit", limit, expected));
    }
    let mut rng = draws(dev);
    let n = shape.num_elements();
    fill(dev, shape, (0..n).map(|_| rng.gen_range(-limit..=limit)))
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
    uniform(dev, shape, (6.0 / (fan_in + fan_out).max(1) as f64).sqrt())
}

/// A matrix whose rows, or columns where there are fewer of them, are orthonormal
/// ([Saxe et al. 2013](https://arxiv.org/abs/1312.6120)), Keras's default for recurrent kernels.
///
/// # Errors
/// [`Error::Device`].
pub fn orthogonal<S: Shape, E: Element, D: Backend<E>>(
    dev: &D,
    shape: S,
    rows: usize,
    columns: usize,
) -> Result<Tensor<S, E, D>, Error> {
    fill(dev, shape, orthogonal_numbers(draws(dev), rows, columns))
}

fn orthogonal_numbers(mut rng: StdRng, rows: usize, columns: usize) -> Vec<f64> {
    let (many, few) = (rows.max(columns), rows.min(columns));
    // Gram-Schmidt on Gaussian vectors, twice, so that rounding does not spoil the right angles.
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(few);
    for _ in 0..few {
        let mut v: Vec<f64> = (0..many).map(|_| rng.sample(StandardNormal)).collect();
        for _ in 0..2 {
            for u in &basis {
                let dot: f64 = u.iter().zip(&v).map(|(a, b)| a * b).sum();
                v.iter_mut().zip(u).for_each(|(x, y)| *x -= dot * y);
            }
        }
        let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        v.iter_mut().for_each(|x| *x /= norm);
        basis.push(v);
    }
    if rows <= columns {
        return basis.concat();
    }
    (0..rows).flat_map(|row| basis.iter().map(move |column| column[row])).collect()
}

/// Ones, Keras's default for the scale of a normalisation.
///
/// # Errors
/// [`Error::Device`].
pub fn ones<S: Shape, E: Element, D: Backend<E>>(
    dev: &D,
    shape: S,
) -> Result<Tensor<S, E, D>, Error> {
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
    dev.try_zeros_like(&shape).or_device()
}
