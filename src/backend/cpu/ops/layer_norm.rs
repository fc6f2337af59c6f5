use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, SplitTape, Tape, Tensor},
};

use super::{chunks, share};
use crate::{
    backend::{
        Centre, NormWeights,
        cpu::{
            buffer::Buffer,
            simd::vectorized,
            sums::{BLOCK, total},
            threads::{fixed_chunk, parallel},
        },
        memory::{NoMemory, elements, zeros, zeros_of},
        tape::{borrow, from_vec, record},
    },
    error::Error,
};

/// How many values are kept of each row: its mean, what that lacks to the mean in double precision, and one over its
/// deviation.
const STATISTICS: usize = 3;

/// One over the deviation of values whose squares are beyond the range of `f32`.
#[cold]
fn inverse_of_huge(x: &[f32], [mean, rest]: [f32; 2], epsilon: f32) -> f32 {
    let distance = |&x: &f32| f64::from(x) - f64::from(mean) - f64::from(rest);
    let squares: f64 = x.iter().map(|x| distance(x) * distance(x)).sum();
    (1.0 / (squares / x.len() as f64 + f64::from(epsilon)).sqrt()) as f32
}

vectorized! {
    /// Normalises rows, and gives the statistics of each. The centre is in two parts: values that are close to each other, and
    /// far from 0, would lose their digits where it is rounded to one.
    fn forward<'a>(
        y: &'a mut [f32],
        x: &'a [f32],
        statistics: &'a mut [f32],
        gamma: &'a [f32],
        beta: &'a [f32],
        epsilon: f32,
        centre: Centre,
    ) {
        let n = gamma.len();
        let rows = y.chunks_exact_mut(n.max(1)).zip(x.chunks_exact(n.max(1)));
        for ((y, x), statistics) in rows.zip(statistics.chunks_exact_mut(STATISTICS)) {
            let (gamma, beta, x) = (&gamma[..n], &beta[..n], &x[..n]);
            let (mut mean, mut rest) = (0.0, 0.0);
            if centre == Centre::Mean {
                mean = (total(n, |i| x[i]) / n as f64) as f32;
                rest = (total(n, |i| x[i] - mean) / n as f64) as f32;
            }
            let centred = |i: usize| (x[i] - mean) - rest;
            let variance = (total(n, |i| centred(i) * centred(i)) / n as f64) as f32;
            let mut inverse = 1.0 / (variance + epsilon).sqrt();
            if variance == f32::INFINITY && mean.is_finite() {
                inverse = inverse_of_huge(x, [mean, rest], epsilon);
            }
            statistics.copy_from_slice(&[mean, rest, inverse]);
            for (((y, &x), &gamma), &beta) in y.iter_mut().zip(x).zip(gamma).zip(beta) {
                *y = ((x - mean) - rest) * inverse * gamma + beta;
            }
        }
    }
}

vectorized! {
    /// Adds to the gradients of rows, of `gamma` and of `beta`.
    fn backward<'a>(
        d_x: &'a mut [f32],
        x: &'a [f32],
        d_y: &'a [f32],
        statistics: &'a [f32],
        gamma: &'a [f32],
        d_weights: [&'a mut [f32]; 2],
        centre: Centre,
    ) {
        let (n, [d_gamma, d_beta]) = (gamma.len(), d_weights);
        let rows = d_x.chunks_exact_mut(n.max(1)).zip(x.chunks_exact(n.max(1)));
        let rows = rows.zip(d_y.chunks_exact(n.max(1))).zip(statistics.chunks_exact(STATISTICS));
        for (((d_x, x), d_y), statistics) in rows {
            let (gamma, x, d_y) = (&gamma[..n], &x[..n], &d_y[..n]);
            let (mean, rest, inverse) = (statistics[0], statistics[1], statistics[2]);
            let shift = match centre {
                Centre::Mean => (total(n, |i| d_y[i] * gamma[i]) / n as f64) as f32,
                Centre::Zero => 0.0,
            };
            let normal = |x: f32| ((x - mean) - rest) * inverse;
            let slope = (total(n, |i| d_y[i] * gamma[i] * normal(x[i])) / n as f64) as f32;
            let values = d_x.iter_mut().zip(x).zip(d_y).zip(gamma);
            let parameters = d_gamma.iter_mut().zip(&mut *d_beta);
            for ((((d_x, &x), &g), &gamma), (d_gamma, d_beta)) in values.zip(parameters) {
                let normal = normal(x);
                *d_x += inverse * (g * gamma - shift - normal * slope);
                *d_gamma += g * normal;
                *d_beta += g;
            }
        }
    }
}

