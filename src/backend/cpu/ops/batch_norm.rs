//! Normalisation of rows by the mean and variance of each feature.

use std::ops::Range;

use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, SplitTape, Tape, Tensor},
};

use super::{chunks, made, pointwise::then_apply, share};
use crate::{
    backend::{
        ActivationKind, FixedNorm, NormWeights, Normalised, Seen,
        cpu::{
            simd::vectorized,
            sums::{sums_over, wide},
            threads::parallel,
        },
        memory::{NoMemory, copied, listed, one_more, reserved, zeros},
        tape::{Values, borrow, from_vec, record},
    },
    distributed::{self, Pass},
    error::Error,
};

/// Rows of features.
type Rows<T> = Tensor<(usize, usize), f32, Cpu, T>;

/// How long a row of values of features is made at least, for loops that are worth their start.
const WIDE: usize = 256;

/// The values of features several times over.
fn widened(values: &[f32]) -> Result<Vec<f32>, NoMemory> {
    repeated(values, WIDE.div_ceil(values.len().max(1)))
}

/// Some values several times, one after the other.
fn repeated(values: &[f32], times: usize) -> Result<Vec<f32>, NoMemory> {
    let mut all = reserved(values.len() * times)?;
    (0..times).for_each(|_| all.extend_from_slice(values));
    Ok(all)
}

vectorized! {
    /// Adds rows.
    fn add_rows<'a>(sums: &'a mut [f32], rows: &'a [f32]) {
        for row in rows.chunks(sums.len().max(1)) {
            sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += x);
        }
    }
}

