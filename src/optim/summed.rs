//! What ranks sum in a step: the gradients of a model as one row of values.

use dfdx::tensor::Gradients;

use super::{apart::Fault, groups::LayerGroups, slots::Slots};
use crate::{
    backend::{Backend, Element},
    error::Error,
    parameters::{Parameter, Parameters, Visitor},
};

/// What one rank brings to a step.
pub(crate) enum Summed<'a, E> {
    /// The gradients of an update, to be replaced by the sums of those of all ranks.
    Gradients(&'a mut [E]),
    /// No gradients, as each rank gathers its own until the next update; but what is wrong with them, to be replaced by what is wrong
    /// with those of the first rank of which something is.
    Fault(&'a mut Option<Fault>),
}

/// Sums over the ranks, and gives the loss of all for that of one.
pub(crate) type Sum<'a, E> = &'a mut dyn FnMut(Summed<'_, E>, E) -> Result<E, Error>;

/// The gradients of all parameters that are trained, in the order of the model, and what this rank has gathered of them.
pub(super) fn collect<M: Parameters<E, D>, E: Element, D: Backend<E>>(
    groups: &LayerGroups,
    model: &mut M,
    gradients: &mut Gradients<E, D>,
    slots: &[Slots<E>],
) -> Result<Vec<E>, Error> {
    struct Collect<'a, E: Element, D: Backend<E>> {
        gradients: &'a mut Gradients<E, D>,
        slots: std::slice::Iter<'a, Slots<E>>,
        flat: Vec<E>,
    }

    impl<E: Element, D: Backend<E>> Visitor<E, D> for Collect<'_, E, D> {
        #[inline(never)]
        fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error> {
            let gathered = self.slots.next().map_or(&[][..], |slots| &slots.gathered);
            if !parameter.trainable {
                return Ok(());
            }
            let first = self.flat.len();
            let flat = &mut self.flat;
            let add = &mut |values: &[E]| flat.extend_from_slice(values);
            parameter.tensor.show_gradient(self.gradients, add)?;
            flat[first..].iter_mut().zip(gathered).for_each(|(g, sum)| *g += *sum);
            Ok(())
        }
    }

    let mut all = Collect { gradients, slots: slots.iter(), flat: Vec::new() };
    groups.visit(model, &mut all)?;
    Ok(all.flat)
}

/// Gives the parameters these gradients.
pub(super) fn replace<M: Parameters<E, D>, E: Element, D: Backend<E>>(
    groups: &LayerGroups,
    model: &mut M,
    gradients: &mut Gradients<E, D>,
    flat: &[E],
) -> Result<(), Error> {
    struct Replace<'a, E: Element, D: Backend<E>> {
        gradients: &'a mut Gradients<E, D>,
        flat: &'a [E],
    }

    impl<E: Element, D: Backend<E>> Visitor<E, D> for Replace<'_, E, D> {
        #[inline(never)]
        fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error> {
            if !parameter.trainable {
                return Ok(());
            }
            let (own, rest) = self.flat.split_at(parameter.tensor.len());
            self.flat = rest;
            parameter.tensor.replace_gradient(self.gradients, own)
        }
    }

    groups.visit(model, &mut Replace { gradients, flat })
}
