//! Normalisation of each sample by the mean and variance of groups of its channels, each with all that they hold.

use std::ops::Range;

use crate::{
    batch_norm::{
        Affine, Gradient, add_distances, add_gradient, add_gradients, normalise, repeated,
    },
    memory::{NoMemory, listed, zeros},
    sums::{add_rows, sums_of, wide},
};

/// What the channels of a sample are normalised by.
#[derive(Debug)]
pub struct Statistics {
    affine: Affine,
    /// What the means lack in double precision.
    rests: Vec<f64>,
    inverses: Vec<f64>,
    groups: usize,
}

/// The gradients of `gamma` and `beta`.
#[derive(Debug)]
pub struct OfWeights {
    /// That of `gamma`.
    pub gamma: Vec<f64>,
    /// That of `beta`.
    pub beta: Vec<f64>,
}

/// The rows of a sample.
fn all(values: &[f32], channels: usize) -> [Range<usize>; 1] {
    let rows = 0..values.len() / channels;
    [rows]
}

/// The sum of each group, for each of its channels.
fn by_group(of_channel: &[f64], groups: usize) -> Result<Vec<f64>, NoMemory> {
    let groups = of_channel.chunks_exact(of_channel.len() / groups);
    let sums = groups.flat_map(|group| {
        let sum: f64 = group.iter().sum();
        group.iter().map(move |_| sum)
    });
    listed(sums)
}

/// For each channel the sums of what lies between its group's mean and the values, and of the squares of that, where these are beyond the
/// range of `f32`.
#[cold]
fn huge(x: &[f32], means: &[f32], groups: usize) -> Result<[Vec<f64>; 2], NoMemory> {
    let mut sums: [Vec<f64>; 2] = [zeros(means.len())?, zeros(means.len())?];
    let [distances, squares] = &mut sums;
    for row in x.chunks_exact(means.len()) {
        let totals = distances.iter_mut().zip(squares.iter_mut());
        for (((sum, square), &x), &mean) in totals.zip(row).zip(means) {
            let distance = f64::from(x) - f64::from(mean);
            *sum += distance;
            *square += distance * distance;
        }
    }
    Ok([by_group(&sums[0], groups)?, by_group(&sums[1], groups)?])
}

/// Normalises a sample, whose channels come last. There is a channel, and their number is a multiple of the groups.
///
/// # Errors
/// [`NoMemory`].
pub fn forward(
    y: &mut [f32],
    x: &[f32],
    [gamma, beta]: [&[f32]; 2],
    groups: usize,
    epsilon: f64,
) -> Result<Statistics, NoMemory> {
    let channels = gamma.len();
    let share = groups as f64 / x.len() as f64;
    let mut sums = zeros(channels)?;
    add_rows(&mut sums, x)?;
    let means = by_group(&sums, groups)?.into_iter().map(|sum| (sum * share) as f32);
    let means = listed(means)?;
    let wide_means = repeated(&means, wide(channels) / channels)?;
    let distances = |sums: [&mut [f32]; 2], at| add_distances(sums, &x[at], &wide_means);
    let [distances, squares] = sums_of(&all(x, channels), channels, distances)?;
    let (mut rests, mut squares) = (by_group(&distances, groups)?, by_group(&squares, groups)?);
    let is_huge = |(square, mean): (&f64, &f32)| !square.is_finite() && mean.is_finite();
    if squares.iter().zip(&means).any(is_huge) {
        [rests, squares] = huge(x, &means, groups)?;
    }
    for (rest, square) in rests.iter_mut().zip(&mut squares) {
        *rest *= share;
        *square -= *rest * *rest / share;
    }
    let inverses = squares.into_iter().map(|square| {
        // NaN stays.
        let variance = if square < 0.0 { 0.0 } else { square * share };
        1.0 / (variance + epsilon).sqrt()
    });
    let inverses = listed(inverses)?;
    let affine = Affine::new(&means, &rests, &inverses, gamma, beta)?;
    normalise(y, x, &affine);
    Ok(Statistics { affine, rests, inverses, groups })
}

/// Adds the gradient of a sample, and gives those of the weights.
///
/// # Errors
/// [`NoMemory`].
pub fn backward(
    d_x: &mut [f32],
    x: &[f32],
    d_y: &[f32],
    gamma: &[f32],
    of: &Statistics,
) -> Result<OfWeights, NoMemory> {
    let Statistics { affine, rests, inverses, groups } = of;
    let (channels, share) = (gamma.len(), *groups as f64 / x.len() as f64);
    let [beta, mut products] = sums_of(&all(x, channels), channels, |sums, at| {
        add_gradients(sums, &x[at.clone()], &d_y[at], affine, false);
    })?;
    for ((product, sum), rest) in products.iter_mut().zip(&beta).zip(rests) {
        *product -= sum * rest;
    }
    let weighed = |sums: &[f64]| {
        let sums = listed(sums.iter().zip(gamma).map(|(sum, &gamma)| sum * f64::from(gamma)))?;
        by_group(&sums, *groups)
    };
    let (sums, slopes) = (weighed(&beta)?, weighed(&products)?);
    let (mut of_distance, mut shifts) = (zeros::<f32>(channels)?, zeros::<f32>(channels)?);
    for i in 0..channels {
        let inverse = inverses[i];
        let slope = -inverse * inverse * inverse * slopes[i] * share;
        of_distance[i] = slope as f32;
        shifts[i] = (-inverse * sums[i] * share - slope * rests[i]) as f32;
    }
    add_gradient(d_x, x, d_y, &Gradient::new(affine, &of_distance, &shifts)?, false);
    products.iter_mut().zip(inverses).for_each(|(product, inverse)| *product *= inverse);
    Ok(OfWeights { gamma: products, beta })
}
