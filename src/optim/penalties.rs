//! What rules of weights do in training: penalties in the loss, and constraints after a step.

use dfdx::{
    prelude::{SumTo, TryAdd},
    shapes::{Axis, Rank0},
    tensor::{OwnedTape, Tensor},
};

use super::{Optimizer, State, groups::LayerGroups};
use crate::{
    backend::{
        Backend, Element,
        memory::{filled, listed},
        near,
    },
    error::{Error, OrDevice},
    parameters::{self, Parameter, Parameters, Visitor},
    regularizers::Rule,
};

/// Is shown the weights that are trained and have rules.
trait Ruled<E: Element, D: Backend<E>> {
    fn weight(&mut self, parameter: Parameter<'_, E, D>, rule: &Rule<'_>) -> Result<(), Error>;
}

struct Each<R> {
    ruled: R,
    /// How many parameters were shown before.
    number: usize,
}

impl<R> Each<R> {
    /// Shows a model. Errors say of which parameter they speak.
    fn visit<M: Parameters<E, D>, E: Element, D: Backend<E>>(
        ruled: R,
        groups: &LayerGroups,
        model: &mut M,
    ) -> Result<R, Error>
    where
        R: Ruled<E, D>,
    {
        let mut each = Self { ruled, number: 0 };
        groups.visit(model, &mut each).map_err(|error| match error {
            Error::Invalid { .. } | Error::Mismatch { .. } => {
                let named = parameters::list(model).into_iter().nth(each.number);
                let layer = named.map(|named| named.name).unwrap_or_default();
                Error::Wiring { layer, message: error.to_string() }
            }
            error => error,
        })?;
        Ok(each.ruled)
    }
}

impl<E: Element, D: Backend<E>, R: Ruled<E, D>> Visitor<E, D> for Each<R> {
    fn visit(&mut self, _: Parameter<'_, E, D>) -> Result<(), Error> {
        self.number += 1;
        Ok(())
    }

    #[inline(never)]
    fn visit_ruled(
        &mut self,
        parameter: Parameter<'_, E, D>,
        rule: &Rule<'_>,
    ) -> Result<(), Error> {
        if parameter.trainable {
            self.ruled.weight(parameter, rule)?;
        }
        self.number += 1;
        Ok(())
    }
}

fn wide<E: Element, D: Backend<E>>(
    parameter: &Parameter<'_, E, D>,
) -> Result<(Vec<f64>, Vec<usize>), Error> {
    let values = parameter.tensor.to_vec()?.into_iter().map(Element::as_f64);
    Ok((listed(values)?, parameter.sizes()))
}

/// The sum of the penalties that [regularizers](crate::regularizers) put on the weights of a model that are trained.
///
/// # Errors
/// Those of the regularizers; [`Error::Device`].
pub fn penalty<M: Parameters<E, D>, E: Element, D: Backend<E>>(model: &M) -> Result<f64, Error> {
    sum(&LayerGroups::default(), model)
}

impl<E: Element, D: Backend<E>> State<E, D> {
    /// The [`penalty`] of a model, of which that of what is frozen is no part.
    ///
    /// # Errors
    /// Those of the regularizers; [`Error::Device`].
    pub fn penalty<M: Parameters<E, D>>(&self, model: &M) -> Result<f64, Error> {
        sum(&self.groups, model)
    }

    /// Whether the gradients of an update are those of one loss: without penalties of weights, and without what steps before have
    /// gathered.
    ///
    /// # Errors
    /// Those of the model.
    pub(crate) fn steps_by_loss_alone<M: Parameters<E, D>>(
        &self,
        optimizer: &impl Optimizer,
        model: &mut M,
    ) -> Result<bool, Error> {
        let has_penalties = any_rule(&self.groups, model, |rule| rule.regularizer.is_some())?;
        Ok(!has_penalties && optimizer.options().steps_of_update() == 1)
    }
}

