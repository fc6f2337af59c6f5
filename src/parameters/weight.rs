//! A parameter as visitors have it: its numbers, whatever its shape.

use dfdx::{
    shapes::HasShape,
    tensor::{Gradients, OwnedTape, PutTape, Tensor},
};

use crate::{
    backend::{Backend, BringRows, Element, FollowedRows, IntoShape, assign, to_values},
    error::{Error, OrDevice},
    memory::copied,
    shape::Shape,
};

/// The numbers of a parameter, in the order of their indices (row-major), on whatever device.
///
/// All tensors are such, and nothing else: so a [`Visitor`](super::Visitor) is written, and compiled, once for all shapes.
///
/// ```
/// use dfdx::{prelude::{Backward, MeanTo}, tensor::{Gradients, OwnedTape, PutTape}};
/// use kerata::{Cpu, Dense, Error, parameters::{Parameter, Visitor}, prelude::*};
///
/// /// The largest slope of each parameter.
/// struct Largest<'a>(&'a mut Gradients<f32, Cpu>, Vec<(String, f32)>);
///
/// impl Visitor<f32, Cpu> for Largest<'_> {
///     fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
///         let slopes = parameter.tensor.gradient(self.0)?;
///         let most = slopes.into_iter().fold(0.0, |most, slope| slope.abs().max(most));
///         self.1.push((parameter.name.to_owned(), most));
///         Ok(())
///     }
/// }
///
/// let dev = Cpu::seed_from_u64(0);
/// let mut layer = Dense::<2, 1>::build(&dev)?;
/// let y = layer.forward(dev.tensor([[3.0, -4.0]]).put_tape(OwnedTape::default()))?;
/// let mut largest = Largest(&mut y.mean().backward(), Vec::new());
/// layer.visit(&mut largest)?;
/// assert_eq!(largest.1, [("kernel".to_owned(), 4.0), ("bias".to_owned(), 1.0)]);
/// # Ok::<(), Error>(())
/// ```
pub trait Weight<E: Element, D: Backend<E>>: sealed::Sealed {
    /// The sizes of its dimensions.
    #[doc(hidden)]
    fn tensor_sizes(&self) -> Vec<usize>;

    /// How many numbers there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The device that they are on.
    fn device(&self) -> &D;

    /// A copy of the numbers.
    ///
    /// # Errors
    /// [`Error::Device`] without memory.
    fn to_vec(&self) -> Result<Vec<E>, Error>;

    /// Gives it other numbers. It stays the parameter that gradients know.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if there are not as many; [`Error::Device`].
    fn assign(&mut self, values: &[E]) -> Result<(), Error>;

    /// A copy of the gradient, of zeros where nothing reached the parameter.
    ///
    /// # Errors
    /// [`Error::Device`] without memory.
    fn gradient(&self, gradients: &mut Gradients<E, D>) -> Result<Vec<E>, Error> {
        let mut copy = Ok(Vec::new());
        self.show_gradient(gradients, &mut |gradient| {
            copy = copied(gradient);
        })?;
        Ok(copy?)
    }

    /// Makes it another parameter, of these numbers, which are not copied.
    #[doc(hidden)]
    fn replace(&mut self, values: Vec<E>) -> Result<(), Error>;

    /// [`Backend::values`].
    #[doc(hidden)]
    fn values(&self) -> Option<&[E]>;

    /// [`Backend::values_mut`].
    #[doc(hidden)]
    fn values_mut(&mut self) -> Option<&mut [E]>;

    /// [`Backend::gradient`].
    #[doc(hidden)]
    fn show_gradient(
        &self,
        gradients: &mut Gradients<E, D>,
        look: &mut dyn FnMut(&[E]),
    ) -> Result<(), Error>;

    /// [`Backend::largest_gradient`].
    #[doc(hidden)]
    fn largest_gradient(&self, gradients: &mut Gradients<E, D>) -> Result<E, Error>;

    /// [`Backend::with_gradient`].
    #[doc(hidden)]
    fn with_gradient(
        &mut self,
        gradients: &mut Gradients<E, D>,
        change: &mut dyn FnMut(&mut [E], &mut [E]) -> Result<(), Error>,
    ) -> Result<(), Error>;

    /// [`Backend::replace_gradient`].
    #[doc(hidden)]
    fn replace_gradient(&self, gradients: &mut Gradients<E, D>, values: &[E]) -> Result<(), Error>;

    /// [`Backend::follow_rows`].
    #[doc(hidden)]
    fn follow_rows(
        &self,
        width: usize,
        stale: bool,
        bring: BringRows<E>,
    ) -> Option<FollowedRows<E>>;

    /// The numbers in one dimension, on a tape of their own: what is made of them goes back to the parameter.
    #[doc(hidden)]
    fn recorded(&self) -> Result<Tensor<(usize,), E, D, OwnedTape<E, D>>, Error>;
}

impl<S: Shape, E: Element, D: Backend<E>> Weight<E, D> for Tensor<S, E, D> {
    fn tensor_sizes(&self) -> Vec<usize> {
        self.shape().concrete().into()
    }

    fn len(&self) -> usize {
        self.shape().num_elements()
    }

    fn device(&self) -> &D {
        Tensor::device(self)
    }

    fn to_vec(&self) -> Result<Vec<E>, Error> {
        to_values(self)
    }

    fn assign(&mut self, values: &[E]) -> Result<(), Error> {
        assign(self, values)
    }

    fn replace(&mut self, values: Vec<E>) -> Result<(), Error> {
        if values.len() != Weight::len(self) {
            return Err(Error::mismatch(
                "the numbers of a parameter",
                Weight::len(self),
                values.len(),
            ));
        }
        if !values.is_empty() {
            *self = Tensor::device(self).try_tensor_from_vec(values, *self.shape()).or_device()?;
        }
        Ok(())
    }

    fn values(&self) -> Option<&[E]> {
        D::values(self)
    }

    fn values_mut(&mut self) -> Option<&mut [E]> {
        D::values_mut(self)
    }

    fn show_gradient(
        &self,
        gradients: &mut Gradients<E, D>,
        look: &mut dyn FnMut(&[E]),
    ) -> Result<(), Error> {
        D::gradient(gradients, self, look)
    }

    fn largest_gradient(&self, gradients: &mut Gradients<E, D>) -> Result<E, Error> {
        D::largest_gradient(gradients, self)
    }

    fn with_gradient(
        &mut self,
        gradients: &mut Gradients<E, D>,
        change: &mut dyn FnMut(&mut [E], &mut [E]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        D::with_gradient(self, gradients, change)
    }

    fn replace_gradient(&self, gradients: &mut Gradients<E, D>, values: &[E]) -> Result<(), Error> {
        D::replace_gradient(gradients, self, values)
    }

    fn follow_rows(
        &self,
        width: usize,
        stale: bool,
        bring: BringRows<E>,
    ) -> Option<FollowedRows<E>> {
        D::follow_rows(self, width, stale, bring)
    }

    fn recorded(&self) -> Result<Tensor<(usize,), E, D, OwnedTape<E, D>>, Error> {
        let len = Weight::len(self);
        self.clone().put_tape(OwnedTape::default()).into_shape(&(len,))
    }
}

mod sealed {
    use dfdx::tensor::Tensor;

    pub trait Sealed {}

    impl<S: crate::shape::Shape, E: crate::backend::Element, D: crate::backend::Backend<E>> Sealed
        for Tensor<S, E, D>
    {
    }
}
