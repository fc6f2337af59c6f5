use dfdx::{
    shapes::{HasShape, Shape},
    tensor::Tape,
};

use crate::{
    backend::{
        Backend, Element, keep_rows,
        memory::{collected, elements_of, filled},
        to_values,
    },
    error::Error,
    layer,
    layer::Layer,
    signal::{Mask, Masked, Signal, Steps},
};

/// Makes a mask for a sequence of features: a step all of whose features equal `value` is padding. If `value` is NaN,
/// that is a step all of whose features are NaN (Keras masks none then, as NaN equals nothing).
///
/// The features of masked steps are set to 0, as in Keras. The default value is 0.
///
/// # Errors
/// [`Error::Invalid`] for a value that is NaN, or that the elements of the model cannot hold.
///
/// Keras: [`Masking`](https://keras.io/api/layers/core_layers/masking/).
///
/// # Shapes
/// - input `(Batch, Length, F)`, or masked: the mask that arrives is replaced
/// - output `Masked<(Batch, Length, F)>`
///
/// ```
/// use kerata::{*, prelude::*};
///
/// let dev = Cpu::default();
/// let x = dev.tensor([[[1.0_f32, 0.0], [0.0, 0.0]]]);
/// assert_eq!(Masking::default().forward(x)?.mask().row(0), [true, false]);
/// # Ok::<(), Error>(())
/// ```
#[layer(class = "Masking")]
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Masking {
    /// The value of padding, Keras's `mask_value`.
    #[option(default = 0.0, key = "mask_value")]
    pub value: f64,
}

impl<In: Steps, E: Element, D: Backend<E>> Layer<In, E, D> for Masking {
    type Out = Masked<(In::Batch, In::Length, In::Features)>;

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
        let (x, _) = In::split(x);
        let shape = *x.shape();
        elements_of(&x)?;
        let [batch, length, features] = shape.concrete();
        let Some(padding) = E::checked(self.value) else {
            let expected = "it must be within the range of the model's elements";
            return Err(Error::invalid("mask_value", self.value, expected));
        };
        let is_padding = |&v: &E| v == padding || v.is_nan() && padding.is_nan();
        let steps = [batch, length];
        let keep: Vec<bool> = match features {
            0 => filled(&steps, false)?,
            n => {
                let numbers = to_values(&x)?;
                collected(&steps, numbers.chunks(n).map(|step| !step.iter().all(is_padding)))?
            }
        };
        let mask = Mask::from_bools(keep, batch, length)?;
        if elements_of(&shape)? == 0 {
            return Masked::new(x, mask);
        }
        let values = keep_rows(x, mask.as_slice(), E::zero())?;
        Masked::new(values, mask)
    }
}