fn sum<M: Parameters<E, D>, E: Element, D: Backend<E>>(
    groups: &LayerGroups,
    model: &M,
) -> Result<f64, Error> {
    struct Sum(f64);

    impl<E: Element, D: Backend<E>> Ruled<E, D> for Sum {
        #[inline(never)]
        fn weight(&mut self, parameter: Parameter<'_, E, D>, rule: &Rule<'_>) -> Result<(), Error> {
            if let Some(regularizer) = rule.regularizer {
                let (values, sizes) = wide(&parameter)?;
                self.0 += regularizer.penalty(&values, &sizes)?;
            }
            Ok(())
        }
    }

    // Tensors are shared, so that this copies no numbers.
    Ok(Each::visit(Sum(0.0), groups, &mut model.clone())?.0)
}

/// The loss with the penalties, as a function of the weights too.
pub(super) fn penalized<M: Parameters<E, D>, E: Element, D: Backend<E>>(
    groups: &LayerGroups,
    model: &mut M,
    loss: Tensor<Rank0, E, D, OwnedTape<E, D>>,
) -> Result<Tensor<Rank0, E, D, OwnedTape<E, D>>, Error> {
    struct Add<E: Element, D: Backend<E>>(Option<Tensor<Rank0, E, D, OwnedTape<E, D>>>);

    impl<E: Element, D: Backend<E>> Ruled<E, D> for Add<E, D> {
        #[inline(never)]
        fn weight(&mut self, parameter: Parameter<'_, E, D>, rule: &Rule<'_>) -> Result<(), Error> {
            let Some(regularizer) = rule.regularizer else { return Ok(()) };
            let (values, sizes) = wide(&parameter)?;
            let mut slopes = filled(&[values.len()], 0.0)?;
            let penalty = regularizer.penalty(&values, &sizes)?;
            regularizer.add_gradient(&values, &sizes, &mut slopes)?;
            if values.is_empty() {
                return Ok(());
            }
            let weight = parameter.tensor.recorded()?;
            let element = |values: Vec<f64>| listed(values.into_iter().map(E::of));
            let moved = near(weight, element(values)?, element(slopes)?)?;
            let moved = moved.try_sum::<Rank0, Axis<0>>().or_device()?;
            let penalty = TryAdd::try_add(moved, E::of(penalty)).or_device()?;
            self.0 = match self.0.take() {
                Some(loss) => Some(TryAdd::try_add(loss, penalty).or_device()?),
                None => Some(penalty),
            };
            Ok(())
        }
    }

    Each::visit(Add(Some(loss)), groups, model)?.0.ok_or(Error::Empty("the loss"))
}

/// Whether a weight that is trained has such a rule.
pub(super) fn any_rule<M: Parameters<E, D>, E: Element, D: Backend<E>>(
    groups: &LayerGroups,
    model: &mut M,
    is_such: fn(&Rule<'_>) -> bool,
) -> Result<bool, Error> {
    struct Any {
        is_such: fn(&Rule<'_>) -> bool,
        any: bool,
    }

    impl<E: Element, D: Backend<E>> Ruled<E, D> for Any {
        fn weight(&mut self, _: Parameter<'_, E, D>, rule: &Rule<'_>) -> Result<(), Error> {
            self.any |= (self.is_such)(rule);
            Ok(())
        }
    }

    Ok(Each::visit(Any { is_such, any: false }, groups, model)?.any)
}

/// Brings all weights that are trained back to where their constraints have them.
pub(super) fn constrain<M: Parameters<E, D>, E: Element, D: Backend<E>>(
    groups: &LayerGroups,
    model: &mut M,
) -> Result<(), Error> {
    struct Bring;

    impl<E: Element, D: Backend<E>> Ruled<E, D> for Bring {
        #[inline(never)]
        fn weight(&mut self, parameter: Parameter<'_, E, D>, rule: &Rule<'_>) -> Result<(), Error> {
            let Some(constraint) = rule.constraint else { return Ok(()) };
            let (mut values, sizes) = wide(&parameter)?;
            constraint.apply(&mut values, &sizes)?;
            parameter.tensor.assign(&listed(values.into_iter().map(E::of))?)
        }
    }

    Each::visit(Bring, groups, model).map(|_| ())
}
