use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, SplitTape, Tensor},
};

use super::share;
use crate::{
    backend::{
        check_classes,
        tape::{Recorder, copy, from_vec, record},
    },
    error::Error,
};
use kerata_kernels::{
    buffer::Buffer,
    crossentropy::{add_gradient, of_logits, others},
    threads::parallel,
};

/// The cross-entropy of each row against its label, in one pass with the softmax or the division by the sum.
pub(crate) fn sparse_crossentropy(
    prediction: Tensor<(usize, usize), f32, Cpu, Recorder>,
    labels: Vec<usize>,
    least: Option<f64>,
) -> Result<Tensor<(usize,), f32, Cpu, Recorder>, Error> {
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
    if tape.is_on() {
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
