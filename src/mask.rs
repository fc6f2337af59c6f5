use std::{
    fmt::{self, Write},
    sync::Arc,
};

use crate::{
    error::Error,
    just_the_type::no_new,
    memory::{collected, elements, filled},
};

/// Which steps of a padded batch are real: `true` keeps a step, as in Keras.
///
/// A mask is data of the host, shared and cheap to clone; it has a row for each sample and a column
/// for each time step.
///
/// ```
/// use kerata::signal::Mask;
///
/// let mask = Mask::from_lengths(&[2, 4], 4)?;
/// assert_eq!(mask.row(0), [true, true, false, false]);
/// assert_eq!(mask, Mask::from_ids(&[7, 3, 0, 0, 5, 1, 1, 2], 2, 4)?);
/// assert_eq!(mask.count(), 6);
/// assert_eq!(mask.lengths(), [2, 4]);
/// # Ok::<(), kerata::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Mask {
    keep: Arc<Vec<bool>>,
    batch: usize,
    length: usize,
}

no_new!(Mask: "a mask is made of lengths, ids or flags: `Mask::from_lengths(&[2, 4], 4)?`, `from_ids`, `from_bools`");

impl Mask {
    /// A mask from `batch * length` flags, row by row. A `Vec` is taken as it is; a slice is copied before the call.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if there are more or fewer flags.
    pub fn from_bools(
        keep: impl Into<Vec<bool>>,
        batch: usize,
        length: usize,
    ) -> Result<Self, Error> {
        let keep: Vec<bool> = keep.into();
        if elements(&[batch, length]) != Ok(keep.len()) {
            return Err(Error::mismatch("the flags of a mask", (batch, length), keep.len()));
        }
        Ok(Self { keep: Arc::new(keep), batch, length })
    }

    /// The mask of padded token ids: id 0 is padding, every other id is real.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if there are not `batch * length` ids.
    pub fn from_ids(ids: &[usize], batch: usize, length: usize) -> Result<Self, Error> {
        Self::from_bools(collected(&[ids.len()], ids.iter().map(|&id| id != 0))?, batch, length)
    }

    /// The mask of right-padded rows: the first `lengths[row]` of `length` steps are real.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if a row is longer than `length`.
    pub fn from_lengths(lengths: &[usize], length: usize) -> Result<Self, Error> {
        if let Some(&long) = lengths.iter().find(|&&n| n > length) {
            return Err(Error::mismatch("the length of a row of a mask (at most)", length, long));
        }
        let keep = lengths.iter().flat_map(|&n| (0..length).map(move |step| step < n));
        let keep = collected(&[lengths.len(), length], keep)?;
        Self::from_bools(keep, lengths.len(), length)
    }

    /// A mask that keeps every step.
    ///
    /// # Panics
    /// If there is no memory for it; [`try_full`](Mask::try_full) gives an error then.
    pub fn full(batch: usize, length: usize) -> Self {
        Self::try_full(batch, length).unwrap_or_else(|error| panic!("{error}"))
    }

    /// A mask that keeps every step, whatever the sizes.
    ///
    /// # Errors
    /// [`Error::Device`] if there is no memory for it.
    ///
    /// ```
    /// use kerata::signal::Mask;
    ///
    /// assert_eq!(Mask::try_full(2, 3)?, Mask::full(2, 3));
    /// assert!(Mask::try_full(1 << 63, 2).is_err());
    /// # Ok::<(), kerata::Error>(())
    /// ```
    pub fn try_full(batch: usize, length: usize) -> Result<Self, Error> {
        Self::from_bools(filled(&[batch, length], true)?, batch, length)
    }

    /// The number of rows.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// The number of time steps of each row, padding included.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The flags of all rows, one row after the other.
    pub fn as_slice(&self) -> &[bool] {
        &self.keep
    }

    /// The flags of one row.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: usize) -> &[bool] {
        assert!(row < self.batch, "row {row} of a mask of {} rows", self.batch);
        &self.keep[row * self.length..(row + 1) * self.length]
    }

    /// The number of real steps in all rows.
    pub fn count(&self) -> usize {
        self.keep.iter().filter(|&&keep| keep).count()
    }

    /// The number of real steps of each row.
    ///
    /// # Panics
    /// If there is no memory for the list; [`try_lengths`](Mask::try_lengths) gives an error then.
    pub fn lengths(&self) -> Vec<usize> {
        self.try_lengths().unwrap_or_else(|error| panic!("{error}"))
    }

    /// The number of real steps of each row, however many rows there are.
    ///
    /// # Errors
    /// [`Error::Device`] if there is no memory for the list.
    ///
    /// ```
    /// use kerata::signal::Mask;
    ///
    /// assert_eq!(Mask::full(2, 3).try_lengths()?, [3, 3]);
    /// assert!(Mask::full(1 << 50, 0).try_lengths().is_err());
    /// # Ok::<(), kerata::Error>(())
    /// ```
    pub fn try_lengths(&self) -> Result<Vec<usize>, Error> {
        let count = |row| self.row(row).iter().filter(|&&keep| keep).count();
        collected(&[self.batch], (0..self.batch).map(count))
    }

    /// The steps that this mask or the other one keeps.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the sizes differ.
    pub fn or(&self, other: &Mask) -> Result<Self, Error> {
        self.with(other, |a, b| a || b)
    }

    /// The steps that this mask and the other one keep.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the sizes differ.
    ///
    /// ```
    /// use kerata::Mask;
    ///
    /// let (a, b) = (Mask::from_lengths(&[1, 3], 3)?, Mask::from_lengths(&[2, 2], 3)?);
    /// assert_eq!(a.and(&b)?.lengths(), [1, 2]);
    /// # Ok::<(), kerata::Error>(())
    /// ```
    pub fn and(&self, other: &Mask) -> Result<Self, Error> {
        self.with(other, |a, b| a && b)
    }

    fn with(&self, other: &Mask, f: impl Fn(bool, bool) -> bool) -> Result<Self, Error> {
        if (self.batch, self.length) != (other.batch, other.length) {
            let sizes = (self.batch, self.length);
            return Err(Error::mismatch("the size of a mask", sizes, (other.batch, other.length)));
        }
        let both = self.keep.iter().zip(other.keep.iter()).map(|(a, b)| f(*a, *b));
        Self::from_bools(collected(&[self.keep.len()], both)?, self.batch, self.length)
    }

    /// The steps of each row from the last to the first.
    pub(crate) fn backwards(&self) -> Result<Self, Error> {
        let rows = (0..self.batch).flat_map(|row| self.row(row).iter().rev().copied());
        Self::from_bools(collected(&[self.keep.len()], rows)?, self.batch, self.length)
    }

    pub(crate) fn concat(parts: &[&Mask]) -> Result<Self, Error> {
        let length = parts.first().ok_or(Error::Empty("the list of masks"))?.length;
        if let Some(other) = parts.iter().find(|part| part.length != length) {
            return Err(Error::mismatch("the length of a mask", length, other.length));
        }
        let batch = parts.iter().fold(0, |rows: usize, part| rows.saturating_add(part.batch));
        let keep = parts.iter().flat_map(|part| part.keep.iter().copied());
        Self::from_bools(collected(&[batch, length], keep)?, batch, length)
    }
}

impl fmt::Debug for Mask {
    /// One line a mask: `#` for a real step and `.` for padding.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mask[")?;
        for row in 0..self.batch {
            if row > 0 {
                f.write_char(' ')?;
            }
            self.row(row)
                .iter()
                .try_for_each(|&keep| f.write_char(if keep { '#' } else { '.' }))?;
        }
        f.write_str("]")
    }
}
