use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, SplitTape, Tape, Tensor},
};

use super::share;
use crate::{
    backend::{
        cpu::{Buffer, pointwise::softmax, simd::sum, threads::parallel},
        lend::{copy, put},
        tape::record,
    },
    error::Error,
};

/// The cross-entropy of each row against its label, in one pass with the softmax or the division by the sum.
pub(crate) fn sparse_crossentropy<T: Tape<f32, Cpu>>(
    prediction: Tensor<(usize, usize), f32, Cpu, T>,
    labels: Vec<usize>,
    least: Option<f64>,
) -> Result<Tensor<(usize,), f32, Cpu, T>, Error> {
    let (x, mut tape) = prediction.split_tape();
    let (rows, classes) = *x.shape();
    let clip = least.map(|least| (least as f32, (1.0 - least) as f32));
    let mut numbers = copy(&x)?;
    let mut losses = Buffer::try_uncleared(rows)?;
    // Some nanoseconds a number.
    let rows_of_job = share(4 * rows * classes, rows);
    let size = (rows_of_job * classes).max(1);
    let jobs = losses.chunks_mut(rows_of_job).zip(labels.chunks(rows_of_job));
    let jobs = jobs.zip(numbers.chunks_mut(size)).collect();
    parallel(jobs, |((losses, labels), rows): ((&mut [f32], &[usize]), &mut [f32])| {
        let rows = rows.chunks_exact_mut(classes);
        for ((loss, &label), row) in losses.iter_mut().zip(labels).zip(rows) {
            *loss = match clip {
                None => {
                    let logit = row[label];
                    // It stays in the row for the backward pass.
                    let (sum, most) = softmax(row);
                    sum.ln() - (logit - most)
                }
                Some((least, most)) => {
                    let p = row[label].clamp(least, most);
                    clipped_sum(row, least, most).ln() - p.ln()
                }
            };
        }
    });
    let losses = put(x.device(), (rows,), losses.into())?;
    if T::OWNS_TAPE {
        let of_losses = losses.clone();
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_losses)?;
            grads.with(&x, |sums| {
                let jobs = sums.chunks_mut(size).zip(numbers.chunks(size));
                let jobs = jobs.zip(gradient.chunks(rows_of_job).zip(labels.chunks(rows_of_job)));
                parallel(jobs.collect(), |((d_x, rows), (d_y, labels))| {
                    let (d_x, rows): (&mut [f32], &[f32]) = (d_x, rows);
                    let (d_y, labels): (&[f32], &[usize]) = (d_y, labels);
                    let rows = d_x.chunks_exact_mut(classes).zip(rows.chunks_exact(classes));
                    for ((d_x, row), (&g, &label)) in rows.zip(d_y.iter().zip(labels)) {
                        add_gradient(d_x, row, g, label, clip);
                    }
                });
            })?;
            grads.give(&of_losses, gradient)
        });
    }
    Ok(losses.put_tape(tape))
}

fn clipped_sum(row: &[f32], least: f32, most: f32) -> f32 {
    sum(row.len(), |i| row[i].clamp(least, most))
}

/// Adds the gradient of a row, `g` times that of its loss; where it was of logits, `row` is their softmax.
fn add_gradient(d_x: &mut [f32], row: &[f32], g: f32, label: usize, clip: Option<(f32, f32)>) {
    match clip {
        None => {
            d_x.iter_mut().zip(row).for_each(|(d_x, &p)| *d_x += g * p);
            d_x[label] -= g;
        }
        Some((least, most)) => {
            // What was clipped has no slope.
            let inside = least..=most;
            let share = g / clipped_sum(row, least, most);
            let slopes = row.iter().map(|p| if inside.contains(p) { share } else { 0.0 });
            d_x.iter_mut().zip(slopes).for_each(|(d_x, slope)| *d_x += slope);
            if inside.contains(&row[label]) {
                d_x[label] -= g / row[label];
            }
        }
    }
}
