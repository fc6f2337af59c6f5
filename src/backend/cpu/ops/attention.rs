use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, Merge, PutTape, SplitTape, Tensor},
};

use kerata_kernels::{buffer::Buffer, threads::parallel};

use super::chunks;
use crate::{
    backend::{
        AttentionOptions,
        cpu::attention::{Attention, Drops, Inputs},
        memory::{NoMemory, zeros_of},
        random_u64, rows_in_batch,
        tape::{Recorder, borrow, from_vec, record},
    },
    error::Error,
};

type Steps = Tensor<(usize, usize, usize), f32, Cpu, Recorder>;

/// The values of one sample, of each of which there are so many.
fn of_sample<'a>(all: Inputs<'a>, widths: [usize; 3], i: usize) -> Inputs<'a> {
    [0, 1, 2].map(|at| &all[at][i * widths[at]..][..widths[at]])
}

/// Attention of several heads.
pub(crate) fn attention(
    q: Steps,
    k: Steps,
    v: Steps,
    options: &AttentionOptions,
) -> Result<Steps, Error> {
    let sizes = options.sizes(q.shape(), k.shape(), v.shape())?;
    let ((q, tape), (k, of_k), (v, of_v)) = (q.split_tape(), k.split_tape(), v.split_tape());
    let mut tape = tape.merge(of_k).merge(of_v);
    let shape = (sizes.batch, sizes.queries, v.shape().2);
    let mut y = zeros_of(&[shape.0, shape.1, shape.2])?;
    let drops = match options.dropout {
        0.0 => None,
        _ => {
            let (first, _) = rows_in_batch(&[sizes.batch])?;
            Some(Drops { seed: random_u64(q.device()), first })
        }
    };
    let attention = Attention { options: options.clone(), sizes, drops };
    if sizes.batch * sizes.queries * sizes.keys == 0 {
        return Ok(from_vec(q.device(), shape, y)?.put_tape(tape));
    }
    let values = [borrow(&q)?, borrow(&k)?, borrow(&v)?];
    let widths = values.each_ref().map(|values| values.len() / sizes.batch);
    let all = values.each_ref().map(|values| &**values);
    let jobs = chunks(&mut y, shape.1 * shape.2, sizes.batch).into_iter().enumerate();
    let done =
        parallel(jobs.collect(), |(i, y)| attention.forward(i, of_sample(all, widths, i), y));
    done.into_iter().collect::<Result<(), NoMemory>>()?;
    let y = from_vec(q.device(), shape, y)?;
    if tape.is_on() {
        let of_y = y.clone();
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            let all = values.each_ref().map(|values| &**values);
            let mut slopes = Vec::new();
            for values in all {
                slopes.push(Buffer::zeros(values.len())?);
            }
            if let [d_q, d_k, d_v] = slopes.as_mut_slice() {
                let [d_q, d_k, d_v] = [(d_q, 0), (d_k, 1), (d_v, 2)]
                    .map(|(slopes, at)| chunks(slopes, widths[at], sizes.batch).into_iter());
                let d_y = gradient.chunks((shape.1 * shape.2).max(1));
                let jobs = d_q.zip(d_k).zip(d_v).zip(d_y).enumerate();
                let done = parallel(jobs.collect(), |(i, (((d_q, d_k), d_v), d_y))| {
                    attention.backward(i, of_sample(all, widths, i), d_y, [d_q, d_k, d_v])
                });
                done.into_iter().collect::<Result<(), NoMemory>>()?;
            }
            for (of, slopes) in [&q, &k, &v].into_iter().zip(&slopes) {
                grads.add(of, slopes)?;
            }
            grads.give(&of_y, gradient)
        });
    }
    Ok(y.put_tape(tape))
}
