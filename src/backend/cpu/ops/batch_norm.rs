//! Normalisation of rows by the mean and variance of each feature.

use std::ops::Range;

use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, SplitTape, Tape, Tensor},
};

use super::{chunks, share};
use crate::{
    backend::{
        NormWeights, Normalised, Seen,
        cpu::{
            simd::vectorized,
            sums::{column_sums, sums_over, wide},
            threads::parallel,
        },
        memory::zeros_of,
        tape::{Values, borrow, from_vec, record},
    },
    distributed::{self, Pass},
    error::Error,
};

/// Rows of features.
type Rows<T> = Tensor<(usize, usize), f32, Cpu, T>;

vectorized! {
    /// Adds rows.
    fn add_rows<'a>(sums: &'a mut [f32], rows: &'a [f32]) {
        for row in rows.chunks(sums.len().max(1)) {
            sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += x);
        }
    }
}

vectorized! {
    /// Adds the squares of the distances of the rows from the means.
    fn add_squares<'a>(sums: &'a mut [f32], x: &'a [f32], means: &'a [f32]) {
        for row in x.chunks(sums.len().max(1)) {
            for ((sum, &x), &mean) in sums.iter_mut().zip(row).zip(means) {
                *sum += (x - mean) * (x - mean);
            }
        }
    }
}

vectorized! {
    /// Adds the products of the gradients with the distances from the means.
    fn add_products<'a>(sums: &'a mut [f32], x: &'a [f32], d_y: &'a [f32], means: &'a [f32]) {
        let size = sums.len().max(1);
        for (row, d_y) in x.chunks(size).zip(d_y.chunks(size)) {
            for (((sum, &x), &g), &mean) in sums.iter_mut().zip(row).zip(d_y).zip(means) {
                *sum += g * (x - mean);
            }
        }
    }
}

vectorized! {
    /// `(x - mean) * scale + beta`.
    fn normalise<'a>(
        y: &'a mut [f32],
        x: &'a [f32],
        means: &'a [f32],
        scales: &'a [f32],
        beta: &'a [f32],
    ) {
        let size = beta.len().max(1);
        for (y, x) in y.chunks_exact_mut(size).zip(x.chunks_exact(size)) {
            let of_feature = means.iter().zip(scales).zip(beta);
            for ((y, &x), ((&mean, &scale), &beta)) in y.iter_mut().zip(x).zip(of_feature) {
                *y = (x - mean) * scale + beta;
            }
        }
    }
}

vectorized! {
    /// Adds `d_y * scale + (x - mean) * slope + shift`.
    fn add_gradient<'a>(d_x: &'a mut [f32], x: &'a [f32], d_y: &'a [f32], of: &'a Gradient<'a>) {
        let size = of.means.len().max(1);
        let rows = d_x.chunks_exact_mut(size).zip(x.chunks_exact(size)).zip(d_y.chunks_exact(size));
        for ((d_x, x), d_y) in rows {
            let statistics = of.means.iter().zip(&of.scales);
            let of_feature = statistics.zip(of.slopes.iter().zip(&of.shifts));
            for (((d_x, &x), &g), ((&mean, &scale), (&slope, &shift))) in
                d_x.iter_mut().zip(x).zip(d_y).zip(of_feature)
            {
                *d_x += g * scale + (x - mean) * slope + shift;
            }
        }
    }
}

/// How the gradient of a number depends on what is in its column.
struct Gradient<'a> {
    means: &'a [f32],
    scales: Vec<f32>,
    slopes: Vec<f32>,
    shifts: Vec<f32>,
}

/// The rows that are looked at, as ranges.
fn ranges(seen: &[bool]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for (row, _) in seen.iter().enumerate().filter(|(_, seen)| **seen) {
        match ranges.last_mut() {
            Some(range) if range.end == row => range.end += 1,
            _ => ranges.push(row..row + 1),
        }
    }
    ranges
}

/// What a batch is normalised by.
struct Statistics {
    means: Vec<f32>,
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
) -> Result<Rows<T>, Error> {
    weights.check(x.shape().1)?;
    let values = borrow(&x)?;
    let (means, variances) = (borrow(mean)?.to_vec(), borrow(variance)?.to_vec());
    let statistics =
        Statistics { means, variances, rows: Vec::new(), share: 0.0, count: 0.0, pass: None };
    by_statistics(x, values, weights, statistics)
}

