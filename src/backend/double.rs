//! The operations in double precision on the CPU: the reference, with the values where they are.

use dfdx::tensor::{Cpu, Gradients, Tensor};

use super::{Backend, parameter, tape};
use crate::{error::Error, shape::Shape};

impl Backend<f64> for Cpu {
    fn values<S: Shape>(of: &Tensor<S, f64, Self>) -> Option<&[f64]> {
        tape::values_of(of)
    }

    fn values_mut<S: Shape>(of: &mut Tensor<S, f64, Self>) -> Option<&mut [f64]> {
        tape::values_mut(of)
    }

    fn gradient<S: Shape>(
        gradients: &mut Gradients<f64, Self>,
        of: &Tensor<S, f64, Self>,
        look: &mut dyn FnMut(&[f64]),
    ) -> Result<(), Error> {
        parameter::gradient_in_place(gradients, of, look, |vec| vec)
    }

    fn replace_gradient<S: Shape>(
        gradients: &mut Gradients<f64, Self>,
        of: &Tensor<S, f64, Self>,
        values: &[f64],
    ) -> Result<(), Error> {
        parameter::replace_gradient(gradients, of, values, |vec| vec)
    }

    fn with_gradient<S: Shape>(
        parameter: &mut Tensor<S, f64, Self>,
        gradients: &mut Gradients<f64, Self>,
        change: &mut dyn FnMut(&mut [f64], &mut [f64]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        parameter::with_gradient_in_place(parameter, gradients, change, |vec| vec)
    }
}
