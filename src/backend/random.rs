//! The random numbers of a training pass.

use std::cell::RefCell;

use dfdx::tensor::RandomU64;
use rand::{RngCore, SeedableRng, rngs::SmallRng};

use super::Element;
use crate::mask::Mask;

thread_local! {
    /// The generator of the step that this thread is in.
    static GENERATOR: RefCell<Option<SmallRng>> = const { RefCell::new(None) };
}

/// A random number for a layer that is random in the training pass, such as [`Dropout`](crate::layers::Dropout).
///
/// It comes from the generator of the device; but in a step of a [`Trainer`](crate::train::Trainer), or of
/// [`State::attempt`](crate::optim::State::attempt), it follows from the seed and the number of that step. So a
/// step that failed and is tried again draws what it drew before.
pub fn random_u64<D: RandomU64>(dev: &D) -> u64 {
    let of_step = GENERATOR.with_borrow_mut(|generator| generator.as_mut().map(RngCore::next_u64));
    of_step.unwrap_or_else(|| dev.random_u64())
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

/// How many values share a generator.
const CHUNK: usize = 32 << 10;

/// The values that a dropout may drop, in parts that each have a generator: those of the real steps. Padding is left
/// out, so that its amount does not decide what else drops.
pub(crate) fn dropout_parts<'a, E>(
    values: &'a mut [E],
    mask: Option<&Mask>,
) -> Vec<Vec<&'a mut [E]>> {
    let Some(mask) = mask.filter(|_| !values.is_empty()) else {
        return values.chunks_mut(CHUNK).map(|chunk| vec![chunk]).collect();
    };
    let width = values.len() / mask.as_slice().len();
    let steps = values.chunks_mut(width).zip(mask.as_slice());
    let mut real = steps.filter_map(|(step, &keep)| keep.then_some(step)).peekable();
    let mut parts = Vec::new();
    while real.peek().is_some() {
        parts.push(real.by_ref().take(CHUNK.div_ceil(width)).collect());
    }
    parts
}

/// Makes each value of a part 0, or multiplies it with what makes up for those that are dropped. The same seed and part
/// drop the same values.
pub(crate) fn drop_values<E: Element>(part: Vec<&mut [E]>, rate: f64, seed: u64, number: usize) {
    let mut random = SmallRng::seed_from_u64(seed ^ number as u64);
    // Of 2^32 random numbers, so many drop: the rate is right to 1e-9.
    let (below, scale) = ((rate * 4_294_967_296.0) as u64, E::of(1.0 / (1.0 - rate)));
    for pair in part.into_iter().flat_map(|values| values.chunks_mut(2)) {
        let bits = random.next_u64();
        for (x, bits) in pair.iter_mut().zip([bits >> 32, bits & 0xFFFF_FFFF]) {
            // Chosen, not multiplied by 0: what is dropped may be infinite.
            *x = if bits < below { E::zero() } else { *x * scale };
        }
    }
}
