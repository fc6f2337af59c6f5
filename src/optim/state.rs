use std::marker::PhantomData;

use super::slots::Slots;
use crate::backend::{Backend, Element};

/// What training goes on from, beside the model: the number of steps that were made, what the optimiser remembers,
/// such as Adam's two moments, and the seed of the random numbers.
///
/// A [`Trainer`](crate::train::Trainer) has one. In a loop of your own, [`attempt`](State::attempt) makes a whole
/// step, and [`step`](State::step) only the part of the optimiser. It belongs to one model: what is remembered of a
/// parameter is found by its place among all of them.
#[derive(Debug)]
pub struct State<E: Element, D: Backend<E>> {
    pub(super) step: i32,
    /// Those of all parameters, in the order of the model.
    pub(super) slots: Vec<Slots<E>>,
    /// No value of a slot is larger, beside those of averages, which are between values of parameters.
    pub(super) largest_slot: f64,
    /// No value of a gathered gradient is larger.
    pub(super) largest_gathered: f64,
    /// What the random numbers of each step follow from. Drawn from the device in the first.
    pub(super) seed: Option<u64>,
    /// Whether each parameter is left out of the weight decay, for these words.
    pub(super) excluded: (Vec<String>, Vec<bool>),
    device: PhantomData<D>,
}

impl<E: Element, D: Backend<E>> Default for State<E, D> {
    fn default() -> Self {
        Self {
            step: 0,
            slots: Vec::new(),
            largest_slot: 0.0,
            largest_gathered: 0.0,
            seed: None,
            excluded: Default::default(),
            device: PhantomData,
        }
    }
}

impl<E: Element, D: Backend<E>> Clone for State<E, D> {
    fn clone(&self) -> Self {
        Self { slots: self.slots.clone(), excluded: self.excluded.clone(), ..*self }
    }
}

impl<E: Element, D: Backend<E>> State<E, D> {
    /// How many steps were made.
    pub fn steps(&self) -> usize {
        usize::try_from(self.step).unwrap_or(0)
    }

    /// The number of the step that is made, or about to be.
    pub(super) fn now(&self) -> i32 {
        self.step.saturating_add(1)
    }
}
