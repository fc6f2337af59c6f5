//! The values of tensors as slices.
//!
//! A tensor of dfdx hands out its values as a copy only, or one by one. But where each is can be seen, and so whether they
//! lie one after the other.

use std::{any::Any, cell::RefCell, ops::Deref, sync::Arc};

use dfdx::{
    prelude::ReshapeTo,
    shapes::{HasShape, Unit},
    tensor::{Cpu, NoneTape, Tensor, TensorFromVec},
};

use kerata_kernels::buffer::{Buffer, keep_memory};

use crate::{
    backend::memory::{NoMemory, elements_of, reserved},
    error::{Error, OrDevice},
    shape::Shape,
};

thread_local! {
    /// The last tensor that was made on this thread.
    static LAST: RefCell<Option<Borrowed>> = const { RefCell::new(None) };
}

/// The values of a tensor without a copy.
#[derive(Clone)]
pub(crate) struct Borrowed {
    values: *const f32,
    len: usize,
    /// A clone of the tensor. While there is one its memory is not freed, and not written to: dfdx writes to
    /// memory that belongs to one tensor alone, and else to a copy.
    _held: Arc<dyn Any + Send + Sync>,
}

// SAFETY: it stands for a shared slice of values, which threads may share.
unsafe impl Send for Borrowed {}
// SAFETY: the same.
unsafe impl Sync for Borrowed {}

impl Deref for Borrowed {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: `from_vec` got the pointer and the length from a `Vec` that it gave to a tensor and saw that they
        // are the tensor's; or `borrow` saw that the first and the last value of a tensor, and the strides between them,
        // are those of `len` values that lie one after the other in its `Vec`. `_held` keeps that memory as it is, see there.
        unsafe { std::slice::from_raw_parts(self.values, self.len) }
    }
}

/// The values of a tensor, row-major.
pub(crate) enum Values {
    /// Where they lie.
    Borrowed(Borrowed),
    /// A copy.
    Copied(Buffer),
}

impl Deref for Values {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Self::Borrowed(lent) => lent,
            Self::Copied(buffer) => buffer,
        }
    }
}

/// The values of a tensor, row-major: without a copy if they lie in its memory like that.
pub(crate) fn borrow<S: Shape, T>(x: &Tensor<S, f32, Cpu, T>) -> Result<Values, Error> {
    let (last, len) = (LAST.with_borrow(Clone::clone), elements_of(x)?);
    if let Some(last) = last.filter(|last| last.len == len && lies_at(x, last.values)) {
        return Ok(Values::Borrowed(last));
    }
    match row_major(x, len) {
        Some(values) => {
            let held = Arc::new(x.retaped::<NoneTape>());
            Ok(Values::Borrowed(Borrowed { values, len, _held: held }))
        }
        None => copy(x).map(Values::Copied),
    }
}

/// Where the values of a tensor begin, if it has some and they lie there row-major, `len` of them.
fn row_major<S: Shape, E: Unit, T>(x: &Tensor<S, E, Cpu, T>, len: usize) -> Option<*const E> {
    let at = first(x).filter(|&at| lies_at(x, at))?;
    let mut last = x.shape().concrete();
    (0..S::NUM_DIMS).for_each(|axis| last[axis] -= 1);
    std::ptr::eq(&x[last], at.wrapping_add(len - 1)).then_some(at)
}

/// The values of a tensor without a copy, if it has some and they lie in memory row-major.
pub(crate) fn values_of<S: Shape, E: Unit>(x: &Tensor<S, E, Cpu>) -> Option<&[E]> {
    let len = elements_of(x).ok()?;
    let at = row_major(x, len)?;
    // SAFETY: the first and the last value, and the strides between them, were seen to be those of `len` values that
    // lie one after the other in the `Vec` of the tensor. The result borrows the tensor, which holds that `Vec`, and
    // dfdx writes to memory that belongs to one tensor alone, by a mutable borrow of it.
    Some(unsafe { std::slice::from_raw_parts(at, len) })
}

