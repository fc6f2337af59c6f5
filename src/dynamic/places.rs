//! Another arrangement of values: which of them stands where.

use std::sync::Arc;

use super::flow::{Numbers, Rows, as_rows};
use crate::{
    backend::{
        IntoShape, NOWHERE,
        memory::{elements, reserved},
        pick_values,
    },
    error::Error,
};

/// Along one dimension of the result: how far apart the values lie in what it is made of, and which one each place has.
pub(super) struct Along {
    stride: usize,
    from: Vec<u32>,
}

/// How far apart the values of each dimension lie.
fn strides(sizes: &[usize]) -> Vec<usize> {
    (0..sizes.len()).map(|i| sizes[i + 1..].iter().product()).collect()
}

/// All dimensions, as they are.
///
/// # Errors
/// [`Error::Device`].
pub(super) fn all(sizes: &[usize]) -> Result<Vec<Along>, Error> {
    let along = |(&size, stride)| {
        let mut along = Along { stride, from: Vec::new() };
        along.take((0..size).map(Some))?;
        Ok(along)
    };
    sizes.iter().zip(strides(sizes)).map(along).collect()
}

impl Along {
    /// Goes along another dimension of the same size, too.
    pub(super) fn go_with(&mut self, other: &Self) {
        self.stride += other.stride;
    }

    /// Other values along this dimension: the place in what it is made of for each place, or `None` for a 0.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub(super) fn take(
        &mut self,
        from: impl IntoIterator<Item = Option<usize>>,
    ) -> Result<(), Error> {
        let from = from.into_iter();
        self.from = reserved(from.size_hint().0)?;
        let place = |from: Option<usize>| from.and_then(|from| u32::try_from(from).ok());
        self.from.extend(from.map(|from| place(from).unwrap_or(NOWHERE)));
        Ok(())
    }
}

/// The values of `x`, as these dimensions say.
pub(super) fn arranged(x: Rows, along: &[Along]) -> Result<(Rows, Vec<usize>), Error> {
    let sizes: Vec<usize> = along.iter().map(|along| along.from.len()).collect();
    let count = elements(&sizes)?;
    let mut places: Vec<u32> = reserved(count)?;
    if count > 0 {
        places.push(0);
        for Along { stride, from } in along {
            let before = std::mem::replace(&mut places, reserved(count)?);
            for place in before {
                places.extend(from.iter().map(|&from| match (place, from) {
                    (NOWHERE, _) | (_, NOWHERE) => NOWHERE,
                    (place, from) => {
                        u32::try_from(from as usize * stride + place as usize).unwrap_or(NOWHERE)
                    }
                }));
            }
        }
    }
    let shape = as_rows(&sizes)?;
    Ok((pick_values(x, Arc::new(places), shape)?, sizes))
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
    let mut along: Vec<Option<Along>> = all(sizes)?.into_iter().map(Some).collect();
    let along: Vec<Along> = order.iter().filter_map(|&from| along[from].take()).collect();
    arranged(x, &along)
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
    let mut own = x.sizes;
    while own.len() < sizes.len() {
        own.insert(own.len().min(1), 1);
    }
    if own == sizes {
        return x.x.into_shape(&as_rows(sizes)?);
    }
    let mut along = all(&own)?;
    for ((along, &size), own) in along.iter_mut().zip(sizes).zip(own) {
        if own == 1 && size != 1 {
            along.take((0..size).map(|_| Some(0)))?;
        }
    }
    Ok(arranged(x.x, &along)?.0)
}
