//! What one step does to the parameters.

use dfdx::tensor::Gradients;

use super::{
    Bounds, Clipping, Ema, Moment, Optimizer, State,
    blocks::{Block, Moved},
    rows::Made,
    slots::Slots,
    squares,
    tables::AllTouched,
};
use crate::{
    backend::{Backend, Element, vectorized_loops},
    error::Error,
    memory::look_for_values,
    parameters::{self, Parameter, Parameters, Visitor},
};

/// What a step does, decided before any parameter changes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    moment: Moment,
    /// Over how many steps gradients are gathered.
    every: usize,
    /// Whether the gradients have in them already what was gathered before.
    included: bool,
    /// Whether this step updates the parameters, or only gathers their gradients.
    pub(super) updates: bool,
    clipping: Option<Clipping>,
    /// What all gradients are multiplied by, so that their norm is not too large.
    scale: f64,
    ema: Option<Average>,
    /// No value of a gathered gradient is larger afterwards.
    pub(super) gathered: f64,
    /// The bounds of a step that cannot overflow, and in which nothing else can fail.
    pub(super) safe: Option<Bounds>,
}

/// What becomes of the moving average.
#[derive(Debug, Clone, Copy)]
struct Average {
    momentum: f64,
    /// Whether the weights become the average.
    overwrites: bool,
}

impl Average {
    fn new(ema: Ema, updates: usize) -> Self {
        // In the first step it becomes the weights.
        let momentum = if updates == 0 { 0.0 } else { ema.momentum };
        let overwrites =
            ema.overwrite_frequency.is_some_and(|every| (updates + 1).is_multiple_of(every));
        Self { momentum, overwrites }
    }
}

impl Plan {
    pub(super) fn new<M: Parameters<E, D>, E: Element, D: Backend<E>>(
        state: &State<E, D>,
        optimizer: &impl Optimizer,
        model: &mut M,
        (gradients, touched): (&mut Gradients<E, D>, &AllTouched<E>),
        (largest, included): (f64, bool),
    ) -> Result<Self, Error> {
        let options = optimizer.options();
        let steps = state.steps();
        let every = options.steps_of_update();
        let learning_rate = optimizer.learning_rate().at(steps)?;
        optimizer.learning_rate().check_rounded::<E>(learning_rate)?;
        let weight_decay = options.weight_decay.unwrap_or(0.0);
        super::check_rounded::<E>(&[("weight_decay", weight_decay)])?;
        let step = i32::try_from(steps / every).unwrap_or(i32::MAX).saturating_add(1);
        let moment = Moment { step, learning_rate, largest_slot: state.largest_slot };
        let updates = state.updates(optimizer);
        let gathers = every > 1;
        let sum = if included { largest } else { state.largest_gathered + largest };
        let mut scale = 1.0;
        if let Some(Clipping::GlobalNorm(limit)) = options.clipping.filter(|_| updates) {
            let slots = if included { &[][..] } else { &state.slots };
            let mut norm = Squares { slots, number: 0, every, gradients, touched, sum: 0.0 };
            state.groups.visit(model, &mut norm)?;
            scale = scale_to(limit, norm.sum);
        }
        let clipped = options.clipping.map_or(sum, |clipping| clipping.limit().min(sum));
        let within = |bounds: &Bounds| {
            let sums = Bounds { slots: sum, change: sum };
            bounds.are_safe::<E>() && sums.are_safe::<E>()
        };
        let moments = state.moments(moment);
        for moment in &moments {
            optimizer.learning_rate().check_rounded::<E>(moment.learning_rate)?;
        }
        let most = moments.iter().map(|moment| moment.learning_rate).fold(0.0, f64::max);
        // An average needs memory on the way, and a parameter that loses more than it is may grow without end.
        let fails = options.ema.is_some() || weight_decay * most > 0.5;
        let bounds = moments.iter().map(|moment| optimizer.bounds::<E>(moment, clipped));
        let bounds = bounds.reduce(|a, b| a.zip(b).map(|(a, b)| a.max(b))).flatten();
        let safe = bounds.filter(within).filter(|_| !fails);
        Ok(Self {
            moment,
            every,
            included,
            updates,
            clipping: options.clipping,
            scale,
            ema: options.ema.map(|ema| Average::new(ema, steps / every)),
            gathered: if gathers && !updates { sum } else { 0.0 },
            safe,
        })
    }

