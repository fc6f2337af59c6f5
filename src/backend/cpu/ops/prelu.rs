use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, SplitTape, Tensor},
};

use super::{JOB, made, scaled::WIDE};
use crate::{
    backend::{
        memory::{listed, zeros},
        tape::{Recorder, borrow, from_vec, record},
    },
    error::Error,
};
use kerata_kernels::{
    batch_norm::repeated,
    prelu::{add_slopes, backward, forward},
    sums::sums_over,
    threads::parallel,
};

/// A rectifier with a slope of each place of a row, `alpha[places[i]]`.
pub(crate) fn prelu(
    x: Tensor<(usize, usize), f32, Cpu, Recorder>,
    of_alpha: &Tensor<(usize,), f32, Cpu>,
    places: &[usize],
) -> Result<Tensor<(usize, usize), f32, Cpu, Recorder>, Error> {
    let (x, mut tape) = x.split_tape();
    let (n, width) = *x.shape();
    if places.len() != width {
        return Err(Error::mismatch("the slopes of a row", width, places.len()));
    }
    let alpha = borrow(of_alpha)?;
    if let Some(outside) = places.iter().find(|&&place| place >= alpha.len()) {
        return Err(Error::mismatch("the places of slopes (below)", alpha.len(), outside));
    }
    let spread = listed(places.iter().map(|&place| alpha[place]))?;
    drop(alpha);
    let spread = repeated(&spread, WIDE.div_ceil(width.max(1)))?;
    let values = borrow(&x)?;
    let y = made(n * width, width, |at, y| forward(y, &values[at..at + y.len()], &spread))?;
    let y = from_vec(x.device(), (n, width), y)?;
    if tape.is_on() {
        let (of_y, of_alpha, places) =
            (y.clone(), of_alpha.clone(), listed(places.iter().copied())?);
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            let all = 0..n;
            let [slopes] = sums_over(std::slice::from_ref(&all), width, |[sums], at| {
                add_slopes(sums, &values[at.clone()], &gradient[at]);
            })?;
            let mut totals: Vec<f64> = zeros(of_alpha.shape().0)?;
            places.iter().zip(slopes).for_each(|(&place, slope)| totals[place] += slope);
            grads.add_sums(&of_alpha, &totals)?;
            grads.with(&x, |sums| {
                let job = JOB.div_ceil(width.max(1)) * width.max(1);
                let jobs = sums.chunks_mut(job).zip(values.chunks(job)).zip(gradient.chunks(job));
                parallel(jobs.collect(), |((d_x, x), d_y): ((&mut [f32], &[f32]), &[f32])| {
                    backward(d_x, x, d_y, &spread);
                });
            })?;
            grads.give(&of_y, gradient)
        });
    }
    Ok(y.put_tape(tape))
}