pub(crate) fn batch_norm_train<T: Tape<f32, Cpu>>(
    x: Rows<T>,
    weights: NormWeights<f32, Cpu>,
    seen: Seen<'_>,
) -> Result<Normalised<f32, Cpu, T>, Error> {
    let (n, features) = *x.shape();
    weights.check(features)?;
    let values = borrow(&x)?;
    let rows = seen.rows.map_or_else(|| std::iter::once(0..n).collect(), ranges);
    let pass = distributed::current();
    let mean = |sums: Vec<f64>| sums.into_iter().map(|sum| (sum * seen.share) as f32).collect();
    let mut sums = sums_over(&rows, features, |sums, at| add_rows(sums, &values[at]));
    let mut count = rows.iter().map(Range::len).sum::<usize>() as f64;
    if let Some(pass) = &pass {
        sums.push(count);
        pass.sum(&mut sums)?;
        count = sums.pop().unwrap_or(0.0);
    }
    let means: Vec<f32> = mean(sums);
    let wide_means = means.repeat(wide(features) / features.max(1));
    let squares = |sums: &mut [f32], at| add_squares(sums, &values[at], &wide_means);
    let mut sums = sums_over(&rows, features, squares);
    if let Some(pass) = &pass {
        pass.sum(&mut sums)?;
    }
    let mut variances: Vec<f32> = mean(sums);
    variances.iter_mut().for_each(|variance| *variance = variance.max(0.0));
    let dev = x.device().clone();
    let mean = from_vec(&dev, (features,), means.clone())?;
    let variance = from_vec(&dev, (features,), variances.clone())?;
    let statistics = Statistics { means, variances, rows, share: seen.share, count, pass };
    Ok((by_statistics(x, values, weights, statistics)?, mean, variance))
}

fn by_statistics<T: Tape<f32, Cpu>>(
    x: Rows<T>,
    values: Values,
    weights: NormWeights<f32, Cpu>,
    statistics: Statistics,
) -> Result<Rows<T>, Error> {
    let (x, mut tape) = x.split_tape();
    let (n, features) = *x.shape();
    let share = share(n * features, n);
    let NormWeights { gamma: of_gamma, beta: of_beta, epsilon } = weights;
    let (gamma, beta) = (borrow(&of_gamma)?, borrow(&of_beta)?);
    let inverse = |&variance: &f32| 1.0 / (f64::from(variance) + epsilon).sqrt();
    let inverses: Vec<f64> = statistics.variances.iter().map(inverse).collect();
    let scales: Vec<f32> =
        inverses.iter().zip(gamma.iter()).map(|(s, &g)| (s * f64::from(g)) as f32).collect();
    let mut y = zeros_of(&[n, features])?;
    let jobs = chunks(&mut y, share * features, 1)
        .into_iter()
        .zip(values.chunks((share * features).max(1)));
    parallel(jobs.collect(), |(y, x)| normalise(y, x, &statistics.means, &scales, &beta));
    let y = from_vec(x.device(), (n, features), y)?;
    if T::OWNS_TAPE {
        let of_y = y.clone();
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            let means = &statistics.means;
            let all = 0..n;
            let all = std::slice::from_ref(&all);
            let d_beta = column_sums(&gradient, features);
            let wide_means = means.repeat(wide(features) / features.max(1));
            let products = sums_over(all, features, |sums, at| {
                add_products(sums, &values[at.clone()], &gradient[at], &wide_means);
            });
            let d_gamma: Vec<f64> =
                products.iter().zip(&inverses).map(|(sum, s)| sum * s).collect();
            // Through the variance and the mean of the rows that were looked at.
            let w = statistics.share;
            let missing = 1.0 - w * statistics.count;
            // What depends on the statistics is on all ranks.
            let mut of_all = [d_beta.clone(), products].concat();
            if let Some(pass) = &statistics.pass
                && let Err(error) = pass.sum(&mut of_all)
            {
                distributed::keep_failure(error);
                return Ok(());
            }
            let (shifted, products) = of_all.split_at(features);
            let (mut slopes, mut shifts) = (vec![0.0; features], vec![0.0; features]);
            for i in 0..features {
                let scale = f64::from(gamma[i]) * inverses[i];
                let d_variance = -0.5 * scale * inverses[i] * inverses[i] * products[i];
                let centred = f64::from(means[i]) * missing;
                let d_mean = -(scale * shifted[i] + 2.0 * d_variance * centred);
                slopes[i] = (2.0 * w * d_variance) as f32;
                shifts[i] = (w * d_mean) as f32;
            }
            let zeros = vec![0.0; features];
            let seen = Gradient { means, scales: scales.clone(), slopes, shifts };
            let other = Gradient { means, scales, slopes: zeros.clone(), shifts: zeros };
            grads.with(&x, |d_x| {
                let jobs = chunks(d_x, share * features, 1).into_iter().enumerate();
                parallel(jobs.collect(), |(job, d_x)| {
                    let from = job * share;
                    let to = from + d_x.len() / features.max(1);
                    let mut go = |rows: Range<usize>, of: &Gradient<'_>| {
                        let d_x =
                            &mut d_x[(rows.start - from) * features..(rows.end - from) * features];
                        let rows = rows.start * features..rows.end * features;
                        add_gradient(d_x, &values[rows.clone()], &gradient[rows], of);
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