vectorized! {
    /// Adds the distances of the rows from the means, and their squares.
    fn add_distances<'a>(sums: [&'a mut [f32]; 2], x: &'a [f32], means: &'a [f32]) {
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
struct Affine {
    means: Vec<f32>,
    scales: Vec<f32>,
    beta: Vec<f32>,
}

impl Affine {
    /// `rests` is what the means lack in double precision.
    fn new(
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
fn inverses(variances: &[f32], epsilon: f64) -> Result<Vec<f64>, NoMemory> {
    listed(variances.iter().map(|&variance| 1.0 / (f64::from(variance) + epsilon).sqrt()))
}

vectorized! {
    fn normalise<'a>(y: &'a mut [f32], x: &'a [f32], of: &'a Affine) {
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
    fn normalise_in_place<'a>(values: &'a mut [f32], of: &'a Affine) {
        for row in values.chunks_mut(of.beta.len().max(1)) {
            let of_feature = of.means.iter().zip(&of.scales).zip(&of.beta);
            for (x, ((&mean, &scale), &beta)) in row.iter_mut().zip(of_feature) {
                *x = (*x - mean) * scale + beta;
            }
        }
    }
}

/// A normalisation with a fixed mean and variance, to be done where the values are.
#[derive(Debug)]
pub(super) struct Normalisation(Affine);

impl Normalisation {
    pub(super) fn of(norm: &FixedNorm<f32, Cpu>, features: usize) -> Result<Self, Error> {
        norm.check(features)?;
        let FixedNorm { weights, mean, variance } = norm;
        let inverses = inverses(&borrow(variance)?, weights.epsilon)?;
        let (gamma, beta) = (borrow(&weights.gamma)?, borrow(&weights.beta)?);
        Ok(Self(Affine::new(&borrow(mean)?, &zeros(features)?, &inverses, &gamma, &beta)?))
    }

    /// Puts the normalised rows in their place.
    pub(super) fn apply(&self, rows: &mut [f32]) {
        normalise_in_place(rows, &self.0);
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
    fn add_gradients<'a>(
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
    fn add_gradient<'a>(
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
struct Gradient<'a> {
    affine: &'a Affine,
    slopes: Vec<f32>,
    shifts: Vec<f32>,
}

/// The rows that are looked at, as ranges.
fn ranges(seen: &[bool]) -> Result<Vec<Range<usize>>, NoMemory> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for (row, _) in seen.iter().enumerate().filter(|(_, seen)| **seen) {
        match ranges.last_mut() {
            Some(range) if range.end == row => range.end += 1,
            _ => {
                one_more(&mut ranges)?;
                ranges.push(row..row + 1);
            }
        }
    }
    Ok(ranges)
}

/// What a batch is normalised by.
struct Statistics {
    means: Vec<f32>,
    /// What the means lack in double precision: values that are close to each other, and far from 0, would lose their
    /// digits without it.
    rests: Vec<f64>,
    variances: Vec<f32>,
    /// The rows that they are of, and the share of each; none if they are of no row here.
    rows: Vec<Range<usize>>,
    share: f64,
    /// How many rows were looked at, on all ranks.
    count: f64,
    /// That over whose ranks they are.
    pass: Option<Pass>,
}

pub(crate) fn batch_norm<T: Tape<f32, Cpu>>(
    x: Rows<T>,
    weights: NormWeights<f32, Cpu>,
    mean: &Tensor<(usize,), f32, Cpu>,
    variance: &Tensor<(usize,), f32, Cpu>,
    then: ActivationKind,
) -> Result<Rows<T>, Error> {
    weights.check(x.shape().1)?;
    let values = borrow(&x)?;
    let (means, variances) = (copied(&borrow(mean)?)?, copied(&borrow(variance)?)?);
    let statistics = Statistics {
        rests: zeros(means.len())?,
        means,
        variances,
        rows: Vec::new(),
        share: 0.0,
        count: 0.0,
        pass: None,
    };
    by_statistics(x, values, weights, statistics, then)
}

pub(crate) fn batch_norm_train<T: Tape<f32, Cpu>>(
    x: Rows<T>,
    weights: NormWeights<f32, Cpu>,
    seen: Seen<'_>,
    then: ActivationKind,
) -> Result<Normalised<f32, Cpu, T>, Error> {
    let (n, features) = *x.shape();
    weights.check(features)?;
    let values = borrow(&x)?;
    let rows = seen.rows.map_or_else(|| listed(std::iter::once(0..n)), ranges)?;
    let pass = distributed::current();
    let [mut sums] = sums_over(&rows, features, |[sums], at| add_rows(sums, &values[at]))?;
    let mut count = rows.iter().map(Range::len).sum::<usize>() as f64;
    if let Some(pass) = &pass {
        one_more(&mut sums)?;
        sums.push(count);
        pass.sum(&mut sums)?;
        count = sums.pop().unwrap_or(0.0);
    }
    let means = listed(sums.into_iter().map(|sum| (sum * seen.share) as f32))?;
    let wide_means = repeated(&means, wide(features) / features.max(1))?;
    let distances = |sums: [&mut [f32]; 2], at| add_distances(sums, &values[at], &wide_means);
    let [distances, squares] = sums_over(&rows, features, distances)?;
    let mut sums = listed(distances.into_iter().chain(squares))?;
    if let Some(pass) = &pass {
        pass.sum(&mut sums)?;
    }
    sums.iter_mut().for_each(|sum| *sum *= seen.share);
    let (distances, squares) = sums.split_at(features);
    let all = seen.share * count;
    let rest = |(&mean, distance): (&f32, &f64)| distance - (1.0 - all) * f64::from(mean);
    let rests = listed(means.iter().zip(distances).map(rest))?;
    let variance = |((square, distance), rest): ((&f64, &f64), &f64)| {
        let variance = square - 2.0 * rest * distance + rest * rest * all;
        if variance < 0.0 { 0.0 } else { variance as f32 }
    };
    let variances = listed(squares.iter().zip(distances).zip(&rests).map(variance))?;
    let dev = x.device().clone();
    let mean = from_vec(&dev, (features,), copied(&means)?)?;
    let variance = from_vec(&dev, (features,), copied(&variances)?)?;
    let statistics = Statistics { means, rests, variances, rows, share: seen.share, count, pass };
    Ok((by_statistics(x, values, weights, statistics, then)?, mean, variance))
}

fn by_statistics<T: Tape<f32, Cpu>>(
    x: Rows<T>,
    values: Values,
    weights: NormWeights<f32, Cpu>,
    statistics: Statistics,
    then: ActivationKind,
) -> Result<Rows<T>, Error> {
    // The backward pass knows one activation by its argument, which it has.
    let rectified = then == ActivationKind::Rectifier;
    if T::OWNS_TAPE && then.is_fused() && !rectified {
        let y = by_statistics(x, values, weights, statistics, ActivationKind::Nothing)?;
        return then_apply(y, then);
    }
    let (x, mut tape) = x.split_tape();
    let (n, features) = *x.shape();
    let NormWeights { gamma: of_gamma, beta: of_beta, epsilon } = weights;
    let gamma = borrow(&of_gamma)?;
    let inverses = inverses(&statistics.variances, epsilon)?;
    let Statistics { means, rests, .. } = &statistics;
    let affine = Affine::new(means, rests, &inverses, &gamma, &borrow(&of_beta)?)?;
    let y = made(n * features, features, |at, y| {
        normalise(y, &values[at..at + y.len()], &affine);
        if then.is_fused() {
            then.apply(y);
        }
    })?;
    let y = from_vec(x.device(), (n, features), y)?;
    if T::OWNS_TAPE {
        let of_y = y.clone();
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            let Statistics { means, rests, .. } = &statistics;
            let all = 0..n;
            let all = std::slice::from_ref(&all);
            let [d_beta, mut products] = sums_over(all, features, |sums, at| {
                add_gradients(sums, &values[at.clone()], &gradient[at], &affine, rectified);
            })?;
            for ((product, sum), rest) in products.iter_mut().zip(&d_beta).zip(rests) {
                *product -= sum * rest;
            }
            let d_gamma = listed(products.iter().zip(&inverses).map(|(sum, s)| sum * s))?;
            // Through the variance and the mean of the rows that were looked at.
            let w = statistics.share;
            let missing = 1.0 - w * statistics.count;
            // What depends on the statistics is on all ranks.
            let mut of_all = listed(d_beta.iter().copied().chain(products))?;
            if let Some(pass) = &statistics.pass
                && let Err(error) = pass.sum(&mut of_all)
            {
                distributed::keep_failure(error);
                return Ok(());
            }
            let (shifted, products) = of_all.split_at(features);
            let (mut slopes, mut shifts) = (zeros::<f32>(features)?, zeros::<f32>(features)?);
            for i in 0..features {
                let scale = f64::from(gamma[i]) * inverses[i];
                let d_variance = -0.5 * scale * inverses[i] * inverses[i] * products[i];
                let centred = f64::from(means[i]) * missing;
                let d_mean = -(scale * shifted[i] + 2.0 * d_variance * centred);
                slopes[i] = (2.0 * w * d_variance) as f32;
                shifts[i] = (w * d_mean - 2.0 * w * d_variance * rests[i]) as f32;
            }
            let (slopes, shifts) = (widened(&slopes)?, widened(&shifts)?);
            let wide = slopes.len();
            let seen = Gradient { affine: &affine, slopes, shifts };
            let other = Gradient { affine: &affine, slopes: zeros(wide)?, shifts: zeros(wide)? };
            let share = share(n * features, n);
            grads.with(&x, |d_x| {
                let jobs = chunks(d_x, share * features, 1).into_iter().enumerate();
                parallel(jobs.collect(), |(job, d_x)| {
                    let from = job * share;
                    let to = from + d_x.len() / features.max(1);
                    let mut go = |rows: Range<usize>, of: &Gradient<'_>| {
                        let d_x =
                            &mut d_x[(rows.start - from) * features..(rows.end - from) * features];
                        let rows = rows.start * features..rows.end * features;
                        add_gradient(d_x, &values[rows.clone()], &gradient[rows], of, rectified);
                    };
                    let mut at = from;
                    for rows in &statistics.rows {
                        let rows = rows.start.clamp(at, to)..rows.end.clamp(at, to);
                        go(at..rows.start, &other);
                        go(rows.clone(), &seen);
                        at = rows.end;
                    }
                    go(at..to, &other);
                });
            })?;
            grads.add_sums(&of_gamma, &d_gamma)?;
            grads.add_sums(&of_beta, &d_beta)?;
            grads.give(&of_y, gradient)
        });
    }
    Ok(y.put_tape(tape))
}
