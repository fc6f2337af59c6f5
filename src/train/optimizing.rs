use std::fmt::Debug;

use dfdx::{
    shapes::Rank0,
    tensor::{OwnedTape, Tensor},
};

use crate::{
    backend::{Backend, Element},
    error::Error,
    io::{Weight, checksum},
    never::{Never, Nobody},
    optim::{LearningRate, Optimizer, Options, State, Sum},
    parameters::Parameters,
};

/// A pass of training, which gives the loss.
pub(super) type Pass<'a, M, E, D> =
    &'a mut dyn FnMut(&mut M) -> Result<Tensor<Rank0, E, D, OwnedTape<E, D>>, Error>;

/// An [`Optimizer`], as what a trainer is made of: by way of it the compiler says once what is none.
///
/// It is for all types, and stands on the one with the words: so the compiler does not show where it is asked for.
pub trait Optimizes: Sized {
    /// The same `T`.
    type With<T>;

    /// The same value.
    fn with<T>(of: T) -> Self::With<T>;

    /// [`Optimizer::check`].
    ///
    /// # Errors
    /// Those of it.
    fn checked(&self) -> Result<(), Error>;

    /// How a trainer uses it.
    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn optimizing<M, E, D>() -> AsOptimizing<M, Self, E, D>
    where
        M: Parameters<E, D>,
        E: Element,
        D: Backend<E>;
}

impl<O> Optimizes for O
where
    (): IsOptimizer<O>,
{
    type With<T> = <() as IsOptimizer<O>>::Of<T>;

    fn with<T>(of: T) -> Self::With<T> {
        <() as IsOptimizer<O>>::of(of)
    }

    fn checked(&self) -> Result<(), Error> {
        <() as IsOptimizer<O>>::check(self)
    }

    #[allow(private_interfaces)]
    fn optimizing<M, E, D>() -> AsOptimizing<M, O, E, D>
    where
        M: Parameters<E, D>,
        E: Element,
        D: Backend<E>,
    {
        <() as IsOptimizer<O>>::used()
    }
}

/// What [`Optimizes`] stands on. It is a trait of another type, as the compiler has no words for a bound on the same one.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{O}` is no optimiser",
    label = "an optimiser is a value, such as `Adam::new(0.001)`, and stands behind the loss, `MeanSquaredError`"
)]
pub trait IsOptimizer<O> {
    /// The same `T`.
    type Of<T>;

    /// The same value.
    fn of<T>(of: T) -> Self::Of<T>;

    /// [`Optimizer::check`].
    ///
    /// # Errors
    /// Those of it.
    fn check(optimizer: &O) -> Result<(), Error>;

    /// [`Optimizes::optimizing`].
    #[allow(private_interfaces)]
    fn used<M, E, D>() -> AsOptimizing<M, O, E, D>
    where
        M: Parameters<E, D>,
        E: Element,
        D: Backend<E>;
}

#[diagnostic::do_not_recommend]
impl<O: Optimizer> IsOptimizer<O> for () {
    type Of<T> = T;

    fn of<T>(of: T) -> T {
        of
    }

    fn check(optimizer: &O) -> Result<(), Error> {
        optimizer.check()
    }

    #[allow(private_interfaces)]
    fn used<M, E, D>() -> AsOptimizing<M, O, E, D>
    where
        M: Parameters<E, D>,
        E: Element,
        D: Backend<E>,
    {
        |optimizer| optimizer
    }
}

#[diagnostic::do_not_recommend]
impl<O> IsOptimizer<O> for ()
where
    for<'a> Nobody: Never<'a>,
{
    type Of<T> = Nobody;

    fn of<T>(_: T) -> Nobody {
        Nobody::never()
    }

    fn check(_: &O) -> Result<(), Error> {
        Nobody::never()
    }

    #[allow(private_interfaces)]
    fn used<M, E, D>() -> AsOptimizing<M, O, E, D>
    where
        M: Parameters<E, D>,
        E: Element,
        D: Backend<E>,
    {
        Nobody::never()
    }
}

/// How a trainer uses its optimiser.
pub(super) type AsOptimizing<M, O, E, D> =
    for<'a> fn(&'a mut O) -> &'a mut (dyn Optimizing<M, E, D> + 'a);

/// An optimiser as a trainer uses it.
///
/// [`Trainer::new`](super::Trainer::new) asks for an [`Optimizer`], and nothing else does: so the compiler says once what
/// is none.
pub(super) trait Optimizing<M, E: Element, D: Backend<E>> {
    fn name(&self) -> &'static str;

