//! Another arrangement of values: which of them stands where.

use super::flow::{Numbers, Rows, as_rows};
use crate::{
    backend::{Arrangement, IntoShape, Operand, arrange_values, memory::elements_of},
    error::Error,
};
use kerata_kernels::layout::Axis;

/// Along one dimension of the result: how far apart the values lie in what it is made of, and which one each place has.
#[derive(Clone)]
pub(super) struct Along {
    stride: usize,
    axis: Axis,
}

/// How far apart the values of each dimension lie.
fn strides(sizes: &[usize]) -> Vec<usize> {
    (0..sizes.len()).map(|i| sizes[i + 1..].iter().product()).collect()
}

/// All dimensions, as they are.
pub(super) fn all(sizes: &[usize]) -> Vec<Along> {
    let along = |(&size, stride)| Along { stride, axis: Axis::even(size, stride) };
    sizes.iter().zip(strides(sizes)).map(along).collect()
}

impl Along {
    /// Goes along another dimension of the same size, too.
    pub(super) fn go_with(&mut self, other: &Self) {
        self.stride += other.stride;
        self.axis = Axis::even(self.axis.len(), self.stride);
    }

    /// Other values along this dimension: the place in what it is made of for each place, or `None` for a 0.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub(super) fn take(
        &mut self,
        from: impl IntoIterator<Item = Option<usize>>,
    ) -> Result<(), Error> {
        self.axis = Axis::default();
        for from in from {
            self.axis.push(from.map(|from| from * self.stride))?;
        }
        Ok(())
    }

    /// The first value at so many places.
    pub(super) fn repeat(&mut self, size: usize) {
        self.axis = Axis::even(size, 0);
    }
}

/// Values of which some stand at other places, for a function of them.
pub(super) fn operand(x: Rows, along: Vec<Along>) -> Result<Operand, Error> {
    let axes = along.into_iter().map(|along| along.axis).collect();
    let arrangement = Some(Arrangement::new(axes, elements_of(&x)?)?);
    Ok(Operand { x, arrangement })
}

/// The values of `x`, as these dimensions say.
pub(super) fn arranged(x: Rows, along: Vec<Along>) -> Result<(Rows, Vec<usize>), Error> {
    let sizes: Vec<usize> = along.iter().map(|along| along.axis.len()).collect();
    let (shape, Operand { x, arrangement }) = (as_rows(&sizes)?, operand(x, along)?);
    let x = match arrangement {
        Some(arrangement) => arrange_values(x, arrangement, shape)?,
        None => x,
    };
    Ok((x, sizes))
}

/// Numbers in another order of their dimensions.
pub(super) fn permuted(
    x: Rows,
    sizes: &[usize],
    order: &[usize],
) -> Result<(Rows, Vec<usize>), Error> {
    if order.is_sorted() {
        return Ok((x, sizes.to_vec()));
    }
    let along = all(sizes);
    arranged(x, order.iter().map(|&from| along[from].clone()).collect())
}

/// The order that undoes another one.
pub(super) fn inverse(order: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; order.len()];
    order.iter().enumerate().for_each(|(to, &from)| inverse[from] = to);
    inverse
}

/// Numbers repeated along the dimensions of size 1, to have these sizes. Where there are more dimensions, those that
/// lack stand behind the batch, as in Keras.
pub(super) fn stretched(x: Numbers, sizes: &[usize]) -> Result<Rows, Error> {
    let shape = as_rows(sizes)?;
    let Operand { x, arrangement } = spread(x.x, x.sizes, sizes)?;
    match arrangement {
        Some(arrangement) => arrange_values(x, arrangement, shape),
        None => x.into_shape(&shape),
    }
}

/// The same for a function of them, which does without a copy.
pub(super) fn spread(x: Rows, mut own: Vec<usize>, sizes: &[usize]) -> Result<Operand, Error> {
    while own.len() < sizes.len() {
        own.insert(own.len().min(1), 1);
    }
    if own == sizes {
        return Ok(Operand::plain(x));
    }
    let mut along = all(&own);
    for ((along, &size), own) in along.iter_mut().zip(sizes).zip(own) {
        if own == 1 && size != 1 {
            along.repeat(size);
        }
    }
    operand(x, along)
}
