use std::ops::Range;

use dfdx::{
    shapes::HasShape,
    tensor::{PutTape, SplitTape, Storage, Tape, Tensor},
};

use super::{
    Mask, Rest, SeeTensor, Signal, message, real_steps,
    rows::{concat, lengthened, rows_of, without_padding},
};
use crate::{
    backend::{Backend, Element, StopGradient, memory::collected},
    error::Error,
    shape::{self, Features, Sequence},
};

/// A padded sequence together with the mask that says which of its steps are real.
///
/// As data it is `Masked<Tensor<S, E, D, T>>`. As the name of a wire it is `Masked<S>`, for example
/// `Masked<(Batch, Const<10>, Const<32>)>`. The batch and length of the mask agree with those of the
/// values: nothing else can be made.
///
/// ```
/// use kerata::{*, prelude::*};
///
/// let dev = Cpu::default();
/// let x = dev.tensor([[[1.0_f32], [2.0], [9.0]], [[3.0], [9.0], [9.0]]]);
/// let x = Masked::new(x, Mask::from_lengths(&[2, 1], 3)?)?;
/// assert_eq!(x.mask().count(), 3);
///
/// let wrong = Masked::new(x.values().clone(), Mask::full(2, 4));
/// assert_eq!(wrong.unwrap_err().to_string(), "the batch and length of a mask: expected (2, 3), found (2, 4)");
/// # Ok::<(), kerata::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Masked<T> {
    values: T,
    mask: Mask,
}

impl<T> Masked<T> {
    /// The values, those of the padding included.
    pub fn values(&self) -> &T {
        &self.values
    }

    /// The mask.
    pub fn mask(&self) -> &Mask {
        &self.mask
    }

    /// The values and the mask, apart.
    pub fn into_parts(self) -> (T, Mask) {
        (self.values, self.mask)
    }

    /// For values that come from the same batch as the mask.
    pub(super) fn from_parts(values: T, mask: Mask) -> Self {
        Self { values, mask }
    }
}

impl<S: Sequence, E, D: Storage<E>, T> Masked<Tensor<S, E, D, T>> {
    /// Puts a mask on a sequence.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the mask has another batch or length than the values.
    pub fn new(values: Tensor<S, E, D, T>, mask: Mask) -> Result<Self, Error> {
        let (steps, sizes) = (values.shape().steps(), (mask.batch(), mask.length()));
        if steps != sizes {
            return Err(Error::mismatch("the batch and length of a mask", steps, sizes));
        }
        Ok(Self { values, mask })
    }

    /// Replaces the mask that arrived by another, as the argument `mask=` does in Keras.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the mask has another batch or length than the values.
    pub fn with_mask(self, mask: Mask) -> Result<Self, Error> {
        Self::new(self.values, mask)
    }
}

#[diagnostic::do_not_recommend]
impl<S: Features> Features for Masked<S> {
    const SIZE: usize = S::SIZE;
}

#[diagnostic::do_not_recommend]
impl<S: Sequence> Signal for Masked<S> {
    const MASKED: bool = true;

    type Data<E: Element, D: Backend<E>, T: Tape<E, D>> = Masked<Tensor<S, E, D, T>>;
    type StepData<'a, E: Element> = (&'a [E], &'a [bool]);

    fn put_tape<E: Element, D: Backend<E>, T: Tape<E, D>>(
        data: Masked<Tensor<S, E, D>>,
        tape: T,
    ) -> Masked<Tensor<S, E, D, T>> {
        let (values, mask) = data.into_parts();
        Masked::from_parts(PutTape::put_tape(values, tape), mask)
    }

    fn split_tape<E: Element, D: Backend<E>, T: Tape<E, D>>(
        data: Masked<Tensor<S, E, D, T>>,
    ) -> (Masked<Tensor<S, E, D>>, T) {
        let (values, mask) = data.into_parts();
        let (values, tape) = SplitTape::split_tape(values);
        (Masked::from_parts(values, mask), tape)
    }

