use std::ops::Range;

use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, SplitTape, Tensor},
};

use crate::{
    backend::{
        memory::{NoMemory, zeros, zeros_of},
        tape::{Recorder, borrow, from_vec, record},
    },
    error::Error,
    mask::Mask,
};
use kerata_kernels::{
    sums::add_rows,
    threads::{parallel, threads},
};

/// The mean over the real steps of each row.
pub(crate) fn mean_over_steps(
    x: Tensor<(usize, usize, usize), f32, Cpu, Recorder>,
    mask: Option<&Mask>,
) -> Result<Tensor<(usize, usize), f32, Cpu, Recorder>, Error> {
    let (x, mut tape) = x.split_tape();
    let (rows, length, features) = *x.shape();
    let mut means = zeros_of(&[rows, features])?;
    let values = borrow(&x)?;
    let mask = mask.cloned().map_or_else(|| Mask::try_full(rows, length), Ok)?;
    let lengths = mask.try_lengths()?;
    let row_size = length * features;

    let work = |(first, means): (usize, &mut [f32])| {
        let mut totals: Vec<f64> = zeros(features)?;
        for (i, mean) in means.chunks_exact_mut(features.max(1)).enumerate() {
            let row = first + i;
            totals.fill(0.0);
            let steps = &values[row * row_size..(row + 1) * row_size];
            for run in runs(mask.row(row)) {
                add_rows(&mut totals, &steps[run.start * features..run.end * features])?;
            }
            let share = 1.0 / lengths[row].max(1) as f64;
            mean.iter_mut().zip(&totals).for_each(|(mean, total)| *mean = (total * share) as f32);
        }
        Ok(())
    };
    each_rows(&mut means, features, rows, rows * row_size, work)?;
    drop(values);

    let means = from_vec(x.device(), (rows, features), means)?;
    if tape.is_on() {
        let of_means = means.clone();
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_means)?;
            grads.with(&x, |sums| {
                let work = |(first, sums): (usize, &mut [f32])| {
                    for (i, sums) in sums.chunks_exact_mut(row_size.max(1)).enumerate() {
                        let row = first + i;
                        let share = 1.0 / lengths[row].max(1) as f32;
                        let mean = &gradient[row * features..(row + 1) * features];
                        let steps = sums.chunks_exact_mut(features.max(1));
                        for (step, _) in steps.zip(mask.row(row)).filter(|(_, keep)| **keep) {
                            step.iter_mut().zip(mean).for_each(|(sum, &g)| *sum += share * g);
                        }
                    }
                    Ok(())
                };
                each_rows(sums, row_size, rows, rows * row_size, work)
            })??;
            grads.give(&of_means, gradient)
        });
    }
    Ok(means.put_tape(tape))
}

/// The steps of a row that are real, as ranges.
fn runs(keep: &[bool]) -> impl Iterator<Item = Range<usize>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + keep[from..].iter().position(|&keep| keep)?;
        from = start + keep[start..].iter().take_while(|&&keep| keep).count();
        Some(start..from)
    })
}

/// Runs `work` for some rows at a time, with the first of them and their piece of a result, on as many threads as the
/// values to read are worth.
fn each_rows(
    result: &mut [f32],
    size: usize,
    rows: usize,
    values: usize,
    work: impl Fn((usize, &mut [f32])) -> Result<(), NoMemory> + Send + Sync,
) -> Result<(), NoMemory> {
    let share = rows.div_ceil(threads(values, rows)).max(1);
    let jobs = result.chunks_mut((share * size).max(1)).enumerate();
    let done = parallel(jobs.map(|(i, part)| (i * share, part)).collect(), work);
    done.into_iter().collect()
}
