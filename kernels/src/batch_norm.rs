//! Normalisation of rows by the mean and variance of each feature.

use crate::{
    memory::{NoMemory, listed, reserved},
    simd::vectorized,
};

/// How long a row of values of features is made at least, for loops that are worth their start.
const WIDE: usize = 256;

/// The values of features several times over.
fn widened(values: &[f32]) -> Result<Vec<f32>, NoMemory> {
    repeated(values, WIDE.div_ceil(values.len().max(1)))
}

/// Some values several times, one after the other.
pub fn repeated(values: &[f32], times: usize) -> Result<Vec<f32>, NoMemory> {
    let mut all = reserved(values.len() * times)?;
    (0..times).for_each(|_| all.extend_from_slice(values));
    Ok(all)
}

vectorized! {
    /// Adds rows.
    pub fn add_up<'a>(sums: &'a mut [f32], rows: &'a [f32]) {
        for row in rows.chunks(sums.len().max(1)) {
            sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += x);
        }
    }
}

vectorized! {
    /// Adds the distances of the rows from the means, and their squares.
    pub fn add_distances<'a>(sums: [&'a mut [f32]; 2], x: &'a [f32], means: &'a [f32]) {
        let [sums, squares] = sums;
        for row in x.chunks(sums.len().max(1)) {
            let totals = sums.iter_mut().zip(squares.iter_mut());
            for (((sum, square), &x), &mean) in totals.zip(row).zip(means) {
                let distance = x - mean;
                *sum += distance;
                *square += distance * distance;
            }
        }
    }
}

/// `(x - mean) * scale + beta` of each feature, several times over.
#[derive(Debug, Clone)]
pub struct Affine {
    means: Vec<f32>,
    scales: Vec<f32>,
    beta: Vec<f32>,
}

impl Affine {
    /// Of the means, one over the deviations, and the weights of each feature. `rests` is what the means lack in double precision.
    pub fn new(
        means: &[f32],
        rests: &[f64],
        inverses: &[f64],
        gamma: &[f32],
        beta: &[f32],
    ) -> Result<Self, NoMemory> {
        let scales = listed(inverses.iter().zip(gamma).map(|(s, &g)| s * f64::from(g)))?;
        let shifts = beta.iter().zip(rests.iter().zip(&scales));
        let shifts = shifts.map(|(&beta, (rest, scale))| match *rest {
            0.0 => beta,
            rest => (f64::from(beta) - rest * scale) as f32,
        });
        let shifts = listed(shifts)?;
        let scales = listed(scales.into_iter().map(|scale| scale as f32))?;
        Ok(Self { means: widened(means)?, scales: widened(&scales)?, beta: widened(&shifts)? })
    }
}

/// One over the standard deviation of each feature.
pub fn inverses(variances: &[f32], epsilon: f64) -> Result<Vec<f64>, NoMemory> {
    listed(variances.iter().map(|&variance| 1.0 / (f64::from(variance) + epsilon).sqrt()))
}

vectorized! {
    /// Normalises rows.
    pub fn normalise<'a>(y: &'a mut [f32], x: &'a [f32], of: &'a Affine) {
        let size = of.beta.len().max(1);
        for (y, x) in y.chunks_mut(size).zip(x.chunks(size)) {
            let of_feature = of.means.iter().zip(&of.scales).zip(&of.beta);
            for ((y, &x), ((&mean, &scale), &beta)) in y.iter_mut().zip(x).zip(of_feature) {
                *y = (x - mean) * scale + beta;
            }
        }
    }
}

vectorized! {
    /// The same, in their place.
    pub fn normalise_in_place<'a>(values: &'a mut [f32], of: &'a Affine) {
        for row in values.chunks_mut(of.beta.len().max(1)) {
            let of_feature = of.means.iter().zip(&of.scales).zip(&of.beta);
            for (x, ((&mean, &scale), &beta)) in row.iter_mut().zip(of_feature) {
                *x = (*x - mean) * scale + beta;
            }
        }
    }
}

/// A gradient behind an activation, if there was one: that of a result which is not above 0 goes no further.
#[inline(always)]
fn passed<const RECTIFIED: bool>(g: f32, x: f32, mean: f32, scale: f32, beta: f32) -> f32 {
    // The result once more, by the same operations.
    if !RECTIFIED || (x - mean) * scale + beta > 0.0 { g } else { 0.0 }
}

#[inline(always)]
fn add_pairs<const RECTIFIED: bool>(
    [sums, products]: [&mut [f32]; 2],
    x: &[f32],
    d_y: &[f32],
    of: &Affine,
) {
    let size = sums.len().max(1);
    for (row, d_y) in x.chunks(size).zip(d_y.chunks(size)) {
        let of_feature = of.means.iter().zip(&of.scales).zip(&of.beta);
        let totals = sums.iter_mut().zip(products.iter_mut());
        for ((((sum, product), &x), &g), ((&mean, &scale), &beta)) in
            totals.zip(row).zip(d_y).zip(of_feature)
        {
            let g = passed::<RECTIFIED>(g, x, mean, scale, beta);
            *sum += g;
            *product += g * (x - mean);
        }
    }
}

vectorized! {
    /// Adds the gradients, and their products with the distances from the means.
    pub fn add_gradients<'a>(
        sums: [&'a mut [f32]; 2],
        x: &'a [f32],
        d_y: &'a [f32],
        of: &'a Affine,
        rectified: bool,
    ) {
        if rectified {
            add_pairs::<true>(sums, x, d_y, of);
        } else {
            add_pairs::<false>(sums, x, d_y, of);
        }
    }
}

#[inline(always)]
fn add_each<const RECTIFIED: bool>(d_x: &mut [f32], x: &[f32], d_y: &[f32], of: &Gradient<'_>) {
    let size = of.slopes.len().max(1);
    for ((d_x, x), d_y) in d_x.chunks_mut(size).zip(x.chunks(size)).zip(d_y.chunks(size)) {
        let Affine { means, scales, beta } = of.affine;
        let forward = means.iter().zip(scales).zip(beta);
        let of_feature = forward.zip(of.slopes.iter().zip(&of.shifts));
        for (((d_x, &x), &g), (((&mean, &scale), &beta), (&slope, &shift))) in
            d_x.iter_mut().zip(x).zip(d_y).zip(of_feature)
        {
            let g = passed::<RECTIFIED>(g, x, mean, scale, beta);
            *d_x += g * scale + (x - mean) * slope + shift;
        }
    }
}

vectorized! {
    /// Adds `d_y * scale + (x - mean) * slope + shift`.
    pub fn add_gradient<'a>(
        d_x: &'a mut [f32],
        x: &'a [f32],
        d_y: &'a [f32],
        of: &'a Gradient<'a>,
        rectified: bool,
    ) {
        if rectified {
            add_each::<true>(d_x, x, d_y, of);
        } else {
            add_each::<false>(d_x, x, d_y, of);
        }
    }
}

/// How the gradient of a number depends on what is in its column.
#[derive(Debug)]
pub struct Gradient<'a> {
    affine: &'a Affine,
    slopes: Vec<f32>,
    shifts: Vec<f32>,
}

impl<'a> Gradient<'a> {
    /// `slopes` and `shifts` are those of each feature.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn new(affine: &'a Affine, slopes: &[f32], shifts: &[f32]) -> Result<Self, NoMemory> {
        Ok(Self { affine, slopes: widened(slopes)?, shifts: widened(shifts)? })
    }
}
