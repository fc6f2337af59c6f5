//! Whole numbers as rows of zeros with a one.

use dfdx::tensor::{Cpu, PutTape, SplitTape, TensorFromVec};
use serde_json::{Map, Value};

use super::super::{
    flow::{Rows, as_rows},
    words::{self, refused},
};
use crate::{
    backend::{memory::filled, to_values},
    error::{Error, OrDevice},
};

type Options = Map<String, Value>;

/// How many classes there are, and along which new axis they stand.
fn classes(rank: usize, options: &Options) -> Result<(usize, usize), Error> {
    let classes = options.get("num_classes").and_then(Value::as_u64);
    let classes = classes.and_then(|classes| usize::try_from(classes).ok());
    let classes = classes.ok_or_else(|| refused("`num_classes` of a function is needed"))?;
    let axis = match options.get("axis") {
        None | Some(Value::Null) => -1,
        Some(axis) => axis.as_i64().ok_or_else(|| refused(format!("there is no axis {axis}")))?,
    };
    match words::axis(axis, rank + 1)? {
        0 => Err(refused("a function along the batch is not known here")),
        axis => Ok((classes, axis)),
    }
}

pub(super) fn gives(
    sizes: &[Option<usize>],
    options: &Options,
) -> Result<Vec<Option<usize>>, Error> {
    let (classes, axis) = classes(sizes.len(), options)?;
    let mut gives = sizes.to_vec();
    gives.insert(axis, Some(classes));
    Ok(gives)
}

/// Of a number that is no class, or not whole, all are zeros, as in Keras on JAX. There is no gradient.
pub(super) fn apply(
    x: Rows,
    own: &[usize],
    sizes: &[usize],
    options: &Options,
) -> Result<Rows, Error> {
    let (classes, axis) = classes(own.len(), options)?;
    let (x, tape) = x.split_tape();
    let inner: usize = own[axis..].iter().product();
    let mut y = filled(sizes, 0.0)?;
    for (i, &value) in to_values(&x)?.iter().enumerate() {
        if value >= 0.0 && value < classes as f32 && value.fract() == 0.0 {
            y[(i / inner * classes + value as usize) * inner + i % inner] = 1.0;
        }
    }
    let y = Cpu::default().try_tensor_from_vec(y, as_rows(sizes)?).or_device()?;
    Ok(y.put_tape(tape))
}
