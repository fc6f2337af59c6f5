//! What a model answers, as ordinary Rust values.

use std::cmp::Ordering;

use dfdx::{
    prelude::Unit,
    shapes::{Const, HasShape},
    tensor::{Storage, Tensor},
};

use super::Masked;
use crate::{
    backend::{Backend, Element, to_values},
    error::Error,
    memory::collected,
    order::sort_places,
    shape::{Dim, Shape},
};

/// The elements of a tensor one after another.
pub trait ToVec<E> {
    /// The elements, row by row. dfdx's `as_vec` is the same, but panics where there are none.
    ///
    /// # Errors
    /// [`Error::Device`] if there is no memory for them.
    ///
    /// ```
    /// use kerata::{Batch, Const, Cpu, Tensor, prelude::*};
    ///
    /// let none: Tensor<(Batch, Const<2>), f32, Cpu> = Cpu::default().tensor_from_vec(vec![], (0, Const));
    /// assert!(none.to_vec()?.is_empty());
    /// # Ok::<(), kerata::Error>(())
    /// ```
    fn to_vec(&self) -> Result<Vec<E>, Error>;
}

impl<S: Shape, E: Unit, D: Storage<E>, T> ToVec<E> for Tensor<S, E, D, T> {
    fn to_vec(&self) -> Result<Vec<E>, Error> {
        to_values(self)
    }
}

/// A batch as rows: one value for each sample.
///
/// | batch | row | `argmax` of a row |
/// | --- | --- | --- |
/// | `(Batch, 10)` | `[f32; 10]` | `usize` |
/// | `(Batch, 5, 10)` | `[[f32; 10]; 5]` | `[usize; 5]` |
/// | `(Batch, Length, 10)` | `Vec<[f32; 10]>` | `Vec<usize>` |
/// | `Masked<(Batch, 5, 10)>` | `Vec<[f32; 10]>`, of the real steps | `Vec<usize>` |
///
/// ```
/// use kerata::{Cpu, prelude::*};
///
/// let answers = Cpu::default().tensor([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]]);
/// assert_eq!(answers.to_rows()?, [[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]]);
/// assert_eq!(answers.argmax()?, [1, 0]);
/// assert_eq!(answers.top_k(2)?, [[(1, 0.7), (2, 0.2)], [(0, 0.5), (2, 0.3)]]);
/// # Ok::<(), kerata::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be taken apart into rows",
    note = "the output of a model can, if it is `(Batch, .., Values)` or a masked sequence; of two outputs each is taken by itself"
)]
pub trait ToRows {
    /// The number type.
    type Element: Element;
    /// One value for each position of a sample, that is for all but the last axis.
    type Each<T: Clone>;
    /// The values of one sample.
    type Row;

    /// The values of each sample.
    ///
    /// # Errors
    /// [`Error::Device`] if there is no memory for them.
    fn to_rows(&self) -> Result<Vec<Self::Row>, Error>;

    /// Something of the values of each position.
    ///
    /// # Errors
    /// Those of `f`, which is given the index of the sample too; [`Error::Device`].
    fn of_each<T: Clone>(
        &self,
        f: impl FnMut(usize, &[Self::Element]) -> Result<T, Error>,
    ) -> Result<Vec<Self::Each<T>>, Error>;

    /// The index of the largest value along the last axis, the first of equals: the class of highest probability.
    ///
    /// # Errors
    /// [`Error::NonFinite`] where a value is NaN; [`Error::Device`].
    fn argmax(&self) -> Result<Vec<Self::Each<usize>>, Error> {
        self.of_each(|row, values| argmax(values).ok_or_else(|| not_a_number(row)))
    }

    /// The `k` largest values along the last axis, each with its index, from the largest on; of equals the first is
    /// first.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a `k` above the number of values; [`Error::NonFinite`] where a value is NaN;
    /// [`Error::Device`].
    fn top_k(&self, k: usize) -> Result<Vec<Self::Each<Vec<(usize, Self::Element)>>>, Error> {
        self.of_each(|row, values| {
            if k > values.len() {
                let expected = "it must be at most the number of values, the last size";
                return Err(Error::invalid("k", format!("{k} of {}", values.len()), expected));
            }
            // NaN has no place in an order.
            argmax(values).ok_or_else(|| not_a_number(row))?;
            let mut ranked: Vec<usize> = (0..values.len()).collect();
            let largest = |a: usize, b: usize| values[b].partial_cmp(&values[a]);
            sort_places(&mut ranked, |a, b| largest(a, b).unwrap_or(Ordering::Equal));
            Ok(ranked.into_iter().take(k).map(|i| (i, values[i])).collect())
        })
    }
}

fn not_a_number(row: usize) -> Error {
    Error::NonFinite { what: "a value of row", index: row, value: f64::NAN }
}

/// The index of the greatest number, the first of equals; none if one is NaN.
pub(crate) fn argmax<E: Element>(row: &[E]) -> Option<usize> {
    let mut best = 0;
    for (i, &x) in row.iter().enumerate() {
        if x.is_nan() {
            return None;
        }
        if x > row[best] {
            best = i;
        }
    }
    Some(best)
}

/// A dimension whose entries are put together: into an array, or into a `Vec` if only run time knows how many.
pub trait Group: Dim {
    /// The entries together.
    type Of<T: Clone>: Clone;

    /// Groups as many as there are.
    fn group<T: Clone>(self, entries: Vec<T>, groups: usize) -> Vec<Self::Of<T>>;
}