    /// Makes of a gradient that of the whole step.
    fn gather<E: Element>(&self, gradient: &mut [E], gathered: &mut [E]) {
        if self.every > 1 {
            let steps = E::of(self.every as f64);
            if self.included {
                gathered.fill(E::zero());
            }
            vectorized_loops(move || {
                for (g, sum) in gradient.iter_mut().zip(gathered) {
                    *g = (*g + *sum) / steps;
                    *sum = E::zero();
                }
            });
        }
    }

    fn clip<E: Element>(&self, gradient: &mut [E]) {
        let scale = match self.clipping {
            None => return,
            Some(Clipping::Value(limit)) => {
                let limit = E::of(limit);
                vectorized_loops(move || {
                    gradient.iter_mut().for_each(|g| *g = g.max(-limit).min(limit))
                });
                return;
            }
            Some(Clipping::Norm(limit)) => scale_to(limit, squares(gradient)),
            Some(Clipping::GlobalNorm(_)) => self.scale,
        };
        if scale < 1.0 {
            let scale = E::of(scale);
            vectorized_loops(move || gradient.iter_mut().for_each(|g| *g *= scale));
        }
    }
}

impl Moment {
    /// That of a parameter with a learning rate of its own, or that came later.
    fn of_group(self, rate: f64, since: Option<i32>) -> Self {
        let step = self.step - since.unwrap_or(0);
        Self { step, learning_rate: self.learning_rate * rate, ..self }
    }
}

impl<E: Element, D: Backend<E>> State<E, D> {
    /// All different moments of the parameters that are updated.
    #[inline(never)]
    fn moments(&self, moment: Moment) -> Vec<Moment> {
        let mut moments: Vec<Moment> = Vec::new();
        for (number, slots) in self.slots.iter().enumerate() {
            if slots.since.is_some() {
                let own = moment.of_group(self.groups.get(number).rate, slots.since);
                if !moments.contains(&own) {
                    moments.push(own);
                }
            }
        }
        if moments.is_empty() {
            moments.push(moment);
        }
        moments
    }
}

/// What makes a norm at most `limit`.
fn scale_to(limit: f64, squares: f64) -> f64 {
    let norm = squares.sqrt();
    if norm > limit { limit / norm } else { 1.0 }
}

/// Adds up the squares of all gradients.
struct Squares<'a, E: Element, D: Backend<E>> {
    /// With what was gathered before, if it is to be added.
    slots: &'a [Slots<E>],
    number: usize,
    every: usize,
    gradients: &'a mut Gradients<E, D>,
    touched: &'a AllTouched<E>,
    sum: f64,
}

impl<E: Element, D: Backend<E>> Visitor<E, D> for Squares<'_, E, D> {
    #[inline(never)]
    fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error> {
        let gathered = self.slots.get(self.number).map(|slots| slots.gathered.as_slice());
        let touched = self.touched.get(self.number).and_then(Option::as_ref);
        self.number += 1;
        if let Some(touched) = touched {
            self.sum += squares(&touched.gradient);
        } else if parameter.trainable {
            let every = self.every as f64;
            let sum = &mut self.sum;
            parameter.tensor.show_gradient(self.gradients, &mut |gradient| {
                *sum += match gathered {
                    Some(gathered) if every > 1.0 => {
                        let sums = gradient.iter().zip(gathered);
                        sums.map(|(g, sum)| ((g.as_f64() + sum.as_f64()) / every).powi(2)).sum()
                    }
                    _ => squares(gradient) / every.powi(2),
                }
            })?;
        }
        Ok(())
    }
}

impl<E: Element, D: Backend<E>> State<E, D> {
    /// Makes the slots that are not there yet. No parameter changes, and no slot that is there.
    pub(super) fn prepare<M: Parameters<E, D>>(
        &mut self,
        optimizer: &impl Optimizer,
        model: &mut M,
    ) -> Result<(), Error> {
        if self.names.is_empty() {
            self.names = parameters::list(model).into_iter().map(|named| named.name).collect();
        }
        let every = optimizer.options().steps_of_update();
        let updates = i32::try_from(self.steps() / every).unwrap_or(i32::MAX);
        let groups = self.groups.clone();
        let mut prepare =
            Prepare { state: self, optimizer, number: 0, updates, copies_weights: false };
        groups.visit(model, &mut prepare)?;
        if prepare.copies_weights {
            self.measure();
        }
        Ok(())
    }
}

