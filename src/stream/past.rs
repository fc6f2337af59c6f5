use crate::{
    backend::Element,
    error::Error,
    memory::{elements, filled},
};

/// What a layer keeps of each step so far, such as the keys and values of an attention: for each row of the batch, as many
/// steps as that row has had, of some values each.
///
/// Its memory grows with the steps: where there is no more room it doubles, so that it is asked for more and more rarely.
/// What a step adds counts once [`commit`](Self::commit) is called.
///
/// ```
/// use kerata::{Error, stream::Past};
///
/// let mut past = Past::<f32>::new(2, 3, 8)?; // two rows, three values a step, room for eight steps
/// past.begin_step()?;
/// past.add(1).copy_from_slice(&[0.1, 0.2, 0.3]); // row 0 waits
/// assert_eq!(past.with_added(1), [0.1, 0.2, 0.3]);
/// assert!(past.steps(1).is_empty());
/// past.commit();
/// assert_eq!(past.steps(1), [0.1, 0.2, 0.3]);
/// assert!(past.steps(0).is_empty());
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Past<E> {
    /// For each row as many steps as there is room for.
    values: Vec<E>,
    lengths: Vec<usize>,
    /// The rows to which this step has added.
    added: Vec<bool>,
    width: usize,
    room: usize,
}

impl<E: Element> Past<E> {
    /// One without steps, for so many rows, with so many values a step, and with room for so many steps.
    ///
    /// # Errors
    /// [`Error::Device`] if there is no memory for it.
    pub fn new(rows: usize, width: usize, room: usize) -> Result<Self, Error> {
        let values = super::room(rows, elements(&[room, width])?)?;
        let (lengths, added) = (filled(&[rows], 0)?, filled(&[rows], false)?);
        Ok(Self { values, lengths, added, width, room })
    }

    /// Begins a step: nothing is added yet, and there is room for one more step of each row.
    ///
    /// # Errors
    /// [`Error::Device`] if there is no memory for it. Then all is as it was.
    pub fn begin_step(&mut self) -> Result<(), Error> {
        self.added.fill(false);
        if self.lengths.iter().all(|&length| length < self.room) {
            return Ok(());
        }
        let room = elements(&[self.room.max(1), 2])?;
        self.resize(room)
    }

    /// The place for what this step adds to a row; it holds anything.
    pub fn add(&mut self, row: usize) -> &mut [E] {
        self.added[row] = true;
        let at = (row * self.room + self.lengths[row]) * self.width;
        &mut self.values[at..at + self.width]
    }

    /// Makes what was added a part of the past.
    pub fn commit(&mut self) {
        for (length, added) in self.lengths.iter_mut().zip(&mut self.added) {
            *length += usize::from(std::mem::take(added));
        }
    }

    /// For how many steps there is room.
    pub fn room(&self) -> usize {
        self.room
    }

    /// The steps of a row, the oldest first.
    pub fn steps(&self, row: usize) -> &[E] {
        self.of(row, self.lengths[row])
    }

    /// The same, and behind them what this step has added to the row.
    pub fn with_added(&self, row: usize) -> &[E] {
        self.of(row, self.lengths[row] + usize::from(self.added[row]))
    }

    fn of(&self, row: usize, length: usize) -> &[E] {
        &self.values[row * self.room * self.width..][..length * self.width]
    }

    fn resize(&mut self, room: usize) -> Result<(), Error> {
        let mut values = super::room(self.lengths.len(), elements(&[room, self.width])?)?;
        let rows = values.chunks_exact_mut((room * self.width).max(1)).enumerate();
        rows.for_each(|(row, to)| to[..self.steps(row).len()].copy_from_slice(self.steps(row)));
        (self.values, self.room) = (values, room);
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        self.lengths.fill(0);
    }

    pub(crate) fn clear_row(&mut self, row: usize) {
        self.lengths[row] = 0;
    }

    pub(crate) fn copy_row(&mut self, from: usize, to: usize) {
        let each = self.room * self.width;
        let length = self.lengths[from];
        let start = from * each;
        self.values.copy_within(start..start + length * self.width, to * each);
        self.lengths[to] = length;
    }

    /// The steps of the row that has had most, the values of a step, and the number of steps of each row.
    pub(crate) fn sizes(&self) -> (usize, usize, &[usize]) {
        (self.lengths.iter().copied().max().unwrap_or(0), self.width, &self.lengths)
    }

    /// All values, those of each row as many as of the longest one: behind its own stand zeros.
    pub(crate) fn padded(&self) -> impl Iterator<Item = E> {
        let (most, width, _) = self.sizes();
        let row = move |row: usize| {
            let steps = self.steps(row);
            let zeros = std::iter::repeat_n(E::zero(), most * width - steps.len());
            steps.iter().copied().chain(zeros)
        };
        (0..self.lengths.len()).flat_map(row)
    }

    /// Becomes what was [padded](Self::padded), of rows of such lengths.
    ///
    /// # Errors
    /// [`Error::Mismatch`] and [`Error::Invalid`] for values that are none of that; [`Error::Device`].
    pub(crate) fn restore(&mut self, padded: &[E], lengths: &[E]) -> Result<(), Error> {
        let rows = self.lengths.len();
        let most = padded.len().checked_div(rows * self.width).unwrap_or(0);
        if (padded.len(), lengths.len()) != (rows * most * self.width, rows) {
            let expected = (rows * most * self.width, rows);
            return Err(Error::mismatch("a past", expected, (padded.len(), lengths.len())));
        }
        let whole = |length: &E| {
            let steps = length.as_f64() as usize;
            let fits = steps as f64 == length.as_f64() && steps <= most;
            let expected = "a whole number is needed, of steps that are there";
            let wrong = || Error::invalid("the length of a past", length.as_f64(), expected);
            fits.then_some(steps).ok_or_else(wrong)
        };
        let lengths = lengths.iter().map(whole).collect::<Result<Vec<_>, _>>()?;
        let mut read = Self::new(rows, self.width, most.max(self.room))?;
        let each = (most * self.width).max(1);
        let to = read.values.chunks_exact_mut((read.room * self.width).max(1));
        to.zip(padded.chunks_exact(each)).for_each(|(to, from)| to[..each].copy_from_slice(from));
        read.lengths = lengths;
        *self = read;
        Ok(())
    }
}