/// Adds the sums of a block.
fn add(totals: &mut [f64], sums: &[f32]) {
    totals.iter_mut().zip(sums).for_each(|(total, &sum)| *total += f64::from(sum));
}

/// Normalises each row.
pub(crate) fn layer_norm<T: Tape<f32, Cpu>>(
    x: Tensor<(usize, usize), f32, Cpu, T>,
    weights: NormWeights<f32, Cpu>,
    centre: Centre,
) -> Result<Tensor<(usize, usize), f32, Cpu, T>, Error> {
    weights.check(x.shape().1)?;
    let (x, mut tape) = x.split_tape();
    let (n, features) = *x.shape();
    let NormWeights { gamma: of_gamma, beta: of_beta, epsilon } = weights;
    let (values, gamma, beta) = (borrow(&x)?, borrow(&of_gamma)?, borrow(&of_beta)?);
    let share = share(n * features, n);
    let size = (share * features).max(1);
    let mut y = zeros_of(&[n, features])?;
    let mut statistics = Buffer::zeros(elements(&[STATISTICS, n])?)?;
    let jobs = chunks(&mut y, share * features, 1)
        .into_iter()
        .zip(values.chunks(size))
        .zip(statistics.chunks_mut(STATISTICS * share));
    parallel(jobs.collect(), |((y, x), statistics)| {
        forward(y, x, statistics, &gamma, &beta, epsilon as f32, centre);
    });
    let y = from_vec(x.device(), (n, features), y)?;
    if T::OWNS_TAPE {
        let of_y = y.clone();
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            // Each job has sums over its rows.
            let share = fixed_chunk(n * features, n);
            let size = (share * features).max(1);
            let parts = grads.with(&x, |d_x| {
                let jobs = chunks(d_x, share * features, 1)
                    .into_iter()
                    .zip(values.chunks(size))
                    .zip(gradient.chunks(size))
                    .zip(statistics.chunks(STATISTICS * share));
                let parts = parallel(jobs.collect(), |(((d_x, x), d_y), statistics)| {
                    let mut totals = (zeros(features)?, zeros(features)?);
                    let (mut d_gamma, mut d_beta) =
                        (Buffer::uncleared(features)?, Buffer::uncleared(features)?);
                    let block = (BLOCK * features).max(1);
                    let blocks = d_x.chunks_mut(block).zip(x.chunks(block)).zip(d_y.chunks(block));
                    for (((d_x, x), d_y), statistics) in
                        blocks.zip(statistics.chunks(STATISTICS * BLOCK))
                    {
                        d_gamma.fill(0.0);
                        d_beta.fill(0.0);
                        let d_weights = [&mut d_gamma[..], &mut d_beta[..]];
                        backward(d_x, x, d_y, statistics, &gamma, d_weights, centre);
                        add(&mut totals.0, &d_gamma);
                        add(&mut totals.1, &d_beta);
                    }
                    Ok(totals)
                });
                parts.into_iter().collect::<Result<Vec<(Vec<f64>, Vec<f64>)>, NoMemory>>()
            })??;
            let mut totals = (zeros(features)?, zeros(features)?);
            for (d_gamma, d_beta) in &parts {
                totals.0.iter_mut().zip(d_gamma).for_each(|(total, sum)| *total += sum);
                totals.1.iter_mut().zip(d_beta).for_each(|(total, sum)| *total += sum);
            }
            grads.add_sums(&of_gamma, &totals.0)?;
            grads.add_sums(&of_beta, &totals.1)?;
            grads.give(&of_y, gradient)
        });
    }
    Ok(y.put_tape(tape))
}