impl<const N: usize> Group for Const<N> {
    type Of<T: Clone> = [T; N];

    // A group may be larger than the stack: none is ever a value by itself.
    fn group<T: Clone>(self, entries: Vec<T>, _: usize) -> Vec<[T; N]> {
        entries.as_chunks::<N>().0.to_vec()
    }
}

impl Group for usize {
    type Of<T: Clone> = Vec<T>;

    fn group<T: Clone>(self, entries: Vec<T>, groups: usize) -> Vec<Vec<T>> {
        (0..groups).map(|i| entries[i * self..(i + 1) * self].to_vec()).collect()
    }
}

/// The sizes of an array in an array, the outermost first.
macro_rules! nested {
    ($T:ty;) => { $T };
    ($T:ty; $first:ident $($rest:ident)*) => {
        <$first as Group>::Of<nested!($T; $($rest)*)>
    };
}

/// Puts entries together, the innermost dimension first.
macro_rules! grouped {
    ($entries:expr, $rows:expr;) => { $entries };
    ($entries:expr, $rows:expr; $first:ident $($rest:ident)*) => {{
        let entries = grouped!($entries, $rows * $first.size(); $($rest)*);
        $first.group(entries, $rows)
    }};
}

/// What `f` makes of the values of each position; `each` positions are one sample's.
fn each_position<E: Element, T>(
    values: &[E],
    (rows, each, width): (usize, usize, usize),
    mut f: impl FnMut(usize, &[E]) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let positions = 0..rows * each;
    positions.map(|i| f(i / each.max(1), &values[i * width..(i + 1) * width])).collect()
}

macro_rules! to_rows {
    ($($dim:ident)*) => {
        #[diagnostic::do_not_recommend]
        #[allow(non_snake_case)]
        impl<B: Dim, $($dim: Group,)* V: Group, E: Element, D: Backend<E>, Tp> ToRows
            for Tensor<(B, $($dim,)* V), E, D, Tp>
        {
            type Element = E;
            type Each<T: Clone> = nested!(T; $($dim)*);
            type Row = nested!(E; $($dim)* V);

            fn to_rows(&self) -> Result<Vec<Self::Row>, Error> {
                let (batch, $($dim,)* V) = *self.shape();
                let rows = batch.size();
                Ok(grouped!(to_values(self)?, rows; $($dim)* V))
            }

            fn of_each<T: Clone>(
                &self,
                f: impl FnMut(usize, &[E]) -> Result<T, Error>,
            ) -> Result<Vec<Self::Each<T>>, Error> {
                let (batch, $($dim,)* last) = *self.shape();
                let rows = batch.size();
                let sizes = (rows, 1 $(* $dim.size())*, last.size());
                let each = each_position(&to_values(self)?, sizes, f)?;
                Ok(grouped!(each, rows; $($dim)*))
            }
        }
    };
}
to_rows!();
to_rows!(L);
to_rows!(L F);
to_rows!(L F G);

macro_rules! masked_rows {
    ($($dim:ident)*) => {
        #[diagnostic::do_not_recommend]
        #[allow(non_snake_case)]
        impl<B: Dim, L: Dim, $($dim: Group,)* V: Group, E: Element, D: Backend<E>, Tp> ToRows
            for Masked<Tensor<(B, L, $($dim,)* V), E, D, Tp>>
        {
            type Element = E;
            type Each<T: Clone> = Vec<nested!(T; $($dim)*)>;
            type Row = Vec<nested!(E; $($dim)* V)>;

            fn to_rows(&self) -> Result<Vec<Self::Row>, Error> {
                let (_, _, $($dim,)* V) = *self.values().shape();
                let steps = self.mask().as_slice().len();
                Ok(real(self.mask(), grouped!(to_values(self.values())?, steps; $($dim)* V)))
            }

            fn of_each<T: Clone>(
                &self,
                mut f: impl FnMut(usize, &[E]) -> Result<T, Error>,
            ) -> Result<Vec<Self::Each<T>>, Error> {
                let (_, _, $($dim,)* last) = *self.values().shape();
                let (mask, values) = (self.mask(), to_values(self.values())?);
                let each = 1 $(* $dim.size())*;
                let size = each * last.size();
                let row = |row: usize| {
                    let steps = (0..mask.length()).filter(|&step| mask.row(row)[step]);
                    let real = steps.map(|step| row * mask.length() + step);
                    let real: Vec<usize> = real.collect();
                    let values = real.iter().flat_map(|i| &values[i * size..(i + 1) * size]);
                    let values = collected(&[real.len(), size], values.copied())?;
                    let sizes = (real.len(), each, last.size());
                    let all = each_position(&values, sizes, |_, values| f(row, values))?;
                    Ok(grouped!(all, real.len(); $($dim)*))
                };
                (0..mask.batch()).map(row).collect()
            }
        }
    };
}
masked_rows!();
masked_rows!(F);
masked_rows!(F G);

/// The real steps of each row.
fn real<T: Clone>(mask: &super::Mask, steps: Vec<T>) -> Vec<Vec<T>> {
    let row = |row: usize| {
        let steps = &steps[row * mask.length()..(row + 1) * mask.length()];
        let kept = steps.iter().zip(mask.row(row)).filter(|(_, keep)| **keep);
        kept.map(|(step, _)| step.clone()).collect()
    };
    (0..mask.batch()).map(row).collect()
}
