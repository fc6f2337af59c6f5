use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, SplitTape, Tensor},
};

use super::{chunks, share};
use crate::{
    backend::{
        Centre, NormWeights,
        memory::{NoMemory, elements, zeros, zeros_of},
        tape::{Recorder, borrow, from_vec, record},
    },
    error::Error,
};
use kerata_kernels::{
    buffer::Buffer,
    layer_norm::{STATISTICS, backward, forward},
    sums::BLOCK,
    threads::{fixed_chunk, parallel},
};

/// Adds the sums of a block.
fn add(totals: &mut [f64], sums: &[f32]) {
    totals.iter_mut().zip(sums).for_each(|(total, &sum)| *total += f64::from(sum));
}

/// Normalises each row.
pub(crate) fn layer_norm(
    x: Tensor<(usize, usize), f32, Cpu, Recorder>,
    weights: NormWeights<f32, Cpu>,
    centre: Centre,
) -> Result<Tensor<(usize, usize), f32, Cpu, Recorder>, Error> {
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
    if tape.is_on() {
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
