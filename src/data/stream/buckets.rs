use crate::{error::Error, memory::one_more};

/// Lengths that are batched together, as `tf.data`'s `bucket_by_sequence_length` has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Buckets {
    /// Where one bucket ends and the next begins; ascending.
    boundaries: Vec<usize>,
    /// How many samples a batch of each has; if there are none, what `fit` says.
    batch_sizes: Option<Vec<usize>>,
}

impl Buckets {
    /// Buckets of the lengths below the first boundary, from each boundary to the next, and from the last one on.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the boundaries do not ascend.
    pub fn new(boundaries: &[usize]) -> Result<Self, Error> {
        if let Some(pair) = boundaries.windows(2).find(|pair| pair[0] >= pair[1]) {
            let value = format!("{}, {}", pair[0], pair[1]);
            return Err(Error::invalid("boundaries", value, "they must ascend"));
        }
        Ok(Self { boundaries: boundaries.to_vec(), batch_sizes: None })
    }

    /// Gives each bucket its own batch size: large batches of short sequences, small ones of long sequences.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if there is not one more than boundaries; [`Error::Invalid`] for a size of 0.
    pub fn batch_sizes(self, sizes: &[usize]) -> Result<Self, Error> {
        let expected = self.boundaries.len() + 1;
        if sizes.len() != expected {
            return Err(Error::mismatch("the number of batch sizes", expected, sizes.len()));
        }
        if sizes.contains(&0) {
            return Err(Error::invalid("batch_sizes", "0", "each must be at least 1"));
        }
        Ok(Self { batch_sizes: Some(sizes.to_vec()), ..self })
    }

    fn of_length(&self, length: usize) -> usize {
        self.boundaries.partition_point(|boundary| *boundary <= length)
    }

    fn batch_size(&self, bucket: usize, batch_size: usize) -> usize {
        let own = self.batch_sizes.as_ref().and_then(|sizes| sizes.get(bucket));
        own.copied().unwrap_or(batch_size).max(1)
    }
}

/// Items on their way into batches.
#[derive(Debug)]
pub(in crate::data) struct Grouping<T> {
    buckets: Buckets,
    open: Vec<Vec<T>>,
}

impl<T> Grouping<T> {
    pub(in crate::data) fn new(buckets: Buckets) -> Self {
        let open = std::iter::repeat_with(Vec::new).take(buckets.boundaries.len() + 1).collect();
        Self { buckets, open }
    }

    /// Takes an item; returns a batch if it is full by that.
    ///
    /// # Errors
    /// [`Error::Device`] if there is no memory for one more.
    pub(in crate::data) fn push(
        &mut self,
        item: T,
        length: usize,
        batch_size: usize,
    ) -> Result<Option<Vec<T>>, Error> {
        let bucket = self.buckets.of_length(length);
        let open = &mut self.open[bucket];
        one_more(open)?;
        open.push(item);
        let full = open.len() >= self.buckets.batch_size(bucket, batch_size);
        Ok(full.then(|| std::mem::take(open)))
    }

    /// A batch of what is left, of the shortest first.
    pub(in crate::data) fn flush(&mut self) -> Option<Vec<T>> {
        self.open.iter_mut().find(|open| !open.is_empty()).map(std::mem::take)
    }
}

/// The rows of each batch, if rows of these lengths come in this order.
///
/// # Errors
/// Those of [`Grouping::push`].
pub(in crate::data) fn grouped(
    buckets: &Buckets,
    rows: &[usize],
    length: impl Fn(usize) -> usize,
    batch_size: usize,
) -> Result<Vec<Vec<usize>>, Error> {
    let mut grouping = Grouping::new(buckets.clone());
    let full = rows.iter().map(|&row| grouping.push(row, length(row), batch_size));
    let mut batches: Vec<_> = full.filter_map(Result::transpose).collect::<Result<_, _>>()?;
    batches.extend(std::iter::from_fn(|| grouping.flush()));
    Ok(batches)
}