/// The values of a tensor, to be changed in place, if it has some and they lie in memory row-major. A tensor that
/// shares its memory gets its own first.
pub(crate) fn values_mut<S: Shape, E: Unit>(x: &mut Tensor<S, E, Cpu>) -> Option<&mut [E]> {
    let len = elements_of(x).ok()?;
    row_major(x, len)?;
    let at = &raw mut x[S::Concrete::default()];
    // SAFETY: the first and the last value, and the strides between them, were seen to be those of `len` values that
    // lie one after the other in the `Vec` of the tensor. Indexing it mutably has made that `Vec` its own, by a copy
    // of the same layout if it was shared, and the result borrows the tensor mutably, so nothing else reaches them.
    Some(unsafe { std::slice::from_raw_parts_mut(at, len) })
}

/// A copy of the values of a tensor, row-major.
pub(crate) fn copy<S: Shape, T>(x: &Tensor<S, f32, Cpu, T>) -> Result<Buffer, Error> {
    let mut buffer = Buffer::uncleared(elements_of(x)?)?;
    if !buffer.is_empty() {
        // `copy_into` copies as the values lie in memory, which is their order once they are contiguous.
        let x = x.retaped::<NoneTape>().try_contiguous().or_device()?;
        x.copy_into(&mut buffer);
    }
    Ok(buffer)
}

/// A tensor of values.
pub(crate) fn from_vec<S: Shape>(
    dev: &Cpu,
    shape: S,
    values: Vec<f32>,
) -> Result<Tensor<S, f32, Cpu>, Error> {
    keep_memory();
    elements_of(&shape)?;
    let (at, len) = (values.as_ptr(), values.len());
    let tensor = dev.try_tensor_from_vec(values, shape).or_device()?;
    let last = (len > 0 && lies_at(&tensor, at)).then(|| Borrowed {
        values: at,
        len,
        _held: Arc::new(tensor.clone()),
    });
    LAST.set(last);
    Ok(tensor)
}

/// Whether the values of a tensor that has some lie one after the other from there on.
fn lies_at<S: Shape, E: Unit, T>(x: &Tensor<S, E, Cpu, T>, first: *const E) -> bool {
    let (shape, strides) = (x.shape(), x.shape().strides());
    corners(x).zip(std::iter::once(0).chain(strides)).enumerate().all(|(i, (corner, stride))| {
        i > 0 && shape.concrete()[i - 1] == 1 || corner == first.wrapping_add(stride)
    })
}

/// Where the values of a tensor are in its memory, one after the other, unless they lie there in their order.
///
/// # Errors
/// [`NoMemory`] for the places.
pub(crate) fn scattered<S: Shape, T>(
    x: &Tensor<S, f32, Cpu, T>,
) -> Result<Option<Vec<usize>>, NoMemory> {
    let Some(first) = first(x).filter(|&first| !lies_at(x, first)) else { return Ok(None) };
    let mut places = vec![0];
    for (size, corner) in x.shape().concrete().into_iter().zip(corners(x).skip(1)) {
        let stride = (corner.addr() - first.addr()) / size_of::<f32>();
        let along = |place| (0..size).map(move |i| place + i * stride);
        let mut more = reserved(places.len() * size)?;
        more.extend(places.into_iter().flat_map(along));
        places = more;
    }
    Ok(Some(places))
}

/// Where the first number of a tensor is, if it has any.
pub(crate) fn first<S: Shape, E: Unit, T>(x: &Tensor<S, E, Cpu, T>) -> Option<*const E> {
    elements_of(x).is_ok_and(|n| n > 0).then(|| &raw const x[S::Concrete::default()])
}

/// Where a tensor lies: the places of its first number and of the next one along each axis.
pub(crate) fn corners<S: Shape, E: Unit, T>(
    x: &Tensor<S, E, Cpu, T>,
) -> impl Iterator<Item = *const E> {
    let sizes = x.shape().concrete();
    (0..=S::NUM_DIMS).map(move |axis| {
        let mut at = S::Concrete::default();
        if axis > 0 {
            at[axis - 1] = 1.min(sizes[axis - 1] - 1);
        }
        &raw const x[at]
    })
}

