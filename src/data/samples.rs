use dfdx::{
    shapes::{Const, Shape, Unit},
    tensor::{NoneTape, Tensor, TensorFromVec},
};

use crate::{
    backend::{Backend, Element},
    error::{Error, OrDevice},
    memory::{collected, elements},
    shape::Batch,
    signal::{Ids, Inputs, Signal},
};

/// Many values of one kind, from which batches are made.
///
/// | samples | signal of a batch |
/// | --- | --- |
/// | `Vec<usize>` | `Ids<(Batch,)>`: class labels |
/// | `Vec<[usize; L]>` | `Ids<(Batch, Const<L>)>`: token ids, or a label for each step |
/// | [`Ragged`](super::Ragged) | `Ids<(Batch, Length)>`, padded to the longest row of the batch |
/// | `Vec<f32>` | `(Batch, Const<1>)` |
/// | `Vec<[f32; F]>` | `(Batch, Const<F>)` |
/// | `Vec<[[f32; F]; L]>` | `(Batch, Const<L>, Const<F>)`: sequences of features |
/// | `Vec<[[[f32; C]; W]; H]>` | `(Batch, Const<H>, Const<W>, Const<C>)`: images |
/// | a pair of any of these | [`Inputs`] of both, for a model with two inputs |
///
/// `f64` in place of `f32` works too.
#[diagnostic::on_unimplemented(
    message = "`{Self}` holds no samples that a batch can be made of",
    note = "samples are a `Vec` of numbers or of (nested) arrays of one length, such as `Vec<[usize; 10]>`",
    note = "rows of different lengths go through `pad_sequences`, or into a `Ragged`"
)]
pub trait Samples {
    /// The signal of a batch.
    type Signal: Signal;

    /// How many samples there are.
    fn count(&self) -> usize;

    /// Looks for contradictions, such as two inputs that are not equally many.
    ///
    /// # Errors
    /// [`Error::Mismatch`].
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    /// A batch of the samples at the given places, which are below [`count`](Samples::count).
    ///
    /// # Errors
    /// [`Error::Device`]; [`Error::Overflow`] for a finite `f64` that the elements of the batch cannot hold.
    fn batch<E: Element, D: Backend<E>>(
        &self,
        rows: &[usize],
        dev: &D,
    ) -> Result<<Self::Signal as Signal>::Data<E, D, NoneTape>, Error>;

    /// The samples at the given places.
    fn select(&self, rows: &[usize]) -> Self;
}

/// Checks that no finite value became infinite as an element; `beyond` tells whether one of a sample did.
fn check_range<E: Element>(
    values: &[E],
    rows: &[usize],
    mut beyond: impl FnMut(usize) -> Option<f64>,
) -> Result<(), Error> {
    if !values.iter().any(|v| v.is_infinite()) {
        return Ok(());
    }
    let found = rows.iter().find_map(|&index| Some((index, beyond(index)?)));
    found.map_or(Ok(()), |(index, value)| Err(Error::Overflow { what: "sample", index, value }))
}

fn tensor<S: Shape, E: Unit, D: TensorFromVec<E>>(
    dev: &D,
    values: Vec<E>,
    shape: S,
) -> Result<Tensor<S, E, D>, Error> {
    dev.try_tensor_from_vec(values, shape).or_device()
}

/// The samples at the given places. One may be larger than the stack: none is ever a value by itself.
fn selected<T: Copy>(samples: &[T], rows: &[usize]) -> Vec<T> {
    let mut selected = Vec::with_capacity(rows.len());
    rows.iter().for_each(|&row| selected.extend_from_slice(&samples[row..=row]));
    selected
}

/// `count` times the sample that a slice of `N` elements is. `vec![sample; count]` has a sample on the stack,
/// which one of a few MiB overflows.
///
/// # Errors
/// [`Error::Device`].
pub(super) fn repeated<T: Copy, const N: usize>(
    sample: &[T],
    count: usize,
) -> Result<Vec<[T; N]>, Error> {
    elements(&[N, count])?;
    let mut samples = collected(&[count], [])?;
    if let Some(sample) = sample.as_array() {
        (0..count).for_each(|_| samples.extend_from_slice(std::slice::from_ref(sample)));
    }
    Ok(samples)
}

