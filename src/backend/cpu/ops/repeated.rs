use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, SplitTape, Tensor},
};

use super::{chunks, share};
use crate::{
    backend::{
        memory::{NoMemory, elements, zeros},
        tape::{Recorder, borrow, from_vec, record},
    },
    error::Error,
};
use kerata_kernels::{
    buffer::{Part, Unwritten},
    sums::add_rows,
    threads::parallel,
};

/// Each row several times.
pub(crate) fn repeated(
    x: Tensor<(usize, usize), f32, Cpu, Recorder>,
    times: usize,
) -> Result<Tensor<(usize, usize, usize), f32, Cpu, Recorder>, Error> {
    let (x, mut tape) = x.split_tape();
    let (rows, width) = *x.shape();
    let values = borrow(&x)?;
    let total = elements(&[rows, times, width])?;
    let share = share(total, rows);
    let mut y = Unwritten::new(total)?;
    if total > 0 {
        let jobs = y.parts(share * times * width).zip(values.chunks(share * width)).collect();
        parallel(jobs, |(mut y, x): (Part<'_, f32>, &[f32])| {
            for row in x.chunks_exact(width) {
                (0..times).for_each(|_| y.copy(row));
            }
        });
    }
    drop(values);
    let y = from_vec(x.device(), (rows, times, width), y.finish())?;
    if tape.is_on() && total > 0 {
        let of_y = y.clone();
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            let done = grads.with(&x, |d_x| {
                let jobs = chunks(d_x, share * width, 1).into_iter();
                let jobs = jobs.zip(gradient.chunks(share * times * width)).collect();
                let work = |(d_x, d_y): (&mut [f32], &[f32])| {
                    let mut totals: Vec<f64> = zeros(width)?;
                    let rows = d_x.chunks_exact_mut(width).zip(d_y.chunks_exact(times * width));
                    for (d_x, d_y) in rows {
                        totals.fill(0.0);
                        add_rows(&mut totals, d_y)?;
                        let sums = d_x.iter_mut().zip(&totals);
                        sums.for_each(|(sum, &total)| *sum += total as f32);
                    }
                    Ok(())
                };
                parallel(jobs, work).into_iter().collect::<Result<(), NoMemory>>()
            })?;
            done?;
            grads.give(&of_y, gradient)
        });
    }
    Ok(y.put_tape(tape))
}
