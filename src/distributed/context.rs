//! Which part of a batch the pass is of that a thread is in.

use std::{
    cell::{Cell, RefCell},
    ops::Range,
    sync::Arc,
};

use dfdx::tensor::UniqueId;

use super::Communicator;
use crate::{error::Error, memory::filled};

/// The rows of a batch that a rank computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    /// How many the whole batch has.
    batch: usize,
    /// The first of them.
    pub(crate) first: usize,
    /// How many there are; at least one of a batch that has any.
    pub(crate) rows: usize,
    /// Whether they count. A rank for which no row is left computes one all the same, so that it takes part in all sums, but
    /// counts it for nothing.
    pub(crate) counts: bool,
}

impl Share {
    /// The share of a rank: as many rows as the others have, or one more.
    pub(crate) fn new(rank: usize, size: usize, batch: usize) -> Self {
        let (from, to) = (batch * rank / size, batch * (rank + 1) / size);
        match to - from {
            0 => Self { batch, first: 0, rows: batch.min(1), counts: false },
            rows => Self { batch, first: from, rows, counts: true },
        }
    }

    pub(crate) fn range(&self) -> Range<usize> {
        self.first..self.first + self.rows
    }
}

/// A pass over a share of a batch.
#[derive(Clone)]
pub(crate) struct Pass {
    comm: Arc<dyn Communicator>,
    pub(crate) share: Share,
    /// Whether tensors have as many rows for each sample, so that each rank knows how many the others have.
    regular: bool,
    /// Whether what each rank knows a part of may be summed behind the pass back, where it divides all that the ranks sum.
    divides_later: bool,
}

impl Pass {
    pub(crate) fn new(comm: Arc<dyn Communicator>, share: Share) -> Self {
        Self { comm, share, regular: true, divides_later: false }
    }

    /// The same pass, over rows that a mask leaves, of which a sample may have any number.
    pub(crate) fn irregular(mut self) -> Self {
        self.regular = false;
        self
    }

    /// The same pass, which counts for nothing.
    pub(crate) fn uncounted(mut self) -> Self {
        self.share.counts = false;
        self
    }

    /// Whether this is the rank that counts what is to be counted once.
    pub(crate) fn is_first(&self) -> bool {
        self.comm.rank() == 0
    }

    /// Sums over all ranks; those of a share that does not count are left out.
    pub(crate) fn sum(&self, values: &mut [f64]) -> Result<(), Error> {
        if !self.share.counts {
            values.fill(0.0);
        }
        self.comm.sum_f64(values)
    }

    /// The sum of one value.
    pub(crate) fn total(&self, value: f64) -> Result<f64, Error> {
        let mut values = [value];
        self.sum(&mut values)?;
        Ok(values[0])
    }

    /// The divisor of the loss of the whole batch, of which this rank knows a part: the sum of all parts; or, if it is [put
    /// off](divide_later), the number of samples, which all know.
    pub(crate) fn divisor(&self, part: f64) -> Result<f64, Error> {
        if !self.divides_later {
            return self.total(part);
        }
        DIVISOR.set(Some(if self.share.counts { part } else { 0.0 }));
        Ok(self.share.batch as f64)
    }

    /// How many rows all ranks have of a tensor. All ask, as those that cannot know it count together.
    ///
    /// # Errors
    /// Those of [`first_row`](Pass::first_row).
    pub(crate) fn rows_of_all(&self, rows: usize) -> Result<f64, Error> {
        if !self.regular {
            return self.total(rows as f64);
        }
        Ok((self.rows_of_sample(rows)? * self.share.batch) as f64)
    }

    /// Where the rows of a tensor begin among those that all ranks have. All ask, as in [`rows_of_all`](Pass::rows_of_all).
    ///
    /// # Errors
    /// [`Error::Mismatch`] if it has not as many for each sample of the share, where it should; those of the ranks.
    pub(crate) fn first_row(&self, rows: usize) -> Result<usize, Error> {
        if !self.regular {
            let mut of_ranks = vec![0.0; self.comm.size()];
            of_ranks[self.comm.rank()] = rows as f64;
            self.sum(&mut of_ranks)?;
            return Ok(of_ranks[..self.comm.rank()].iter().sum::<f64>() as usize);
        }
        Ok(self.share.first * self.rows_of_sample(rows)?)
    }

