//! Looks at gradients and parameters before and after a step, for values that are NaN or infinite.

use dfdx::tensor::Gradients;

use super::{groups::LayerGroups, slots::Slots, tables::AllTouched};
use crate::{
    backend::{Backend, Element, largest},
    error::Error,
    parameters::{self, Parameter, Parameters, Visitor},
};

/// Looks for values that are NaN or infinite.
pub(super) trait Look<E: Element, D: Backend<E>> {
    /// The error for such a value of a parameter, which is named later, or the largest magnitude there.
    fn look(&mut self, parameter: Parameter<'_, E, D>) -> Result<E, Error>;
}

/// The gradients, and what the pass has changed, before a step of the optimiser.
pub(super) struct Before<'a, E: Element, D: Backend<E>> {
    pub(super) gradients: &'a mut Gradients<E, D>,
    pub(super) touched: &'a AllTouched<E>,
    /// Where the values of each parameter were before the pass, which shared them: what is there still has not changed.
    pub(super) places: Vec<Option<*const E>>,
    /// Takes the numbers of those whose gradient is 0, if anybody wants to know.
    pub(super) still: Option<&'a mut Vec<usize>>,
    pub(super) number: usize,
}

/// Where the values of each parameter are, if the device shows them.
pub(super) fn places<M: Parameters<E, D>, E: Element, D: Backend<E>>(
    model: &mut M,
) -> Result<Vec<Option<*const E>>, Error> {
    struct Places<E>(Vec<Option<*const E>>);

    impl<E: Element, D: Backend<E>> Visitor<E, D> for Places<E> {
        #[inline(never)]
        fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error> {
            self.0.push(parameter.tensor.values().map(<[E]>::as_ptr));
            Ok(())
        }
    }

    let mut places = Places(Vec::new());
    model.visit(&mut places)?;
    Ok(places.0)
}

impl<E: Element, D: Backend<E>> Look<E, D> for Before<'_, E, D> {
    #[inline(never)]
    fn look(&mut self, parameter: Parameter<'_, E, D>) -> Result<E, Error> {
        let tensor = &*parameter.tensor;
        let touched = self.touched.get(self.number).and_then(Option::as_ref);
        let place = self.places.get(self.number).copied().flatten();
        self.number += 1;
        if !parameter.trainable {
            if place.is_some() && tensor.values().map(<[E]>::as_ptr) == place {
                return Ok(E::zero());
            }
            return non_finite(&tensor.to_vec()?).map_or(Ok(E::zero()), |value| Err(moved(value)));
        }
        let most = match touched {
            Some(touched) => largest(&touched.gradient),
            None => tensor.largest_gradient(self.gradients)?,
        };
        if let Some(still) = self.still.as_mut().filter(|_| most == E::zero() && !tensor.is_empty())
        {
            still.push(self.number - 1);
        }
        if most.is_finite() {
            return Ok(most);
        }
        let mut value = None;
        match touched {
            Some(touched) => value = non_finite(&touched.gradient),
            None => tensor.show_gradient(self.gradients, &mut |all| value = non_finite(all))?,
        }
        let value = value.unwrap_or(most).as_f64();
        Err(Error::NonFiniteGradient { parameter: String::new(), value, at: None })
    }
}

/// The parameters and the slots, after a step of the optimiser.
pub(super) struct After<'a, E> {
    pub(super) slots: &'a [Slots<E>],
    pub(super) number: usize,
}

impl<E: Element, D: Backend<E>> Look<E, D> for After<'_, E> {
    #[inline(never)]
    fn look(&mut self, parameter: Parameter<'_, E, D>) -> Result<E, Error> {
        let slots = self.slots.get(self.number);
        self.number += 1;
        if !parameter.trainable {
            return Ok(E::zero());
        }
        let values = parameter.tensor.to_vec()?;
        let slots = slots.into_iter().flat_map(Slots::all);
        let all = std::iter::once(&values).chain(slots);
        all.into_iter()
            .find_map(|values| non_finite(values))
            .map_or(Ok(E::zero()), |value| Err(moved(value)))
    }
}

fn non_finite<E: Element>(values: &[E]) -> Option<E> {
    values.iter().copied().find(|value| !value.is_finite())
}

fn moved<E: Element>(value: E) -> Error {
    Error::NonFiniteParameter { parameter: String::new(), value: value.as_f64(), at: None }
}

/// Looks at all parameters of a model. Gives the largest magnitude that was seen.
pub(super) fn check<M: Parameters<E, D>, E: Element, D: Backend<E>>(
    groups: &LayerGroups,
    model: &mut M,
    look: impl Look<E, D>,
) -> Result<E, Error> {
    struct Each<L, E> {
        look: L,
        most: E,
        number: usize,
    }

    impl<L: Look<E, D>, E: Element, D: Backend<E>> Visitor<E, D> for Each<L, E> {
        #[inline(never)]
        fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error> {
            self.most = self.most.max(self.look.look(parameter)?);
            self.number += 1;
            Ok(())
        }
    }

    let mut each = Each { look, most: E::zero(), number: 0 };
    match groups.visit(model, &mut each) {
        Ok(()) => Ok(each.most),
        Err(mut error) => {
            if let Error::NonFiniteGradient { parameter, .. }
            | Error::NonFiniteParameter { parameter, .. } = &mut error
            {
                // Names are made only here: a step has no time for them.
                let named = parameters::list(model).into_iter().nth(each.number);
                *parameter = named.map(|named| named.name).unwrap_or_default();
            }
            Err(error)
        }
    }
}
