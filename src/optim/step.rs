//! A step of training happens as a whole, or not at all.

use dfdx::{
    prelude::Backward,
    shapes::Rank0,
    tensor::{Gradients, OwnedTape, PutTape, SplitTape, Tensor},
};

use super::{
    Optimizer, State,
    apart::Fault,
    look::{After, Before, check, places},
    penalties::{any_rule, constrain, penalized},
    plan::{Plan, Step},
    slots::Slots,
    summed::{self, Sum, Summed},
    tables::{AllTouched, Reading, lagging, spread},
};
use crate::{
    backend::{Backend, Element, Seeded, random_u64},
    distributed,
    error::{Error, OrDevice},
    layer::resting_at,
    parameters::{self, Parameters},
    regularizers::collected,
    tensor::Records,
};

impl<E: Element, D: Backend<E>> State<E, D> {
    /// Attempts a step of training: the pass that gives a loss, the gradients, and the step of the optimiser.
    ///
    /// It happens as a whole or not at all: after an error or a panic, be it in the pass, the model is what it was
    /// before, moving statistics and whatever else its layers hold included, and so is the state. The random numbers
    /// of the pass, those of [`Dropout`](crate::layers::Dropout), follow from the number of the step: a step that is
    /// attempted again draws them again.
    ///
    /// Gives the loss, with the penalties of [regularizers](crate::regularizers).
    ///
    /// # Errors
    /// Those of the pass; [`Error::NonFiniteGradient`] and [`Error::NonFiniteParameter`] for a gradient, or a value
    /// after the step, that is NaN or infinite; [`Error::Device`].
    ///
    /// ```
    /// use dfdx::tensor::{OwnedTape, PutTape};
    /// use kerata::{BatchNorm, Cpu, Dense, Error, loss::MeanSquaredError, optim::{Sgd, State}, prelude::*};
    ///
    /// let dev = Cpu::seed_from_u64(0);
    /// let mut model = <(BatchNorm<1>, Dense<1, 1>)>::build(&dev)?;
    /// let mut state = State::default();
    /// for x in [[[1.0], [3.0]], [[f32::NAN], [3.0]], [[2.0], [0.0]]] {
    ///     let step = state.attempt(&Sgd::new(0.1), &mut model, |model| {
    ///         let y = model.forward_mut(dev.tensor(x).put_tape(OwnedTape::default()))?;
    ///         MeanSquaredError.compute(y, dev.tensor([[1.0], [0.0]]))
    ///     });
    ///     match step {
    ///         Ok(loss) => println!("{loss}"),
    ///         // As if there had been no such batch.
    ///         Err(error) => println!("skipped: {error}"),
    ///     }
    /// }
    /// assert_eq!(state.steps(), 2);
    /// assert!(model.0.moving_mean.array()[0].is_finite());
    /// # Ok::<(), Error>(())
    /// ```
    pub fn attempt<M: Parameters<E, D>, T: Records<E, D>>(
        &mut self,
        optimizer: &impl Optimizer,
        model: &mut M,
        pass: impl FnOnce(&mut M) -> Result<Tensor<Rank0, E, D, T>, Error>,
    ) -> Result<E, Error> {
        let pass = |model: &mut M| {
            let (loss, tape) = pass(model)?.split_tape();
            Ok(loss.put_tape(tape.recorded()))
        };
        self.attempt_summed(optimizer, model, pass, None, false)
    }