    /// The values of all ranks in their order, which have those of so many rows each, and where the rows of this one begin among them.
    ///
    /// # Errors
    /// Those of [`first_row`](Pass::first_row); [`Error::Device`] without memory.
    pub(crate) fn gather_rows(
        &self,
        rows: usize,
        values: &[f64],
    ) -> Result<(usize, Vec<f64>), Error> {
        let (first, count) = (self.first_row(rows)?, self.rows_of_all(rows)? as usize);
        let each = values.len() / rows.max(1);
        let mut all = filled(&[count, each], 0.0)?;
        if self.share.counts {
            all[first * each..][..values.len()].copy_from_slice(values);
        }
        self.sum(&mut all)?;
        Ok((first, all))
    }

    /// Which rows are those of this rank, of a tensor with those of all.
    ///
    /// # Errors
    /// [`Error::Mismatch`] for one that has not as many for each sample.
    pub(crate) fn own_rows(&self, all: usize) -> Result<Range<usize>, Error> {
        let Share { batch, first, rows, .. } = self.share;
        let each = all / batch.max(1);
        if !self.regular || each * batch != all {
            return Err(Error::mismatch("the rows of what all ranks have kept", batch, all));
        }
        Ok(first * each..(first + rows) * each)
    }

    fn rows_of_sample(&self, rows: usize) -> Result<usize, Error> {
        let each = rows / self.share.rows.max(1);
        if each * self.share.rows != rows {
            let expected = format!("a multiple of {}", self.share.rows);
            return Err(Error::mismatch("the rows of a share of the batch", expected, rows));
        }
        Ok(each)
    }
}

thread_local! {
    static PASS: RefCell<Option<Pass>> = const { RefCell::new(None) };
    /// An error of a sum in a backward pass, which has an error type of its own.
    static FAILURE: RefCell<Option<Error>> = const { RefCell::new(None) };
    /// The losses that are shares of that of the whole batch, as they were divided by what all ranks have.
    static SHARES: RefCell<Vec<UniqueId>> = const { RefCell::new(Vec::new()) };
    /// The part of this rank in a divisor that was put off.
    static DIVISOR: Cell<Option<f64>> = const { Cell::new(None) };
}

/// The pass that this thread is in, if it is over a share of a batch only.
pub(crate) fn current() -> Option<Pass> {
    PASS.with_borrow(Option::clone)
}

/// Runs a pass over a share of a batch, or over a whole one.
pub(crate) fn within<R>(pass: Option<Pass>, run: impl FnOnce() -> R) -> R {
    struct Before(Option<Pass>);

    impl Drop for Before {
        fn drop(&mut self) {
            PASS.set(self.0.take());
        }
    }

    let _before = Before(PASS.replace(pass));
    FAILURE.set(None);
    DIVISOR.set(None);
    run()
}

/// Keeps the error of a sum, for who finds that the backward pass has failed.
pub(crate) fn keep_failure(error: Error) {
    FAILURE.set(Some(error));
}

/// The error that was kept.
pub(crate) fn failure() -> Option<Error> {
    FAILURE.take()
}

/// Keeps which tensor is a loss that is a share of that of the whole batch.
pub(crate) fn keep_share(loss: UniqueId) {
    SHARES.with_borrow_mut(|shares| shares.push(loss));
}

/// Those that were kept.
pub(crate) fn shares() -> Vec<UniqueId> {
    SHARES.take()
}

/// Puts the divisor of the loss of this pass off: for a loss that is one mean, to which nothing else adds.
pub(crate) fn divide_later() {
    PASS.with_borrow_mut(|pass| {
        if let Some(pass) = pass {
            pass.divides_later = true;
        }
    });
}

/// The part of this rank in the divisor, if that was put off.
pub(crate) fn put_off() -> Option<f64> {
    DIVISOR.take()
}
