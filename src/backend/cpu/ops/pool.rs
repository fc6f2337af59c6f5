use dfdx::{
    shapes::{Dim, HasShape},
    tensor::{Cpu, PutTape, SplitTape, Tape, Tensor},
};

use super::chunks;
use crate::{
    backend::{
        cpu::threads::{parallel, threads},
        lend::{put, read},
        memory::zeros_of,
        tape::record,
    },
    error::Error,
    signal::Mask,
};

/// The mean over the real steps of each row.
pub(crate) fn mean_over_steps<B: Dim, L: Dim, F: Dim, T: Tape<f32, Cpu>>(
    x: Tensor<(B, L, F), f32, Cpu, T>,
    mask: Option<&Mask>,
) -> Result<Tensor<(B, F), f32, Cpu, T>, Error> {
    let (x, mut tape) = x.split_tape();
    let (batch, time, dim) = *x.shape();
    let (rows, length, features) = (batch.size(), time.size(), dim.size());
    let mut means = zeros_of(&[rows, features])?;
    let numbers = read(&x)?;
    let mask = mask.cloned().map_or_else(|| Mask::try_full(rows, length), Ok)?;
    let lengths = mask.lengths();
    let share = |row: usize| 1.0 / lengths[row].max(1) as f32;
    let row_size = length * features;

    let work = |(row, mean): (usize, &mut [f32])| {
        let steps = numbers[row * row_size..(row + 1) * row_size].chunks_exact(features.max(1));
        for (step, _) in steps.zip(mask.row(row)).filter(|(_, keep)| **keep) {
            mean.iter_mut().zip(step).for_each(|(sum, &x)| *sum += x);
        }
        mean.iter_mut().for_each(|sum| *sum *= share(row));
    };
    each_row(chunks(&mut means, features, rows), rows * row_size, work);
    drop(numbers);

    let means = put(x.device(), (batch, dim), means)?;
    if T::OWNS_TAPE {
        let of_means = means.clone();
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_means)?;
            grads.with(&x, |sums| {
                let work = |(row, sums): (usize, &mut [f32])| {
                    let share = 1.0 / lengths[row].max(1) as f32;
                    let mean = &gradient[row * features..(row + 1) * features];
                    let steps = sums.chunks_exact_mut(features.max(1));
                    for (step, _) in steps.zip(mask.row(row)).filter(|(_, keep)| **keep) {
                        step.iter_mut().zip(mean).for_each(|(sum, &g)| *sum += share * g);
                    }
                };
                each_row(chunks(sums, row_size, rows), rows * row_size, work);
            })?;
            grads.give(&of_means, gradient)
        });
    }
    Ok(means.put_tape(tape))
}

/// Runs `work` for each row, with its piece of a result, on as many threads as the numbers to read are worth.
fn each_row(
    rows: Vec<&mut [f32]>,
    numbers: usize,
    work: impl Fn((usize, &mut [f32])) + Send + Sync,
) {
    let parts = threads(numbers, rows.len());
    let size = rows.len().div_ceil(parts).max(1);
    let mut rows: Vec<(usize, &mut [f32])> = rows.into_iter().enumerate().collect();
    let mut jobs = Vec::with_capacity(parts);
    while rows.len() > size {
        let rest = rows.split_off(size);
        jobs.push(std::mem::replace(&mut rows, rest));
    }
    jobs.push(rows);
    parallel(jobs, |rows| rows.into_iter().for_each(&work));
}
