use std::{marker::PhantomData, sync::Arc};

use super::{groups::LayerGroups, slots::Slots};
use crate::{
    backend::{Backend, Element, random_u64},
    error::Error,
    parameters::{self, Parameter, Parameters, Visitor},
};

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
    /// The names of all parameters, once there was a step.
    pub(super) names: Arc<[String]>,
    /// The numbers of those that no gradient but 0 has reached, while this is looked for.
    pub(super) still: Arc<[usize]>,
    /// What holds for some parameters alone.
    pub(super) groups: LayerGroups,
    /// Whether the model has the averages of its weights, and the slots the weights.
    swapped: bool,
    /// Whether the gathered gradients are those of one of several ranks alone, to which those of the others are to be added.
    pub(super) apart: bool,
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
            names: Arc::default(),
            still: Arc::default(),
            groups: LayerGroups::default(),
            swapped: false,
            apart: false,
            device: PhantomData,
        }
    }
}

impl<E: Element, D: Backend<E>> Clone for State<E, D> {
    fn clone(&self) -> Self {
        Self {
            slots: self.slots.clone(),
            names: self.names.clone(),
            still: self.still.clone(),
            groups: self.groups.clone(),
            ..*self
        }
    }
}

impl<E: Element, D: Backend<E>> State<E, D> {
    /// A copy, which `clone` aborts for where there is no memory.
    ///
    /// # Errors
    /// [`Error::Device`].
    #[inline(never)]
    pub(super) fn copied(&self) -> Result<Self, Error> {
        let slots = self.slots.iter().map(Slots::copied).collect::<Result<_, _>>()?;
        let (names, groups) = (self.names.clone(), self.groups.clone());
        Ok(Self { slots, names, still: self.still.clone(), groups, ..*self })
    }

    /// How many steps were made.
    pub fn steps(&self) -> usize {
        usize::try_from(self.step).unwrap_or(0)
    }

    /// The number of the step that is made, or about to be.
    pub(super) fn now(&self) -> i32 {
        self.step.saturating_add(1)
    }

    /// What the random numbers of each step follow from, once there was a step.
    pub(crate) fn seed(&self) -> Option<u64> {
        self.seed
    }

    /// Draws the seed, if there is none yet.
    pub(crate) fn settle_seed<M: Parameters<E, D>>(&mut self, model: &M) -> u64 {
        *self.seed.get_or_insert_with(|| random_u64(&parameters::device(model)))
    }

    /// Sets the seed, to that of another rank.
    pub(crate) fn set_seed(&mut self, seed: u64) {
        self.seed = Some(seed);
    }

    /// Exchanges the weights of a model with their moving averages.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there are none: the optimiser has no `use_ema`, or has made no step; [`Error::Device`].
    pub fn swap_averages<M: Parameters<E, D>>(&mut self, model: &mut M) -> Result<(), Error> {
        self.with_averages(model, std::mem::swap)?;
        self.swapped = !self.swapped;
        Ok(())
    }

    /// Whether the model has the averages of its weights now, see [`swap_averages`](State::swap_averages).
    pub fn has_swapped_averages(&self) -> bool {
        self.swapped
    }

    pub(crate) fn set_swapped_averages(&mut self, swapped: bool) {
        self.swapped = swapped;
    }

    /// Gives a model the moving averages of its weights.
    ///
    /// # Errors
    /// Those of [`swap_averages`](State::swap_averages).
    pub fn overwrite_with_averages<M: Parameters<E, D>>(
        &mut self,
        model: &mut M,
    ) -> Result<(), Error> {
        if self.swapped {
            self.with_averages(model, |values, average| average.clone_from(values))?;
        } else {
            self.with_averages(model, |values, average| values.clone_from(average))?;
        }
        self.swapped = false;
        Ok(())
    }

    fn with_averages<M: Parameters<E, D>>(
        &mut self,
        model: &mut M,
        change: fn(&mut Vec<E>, &mut Vec<E>),
    ) -> Result<(), Error> {
        let mut changed = model.clone();
        let mut state = self.copied()?;
        let trained = state.step > 0;
        let mut averages = Averages { slots: state.slots.iter_mut(), trained, change };
        self.groups.visit(&mut changed, &mut averages)?;
        (*model, *self) = (changed, state);
        Ok(())
    }
}

/// Shows each trainable parameter with its average.
struct Averages<'a, E> {
    slots: std::slice::IterMut<'a, Slots<E>>,
    /// Whether there was a step.
    trained: bool,
    change: fn(&mut Vec<E>, &mut Vec<E>),
}

impl<E: Element, D: Backend<E>> Visitor<E, D> for Averages<'_, E> {
    #[inline(never)]
    fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error> {
        let slots = self.slots.next();
        if !parameter.trainable {
            return Ok(());
        }
        let mut values = parameter.tensor.to_vec()?;
        match slots {
            Some(slots) if slots.average.len() == values.len() => {
                (self.change)(&mut values, &mut slots.average);
                parameter.tensor.assign(&values)
            }
            // It has made no step since it was frozen.
            Some(slots) if self.trained && slots.since.is_none() => Ok(()),
            _ => Err(Error::invalid("use_ema", false, "there is no moving average of the weights")),
        }
    }
}
