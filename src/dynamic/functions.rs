//! Activations as functions of rows, found by their names.

use std::fmt;

use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, NoneTape},
};

use super::{
    flow::Rows,
    op::{Pass, Recorder},
};
use crate::{
    backend::{ActivationFunction, ActivationKind, elu, logits, map_values},
    error::Error,
    fields::ActivationOptions,
    layers::Activation,
};

/// An activation of rows of numbers, for both tapes, and what an operation does in its place.
#[derive(Clone, Copy)]
pub(crate) struct Functions {
    pub(super) plain: fn(Rows) -> Result<Rows, Error>,
    pub(super) taped: fn(Rows<Recorder>) -> Result<Rows<Recorder>, Error>,
    finish: ActivationKind,
}

impl Functions {
    pub(super) const fn of<A: Activation>() -> Self {
        Self {
            plain: A::apply::<(usize, usize), f32, Cpu, NoneTape>,
            taped: A::apply::<(usize, usize), f32, Cpu, Recorder>,
            finish: A::FUSED,
        }
    }
}

/// An activation that was found by its name.
#[derive(Clone)]
pub(super) struct FoundFunction {
    pub(super) name: String,
    pub(super) of: Of,
    /// The options of a layer, which is then not the function of that name.
    pub(super) options: Option<ActivationOptions>,
}

#[derive(Clone, Copy)]
pub(super) enum Of {
    Keras(ActivationFunction),
    Own(Functions),
}

impl FoundFunction {
    /// That of Keras, if it is one.
    pub(super) fn keras(&self) -> Option<ActivationFunction> {
        match self.of {
            Of::Keras(function) if self.options.is_none() => Some(function),
            _ => None,
        }
    }

    /// Applies it behind an operation, which does what it is told.
    pub(super) fn behind<T: Pass>(
        &self,
        operation: impl FnOnce(ActivationKind) -> Result<Rows<T>, Error>,
    ) -> Result<Rows<T>, Error> {
        match self.finish::<T>() {
            ActivationKind::Nothing => self.apply(operation(ActivationKind::Nothing)?),
            fused => operation(fused),
        }
    }

    /// What an operation is told to do in its place; then it need not be [applied](Self::apply).
    pub(super) fn finish<T: Pass>(&self) -> ActivationKind {
        let fused = match self.of {
            _ if self.options.is_some() => ActivationKind::Nothing,
            Of::Keras(function) => function.fused(),
            Of::Own(functions) => functions.finish,
        };
        fused.fused::<f32, Cpu, T>()
    }

    /// Applies it to rows.
    pub(super) fn apply<T: Pass>(&self, x: Rows<T>) -> Result<Rows<T>, Error> {
        match self.options {
            Some(ActivationOptions::OfRelu(relu)) => return relu.apply(x),
            Some(ActivationOptions::OfElu(alpha)) => {
                let slope = move |x, y| if x > 0.0 { 1.0 } else { y + alpha };
                return map_values(x, |x| elu(x, alpha), slope);
            }
            None => {}
        }
        let functions = match &self.of {
            Of::Keras(function) => return logits::activation(x, *function),
            Of::Own(functions) => functions,
        };
        let shape = *x.shape();
        let y = T::activation(functions)(x)?;
        if *y.shape() != shape {
            return Err(Error::mismatch("the shape behind an activation", shape, y.shape()));
        }
        Ok(y)
    }
}

impl fmt::Debug for FoundFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