macro_rules! ids {
    ([$($param:tt)*] $item:ty, $signal:ty, $row:ident => $flat:expr, $n:ident => $shape:expr) => {
        impl<$($param)*> Samples for Vec<$item> {
            type Signal = Ids<$signal>;

            fn count(&self) -> usize {
                self.len()
            }

            fn batch<E: Element, D: Backend<E>>(
                &self,
                rows: &[usize],
                dev: &D,
            ) -> Result<Tensor<$signal, usize, D>, Error> {
                let values = rows.iter().flat_map(|&row| { let $row = &self[row]; $flat }).collect();
                let $n = rows.len();
                tensor(dev, values, $shape)
            }

            fn select(&self, rows: &[usize]) -> Self {
                selected(self, rows)
            }
        }
    };
}
ids!([] usize, (Batch,), row => [*row], n => (n,));
ids!([const L: usize] [usize; L], (Batch, Const<L>), row => row.iter().copied(), n => (n, Const));

macro_rules! numbers {
    ($number:ty: [$($param:tt)*] $item:ty, $signal:ty, $row:ident => $flat:expr, $n:ident => $shape:expr) => {
        impl<$($param)*> Samples for Vec<$item> {
            type Signal = $signal;

            fn count(&self) -> usize {
                self.len()
            }

            fn batch<E: Element, D: Backend<E>>(
                &self,
                rows: &[usize],
                dev: &D,
            ) -> Result<Tensor<$signal, E, D>, Error> {
                let flat = rows.iter().flat_map(|&row| { let $row = &self[row]; $flat });
                let values: Vec<E> = flat.map(|&x| E::of(f64::from(x))).collect();
                check_range(&values, rows, |row| {
                    let $row = &self[row];
                    let mut values = $flat.into_iter().map(|&x| f64::from(x));
                    values.find(|&x| E::checked(x).is_none())
                })?;
                let $n = rows.len();
                tensor(dev, values, $shape)
            }

            fn select(&self, rows: &[usize]) -> Self {
                selected(self, rows)
            }
        }
    };
    ($number:ty) => {
        numbers!($number: [] $number, (Batch, Const<1>), x => [x], n => (n, Const));
        numbers!($number: [const F: usize] [$number; F], (Batch, Const<F>), x => x, n => (n, Const));
        numbers!($number: [const L: usize, const F: usize] [[$number; F]; L],
            (Batch, Const<L>, Const<F>), x => x.as_flattened(), n => (n, Const, Const));
        numbers!($number: [const H: usize, const W: usize, const C: usize] [[[$number; C]; W]; H],
            (Batch, Const<H>, Const<W>, Const<C>),
            x => x.as_flattened().as_flattened(), n => (n, Const, Const, Const));
    };
}
numbers!(f32);
numbers!(f64);

impl<A: Samples, B: Samples> Samples for (A, B) {
    type Signal = Inputs<(A::Signal, B::Signal)>;

    fn count(&self) -> usize {
        self.0.count().min(self.1.count())
    }

    fn check(&self) -> Result<(), Error> {
        let (first, second) = (self.0.count(), self.1.count());
        if first != second {
            return Err(Error::mismatch(
                "the number of samples of the second input",
                first,
                second,
            ));
        }
        self.0.check()?;
        self.1.check()
    }

    fn batch<E: Element, D: Backend<E>>(
        &self,
        rows: &[usize],
        dev: &D,
    ) -> Result<<Self::Signal as Signal>::Data<E, D, NoneTape>, Error> {
        Ok((self.0.batch::<E, D>(rows, dev)?, self.1.batch::<E, D>(rows, dev)?))
    }

    fn select(&self, rows: &[usize]) -> Self {
        (self.0.select(rows), self.1.select(rows))
    }
}
