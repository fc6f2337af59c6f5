//! The states that `stateful` layers keep, in a checkpoint.

use dfdx::shapes::HasShape;

use crate::{
    backend::{Backend, CarriedStates, Element, HiddenStates, to_values},
    error::{Error, OrDevice},
    io::{Walk, Weight},
    parameters::{self, Parameter, Parameters, Visitor},
    shape::Shape,
};

/// What is kept, by the name of the layer: `lstm.h`, `lstm.c`.
pub(super) fn collect<M: Parameters<E, D>, E: Element, D: Backend<E>>(
    model: &M,
) -> Result<Vec<Weight>, Error> {
    struct Collect(Walk<Weight>);

    impl<E: Element, D: Backend<E>> Visitor<E, D> for Collect {
        fn visit<S: Shape>(&mut self, _: Parameter<'_, S, E, D>) -> Result<(), Error> {
            Ok(())
        }

        fn visit_carried(&mut self, carried: &CarriedStates<E, D>) -> Result<(), Error> {
            let Some(HiddenStates { h, c, .. }) = carried.get() else { return Ok(()) };
            for (name, state) in [("h", Some(h)), ("c", c)] {
                if let Some(state) = state {
                    let (name, (rows, units)) = (self.0.name(name), *state.shape());
                    let values = to_values(&state)?.into_iter();
                    self.0.weights.push(Weight::new(name, vec![rows, units], values)?);
                }
            }
            Ok(())
        }

        fn enter(&mut self, name: &str) {
            self.0.path.push(name.to_owned());
        }

        fn leave(&mut self) {
            self.0.path.pop();
        }
    }

    let mut collected = Collect(Walk::default());
    model.clone().visit(&mut collected)?;
    Ok(collected.0.weights)
}

/// Gives the layers of a model these states, and the others none. What is left over is returned.
pub(super) fn restore<M: Parameters<E, D>, E: Element, D: Backend<E>>(
    model: &mut M,
    states: Vec<Weight>,
) -> Result<Vec<Weight>, Error> {
    struct Restore<D> {
        walk: Walk<Weight>,
        device: D,
    }

    impl<D> Restore<D> {
        /// A state of the layer that is visited.
        fn take<E: Element>(&mut self, name: &str) -> Result<Option<State<E, D>>, Error>
        where
            D: Backend<E>,
        {
            let name = self.walk.name(name);
            let Some(at) = self.walk.weights.iter().position(|state| state.name == name) else {
                return Ok(None);
            };
            let Weight { sizes, values, .. } = self.walk.weights.swap_remove(at);
            let &[rows, units] = sizes.as_slice() else {
                return Err(Error::mismatch("the dimensions of a state", 2, sizes.len()));
            };
            let state = self.device.try_tensor_from_vec(values.into_elements(), (rows, units));
            state.or_device().map(Some)
        }
    }

    impl<E: Element, D: Backend<E>> Visitor<E, D> for Restore<D> {
        fn visit<S: Shape>(&mut self, _: Parameter<'_, S, E, D>) -> Result<(), Error> {
            Ok(())
        }

        fn visit_carried(&mut self, carried: &CarriedStates<E, D>) -> Result<(), Error> {
            match self.take("h")? {
                Some(h) => carried.set(HiddenStates::new(h, self.take("c")?))?,
                None => carried.reset(),
            }
            Ok(())
        }

        fn enter(&mut self, name: &str) {
            self.walk.path.push(name.to_owned());
        }

        fn leave(&mut self) {
            self.walk.path.pop();
        }
    }

    let walk = Walk { path: Vec::new(), weights: states };
    let mut restore = Restore { walk, device: parameters::device(model) };
    model.visit(&mut restore)?;
    Ok(restore.walk.weights)
}

type State<E, D> = dfdx::tensor::Tensor<(usize, usize), E, D>;
