use dfdx::tensor::Tape;

use super::element;
use crate::{
    backend::{Backend, Element, Scale},
    error::Error,
    layer,
    layer::Layer,
    signal::{MaskTransparent, StepValues},
    stream::{Streamable, copy_bounded, room},
};

/// `x * scale + offset`, such as the pixels of an image from 0 to 255 onto 0 to 1.
///
/// Keras: [`Rescaling`](https://keras.io/api/layers/preprocessing_layers/image_preprocessing/rescaling/). A scale for each channel,
/// which it takes too, is what [`Normalization`](super::Normalization) has; layers from a config take it as it is.
///
/// # Shapes
/// Any shape, masked or not; it stays.
///
/// ```
/// use kerata::{Batch, Conv2d, Cpu, Error, Rescaling, model, prelude::*};
///
/// #[model(input = (Batch, 28, 28, 1))]
/// struct Images {
///     #[with(scale = 1.0 / 127.5, offset = -1.0)]
///     rescale: Rescaling,
///     conv: Conv2d<_, 8, 3>,
/// }
///
/// let images = Images::build(&Cpu::seed_from_u64(0))?;
/// let y = images.rescale.forward(Cpu::default().tensor([[0.0_f32, 255.0]]))?;
/// assert_eq!(y.array(), [[-1.0, 1.0]]);
/// # Ok::<(), Error>(())
/// ```
#[layer(class = "Rescaling")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rescaling {
    /// What is multiplied with. Default 1; Keras has none.
    #[option(default = 1.0)]
    pub scale: f64,
    /// What is added then. Default 0.
    #[option(default = 0.0)]
    pub offset: f64,
}

impl Default for Rescaling {
    fn default() -> Self {
        Self { scale: 1.0, offset: 0.0 }
    }
}

impl Rescaling {
    /// Scale and offset as elements.
    fn elements<E: Element>(&self) -> Result<(E, E), Error> {
        Ok((element("scale", self.scale)?, element("offset", self.offset)?))
    }
}

impl<In: MaskTransparent, E: Element, D: Backend<E>> Layer<In, E, D> for Rescaling {
    type Out = In;

    fn call<T: Tape<E, D>>(&self, x: In::Data<E, D, T>) -> Result<In::Data<E, D, T>, Error> {
        let (scale, offset) = self.elements::<E>()?;
        In::map(x, |x| {
            D::scaled(x, Scale { factors: &[scale], summands: &[offset], sum_first: false })
        })
    }
}

/// What a step is computed with.
pub struct RescalingStepper<E> {
    scale: E,
    offset: E,
    values: Vec<E>,
}

#[diagnostic::do_not_recommend]
impl<In, E: Element, D: Backend<E>> Streamable<In, E, D> for Rescaling
where
    In: MaskTransparent + StepValues,
{
    type State = ();
    type Stepper = RescalingStepper<E>;

    fn begin(&self, rows: usize) -> Result<(RescalingStepper<E>, ()), Error> {
        let ((scale, offset), values) = (self.elements()?, room(rows, In::WIDTH)?);
        Ok((RescalingStepper { scale, offset, values }, ()))
    }

    fn step<'a>(
        RescalingStepper { scale, offset, values }: &'a mut RescalingStepper<E>,
        (): &mut (),
        x: In::StepData<'a, E>,
    ) -> Result<In::StepData<'a, E>, Error> {
        let (x, keep) = In::unpack(x);
        copy_bounded(x, keep, values);
        values.iter_mut().for_each(|x| *x = *x * *scale + *offset);
        Ok(In::pack(values, keep))
    }
}
