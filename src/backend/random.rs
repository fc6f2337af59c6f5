//! The random numbers of a training pass.

use std::cell::RefCell;

use dfdx::tensor::RandomU64;
use rand::{RngCore, SeedableRng, rngs::SmallRng};

use super::Element;
use crate::{distributed, error::Error, mask::Mask};

thread_local! {
    /// The generator of the step that this thread is in.
    static GENERATOR: RefCell<Option<SmallRng>> = const { RefCell::new(None) };
}

/// A random number for a layer that is random in the training pass, such as [`Dropout`](crate::layers::Dropout).
///
/// It comes from the generator of the device; but in a step of a [`Trainer`](crate::train::Trainer), or of
/// [`State::attempt`](crate::optim::State::attempt), it follows from the seed and the number of that step. So a
/// step that failed and is tried again draws what it drew before.
///
/// In a [distributed](crate::distributed) training it is the same on all ranks. A layer that is to draw there for a sample what it would draw
/// in one process has to know which samples it has: each rank has a share of them.
pub fn random_u64<D: RandomU64>(dev: &D) -> u64 {
    let of_step = GENERATOR.with_borrow_mut(|generator| generator.as_mut().map(RngCore::next_u64));
    of_step.unwrap_or_else(|| dev.random_u64())
}

/// The random numbers of a training pass for each sample, by its place in the whole batch, of which this may be the share of a rank.
pub(crate) struct OfSamples {
    seed: u64,
    first: usize,
}

impl OfSamples {
    /// For a tensor of so many rows.
    ///
    /// # Errors
    /// [`Error::Mismatch`] on one of several ranks, for another number of rows for each sample.
    pub(crate) fn new<D: RandomU64>(dev: &D, rows: usize) -> Result<Self, Error> {
        let (first, _) = rows_in_batch(&[rows])?;
        Ok(Self { seed: random_u64(dev), first })
    }

    pub(crate) fn row(&self, row: usize) -> SmallRng {
        SmallRng::seed_from_u64(row_seed(self.seed, self.first + row))
    }
}

/// Unlike that of its neighbours, which give unrelated generators.
fn row_seed(seed: u64, row: usize) -> u64 {
    seed ^ (row as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Until this is dropped, the random numbers of this thread follow from a seed.
pub(crate) struct Seeded {
    before: Option<SmallRng>,
}

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self { before: GENERATOR.replace(Some(SmallRng::seed_from_u64(seed))) }
    }
}

impl Drop for Seeded {
    fn drop(&mut self) {
        GENERATOR.set(self.before.take());
    }
}

/// How many values share a generator at most, and how many a job has.
const CHUNK: usize = 32 << 10;

/// Values of a row that share a generator, which is known by the row and the number of the piece.
pub(crate) struct Piece<'a, E> {
    row: usize,
    number: usize,
    values: &'a mut [E],
}

/// The values of a number of rows that a dropout may drop, in parts of some size: those of the real steps. Padding is left out, so that
/// its amount does not decide what else drops. What drops of a row depends on the number of the row in the whole batch, of
/// which the first one here is `first`.
pub(crate) fn dropout_parts<'a, E>(
    values: &'a mut [E],
    (first, rows): (usize, usize),
    mask: Option<&Mask>,
) -> Vec<Vec<Piece<'a, E>>> {
    let (count, each) = (values.len(), values.len() / rows.max(1));
    if count == 0 {
        return Vec::new();
    }
    let (mut parts, mut part, mut held) = (Vec::new(), Vec::new(), 0);
    let keep = mask.map(Mask::as_slice);
    let steps = keep.map_or(rows, <[bool]>::len) / rows;
    let width = each / steps.max(1);
    for (row, values) in values.chunks_mut(each).enumerate() {
        let mut real = 0;
        for (step, values) in values.chunks_mut(width).enumerate() {
            if keep.is_some_and(|keep| !keep[row * steps + step]) {
                continue;
            }
            for values in values.chunks_mut(CHUNK) {
                let number = real / CHUNK;
                real += values.len();
                held += values.len();
                part.push(Piece { row: first + row, number, values });
            }
            if held >= CHUNK {
                parts.push(std::mem::take(&mut part));
                held = 0;
            }
        }
    }
    parts.push(part);
    parts
}

/// The first row of a tensor in the whole batch, of which this may be the share of a rank, and how many it has.
pub(crate) fn rows_in_batch(sizes: &[usize]) -> Result<(usize, usize), Error> {
    let rows = sizes.first().copied().unwrap_or(1);
    Ok((distributed::current().map_or(Ok(0), |pass| pass.first_row(rows))?, rows))
}

/// Makes each value of a part 0, or multiplies it with what makes up for those that are dropped. The same seed and place
/// drop the same values.
pub(crate) fn drop_values<E: Element>(part: Vec<Piece<'_, E>>, rate: f64, seed: u64) {
    // Of 2^32 random numbers, so many drop: the rate is right to 1e-9.
    let (below, scale) = ((rate * 4_294_967_296.0) as u64, E::of(1.0 / (1.0 - rate)));
    let mut random = SmallRng::seed_from_u64(seed);
    let mut at = None;
    for Piece { row, number, values } in part {
        if at != Some((row, number)) {
            random = SmallRng::seed_from_u64(row_seed(seed, row).wrapping_add(number as u64));
            at = Some((row, number));
        }
        for pair in values.chunks_mut(2) {
            let bits = random.next_u64();
            for (x, bits) in pair.iter_mut().zip([bits >> 32, bits & 0xFFFF_FFFF]) {
                // Chosen, not multiplied by 0: what is dropped may be infinite.
                *x = if bits < below { E::zero() } else { *x * scale };
            }
        }
    }
}
