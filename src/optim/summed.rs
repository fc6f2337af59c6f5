//! The gradients of a model as one row of values, which ranks sum.

use dfdx::{
    shapes::{HasShape, Shape},
    tensor::Gradients,
};

use super::groups::LayerGroups;
use crate::{
    backend::{Backend, Element},
    error::Error,
    parameters::{Parameter, Parameters, Visitor},
};

/// Replaces the gradients of one rank by the sums of those of all, and gives the loss of all for that of one.
pub(crate) type Sum<'a, E> = &'a mut dyn FnMut(&mut [E], E) -> Result<E, Error>;

/// The gradients of all parameters that are trained, in the order of the model.
pub(super) fn collect<M: Parameters<E, D>, E: Element, D: Backend<E>>(
    groups: &LayerGroups,
    model: &mut M,
    gradients: &mut Gradients<E, D>,
) -> Result<Vec<E>, Error> {
    struct Collect<'a, E: Element, D: Backend<E>> {
        gradients: &'a mut Gradients<E, D>,
        flat: Vec<E>,
    }

    impl<E: Element, D: Backend<E>> Visitor<E, D> for Collect<'_, E, D> {
        fn visit<S: Shape>(&mut self, parameter: Parameter<'_, S, E, D>) -> Result<(), Error> {
            if !parameter.trainable {
                return Ok(());
            }
            let flat = &mut self.flat;
            D::gradient(self.gradients, parameter.tensor, |values| flat.extend_from_slice(values))
        }
    }

    let mut all = Collect { gradients, flat: Vec::new() };
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
        fn visit<S: Shape>(&mut self, parameter: Parameter<'_, S, E, D>) -> Result<(), Error> {
            if !parameter.trainable {
                return Ok(());
            }
            let (own, rest) = self.flat.split_at(parameter.tensor.shape().num_elements());
            self.flat = rest;
            D::replace_gradient(self.gradients, parameter.tensor, own)
        }
    }

    groups.visit(model, &mut Replace { gradients, flat })
}
