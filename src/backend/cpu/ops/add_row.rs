use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, SplitTape, Tensor},
};

use super::made;
use crate::{
    backend::{
        operands::same,
        tape::{Recorder, borrow, from_vec, record},
    },
    error::Error,
};
use kerata_kernels::{pointwise::add_to_rows, sums::column_sums};

/// Rows, each plus one row.
pub(crate) fn add_row(
    x: Tensor<(usize, usize), f32, Cpu, Recorder>,
    of_row: &Tensor<(usize,), f32, Cpu>,
) -> Result<Tensor<(usize, usize), f32, Cpu, Recorder>, Error> {
    let (x, mut tape) = x.split_tape();
    let (n, width) = *x.shape();
    same("the shape of a row", &(width,), of_row.shape())?;
    let (values, row) = (borrow(&x)?, borrow(of_row)?);
    let y = made(values.len(), width, |at, y| {
        y.copy_from_slice(&values[at..at + y.len()]);
        add_to_rows(y, &row);
    })?;
    drop((values, row));
    let y = from_vec(x.device(), (n, width), y)?;
    if tape.is_on() {
        let (of_y, of_row) = (y.clone(), of_row.clone());
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            grads.add(&x, &gradient)?;
            grads.add_sums(&of_row, &column_sums(&gradient, width)?)?;
            grads.give(&of_y, gradient)
        });
    }
    Ok(y.put_tape(tape))
}
