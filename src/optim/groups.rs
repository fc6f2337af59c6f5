//! What holds for some parameters alone: that they are frozen, or have another learning rate.

use std::sync::Arc;

use indexmap::IndexSet;

use super::{State, slots::Slots};
use crate::{
    backend::{Backend, Element},
    error::Error,
    parameters::{self, Named, Parameter, Parameters, Visitor, forwards},
    regularizers::Rule,
};

/// What holds for one parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Group {
    pub(super) frozen: bool,
    /// What the learning rate is multiplied by.
    pub(super) rate: f64,
}

impl Default for Group {
    fn default() -> Self {
        Self { frozen: false, rate: 1.0 }
    }
}

/// The groups of all parameters, in the order of the model; those that are missing are as by default.
#[derive(Debug, Clone, Default)]
pub(super) struct LayerGroups(Arc<[Group]>);

impl LayerGroups {
    pub(super) fn get(&self, number: usize) -> Group {
        self.0.get(number).copied().unwrap_or_default()
    }

    /// Shows the parameters of a model to a visitor, those that are frozen as not trainable.
    pub(super) fn visit<M: Parameters<E, D>, E: Element, D: Backend<E>>(
        &self,
        model: &mut M,
        visitor: &mut dyn Visitor<E, D>,
    ) -> Result<(), Error> {
        model.visit(&mut Grouped { visitor, groups: self, number: 0 })
    }

    /// Where the statistics are that are frozen.
    pub(super) fn statistics<M: Parameters<E, D>, E: Element, D: Backend<E>>(
        &self,
        model: &mut M,
    ) -> Result<Vec<usize>, Error> {
        let mut frozen = Statistics { groups: self, number: 0, places: Vec::new() };
        if self.0.iter().any(|group| group.frozen) {
            model.visit(&mut frozen)?;
        }
        Ok(frozen.places)
    }
}

/// Finds what is frozen among what is never trained.
struct Statistics<'a> {
    groups: &'a LayerGroups,
    number: usize,
    places: Vec<usize>,
}

impl<E: Element, D: Backend<E>> Visitor<E, D> for Statistics<'_> {
    #[inline(never)]
    fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error> {
        if !parameter.trainable && self.groups.get(self.number).frozen {
            let place = parameter.tensor.values().map(|values| values.as_ptr().addr());
            self.places.extend(place);
        }
        self.number += 1;
        Ok(())
    }
}

struct Grouped<'a, E: Element, D: Backend<E>> {
    visitor: &'a mut dyn Visitor<E, D>,
    groups: &'a LayerGroups,
    number: usize,
}

impl<E: Element, D: Backend<E>> Grouped<'_, E, D> {
    fn trains(&mut self, trainable: bool) -> bool {
        let group = self.groups.get(self.number);
        self.number += 1;
        trainable && !group.frozen
    }
}

impl<E: Element, D: Backend<E>> Visitor<E, D> for Grouped<'_, E, D> {
    #[inline(never)]
    fn visit(&mut self, mut parameter: Parameter<'_, E, D>) -> Result<(), Error> {
        parameter.trainable = self.trains(parameter.trainable);
        self.visitor.visit(parameter)
    }

    #[inline(never)]
    fn visit_ruled(
        &mut self,
        mut parameter: Parameter<'_, E, D>,
        rule: &Rule<'_>,
    ) -> Result<(), Error> {
        parameter.trainable = self.trains(parameter.trainable);
        self.visitor.visit_ruled(parameter, rule)
    }

    forwards!(visitor, E, D);
}

