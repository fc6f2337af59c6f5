//! The states that `stateful` layers keep, in a checkpoint and for other ranks.

use dfdx::shapes::HasShape;

use crate::{
    backend::{Backend, CarriedStates, Element, HiddenStates, to_values},
    error::{Error, OrDevice},
    io::{Walk, Weight},
    parameters::{self, Parameter, Parameters, Visitor},
};

/// What is kept, by the name of the layer: `lstm.h`, `lstm.c`.
pub(super) fn collect<M: Parameters<E, D>, E: Element, D: Backend<E>>(
    model: &M,
) -> Result<Vec<Weight>, Error> {
    struct Collect(Walk<Weight>);

    impl<E: Element, D: Backend<E>> Visitor<E, D> for Collect {
        fn visit(&mut self, _: Parameter<'_, E, D>) -> Result<(), Error> {
            Ok(())
        }

        #[inline(never)]
        fn visit_carried(&mut self, carried: &CarriedStates<E, D>) -> Result<(), Error> {
            let Some(HiddenStates { h, c, .. }) = carried.get()? else { return Ok(()) };
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
        fn visit(&mut self, _: Parameter<'_, E, D>) -> Result<(), Error> {
            Ok(())
        }

        #[inline(never)]
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

/// Whether layers keep states.
pub(super) fn are_kept<M: Parameters<E, D>, E: Element, D: Backend<E>>(
    model: &M,
) -> Result<bool, Error> {
    let mut all = All(Vec::new());
    model.clone().visit(&mut all)?;
    Ok(!all.0.is_empty())
}

/// All states as one row of values: of each layer how many rows and units it has, whether it has `c`, and the values.
pub(super) fn values<M: Parameters<E, D>, E: Element, D: Backend<E>>(
    model: &M,
) -> Result<Vec<f64>, Error> {
    let mut all = All(Vec::new());
    model.clone().visit(&mut all)?;
    let mut values = Vec::new();
    for states in all.0 {
        let Some(HiddenStates { h, c, .. }) = states.get()? else {
            values.extend([0.0; 3]);
            continue;
        };
        let (rows, units) = *h.shape();
        values.extend([rows as f64, units as f64, f64::from(u8::from(c.is_some()))]);
        for state in std::iter::once(h).chain(c) {
            values.extend(to_values(&state)?.iter().map(|value| value.as_f64()));
        }
    }
    Ok(values)
}

/// Gives the layers of a model the states that are [`values`].
pub(super) fn assign<M: Parameters<E, D>, E: Element, D: Backend<E>>(
    model: &mut M,
    mut values: &[f64],
) -> Result<(), Error> {
    struct Assign<'a, 'b, D> {
        rest: &'a mut &'b [f64],
        device: D,
    }

    impl<E: Element, D: Backend<E>> Visitor<E, D> for Assign<'_, '_, D> {
        fn visit(&mut self, _: Parameter<'_, E, D>) -> Result<(), Error> {
            Ok(())
        }

        #[inline(never)]
        fn visit_carried(&mut self, carried: &CarriedStates<E, D>) -> Result<(), Error> {
            let found = self.rest.len();
            let fewer = || Error::mismatch("the states of rank 0", "more values", found);
            let (&[rows, units, has_c], rest) = self.rest.split_first_chunk().ok_or_else(fewer)?;
            *self.rest = rest;
            let (rows, units) = (rows as usize, units as usize);
            if rows == 0 {
                carried.reset();
                return Ok(());
            }
            let mut state = || {
                let (own, rest) = self.rest.split_at_checked(rows * units).ok_or_else(fewer)?;
                *self.rest = rest;
                let own = own.iter().map(|&value| E::of(value)).collect();
                self.device.try_tensor_from_vec(own, (rows, units)).or_device()
            };
            let h = state()?;
            let c = if has_c != 0.0 { Some(state()?) } else { None };
            carried.set(HiddenStates::new(h, c))
        }
    }

    let device = parameters::device(model);
    model.visit(&mut Assign { rest: &mut values, device })
}

/// What stateful layers keep, each as a copy.
struct All<E: Element, D: Backend<E>>(Vec<CarriedStates<E, D>>);

impl<E: Element, D: Backend<E>> Visitor<E, D> for All<E, D> {
    fn visit(&mut self, _: Parameter<'_, E, D>) -> Result<(), Error> {
        Ok(())
    }

    #[inline(never)]
    fn visit_carried(&mut self, carried: &CarriedStates<E, D>) -> Result<(), Error> {
        self.0.push(carried.clone());
        Ok(())
    }
}

type State<E, D> = dfdx::tensor::Tensor<(usize, usize), E, D>;
