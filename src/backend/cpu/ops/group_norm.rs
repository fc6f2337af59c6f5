//! Normalisation of groups of channels.

use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, SplitTape, Tensor},
};

use crate::{
    backend::{
        NormWeights,
        memory::{NoMemory, elements, zeros, zeros_of},
        tape::{Recorder, borrow, from_vec, record},
    },
    error::Error,
};
use kerata_kernels::{
    group_norm::{OfWeights, Statistics, backward, forward},
    threads::{fixed_chunk, parallel},
};

/// Samples, what they hold, and channels.
type Samples = Tensor<(usize, usize, usize), f32, Cpu, Recorder>;

/// Normalises each group of the channels of a sample.
pub(crate) fn group_norm(
    x: Samples,
    weights: NormWeights<f32, Cpu>,
    groups: usize,
) -> Result<Samples, Error> {
    let shape @ (n, held, channels) = *x.shape();
    weights.check_groups(channels, groups)?;
    let each = elements(&[held, channels])?;
    if n == 0 || each == 0 {
        return Ok(x);
    }
    let (x, mut tape) = x.split_tape();
    let NormWeights { gamma: of_gamma, beta: of_beta, epsilon } = weights;
    let (values, gamma, beta) = (borrow(&x)?, borrow(&of_gamma)?, borrow(&of_beta)?);
    // Each job has sums over its samples.
    let size = fixed_chunk(n * each, n) * each;
    let mut y = zeros_of(&[n, each])?;
    let jobs = y.chunks_mut(size).zip(values.chunks(size)).collect();
    let statistics = parallel(jobs, |(y, x): (&mut [f32], &[f32])| {
        let samples = y.chunks_exact_mut(each).zip(x.chunks_exact(each));
        let statistics = samples.map(|(y, x)| forward(y, x, [&gamma, &beta], groups, epsilon));
        statistics.collect::<Result<Vec<Statistics>, NoMemory>>()
    });
    let statistics = statistics.into_iter().collect::<Result<Vec<_>, NoMemory>>()?;
    let y = from_vec(x.device(), shape, y)?;
    if tape.is_on() {
        let of_y = y.clone();
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            let parts = grads.with(&x, |d_x| {
                let jobs = d_x.chunks_mut(size).zip(values.chunks(size));
                let jobs = jobs.zip(gradient.chunks(size)).zip(&statistics);
                let parts = parallel(jobs.collect(), |(((d_x, x), d_y), statistics)| {
                    let samples = d_x.chunks_exact_mut(each).zip(x.chunks_exact(each));
                    let samples = samples.zip(d_y.chunks_exact(each)).zip(statistics);
                    let mut totals = OfWeights { gamma: zeros(channels)?, beta: zeros(channels)? };
                    for (((d_x, x), d_y), statistics) in samples {
                        add(&mut totals, &backward(d_x, x, d_y, &gamma, statistics)?);
                    }
                    Ok(totals)
                });
                parts.into_iter().collect::<Result<Vec<OfWeights>, NoMemory>>()
            })??;
            let mut totals = OfWeights { gamma: zeros(channels)?, beta: zeros(channels)? };
            parts.iter().for_each(|part| add(&mut totals, part));
            grads.add_sums(&of_gamma, &totals.gamma)?;
            grads.add_sums(&of_beta, &totals.beta)?;
            grads.give(&of_y, gradient)
        });
    }
    Ok(y.put_tape(tape))
}

fn add(totals: &mut OfWeights, part: &OfWeights) {
    totals.gamma.iter_mut().zip(&part.gamma).for_each(|(total, sum)| *total += sum);
    totals.beta.iter_mut().zip(&part.beta).for_each(|(total, sum)| *total += sum);
}