    /// The same as one of several ranks: in an update `sum` is shown all gradients, one after the other, and the loss of this rank; it
    /// replaces the gradients by those of all ranks, and gives their loss. Gradients that are gathered are summed by each rank first.
    /// Where the pass `follows` the model alone, without a look at its
    /// weights, rows of tables may lag behind until the state is [settled](State::settle).
    pub(crate) fn attempt_summed<M: Parameters<E, D>>(
        &mut self,
        optimizer: &impl Optimizer,
        model: &mut M,
        pass: impl FnOnce(&mut M) -> Result<Tensor<Rank0, E, D, OwnedTape<E, D>>, Error>,
        sum: Option<Sum<'_, E>>,
        follows: bool,
    ) -> Result<E, Error> {
        let seed = *self.seed.get_or_insert_with(|| random_u64(&parameters::device(model)));
        let step = u64::from(self.step.unsigned_abs());
        let seeded = Seeded::new(seed ^ step.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let undo = Undo::of(model);
        let reading = match follows && sum.is_none() {
            true => Reading::of(self, optimizer, undo.value)?,
            false => Reading::nothing(self),
        };
        let groups = reading.state.groups.clone();
        let at_rest = groups.statistics(undo.value)?;
        let (loss, activity) = collected(|| resting_at(at_rest, || pass(undo.value)))?;
        // The penalties of weights count once.
        let loss = match distributed::current().is_none_or(|pass| pass.is_first()) {
            true => penalized(&groups, undo.value, loss)?,
            false => loss,
        };
        let loss = activity.add_to(loss)?;
        let mut value = loss.as_vec().first().copied().unwrap_or(E::zero());
        let backward = loss.try_backward().or_device();
        if let Some(error) = distributed::failure() {
            return Err(error);
        }
        let mut gradients = backward?;
        drop(seeded);
        let read = reading.finish();
        let sums = sum.is_some();
        match sum {
            None => {}
            Some(sum) if self.updates(optimizer) => {
                let mut flat = summed::collect(&groups, undo.value, &mut gradients, &self.slots)?;
                value = sum(Summed::Gradients(&mut flat), value)?;
                summed::replace(&groups, undo.value, &mut gradients, &flat)?;
            }
            Some(sum) => {
                let mut fault = Fault::find(&groups, undo.value, &mut gradients, &self.slots)?;
                value = sum(Summed::Fault(&mut fault), value)?;
                if let Some(fault) = fault {
                    return Err(fault.error(undo.value));
                }
            }
        }
        self.make(optimizer, undo, &mut gradients, Some(read), sums)?;
        Ok(value)
    }

    /// Makes one step of the optimiser: changes all trainable parameters of a model, or, after an error, none.
    ///
    /// A parameter that no gradient reached counts as one with a gradient of zeros. Clipping changes the gradients in place: they are for one
    /// step.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a setting of the optimiser that makes no sense; [`Error::NonFiniteGradient`] and
    /// [`Error::NonFiniteParameter`] for a gradient, or a value after the step, that is NaN or infinite;
    /// [`Error::Device`].
    pub fn step<M: Parameters<E, D>>(
        &mut self,
        optimizer: &impl Optimizer,
        model: &mut M,
        gradients: &mut Gradients<E, D>,
    ) -> Result<(), Error> {
        self.make(optimizer, Undo::of(model), gradients, None, false)
    }

    /// The step, of a model as it was before its pass, if there was one, which has read these rows. The gradients of an update may have
    /// been `summed` over ranks, with what these have gathered.
    fn make<M: Parameters<E, D>>(
        &mut self,
        optimizer: &impl Optimizer,
        undo: Undo<'_, M>,
        gradients: &mut Gradients<E, D>,
        read: Option<AllTouched<E>>,
        summed: bool,
    ) -> Result<(), Error> {
        let known: Vec<bool> = self.slots.iter().map(|slots| slots.since.is_some()).collect();
        let made = self.make_prepared(optimizer, undo, gradients, read, summed);
        if made.is_err() {
            // Slots that were made for this step only, of which some may have found memory.
            self.slots.truncate(known.len());
            let new = self.slots.iter_mut().zip(known).filter(|(_, known)| !known);
            new.for_each(|(slots, _)| *slots = Slots::default());
        }
        made
    }

    fn make_prepared<M: Parameters<E, D>>(
        &mut self,
        optimizer: &impl Optimizer,
        mut undo: Undo<'_, M>,
        gradients: &mut Gradients<E, D>,
        read: Option<AllTouched<E>>,
        summed: bool,
    ) -> Result<(), Error> {
        optimizer.check()?;
        let groups = self.groups.clone();
        let places = undo.before.as_mut().filter(|_| read.is_some()).map(places).transpose()?;
        let read = read.unwrap_or_default();
        let touched = self.touched(optimizer, undo.value, gradients, read)?;
        let places = places.unwrap_or_default();
        let mut still = Vec::new();
        let looks = (0..STILL).contains(&self.step);
        let found = looks.then_some(&mut still);
        let before = Before { gradients, touched: &touched, places, still: found, number: 0 };
        let gradient = check(&groups, &mut *undo.value, before)?.as_f64();
        self.prepare(optimizer, undo.value)?;
        if looks && gradient > 0.0 {
            self.look_for_still(still);
        }
        let largest = (gradient, summed && self.updates(optimizer));
        let plan = Plan::new(self, optimizer, undo.value, (gradients, &touched), largest)?;
        // As in Keras, also in a step that only gathers gradients.
        let constrained = any_rule(&groups, undo.value, |rule| rule.constraint.is_some())?;
        if let Some(bounds) = plan.safe.filter(|_| !constrained) {
            // Nothing fails from here on, so the weights, which a copy would share, change where they are.
            undo.keep();
            let lagging: Vec<usize> = lagging(&touched).collect();
            let shared = false;
            let step = Step { state: self, number: 0, plan, optimizer, gradients, touched, shared };
            groups.visit(undo.value, &mut { step })?;
            self.settle_but(optimizer, undo.value, &lagging)?;
            self.largest_slot = bounds.slots;
            self.largest_gathered = plan.gathered;
            self.step = self.now();
            return Ok(());
        }
        // This step may overflow. It is made of whole tables.
        if let Some(before) = undo.before.as_mut().filter(|_| touched.iter().any(Option::is_some)) {
            self.copied()?.settle(optimizer, before)?;
            self.settle(optimizer, undo.value)?;
            spread(&groups, undo.value, gradients, touched)?;
            self.expand()?;
        }
        let before = Some(self.copied()?);
        let (mut state, touched) = (Undo { before, value: self }, Vec::new());
        let shared = true;
        let step =
            Step { state: state.value, number: 0, plan, optimizer, gradients, touched, shared };
        groups.visit(undo.value, &mut { step })?;
        if constrained {
            constrain(&groups, undo.value)?;
        }
        check(&groups, &mut *undo.value, After { slots: &state.value.slots, number: 0 })?;
        state.value.measure();
        state.value.step = state.value.now();
        state.keep();
        undo.keep();
        Ok(())
    }
}

/// After how many steps parameters are told of that no gradient has reached.
const STILL: i32 = 10;

impl<E: Element, D: Backend<E>> State<E, D> {
    /// Looks in the first steps for parameters that the loss does not depend on, and warns of them.
    fn look_for_still(&mut self, mut still: Vec<usize>) {
        if self.step > 0 {
            still.retain(|number| self.still.contains(number));
        }
        self.still = still.into();
        if self.step + 1 < STILL || self.still.is_empty() {
            return;
        }
        let names = self.still.iter().filter_map(|&number| self.names.get(number));
        let names: Vec<&str> = names.map(String::as_str).collect();
        log::warn!(
            "no gradient has reached {} in {STILL} steps: the loss does not depend on it, or it does by way of operations that \
             are not recorded, as `weight.clone() * 2.0` is not, and `weight.retaped::<T>() * 2.0` is",
            names.join(", ")
        );
    }
}

/// Puts a value back to what it was when this is dropped, be it by an error or a panic, unless it is kept.
struct Undo<'a, T> {
    value: &'a mut T,
    before: Option<T>,
}

impl<'a, T: Clone> Undo<'a, T> {
    fn of(value: &'a mut T) -> Self {
        Self { before: Some(value.clone()), value }
    }
}

impl<T> Undo<'_, T> {
    fn keep(&mut self) {
        self.before = None;
    }
}

impl<T> Drop for Undo<'_, T> {
    fn drop(&mut self) {
        if let Some(before) = self.before.take() {
            *self.value = before;
        }
    }
}
