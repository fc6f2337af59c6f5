//! What layers that change images at random have in common.

use dfdx::tensor::{Tape, Tensor};
use rand::{Rng, rngs::SmallRng};

use super::geometry::{Affine, Filling, transformed};
use crate::{
    backend::{Backend, Element, ImageShape, OfSamples},
    error::Error,
    memory::elements_of,
};
use dfdx::shapes::HasShape;

/// A number between two ends, which may be the same.
pub(crate) fn drawn([lower, upper]: [f64; 2], random: &mut SmallRng) -> f64 {
    if lower < upper { random.gen_range(lower..=upper) } else { lower }
}

/// Images that are changed each by a map of its own, drawn for its size, and keep that.
pub(crate) fn changed<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<ImageShape, E, D, T>,
    filling: Filling,
    map: impl Fn(&mut SmallRng, [usize; 2]) -> Affine,
) -> Result<Tensor<ImageShape, E, D, T>, Error> {
    let (batch, rows, columns, _) = *x.shape();
    if elements_of(&x)? == 0 {
        return Ok(x);
    }
    let size = [rows, columns];
    let random = OfSamples::new(x.device(), batch)?;
    let maps: Vec<Affine> = (0..batch).map(|i| map(&mut random.row(i), size)).collect();
    D::resampled(x, &transformed(&maps, size, size, filling)?)
}

/// A layer that takes images and returns such, which differ in the training pass only; what checks its settings comes second.
macro_rules! random_layer {
    ($name:ident $(, $check:ident)?) => {
        impl<In: Images, E: Element, D: Backend<E>> Layer<In, E, D> for $name {
            type Out = (In::Batch, In::Height, In::Width, In::Channels);

            // A layer around this one may hand on the pass of training by `call`: it implements no `call_mut`.
            fn call<T: Tape<E, D>>(
                &self,
                x: In::Data<E, D, T>,
            ) -> Result<Tensor<Self::Out, E, D, T>, Error> {
                if trains() {
                    return Layer::<In, E, D>::call_mut(&mut self.clone(), x);
                }
                let (x, shape) = In::images(x)?;
                $(self.$check::<E>()?;)?
                x.into_shape(&shape)
            }

            fn call_mut<T: Tape<E, D>>(
                &mut self,
                x: In::Data<E, D, T>,
            ) -> Result<Tensor<Self::Out, E, D, T>, Error> {
                let (x, shape) = In::images(x)?;
                $(self.$check::<E>()?;)?
                self.drawn(x)?.into_shape(&shape)
            }
        }
    };
}
pub(super) use random_layer;