    fn share<E: Element, D: Backend<E>>(data: &Masked<Tensor<S, E, D>>) -> Masked<Tensor<S, E, D>> {
        data.clone()
    }

    fn without_padding<E: Element, D: Backend<E>>(
        data: &Masked<Tensor<S, E, D>>,
        keep: &[bool],
    ) -> Result<Masked<Tensor<S, E, D>>, Error> {
        Ok(Masked::from_parts(without_padding(data.values(), keep)?, data.mask().clone()))
    }

    fn check_real<E: Element, D: Backend<E>>(
        data: &Masked<Tensor<S, E, D>>,
        keep: Option<&[bool]>,
    ) -> Result<(), Error> {
        let mask = data.mask();
        let steps = mask.as_slice();
        let sizes: Vec<usize> = data.values().shape().concrete().into();
        // A step may be of several positions.
        let each: usize = sizes[2..sizes.len() - 1].iter().product();
        // Other sizes are told of where they are compared.
        if keep.is_some_and(|keep| keep.len() != steps.len() * each) {
            return Ok(());
        }
        let kept =
            |step: usize| keep.is_none_or(|keep| keep[step * each..][..each].contains(&true));
        match (0..steps.len()).find(|&step| kept(step) && !steps[step]) {
            None => Ok(()),
            Some(step) => {
                let row = step / mask.length();
                let needed = (0..mask.length()).rev().find(|at| kept(row * mask.length() + at));
                Err(Error::Mismatch {
                    what: real_steps(keep),
                    expected: format!("{} in row {row}", needed.map_or(0, |last| last + 1)),
                    found: mask.row(row).iter().filter(|&&real| real).count().to_string(),
                })
            }
        }
    }

    fn concat<E: Element, D: Backend<E>>(
        parts: &[Masked<Tensor<S, E, D>>],
    ) -> Result<Masked<Tensor<S, E, D>>, Error> {
        // Batches of any length were each padded to their own longest row.
        let length = parts.iter().map(|part| part.mask().length()).max().unwrap_or(0);
        let padded = |part| lengthened(part, length);
        let parts = parts.iter().map(padded).collect::<Result<Vec<_>, Error>>()?;
        let values: Vec<_> = parts.iter().map(|part| part.values().clone()).collect();
        let masks: Vec<_> = parts.iter().map(Masked::mask).collect();
        Masked::new(concat(&values)?, Mask::concat(&masks)?)
    }

    fn rows_of<E: Element, D: Backend<E>>(
        data: &Masked<Tensor<S, E, D>>,
        rows: Range<usize>,
    ) -> Result<Masked<Tensor<S, E, D>>, Error> {
        let values = rows_of(data.values(), rows.clone())?;
        let (count, mask) = (rows.len(), data.mask());
        let keep = collected(&[count, mask.length()], rows.flat_map(|row| mask.row(row)).copied())?;
        Masked::new(values, Mask::from_bools(keep, count, mask.length())?)
    }

    fn each_tensor<E: Element, D: Backend<E>, T: Tape<E, D>>(
        data: &Masked<Tensor<S, E, D, T>>,
        see: &mut impl SeeTensor<E, D, T>,
    ) -> Result<(), Error> {
        see.tensor(data.values(), Some(data.mask()))
    }

    fn stop_gradient<E: Element, D: Backend<E>>(
        data: &Masked<Tensor<S, E, D>>,
    ) -> Vec<StopGradient> {
        vec![D::stop_gradient(data.values())]
    }

    fn send<E: Element, D: Backend<E>>(
        data: &Masked<Tensor<S, E, D>>,
        message: &mut Vec<f64>,
    ) -> Result<(), Error> {
        message::send_mask(data.mask(), message);
        message::send(data.values(), message)
    }

    fn receive<E: Element, D: Backend<E>>(
        rest: Rest<'_, '_>,
        dev: &D,
    ) -> Result<Masked<Tensor<S, E, D>>, Error> {
        let mask = message::receive_mask(rest)?;
        Masked::new(message::receive(rest, dev)?, mask)
    }

    fn display() -> String {
        format!("Masked<{}>", shape::display::<S>())
    }
}