struct Prepare<'a, E: Element, D: Backend<E>, O> {
    state: &'a mut State<E, D>,
    optimizer: &'a O,
    number: usize,
    /// How many updates there were.
    updates: i32,
    /// Whether slots have been made that begin as the weights.
    copies_weights: bool,
}

impl<E: Element, D: Backend<E>, O: Optimizer> Visitor<E, D> for Prepare<'_, E, D, O> {
    #[inline(never)]
    fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error> {
        let number = self.number;
        self.number += 1;
        if self.state.slots.len() <= number {
            self.state.slots.push(Slots::default());
        }
        if !parameter.trainable {
            return Ok(());
        }
        let shape = parameter.sizes();
        let slots = &mut self.state.slots[number];
        let had_average = !slots.average.is_empty();
        if slots.rows.is_none() {
            let name = self.state.names.get(number).map_or("", String::as_str);
            let wanted = self.optimizer.slots_of(name, &shape);
            let weights = || parameter.tensor.to_vec();
            self.copies_weights |= slots.prepare(self.optimizer, wanted, &shape, &weights)?;
        }
        if !had_average && !slots.average.is_empty() {
            // Training may have begun long before.
            slots.average = parameter.tensor.to_vec()?;
        }
        slots.since.get_or_insert(self.updates);
        Ok(())
    }
}

/// Shows each trainable parameter and its gradient to the optimiser.
pub(super) struct Step<'a, E: Element, D: Backend<E>, O> {
    pub(super) state: &'a mut State<E, D>,
    pub(super) number: usize,
    pub(super) plan: Plan,
    pub(super) optimizer: &'a O,
    pub(super) gradients: &'a mut Gradients<E, D>,
    pub(super) touched: AllTouched<E>,
    /// Whether the parameters are kept as they were before, so that a change is one of a copy.
    pub(super) shared: bool,
}

impl<E: Element, D: Backend<E>, O: Optimizer> Visitor<E, D> for Step<'_, E, D, O> {
    #[inline(never)]
    fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error> {
        let number = self.number;
        self.number += 1;
        if !parameter.trainable {
            return Ok(());
        }
        let (plan, optimizer) = (&self.plan, self.optimizer);
        if self.shared {
            look_for_values::<E>(parameter.tensor.len())?;
        }
        let name = self.state.names.get(number).map_or("", String::as_str);
        let rate = self.state.groups.get(number).rate;
        let shape = parameter.sizes();
        let tensor = parameter.tensor;
        let decay = optimizer.weight_decay_of(name, &shape).unwrap_or(0.0);
        let decays = decay > 0.0 && !optimizer.options().excludes(name);
        let decay = if decays { decay * plan.moment.learning_rate * rate } else { 0.0 };
        let decay = E::of(decay);
        let slots = &mut self.state.slots[number];
        let moment = plan.moment.of_group(rate, slots.since);
        let moved = Moved { moment, name, shape: &shape, decay };
        if let Some(mut touched) = self.touched.get_mut(number).and_then(Option::take) {
            plan.clip(&mut touched.gradient);
            moved.by(optimizer, touched.block())?;
            let made = Made { moment, kept: E::one() - decay };
            return slots.store(made, &touched, tensor.values_mut().unwrap_or_default());
        }
        tensor.with_gradient(self.gradients, &mut |values, gradient| {
            if plan.updates {
                plan.gather(gradient, &mut slots.gathered);
                plan.clip(gradient);
                let slots = slots.values.iter_mut().map(Vec::as_mut_slice).collect();
                moved.by(optimizer, Block { values, gradient, slots })?;
            } else {
                let sums = slots.gathered.iter_mut().zip(gradient);
                sums.for_each(|(sum, g)| *sum += *g);
            }
            if let Some(average) = plan.ema {
                average.follow(values, &mut slots.average);
            }
            Ok(())
        })
    }
}

impl Average {
    fn follow<E: Element>(self, values: &mut [E], average: &mut [E]) {
        let kept = E::of(self.momentum);
        let each = average.iter_mut().zip(&*values);
        vectorized_loops(move || {
            for (mean, value) in each {
                *mean = kept * *mean + (E::one() - kept) * *value;
            }
        });
        if self.overwrites {
            values.copy_from_slice(average);
        }
    }
}
