//! The update of one parameter: as a whole, or in blocks on all threads.

use super::{Moment, Optimizer, Update};
use crate::{
    backend::{Element, parallel, threads, vectorized_loops},
    error::Error,
};

/// How many values are updated at once. Where an update is more than one loop, they stay in the near memory for all of them.
const BLOCK: usize = 8192;

/// About as many multiplications as what is done for one value takes the time of.
const WORK: usize = 4;

/// Values of a parameter with all that belongs to them.
pub(super) struct Block<'a, E> {
    pub(super) values: &'a mut [E],
    pub(super) gradient: &'a mut [E],
    pub(super) slots: Vec<&'a mut [E]>,
}

impl<E> Block<'_, E> {
    /// Takes so many values from the front, or all if there are not so many.
    fn take(&mut self, len: usize) -> Self {
        fn front<'a, E>(rest: &mut &'a mut [E], len: usize) -> &'a mut [E] {
            let (front, back) = std::mem::take(rest).split_at_mut(len);
            *rest = back;
            front
        }
        let len = len.min(self.values.len());
        Self {
            values: front(&mut self.values, len),
            gradient: front(&mut self.gradient, len),
            slots: self.slots.iter_mut().map(|slot| front(slot, len)).collect(),
        }
    }
}

/// How a parameter is moved.
#[derive(Clone, Copy)]
pub(super) struct Moved<'a, E> {
    pub(super) moment: Moment,
    /// Its name in the model.
    pub(super) name: &'a str,
    /// The sizes of the whole parameter.
    pub(super) shape: &'a [usize],
    /// The fraction that is lost.
    pub(super) decay: E,
}

impl<E: Element> Moved<'_, E> {
    /// Updates a parameter by its gradient.
    #[inline(never)]
    pub(super) fn by(
        self,
        optimizer: &impl Optimizer,
        mut whole: Block<'_, E>,
    ) -> Result<(), Error> {
        let len = whole.values.len();
        if len <= BLOCK || !optimizer.is_elementwise() {
            return self.at_once(optimizer, whole);
        }
        let blocks = len.div_ceil(BLOCK);
        let share = blocks.div_ceil(threads(len.saturating_mul(WORK), blocks)) * BLOCK;
        let shares = (0..len.div_ceil(share)).map(|_| whole.take(share)).collect();
        let results = parallel(shares, |mut share| {
            while !share.values.is_empty() {
                self.at_once(optimizer, share.take(BLOCK))?;
            }
            Ok(())
        });
        results.into_iter().collect()
    }

    fn at_once(self, optimizer: &impl Optimizer, block: Block<'_, E>) -> Result<(), Error> {
        let Block { values, gradient, slots } = block;
        if self.decay > E::zero() {
            let kept = E::one() - self.decay;
            vectorized_loops(|| values.iter_mut().for_each(|value| *value *= kept));
        }
        optimizer.update(Update {
            moment: self.moment,
            name: self.name,
            shape: self.shape,
            weights: values,
            gradient,
            slots,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::{Adam, Ftrl, RMSprop, ScheduleFreeAdamW, Sgd};

    /// Values, gradients and slots of a length.
    struct Parameter {
        values: Vec<f32>,
        gradient: Vec<f32>,
        slots: Vec<Vec<f32>>,
    }

    impl Parameter {
        fn new(optimizer: &impl Optimizer, len: usize) -> Self {
            let wave = |speed: f32| (0..len).map(|i| (i as f32 * speed).sin()).collect();
            let slots = optimizer.slots(&[len]).into_iter();
            let slots = slots.map(|slot| vec![0.5; slot.len]).collect();
            Self { values: wave(0.1), gradient: wave(0.37), slots }
        }

        fn block(&mut self) -> Block<'_, f32> {
            let slots = self.slots.iter_mut().map(Vec::as_mut_slice).collect();
            Block { values: &mut self.values, gradient: &mut self.gradient, slots }
        }
    }

    #[test]
    fn blocks_give_the_bits_of_the_whole() {
        fn check(optimizer: impl Optimizer) {
            assert!(optimizer.is_elementwise());
            for len in [1, BLOCK, BLOCK + 1, 50 * BLOCK + 7] {
                let moment = Moment { step: 3, learning_rate: 0.01, largest_slot: 1.0 };
                let moved = Moved { moment, name: "kernel", shape: &[len], decay: 0.001 };
                let (mut whole, mut blocks) =
                    (Parameter::new(&optimizer, len), Parameter::new(&optimizer, len));
                moved.at_once(&optimizer, whole.block()).unwrap();
                moved.by(&optimizer, blocks.block()).unwrap();
                assert_eq!(whole.values, blocks.values);
                assert_eq!(whole.slots, blocks.slots);
                assert_ne!(whole.values, Parameter::new(&optimizer, len).values);
            }
        }

        check(Adam { amsgrad: true, ..Adam::default() });
        check(Sgd { momentum: 0.9, ..Sgd::default() });
        check(RMSprop { momentum: 0.9, centered: true, ..RMSprop::default() });
        check(Ftrl::default());
        check(ScheduleFreeAdamW::default());
    }
}
