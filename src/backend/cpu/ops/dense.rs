use dfdx::{
    shapes::{Const, Dim, HasShape},
    tensor::{Cpu, PutTape, SplitTape, Tape, Tensor},
};

use super::chunks;
use crate::{
    backend::{
        DenseWeights, Finish,
        constant::Asked,
        cpu::{
            buffer::Buffer,
            gemm::{product, rows_of_job},
            matrix::Matrix,
            pointwise::Curve,
            sums::column_sums,
            threads::parallel,
        },
        lend::{put, read},
        memory::zeros_of,
        tape::{Weights, record},
    },
    error::Error,
};

/// `x . kernel + bias` on rows, and a function of each number.
pub(crate) fn dense<R: Dim, const I: usize, const O: usize, T: Tape<f32, Cpu>>(
    x: Tensor<(R, Const<I>), f32, Cpu, T>,
    weights: DenseWeights<'_, I, O, f32, Cpu>,
    then: Finish,
) -> Result<Tensor<(R, Const<O>), f32, Cpu, T>, Error> {
    let DenseWeights { kernel, bias, prepared } = weights;
    let curve = Curve::of(then);
    let (x, mut tape) = x.split_tape();
    let (dim, _) = *x.shape();
    let rows = dim.size();
    let numbers = read(&x)?;
    let prepared = prepared.get(
        !T::OWNS_TAPE,
        |(weights, offsets): &(Weights<_>, Weights<_>)| {
            weights.are_of(kernel) && offsets.are_of(bias)
        },
        || Ok((Weights::read(kernel)?, Weights::read(bias)?)),
    )?;
    let (weights, offsets) = &*prepared;
    let share = rows_of_job(rows * I * O, rows, O);
    let mut y = zeros_of(&[rows, O])?;
    let jobs = chunks(&mut y, share * O, 1).into_iter().enumerate();
    parallel(jobs.collect(), |(job, y)| {
        for row in y.chunks_exact_mut(O.max(1)) {
            row.copy_from_slice(offsets);
        }
        let rows = y.len() / O.max(1);
        let x = &numbers[job * share * I..][..rows * I];
        product(y, Matrix::new(x, rows, I), Matrix::new(weights, I, O), true);
        if let Some(curve) = curve {
            curve.apply(y);
        }
    });
    let y = put(x.device(), (dim, Const), y)?;
    if T::OWNS_TAPE {
        let (result, asked) = (read(&y)?, Asked::of(&x));
        let (of_kernel, of_bias, of_y) = (kernel.clone(), bias.clone(), y.clone());
        record(&mut tape, move |grads| {
            let (of_result, weights) = (grads.take(&of_y)?, &*prepared.0);
            let mut before_curve = None;
            if let Some(curve) = curve {
                let before = before_curve.insert(Buffer::try_uncleared(of_result.len())?);
                curve.gradient(&result, &of_result, before, false);
            }
            let gradient = before_curve.as_deref().unwrap_or(&of_result);
            let of_input = |d_x: &mut [f32]| {
                let share = rows_of_job(rows * I * O, rows, I);
                let jobs = chunks(d_x, share * I, 1).into_iter();
                let jobs = jobs.zip(gradient.chunks((share * O).max(1))).collect();
                parallel(jobs, |(d_x, d_y)| {
                    let d_y = Matrix::new(d_y, d_y.len() / O.max(1), O);
                    product(d_x, d_y, Matrix::new(weights, I, O).transposed(), true);
                });
            };
            if asked.now() {
                grads.with(&x, of_input)?;
            }
            grads.with(&of_kernel, |d_kernel| {
                let share = rows_of_job(rows * I * O, I, O);
                let jobs = chunks(d_kernel, share * O, 1).into_iter().enumerate().collect();
                parallel(jobs, |(job, d_kernel)| {
                    let columns = Matrix::new(&numbers, rows, I);
                    let columns = columns.columns(job * share, d_kernel.len() / O.max(1));
                    let d_y = Matrix::new(gradient, rows, O);
                    product(d_kernel, columns.transposed(), d_y, true);
                });
            })?;
            grads.add_sums(&of_bias, &column_sums(gradient, O))?;
            grads.give(&of_y, of_result)
        });
    }
    Ok(y.put_tape(tape))
}
