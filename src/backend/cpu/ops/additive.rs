use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, Merge, PutTape, SplitTape, Tensor},
};

use super::chunks;
use crate::{
    backend::{
        memory::{NoMemory, elements, zeros, zeros_of},
        operands::same,
        tape::{Recorder, borrow, from_vec, record},
    },
    error::Error,
};
use kerata_kernels::{
    additive::{backward, forward},
    buffer::Buffer,
    threads::parallel,
};

type Steps = Tensor<(usize, usize, usize), f32, Cpu, Recorder>;

/// How well each key fits each query.
pub(crate) fn additive_scores(
    [q, k]: [Steps; 2],
    of_weights: &Tensor<(usize,), f32, Cpu>,
) -> Result<Steps, Error> {
    let ((q, tape), (k, more)) = (q.split_tape(), k.split_tape());
    let mut tape = tape.merge(more);
    let (batch, queries, features) = *q.shape();
    let keys = k.shape().1;
    same("the shape of the keys of an attention", &(batch, keys, features), k.shape())?;
    same("the shape of the weights of an attention", &(features,), of_weights.shape())?;
    let (values, others, weights) = (borrow(&q)?, borrow(&k)?, borrow(of_weights)?);
    let mut scores = zeros_of(&[batch, queries, keys])?;
    /// How many queries are a job.
    const QUERIES: usize = 16;
    let each = |sample: usize, scores| {
        let q = &values[sample * queries * features..][..queries * features];
        let k = &others[sample * keys * features..][..keys * features];
        let q = q.chunks((QUERIES * features).max(1));
        q.zip(chunks(scores, QUERIES * keys, 0)).map(move |(q, scores)| (q, k, scores))
    };
    let samples = chunks(&mut scores, queries * keys, 0).into_iter().enumerate();
    let jobs = samples.flat_map(|(sample, scores)| each(sample, scores)).collect();
    parallel(jobs, |(q, k, scores)| forward(scores, q, k, &weights));
    let scores = from_vec(q.device(), (batch, queries, keys), scores)?;
    if tape.is_on() {
        let (of_scores, of_weights) = (scores.clone(), of_weights.clone());
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_scores)?;
            let mut d_q = Buffer::zeros(elements(&[batch, queries, features]).unwrap_or(0))?;
            let mut d_k = Buffer::zeros(elements(&[batch, keys, features]).unwrap_or(0))?;
            let jobs = chunks(&mut d_q, queries * features, 0)
                .into_iter()
                .zip(chunks(&mut d_k, keys * features, 0))
                .zip(values.chunks((queries * features).max(1)))
                .zip(others.chunks((keys * features).max(1)))
                .zip(gradient.chunks((queries * keys).max(1)));
            let parts = parallel(jobs.collect(), |((((d_q, d_k), q), k), d_scores)| {
                backward([d_q, d_k], [q, k], &weights, d_scores)
            });
            let mut totals: Vec<f64> = zeros(features)?;
            for part in parts {
                let part: Result<_, NoMemory> = part;
                totals.iter_mut().zip(part?).for_each(|(total, sum)| *total += sum);
            }
            grads.add(&q, &d_q)?;
            grads.add(&k, &d_k)?;
            grads.add_sums(&of_weights, &totals)?;
            grads.give(&of_scores, gradient)
        });
    }
    Ok(scores.put_tape(tape))
}
