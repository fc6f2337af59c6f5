use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, Merge, PutTape, SplitTape, Tensor},
};

use super::{JOB, made};
use crate::{
    backend::{
        ActivationKind,
        tape::{Failure, Grads, Recorder, RequiresGrad, borrow, from_vec, record},
    },
    error::Error,
    shape::Shape,
};
use kerata_kernels::{pointwise::sums, threads::parallel};

/// The sums of two tensors that are not one, and a function of each.
pub(crate) fn add(
    a: Tensor<(usize, usize), f32, Cpu, Recorder>,
    b: Tensor<(usize, usize), f32, Cpu, Recorder>,
    then: ActivationKind,
) -> Result<Tensor<(usize, usize), f32, Cpu, Recorder>, Error> {
    let ((a, tape), (b, other)) = (a.split_tape(), b.split_tape());
    let mut tape = tape.merge(other);
    if a.shape() != b.shape() {
        return Err(Error::mismatch("the shapes of a sum", a.shape(), b.shape()));
    }
    let (first, second) = (borrow(&a)?, borrow(&b)?);
    let y = made(first.len(), 1, |at, y| {
        sums(y, &first[at..at + y.len()], &second[at..at + y.len()]);
        if then.is_fused() {
            then.apply(y);
        }
    })?;
    drop((first, second));
    let y = from_vec(a.device(), *a.shape(), y)?;
    if tape.is_on() {
        let result = then.is_fused().then(|| borrow(&y)).transpose()?;
        let of_y = y.clone();
        let wanted = [RequiresGrad::of(&a), RequiresGrad::of(&b)];
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            let result = result.as_deref().unwrap_or(&gradient);
            for (x, wanted) in [&a, &b].into_iter().zip(&wanted) {
                if wanted.now() {
                    add_gradient(grads, x, (then, result, &gradient))?;
                }
            }
            grads.give(&of_y, gradient)
        });
    }
    Ok(y.put_tape(tape))
}

/// Adds to the gradient of one of the two.
fn add_gradient<S: Shape>(
    grads: &mut Grads<'_>,
    x: &Tensor<S, f32, Cpu>,
    (then, result, gradient): (ActivationKind, &[f32], &[f32]),
) -> Result<(), Failure> {
    grads.with(x, |sums| {
        let jobs = sums.chunks_mut(JOB).zip(result.chunks(JOB)).zip(gradient.chunks(JOB));
        parallel(jobs.collect(), |((d_x, y), d_y): ((&mut [f32], &[f32]), &[f32])| {
            then.gradient(y, d_y, d_x, true);
        });
    })
}
