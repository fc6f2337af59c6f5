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
    signal::{Mask, Masked, Signal, StepValues, Steps},
    stream::{Streamable, room},
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

impl Masking {
    /// The value of padding.
    fn padding<E: Element>(&self) -> Result<E, Error> {
        let expected = "it must be within the range of the model's elements";
        E::checked(self.value).ok_or_else(|| Error::invalid("mask_value", self.value, expected))
    }
}

fn same<E: Element>(value: E, padding: E) -> bool {
    value == padding || value.is_nan() && padding.is_nan()
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
        let padding = self.padding::<E>()?;
        let is_padding = |v: &E| same(*v, padding);
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

/// The value of padding, and room for a step and its mask.
pub struct MaskingStepper<E> {
    padding: E,
    values: Vec<E>,
    keep: Vec<bool>,
}

#[diagnostic::do_not_recommend]
impl<In, E: Element, D: Backend<E>> Streamable<In, E, D> for Masking
where
    In: Steps + StepValues,
{
    type State = ();
    type Stepper = MaskingStepper<E>;

    fn begin(&self, rows: usize) -> Result<(MaskingStepper<E>, ()), Error> {
        let (values, keep) = (room(rows, In::WIDTH)?, filled(&[rows], true)?);
        Ok((MaskingStepper { padding: self.padding()?, values, keep }, ()))
    }

    fn step<'a>(
        MaskingStepper { padding, values, keep }: &'a mut MaskingStepper<E>,
        (): &mut (),
        x: In::StepData<'a, E>,
    ) -> Result<(&'a [E], &'a [bool]), Error> {
        values.copy_from_slice(In::unpack(x).0);
        for (row, keep) in values.chunks_exact_mut(In::WIDTH.max(1)).zip(&mut *keep) {
            *keep = !row.iter().all(|&v| same(v, *padding));
            if !*keep {
                row.fill(E::zero());
            }
        }
        Ok((values, keep))
    }
}
