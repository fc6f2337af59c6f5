use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, SplitTape, Tape, Tensor},
};

use super::share;
use crate::{
    backend::{
        check_classes,
        cpu::{Buffer, pointwise::exponentials, simd::sum, threads::parallel},
        tape::{copy, from_vec, record},
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
    check_classes(&labels, classes)?;
    let clip = least.map(|least| (least as f32, (1.0 - least) as f32));
    let mut values = copy(&x)?;
    let mut losses = Buffer::uncleared(rows)?;
    // Some nanoseconds a number.
    let rows_of_job = share(4 * rows * classes, rows);
    let size = (rows_of_job * classes).max(1);
    let jobs = losses.chunks_mut(rows_of_job).zip(labels.chunks(rows_of_job));
    let jobs = jobs.zip(values.chunks_mut(size)).collect();
    parallel(jobs, |((losses, labels), rows): ((&mut [f32], &[usize]), &mut [f32])| {
        let rows = rows.chunks_exact_mut(classes);
        for ((loss, &label), row) in losses.iter_mut().zip(labels).zip(rows) {
            *loss = match clip {
                None => of_logits(row, label),
                Some((least, most)) => {
                    let p = row[label].clamp(least, most);
                    (others(row, label, least, most) / p).ln_1p()
                }
            };
        }
    });
    let losses = from_vec(x.device(), (rows,), losses.into())?;
    if T::OWNS_TAPE {
        let of_losses = losses.clone();
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_losses)?;
            grads.with(&x, |sums| {
                let jobs = sums.chunks_mut(size).zip(values.chunks(size));
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

/// The loss of logits. Its gradient takes their place: the softmax, and at the label minus the sum of the others.
///
/// Nothing is subtracted from 1, and no logarithm taken of what is close to 1: a loss and a gradient that are nearly 0
/// keep their digits.
fn of_logits(row: &mut [f32], label: usize) -> f32 {
    let logit = row[label];
    let most = exponentials(row);
    let first = row.iter().position(|&e| e == 1.0).unwrap_or(0);
    let top = std::mem::replace(&mut row[first], 0.0);
    // The exponential of the largest logit is 1, or NaN if that is infinite.
    let rest = sum(row.len(), |i| row[i]) + (top - 1.0);
    row[first] = top;
    let sum = rest + top;
    let others = if label == first { rest } else { sum - row[label] };
    let share = 1.0 / sum;
    row.iter_mut().for_each(|e| *e *= share);
    row[label] = -others * share;
    rest.ln_1p() + (most - logit)
}

/// The sum of the clipped probabilities but that of the label.
fn others(row: &[f32], label: usize, least: f32, most: f32) -> f32 {
    let clipped = |row: &[f32]| sum(row.len(), |i| row[i].clamp(least, most));
    clipped(&row[..label]) + clipped(&row[label + 1..])
}

/// Adds the gradient of a row, `g` times that of its loss; where it was of logits, `row` is that.
fn add_gradient(d_x: &mut [f32], row: &[f32], g: f32, label: usize, clip: Option<(f32, f32)>) {
    match clip {
        None => {
            d_x.iter_mut().zip(row).for_each(|(d_x, &slope)| *d_x += g * slope);
        }
        Some((least, most)) => {
            // What was clipped has no slope.
            let inside = least..=most;
            let p = row[label].clamp(least, most);
            let others = others(row, label, least, most);
            let share = g / (others + p);
            let slopes = row.iter().map(|p| if inside.contains(p) { share } else { 0.0 });
            let before = d_x[label];
            d_x.iter_mut().zip(slopes).for_each(|(d_x, slope)| *d_x += slope);
            // `1 / sum - 1 / p`, with the difference taken first.
            let slope = if inside.contains(&row[label]) { -share * (others / p) } else { 0.0 };
            d_x[label] = before + slope;
        }
    }
}