    fn learning_rate(&self) -> &LearningRate;

    fn learning_rate_mut(&mut self) -> &mut LearningRate;

    /// Whether it keeps averages of the weights.
    fn has_averages(&self) -> bool;

    /// Its settings by name, but for a learning rate that follows no schedule.
    fn settings(&self) -> Vec<(&'static str, String)>;

    /// What it is, and its options, as one number: that of another is another.
    fn fingerprint(&self) -> u64;

    /// [`State::steps_by_loss_alone`].
    fn steps_by_loss_alone(&self, state: &State<E, D>, model: &mut M) -> Result<bool, Error>;

    /// [`State::attempt`]; `sum` is for one of several ranks. Before anything but the next step looks at the model, it is to be
    /// [settled](Optimizing::settle).
    fn attempt(
        &self,
        state: &mut State<E, D>,
        model: &mut M,
        pass: Pass<'_, M, E, D>,
        sum: Option<Sum<'_, E>>,
    ) -> Result<E, Error>;

    /// [`State::settle`].
    fn settle(&self, state: &mut State<E, D>, model: &mut M) -> Result<(), Error>;

    /// [`State::is_gathering`].
    fn is_gathering(&self, state: &State<E, D>) -> bool;

    /// [`State::check_gathered`].
    fn check_gathered(&self, state: &State<E, D>) -> Result<(), Error>;

    /// [`State::restore`].
    fn restore(
        &self,
        state: &mut State<E, D>,
        model: &mut M,
        at: (usize, u64),
        found: &[Weight],
    ) -> Result<Vec<(String, String, String)>, Error>;
}

impl<O, M, E, D> Optimizing<M, E, D> for O
where
    O: Optimizer,
    M: Parameters<E, D>,
    E: Element,
    D: Backend<E>,
{
    fn name(&self) -> &'static str {
        Optimizer::name(self)
    }

    fn learning_rate(&self) -> &LearningRate {
        Optimizer::learning_rate(self)
    }

    fn learning_rate_mut(&mut self) -> &mut LearningRate {
        Optimizer::learning_rate_mut(self)
    }

    fn has_averages(&self) -> bool {
        self.options().ema.is_some()
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let rate = match Optimizer::learning_rate(self).schedule() {
            Some(schedule) => format!("{schedule:?}"),
            None => "a number".to_owned(),
        };
        let Options { weight_decay, exclude_from_weight_decay, clipping, ema, .. } = self.options();
        let gathers = self.options().gradient_accumulation_steps;
        let own = self.in_keras().into_iter().flat_map(|in_keras| in_keras.settings);
        let own = own.map(|(name, value)| (name, value.to_string()));
        let common = [
            ("learning_rate", rate),
            ("weight_decay", shown(weight_decay)),
            ("exclude_from_weight_decay", format!("{exclude_from_weight_decay:?}")),
            ("clipping", shown(clipping)),
            ("use_ema", shown(ema)),
            ("gradient_accumulation_steps", shown(gathers)),
        ];
        common.into_iter().chain(own).collect()
    }

    fn fingerprint(&self) -> u64 {
        let text = format!("{} {:?}", Optimizer::name(self), self.options());
        checksum(text.bytes().map(u64::from))
    }

    fn steps_by_loss_alone(&self, state: &State<E, D>, model: &mut M) -> Result<bool, Error> {
        state.steps_by_loss_alone(self, model)
    }

    fn attempt(
        &self,
        state: &mut State<E, D>,
        model: &mut M,
        pass: Pass<'_, M, E, D>,
        sum: Option<Sum<'_, E>>,
    ) -> Result<E, Error> {
        state.attempt_summed(self, model, pass, sum, true)
    }

    fn settle(&self, state: &mut State<E, D>, model: &mut M) -> Result<(), Error> {
        state.settle(self, model)
    }

    fn is_gathering(&self, state: &State<E, D>) -> bool {
        state.is_gathering(self)
    }

    fn check_gathered(&self, state: &State<E, D>) -> Result<(), Error> {
        state.check_gathered(self)
    }

    fn restore(
        &self,
        state: &mut State<E, D>,
        model: &mut M,
        at: (usize, u64),
        found: &[Weight],
    ) -> Result<Vec<(String, String, String)>, Error> {
        state.restore(model, self, at, found)
    }
}

fn shown(option: Option<impl Debug>) -> String {
    option.map_or_else(|| "none".to_owned(), |option| format!("{option:?}"))
}
