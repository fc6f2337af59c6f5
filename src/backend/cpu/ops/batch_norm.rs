//! Normalisation of rows by the mean and variance of each feature.

use std::ops::Range;

use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, SplitTape, Tensor},
};

use super::{chunks, made, pointwise::then_apply, share};
use crate::{
    backend::{
        ActivationKind, FixedNorm, NormWeights, Normalised, Seen,
        memory::{NoMemory, copied, listed, one_more, zeros},
        tape::{Recorder, Values, borrow, from_vec, record},
    },
    distributed::{self, Pass},
    error::Error,
};
use kerata_kernels::{
    batch_norm::{
        Affine, Gradient, add_distances, add_gradient, add_gradients, add_up, inverses, normalise,
        normalise_in_place, repeated,
    },
    sums::{sums_over, wide},
    threads::parallel,
};

/// Rows of features.
type Rows = Tensor<(usize, usize), f32, Cpu, Recorder>;

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

pub(crate) fn batch_norm(
    x: Rows,
    weights: NormWeights<f32, Cpu>,
    mean: &Tensor<(usize,), f32, Cpu>,
    variance: &Tensor<(usize,), f32, Cpu>,
    then: ActivationKind,
) -> Result<Rows, Error> {
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

pub(crate) fn batch_norm_train(
    x: Rows,
    weights: NormWeights<f32, Cpu>,
    seen: Seen<'_>,
    then: ActivationKind,
) -> Result<Normalised<f32, Cpu, Recorder>, Error> {
    let (n, features) = *x.shape();
    weights.check(features)?;
    let values = borrow(&x)?;
    let rows = seen.rows.map_or_else(|| listed(std::iter::once(0..n)), ranges)?;
    let pass = distributed::current();
    let [mut sums] = sums_over(&rows, features, |[sums], at| add_up(sums, &values[at]))?;
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

fn by_statistics(
    x: Rows,
    values: Values,
    weights: NormWeights<f32, Cpu>,
    statistics: Statistics,
    then: ActivationKind,
) -> Result<Rows, Error> {
    // The backward pass knows one activation by its argument, which it has.
    let rectified = then == ActivationKind::Rectifier;
    let (x, mut tape) = x.split_tape();
    if tape.is_on() && then.is_fused() && !rectified {
        let x = x.put_tape(tape);
        let y = by_statistics(x, values, weights, statistics, ActivationKind::Nothing)?;
        return then_apply(y, then);
    }
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
    if tape.is_on() {
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
            let seen = Gradient::new(&affine, &slopes, &shifts)?;
            let zeros: Vec<f32> = zeros(features)?;
            let other = Gradient::new(&affine, &zeros, &zeros)?;
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