/// Whether a parameter is what a name means, or within it.
fn is_within(parameter: &str, name: &str) -> bool {
    parameter.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The numbers of the parameters that a name means.
fn numbers(all: &[Named], name: &str) -> Result<Vec<usize>, Error> {
    let within = |(_, named): &(usize, &Named)| is_within(&named.name, name);
    let numbers: Vec<usize> = all.iter().enumerate().filter(within).map(|(at, _)| at).collect();
    if numbers.is_empty() {
        let known: IndexSet<&str> = all
            .iter()
            .flat_map(|Named { name, .. }| {
                let ends = name.match_indices('.').map(|(end, _)| end).chain([name.len()]);
                ends.map(|end| &name[..end])
            })
            .collect();
        let known = known.into_iter().map(str::to_owned).collect();
        let what = "the layer or parameter";
        return Err(Error::Unknown { what, name: name.to_owned(), known });
    }
    Ok(numbers)
}

/// Which of the parameters that a name means a change is of.
#[derive(Clone, Copy)]
enum Of {
    /// Those that are trained, of which there are some.
    Trained,
    /// All, of which some are trained.
    All,
    /// Those that are not trained, of which there are some.
    Statistics,
}

impl<E: Element, D: Backend<E>> State<E, D> {
    /// Freezes a layer or parameter by its name in the model, `embed` or `head.kernel`: steps leave its values as they are.
    ///
    /// What is frozen has no weight decay, no penalty and no constraint, counts in no norm of gradients, and the optimiser forgets
    /// what it remembers of it. As with Keras's `trainable = False`, a [`BatchNorm`](crate::BatchNorm) in it rests in [`attempt`](State::attempt): it
    /// normalises by its moving statistics, and these stay.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a name that the model has not, with those it has; [`Error::Invalid`] where nothing is trained anyway,
    /// and while the model has the [averages](State::swap_averages) of its weights.
    pub fn freeze<M: Parameters<E, D>>(&mut self, model: &M, name: &str) -> Result<(), Error> {
        if self.has_swapped_averages() {
            let expected =
                "the model has the averages of its weights, which are to be swapped back before";
            return Err(Error::invalid("the layer to freeze", name, expected));
        }
        for number in self.regroup(model, name, Of::All, |group| group.frozen = true)? {
            if let Some(slots) = self.slots.get_mut(number) {
                *slots = Slots::default();
            }
        }
        Ok(())
    }

    /// Freezes the moving statistics of a layer alone: a [`BatchNorm`](crate::BatchNorm) in it rests, and its weights are trained as before. So Keras
    /// fine-tunes a model that is called with `training=False`.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a name that the model has not, with those it has; [`Error::Invalid`] where nothing but weights is.
    pub fn freeze_statistics<M: Parameters<E, D>>(
        &mut self,
        model: &M,
        name: &str,
    ) -> Result<(), Error> {
        self.regroup(model, name, Of::Statistics, |group| group.frozen = true).map(drop)
    }

    /// Trains again what was [frozen](State::freeze), and lets its [statistics](State::freeze_statistics) follow the batches. The optimiser begins
    /// anew there, as in its first step.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a name that the model has not, with those it has; [`Error::Invalid`] where the model itself, by
    /// `#[with(trainable = false)]`, has nothing trained.
    pub fn unfreeze<M: Parameters<E, D>>(&mut self, model: &M, name: &str) -> Result<(), Error> {
        self.regroup(model, name, Of::All, |group| group.frozen = false).map(drop)
    }

    /// Multiplies the learning rate of a layer or parameter, and with it its weight decay, by a factor: PyTorch's parameter groups.
    /// It holds until another one is set.
    ///
    /// # Errors
    /// Those of [`unfreeze`](State::unfreeze); [`Error::Invalid`] for a factor that is not above 0 and finite.
    pub fn set_learning_rate_multiplier<M: Parameters<E, D>>(
        &mut self,
        model: &M,
        name: &str,
        factor: f64,
    ) -> Result<(), Error> {
        if !(factor > 0.0 && factor.is_finite()) {
            let expected = "it must be above 0 and finite; `freeze` keeps a layer as it is";
            return Err(Error::invalid("the learning rate multiplier", factor, expected));
        }
        self.regroup(model, name, Of::Trained, |group| group.rate = factor).map(drop)
    }

    /// Changes the groups of parameters that a name means. Gives their numbers.
    fn regroup<M: Parameters<E, D>>(
        &mut self,
        model: &M,
        name: &str,
        of: Of,
        change: impl Fn(&mut Group),
    ) -> Result<Vec<usize>, Error> {
        let all = parameters::list(model);
        let mut numbers = numbers(&all, name)?;
        let fits = |&number: &usize| match of {
            Of::Statistics => !all[number].trainable,
            Of::Trained => all[number].trainable,
            // Statistics alone can be unfrozen.
            Of::All => all[number].trainable || self.groups.get(number).frozen,
        };
        if !numbers.iter().any(fits) {
            let expected = match of {
                Of::Statistics => "nothing there follows the batches",
                Of::Trained | Of::All => "the model itself says that nothing there is trained",
            };
            return Err(Error::invalid("the layer or parameter", name, expected));
        }
        if !matches!(of, Of::All) {
            numbers.retain(fits);
        }
        let mut groups: Vec<Group> = (0..all.len()).map(|number| self.groups.get(number)).collect();
        numbers.iter().for_each(|&number| change(&mut groups[number]));
        self.groups = LayerGroups(groups.into());
        Ok(numbers)
    }

    /// What is not as by default, by the names that it has in a checkpoint.
    pub(crate) fn saved_groups<M: Parameters<E, D>>(&self, model: &M) -> Vec<(String, f64)> {
        let mut saved = Vec::new();
        for (number, Named { name, trainable, .. }) in parameters::list(model).iter().enumerate() {
            let (group, slots) = (self.groups.get(number), self.slots.get(number));
            if group.frozen {
                saved.push((format!("frozen.{name}"), 1.0));
            }
            if group.rate != 1.0 {
                saved.push((format!("learning_rate_multiplier.{name}"), group.rate));
            }
            match slots.map(|slots| slots.since) {
                Some(Some(since)) if since > 0 => {
                    saved.push((format!("since.{name}"), f64::from(since)));
                }
                // It was frozen, and has not made a step yet.
                Some(None) if *trainable && !group.frozen => {
                    saved.push((format!("since.{name}"), -1.0))
                }
                _ => {}
            }
        }
        saved
    }

    /// Takes back what was saved, into a new state: before its slots.
    pub(crate) fn restore_groups<M: Parameters<E, D>>(
        &mut self,
        model: &M,
        saved: impl Fn(&str) -> Result<Option<f64>, Error>,
    ) -> Result<(), Error> {
        let (mut groups, mut all_slots) = (Vec::new(), Vec::new());
        for Named { name, .. } in parameters::list(model) {
            let frozen = saved(&format!("frozen.{name}"))?.is_some();
            let rate = saved(&format!("learning_rate_multiplier.{name}"))?.unwrap_or(1.0);
            groups.push(Group { frozen, rate });
            let since = saved(&format!("since.{name}"))?.unwrap_or(0.0);
            let since = (!frozen && since >= 0.0).then_some(since as i32);
            all_slots.push(Slots { since, ..Slots::default() });
        }
        (self.groups, self.slots) = (LayerGroups(groups.into()), all_slots);
        Ok(())
    }
}
