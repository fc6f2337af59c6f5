//! Training on several ranks: processes of many machines, or threads of one program.
//!
//! A [`Communicator`] is what connects the ranks, and [`Trainer::distributed`](crate::train::Trainer::distributed) takes one. Each rank has
//! the whole model and computes its share of every batch. The result is that of one process on the whole batch. [`Threads`] are
//! ranks within one program.

mod context;
mod exchange;
mod failure;
mod threads;

pub(crate) use context::{
    Pass, Share, current, divide_later, failure, keep_failure, keep_share, put_off, shares, within,
};
pub(crate) use exchange::{broadcast, gather, sum_and_gather};
#[doc(hidden)]
pub use failure::{failed, panicked};
#[doc(hidden)]
pub use threads::STACK;
pub use threads::{ThreadRank, Threads};

use crate::error::Error;

/// What connects the ranks of a training.
///
/// All ranks call it in the same order, with as many values, and get the same bits.
///
/// ```
/// use kerata::{Error, distributed::Communicator};
///
/// /// One rank, alone.
/// struct Alone;
///
/// impl Communicator for Alone {
///     fn rank(&self) -> usize {
///         0
///     }
///
///     fn size(&self) -> usize {
///         1
///     }
///
///     fn sum(&self, _: &mut [f32]) -> Result<(), Error> {
///         Ok(())
///     }
/// }
///
/// let mut values = [1.0, 2.5];
/// Alone.sum_f64(&mut values)?;
/// assert_eq!(values, [1.0, 2.5]);
/// # Ok::<(), Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` connects no ranks",
    label = "no communicator",
    note = "`Threads::new(2).run(|rank| ..)` hands one to each of its threads"
)]
pub trait Communicator: Send + Sync + 'static {
    /// The number of this rank, from 0.
    fn rank(&self) -> usize;

    /// How many ranks there are.
    fn size(&self) -> usize;

    /// Replaces values by the sums of those of all ranks, in an order that is always the same. Adding zeros to a value must leave it
    /// exactly as it is.
    ///
    /// # Errors
    /// [`Error::Rank`] for a rank that has failed or does not come.
    fn sum(&self, values: &mut [f32]) -> Result<(), Error>;

    /// The same in double precision. The default sends each value in three by [`sum`](Communicator::sum), without loss, and
    /// `size` times as many: it is for few values. Models of `f64` want a better one.
    ///
    /// # Errors
    /// Those of [`sum`](Communicator::sum).
    fn sum_f64(&self, values: &mut [f64]) -> Result<(), Error> {
        let lengths = vec![values.len(); self.size()];
        let all = gather(self, values, &lengths)?;
        values.fill(0.0);
        for of_rank in all {
            values.iter_mut().zip(of_rank).for_each(|(sum, value)| *sum += value);
        }
        Ok(())
    }
}

/// A [`Communicator`]: every one is. A method that takes one returns what this names, so that the compiler does not show where the
/// bound is.
#[doc(hidden)]
pub trait Connects: Communicator {
    /// The same `T`.
    type Connected<T>;

    /// The same value.
    fn connected<T>(of: T) -> Self::Connected<T>;
}

impl<C: Communicator> Connects for C {
    type Connected<T> = T;

    fn connected<T>(of: T) -> T {
        of
    }
}
