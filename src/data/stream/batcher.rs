use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{Buckets, Example, buckets::Grouping};
use crate::{error::Error, memory::one_more};

/// Examples, one after another.
pub(super) type Examples<T> = Box<dyn Iterator<Item = Result<T, Error>> + Send>;

/// Samples that are waiting to be drawn: `tf.data`'s `shuffle(buffer_size, seed)`.
struct Shuffle<T> {
    size: usize,
    waiting: Vec<T>,
    random: StdRng,
}

/// Makes batches of examples: shuffled within a buffer, and grouped by length.
pub(super) struct Batcher<T> {
    examples: Examples<T>,
    shuffle: Option<Shuffle<T>>,
    grouping: Grouping<T>,
    ended: bool,
}

impl<T: Example> Batcher<T> {
    /// The shuffle is the size of the buffer and a seed.
    pub(super) fn new(
        examples: Examples<T>,
        shuffle: Option<(usize, u64)>,
        buckets: Buckets,
    ) -> Self {
        let shuffle = shuffle.map(|(size, seed)| Shuffle {
            size: size.max(1),
            waiting: Vec::new(),
            random: StdRng::seed_from_u64(seed),
        });
        Self { examples, shuffle, grouping: Grouping::new(buckets), ended: false }
    }

    /// The examples of the next batch. After an error the next call goes on with the example behind it.
    pub(super) fn next(&mut self, batch_size: usize) -> Option<Result<Vec<T>, Error>> {
        while let Some(example) = self.example() {
            match example {
                Err(error) => return Some(Err(error)),
                Ok(example) => {
                    let length = example.length();
                    match self.grouping.push(example, length, batch_size) {
                        Ok(None) => {}
                        Ok(Some(batch)) => return Some(Ok(batch)),
                        Err(error) => return Some(Err(error)),
                    }
                }
            }
        }
        self.grouping.flush().map(Ok)
    }

    fn example(&mut self) -> Option<Result<T, Error>> {
        let Self { examples, shuffle, ended, .. } = self;
        let mut read = || {
            // An iterator need not end a second time.
            let next = if *ended { None } else { examples.next() };
            *ended = next.is_none();
            next
        };
        let Some(shuffle) = shuffle else { return read() };
        while shuffle.waiting.len() < shuffle.size {
            match read() {
                Some(Ok(example)) => match one_more(&mut shuffle.waiting) {
                    Ok(()) => shuffle.waiting.push(example),
                    Err(error) => return Some(Err(error.into())),
                },
                Some(Err(error)) => return Some(Err(error)),
                None => break,
            }
        }
        if shuffle.waiting.is_empty() {
            return None;
        }
        let drawn = shuffle.random.gen_range(0..shuffle.waiting.len());
        Some(Ok(shuffle.waiting.swap_remove(drawn)))
    }
}