#[cfg(test)]
mod tests {
    use dfdx::{
        prelude::{AsArray, BroadcastTo, PermuteTo},
        shapes::{Axes2, Rank1, Rank2, Rank3},
    };

    use super::*;

    fn lent(x: &Values) -> bool {
        matches!(x, Values::Borrowed(_))
    }

    #[test]
    fn what_lies_row_major_is_lent_and_others_are_copied() {
        let dev = Cpu::default();
        let first =
            from_vec(&dev, Rank2::<2, 3>::default(), vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        let reshaped = first.clone().reshape::<Rank3<3, 1, 2>>();
        let turned = first.clone().permute::<Rank2<3, 2>, Axes2<1, 0>>();
        for values in [borrow(&first).unwrap(), borrow(&reshaped).unwrap()] {
            assert!(lent(&values));
            assert_eq!(values[..], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        }
        let turned = borrow(&turned).unwrap();
        assert!(!lent(&turned));
        assert_eq!(turned[..], [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);

        let second = from_vec(&dev, Rank1::<6>::default(), vec![7.0; 6]).unwrap();
        assert!(lent(&borrow(&second).unwrap()));
        let values = borrow(&first).unwrap();
        assert!(lent(&values));
        drop(first);
        assert_eq!(values[..], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        // What dfdx makes too, but for what it spreads.
        let made = second.clone() * 2.0;
        assert!(lent(&borrow(&made).unwrap()));
        let spread = from_vec(&dev, Rank1::<1>::default(), vec![1.0]).unwrap();
        let spread = borrow(&spread.broadcast::<Rank2<2, 1>, _>()).unwrap();
        assert!(!lent(&spread));
        assert_eq!(spread[..], [1.0, 1.0]);
    }

    #[test]
    fn what_is_lent_stays_as_it_is() {
        let dev = Cpu::default();
        let mut x = from_vec(&dev, Rank1::<2>::default(), vec![1.0, 2.0]).unwrap();
        let before = borrow(&x).unwrap();
        x.copy_from(&[3.0, 4.0]);
        x[[1]] = 5.0;
        assert_eq!(borrow(&x).unwrap()[..], [3.0, 5.0]);
        drop(x);
        from_vec(&dev, Rank1::<2>::default(), vec![6.0, 7.0]).unwrap();
        assert!(lent(&before));
        assert_eq!(before[..], [1.0, 2.0]);
    }

    #[test]
    fn values_change_where_they_lie() {
        let dev = Cpu::default();
        let mut x = from_vec(&dev, Rank2::<2, 3>::default(), vec![1.0; 6]).unwrap();
        let before = x.clone();
        values_mut(&mut x).unwrap().copy_from_slice(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(x.array(), [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        assert_eq!(before.array(), [[1.0; 3]; 2]);
        assert_eq!(values_of(&x).unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert!(values_of(&x.clone().permute::<Rank2<3, 2>, Axes2<1, 0>>()).is_none());
        assert_eq!(values_mut(&mut x.clone().reshape::<Rank3<3, 1, 2>>()).unwrap()[5], 6.0);
        // Neither turned values nor spread ones, nor none.
        assert!(values_mut(&mut x.permute::<Rank2<3, 2>, Axes2<1, 0>>()).is_none());
        let spread = from_vec(&dev, Rank1::<1>::default(), vec![1.0]).unwrap();
        assert!(values_mut(&mut spread.broadcast::<Rank2<1, 3>, _>()).is_none());
        assert!(values_mut(&mut from_vec(&dev, (0_usize,), Vec::new()).unwrap()).is_none());
    }

    #[test]
    fn nothing_is_copied() {
        let nothing = from_vec(&Cpu::default(), (0_usize,), Vec::new()).unwrap();
        assert!(borrow(&nothing).unwrap().is_empty());
    }
}
