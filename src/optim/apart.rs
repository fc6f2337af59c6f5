//! Gradients that each of several ranks gathers by itself, until all are summed for an update.

use dfdx::tensor::Gradients;

use super::{Optimizer, State, groups::LayerGroups, slots::Slots};
use crate::{
    backend::{Backend, Element},
    error::Error,
    memory::reserved,
    parameters::{self, Parameter, Parameters, Visitor},
};

/// A value of the gradients of one rank that is NaN or infinite, of which all ranks are to know.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fault {
    /// Whether it is the sum of what was gathered, while the gradient by itself is finite.
    of_sum: bool,
    /// The number of the parameter.
    parameter: usize,
    value: f64,
}

impl Fault {
    /// How many values it is told by.
    pub(crate) const VALUES: usize = 3;

    /// As values, of something that is wrong or of nothing.
    pub(crate) fn to_values(fault: Option<Self>) -> [f64; Self::VALUES] {
        fault.map_or([0.0; Self::VALUES], |Self { of_sum, parameter, value }| {
            [if of_sum { 2.0 } else { 1.0 }, parameter as f64, value]
        })
    }

    /// What one process would say of the gradients of all ranks, of what these say.
    pub(crate) fn first<'a>(of_ranks: impl Iterator<Item = &'a [f64]>) -> Option<Self> {
        let faults = of_ranks.filter_map(|values| match *values {
            [kind, parameter, value] if kind > 0.0 => {
                Some(Self { of_sum: kind > 1.0, parameter: parameter as usize, value })
            }
            _ => None,
        });
        faults.min_by_key(|fault| (fault.of_sum, fault.parameter))
    }

    /// Looks for one in gradients, and in what they add up to with those that were gathered before.
    pub(super) fn find<M: Parameters<E, D>, E: Element, D: Backend<E>>(
        groups: &LayerGroups,
        model: &mut M,
        gradients: &mut Gradients<E, D>,
        slots: &[Slots<E>],
    ) -> Result<Option<Self>, Error> {
        struct Find<'a, E: Element, D: Backend<E>> {
            gradients: &'a mut Gradients<E, D>,
            slots: &'a [Slots<E>],
            number: usize,
            found: [Option<Fault>; 2],
        }

        impl<E: Element, D: Backend<E>> Visitor<E, D> for Find<'_, E, D> {
            #[inline(never)]
            fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error> {
                let number = self.number;
                self.number += 1;
                if !parameter.trainable {
                    return Ok(());
                }
                let gathered = self.slots.get(number).map_or(&[][..], |slots| &slots.gathered);
                let mut found = [None; 2];
                parameter.tensor.show_gradient(self.gradients, &mut |gradient| {
                    let sums = gradient.iter().zip(gathered).map(|(g, sum)| *g + *sum);
                    found = [gradient.iter().copied().find(not_finite), { sums }.find(not_finite)];
                })?;
                for ((found, value), of_sum) in self.found.iter_mut().zip(found).zip([false, true])
                {
                    let value = value.map(Element::as_f64);
                    *found =
                        found.or(value.map(|value| Fault { of_sum, parameter: number, value }));
                }
                Ok(())
            }
        }

        let mut find = Find { gradients, slots, number: 0, found: [None; 2] };
        groups.visit(model, &mut find)?;
        Ok(find.found.into_iter().flatten().next())
    }

    pub(super) fn error<M: Parameters<E, D>, E: Element, D: Backend<E>>(self, model: &M) -> Error {
        let named = parameters::list(model).into_iter().nth(self.parameter);
        let (parameter, value) = (named.map(|named| named.name).unwrap_or_default(), self.value);
        match self.of_sum {
            true => Error::NonFiniteParameter { parameter, value, at: None },
            false => Error::NonFiniteGradient { parameter, value, at: None },
        }
    }
}

fn not_finite<E: Element>(value: &E) -> bool {
    !value.is_finite()
}

impl<E: Element, D: Backend<E>> State<E, D> {
    /// Whether the next step is one that updates the parameters.
    pub(super) fn updates(&self, optimizer: &impl Optimizer) -> bool {
        (self.steps() + 1).is_multiple_of(optimizer.options().steps_of_update())
    }

    /// Whether gradients have been gathered since the last update.
    pub(crate) fn is_gathering(&self, optimizer: &impl Optimizer) -> bool {
        !self.steps().is_multiple_of(optimizer.options().steps_of_update())
    }

    /// Whether the gathered gradients are those of one of several ranks alone.
    pub(crate) fn gathers_apart(&self) -> bool {
        self.apart
    }

    /// Checks that what is gathered may be saved.
    ///
    /// # Errors
    /// [`Error::Invalid`] where one of several ranks has failed between two updates, as each has a part.
    pub(crate) fn check_gathered(&self, optimizer: &impl Optimizer) -> Result<(), Error> {
        if self.apart && self.is_gathering(optimizer) {
            let expected = "after a failure between two updates those of the others are not known";
            let found = "those of one rank";
            return Err(Error::invalid("the gathered gradients", found, expected));
        }
        Ok(())
    }

    /// Has each rank gather by itself what is added up in an update; what is there is left to the first.
    pub(crate) fn gather_apart(&mut self, is_first: bool) {
        if !self.apart && !is_first {
            self.slots.iter_mut().for_each(|slots| slots.gathered.fill(E::zero()));
            self.largest_gathered = 0.0;
        }
        self.apart = true;
    }

    /// The gathered gradients of all parameters, one after the other.
    ///
    /// # Errors
    /// [`Error::Device`] without memory.
    pub(crate) fn gathered(&self) -> Result<Vec<E>, Error> {
        let mut flat = reserved(self.slots.iter().map(|slots| slots.gathered.len()).sum())?;
        self.slots.iter().for_each(|slots| flat.extend_from_slice(&slots.gathered));
        Ok(flat)
    }

    /// Sets them to the sums of those of all ranks, if there are any.
    pub(crate) fn set_gathered(&mut self, flat: &[E]) {
        let mut rest = flat.iter();
        for slots in &mut self.slots {
            slots.gathered.iter_mut().zip(&mut rest).for_each(|(value, sum)| *value = *sum);
        }
        self.measure();
        self.apart = false;
    }
}
