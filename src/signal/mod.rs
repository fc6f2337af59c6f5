//! What travels on the wire between two layers.
//!
//! A wire is named by its shape alone: the number type, the device and the tape that carry the data
//! do not appear in it, and so not in the message of a wiring mistake either.
//!
//! | signal | what it is | its data |
//! | --- | --- | --- |
//! | a shape, `(Batch, Const<10>)` | numbers | `Tensor<(Batch, Const<10>), E, D, T>` |
//! | [`Masked<S>`](Masked) | a padded sequence and its mask | `Masked<Tensor<S, E, D, T>>` |
//! | [`Ids<S>`](Ids) | token ids or class labels | `Tensor<S, usize, D, T>` |

mod dims;
mod each_step;
mod ids;
mod images;
mod inputs;
mod kinds;
mod masked;
mod message;
mod no_values;
mod outputs;
mod parts;
mod results;
mod rows;
mod states;
mod step;
mod tensor_data;
mod value;

pub use crate::mask::Mask;
pub(crate) use dims::FEATURES;
pub use dims::{Is, IsDim};
pub(crate) use each_step::EACH_STEP;
pub use each_step::{EachStep, UnfoldSteps};
pub use ids::Ids;
pub(crate) use ids::NO_LABEL;
pub(crate) use images::{IMAGES, UNMASKED_STEPS};
pub use images::{Images, UnmaskedSteps};
pub use inputs::{Inputs, TwoSignals};
pub use kinds::{HasMask, LastAxis, MaskTransparent, OneVector, Steps, TokenIds};
pub(crate) use kinds::{LAST_AXIS, NUMBERS, ONE_VECTOR, STEPS, TOKEN_IDS};
pub use masked::Masked;
#[doc(hidden)]
pub use message::Rest;
#[doc(hidden)]
pub use no_values::{
    HasBoth, HasValues, IsTensor, NamesValues, NoValues, NotOfMasked, NotOfTensors, Unnamed,
};
pub use outputs::{One, OutputAt, Outputs, Several};
pub use parts::PartAt;
pub(crate) use results::argmax;
pub use results::{Group, ToRows, ToVec};
pub use states::{StateH, StateHc};
pub use step::{StepRows, StepValues};
#[doc(hidden)]
pub use value::{Fed, OnWire};
pub use value::{Feedable, Value};

use std::ops::Range;

use dfdx::tensor::{NoneTape, PutTape, SplitTape, Tape, Tensor};

use crate::{
    backend::{Backend, Element, StopGradient},
    error::Error,
    shape::{self, Shape},
};
use rows::{concat, rows_of, without_padding};
use tensor_data::tensor_data;

/// What travels on the wire between two layers, named by its shape alone.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that layers take and give",
    note = "that is a shape such as `(Batch, Const<10>)`, a `Masked<(Batch, Const<10>, Const<8>)>` or `Ids<(Batch, Const<10>)>`"
)]
pub trait Signal: 'static {
    /// Whether a mask travels with it.
    const MASKED: bool = false;
    /// Whether it is, or has in it, the state of a recurrent layer.
    const HAS_STATE: bool = false;

    /// The data that carries the signal, for a number type, a device and a tape.
    type Data<E: Element, D: Backend<E>, T: Tape<E, D>>;

    /// One time step of the signal for all rows of a batch, as a stream carries it; see
    /// [`Streamable`](crate::stream::Streamable).
    type StepData<'a, E: Element>: Copy;

    /// Changes the numbers of a signal that is [`MaskTransparent`]; the mask, if there is one, stays.
    ///
    /// In the padding, `f` finds 0 for what is NaN, infinite or so large that to compute with it could overflow.
    ///
    /// # Errors
    /// Those of `f`.
    #[rustfmt::skip] // In one line, of which the compiler shows no more.
    fn map<E: Element, D: Backend<E>, T: Tape<E, D>>(x: Self::Data<E, D, T>, f: impl FnOnce(Tensor<Self::Shape, E, D, T>) -> Result<Tensor<Self::Shape, E, D, T>, Error>) -> Result<Self::Data<E, D, T>, Error> where Self: MaskTransparent {
        Self::map_values::<E, D, T>(x, f)
    }

    /// Puts a tape under data that has none, so that what follows is recorded.
    fn put_tape<E: Element, D: Backend<E>, T: Tape<E, D>>(
        data: Self::Data<E, D, NoneTape>,
        tape: T,
    ) -> Self::Data<E, D, T>;

    /// Takes the tape from under the data.
    fn split_tape<E: Element, D: Backend<E>, T: Tape<E, D>>(
        data: Self::Data<E, D, T>,
    ) -> (Self::Data<E, D, NoneTape>, T);

    /// The same data once more; no numbers are copied.
    fn share<E: Element, D: Backend<E>>(
        data: &Self::Data<E, D, NoneTape>,
    ) -> Self::Data<E, D, NoneTape>;

    /// The data with 0 for what stands at the positions that are not kept, as labels and targets may hold
    /// anything there. Data that the positions do not fit stays as it is.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn without_padding<E: Element, D: Backend<E>>(
        data: &Self::Data<E, D, NoneTape>,
        _keep: &[bool],
    ) -> Result<Self::Data<E, D, NoneTape>, Error> {
        Ok(Self::share::<E, D>(data))
    }

    /// Checks that data with a mask of its own is real at the positions that are kept; `None` means all.
    ///
    /// # Errors
    /// [`Error::Mismatch`] with the first row that is too short.
    fn check_real<E: Element, D: Backend<E>>(
        _data: &Self::Data<E, D, NoneTape>,
        _keep: Option<&[bool]>,
    ) -> Result<(), Error> {
        Ok(())
    }

    /// Joins batches, in order, into one.
    ///
    /// # Errors
    /// [`Error::Empty`] for no batches, [`Error::Mismatch`] where the shapes disagree beyond the batch.
    fn concat<E: Element, D: Backend<E>>(
        parts: &[Self::Data<E, D, NoneTape>],
    ) -> Result<Self::Data<E, D, NoneTape>, Error>;

    /// Some of the rows of a batch.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if there are fewer, or where the size of the batch is fixed; [`Error::Device`].
    fn rows_of<E: Element, D: Backend<E>>(
        data: &Self::Data<E, D, NoneTape>,
        rows: Range<usize>,
    ) -> Result<Self::Data<E, D, NoneTape>, Error>;

    /// Says that no gradient is required of the data, once what it returns is dropped; see [`StopGradient`].
    fn stop_gradient<E: Element, D: Backend<E>>(
        _: &Self::Data<E, D, NoneTape>,
    ) -> Vec<StopGradient> {
        Vec::new()
    }

    /// Shows the tensors of the data, with the mask of each.
    ///
    /// # Errors
    /// Those of what they are shown to.
    #[doc(hidden)]
    fn each_tensor<E: Element, D: Backend<E>, T: Tape<E, D>>(
        _data: &Self::Data<E, D, T>,
        _see: &mut impl SeeTensor<E, D, T>,
    ) -> Result<(), Error> {
        Ok(())
    }

    /// Writes the data down as numbers, for other ranks.
    ///
    /// # Errors
    /// [`Error::Device`].
    #[doc(hidden)]
    fn send<E: Element, D: Backend<E>>(
        data: &Self::Data<E, D, NoneTape>,
        message: &mut Vec<f64>,
    ) -> Result<(), Error>;

    /// Reads what [`send`](Signal::send) has written.
    ///
    /// # Errors
    /// [`Error::Mismatch`] for a message of something else; [`Error::Device`].
    #[doc(hidden)]
    fn receive<E: Element, D: Backend<E>>(
        rest: Rest<'_, '_>,
        dev: &D,
    ) -> Result<Self::Data<E, D, NoneTape>, Error>;

    /// The signal as a person writes it, for the summary of a model.
    fn display() -> String;

    /// The signals that travel side by side, each with its place: `""` for one alone, `"0"` and `"1"` for two.
    fn parts() -> Vec<(String, String)> {
        vec![(String::new(), Self::display())]
    }
}

#[diagnostic::do_not_recommend]
impl<S: Shape> Signal for S {
    type Data<E: Element, D: Backend<E>, T: Tape<E, D>> = Tensor<S, E, D, T>;
    type StepData<'a, E: Element> = &'a [E];

    tensor_data!(E);

    fn each_tensor<E: Element, D: Backend<E>, T: Tape<E, D>>(
        data: &Tensor<S, E, D, T>,
        see: &mut impl SeeTensor<E, D, T>,
    ) -> Result<(), Error> {
        see.tensor(data, None)
    }

    fn stop_gradient<E: Element, D: Backend<E>>(data: &Tensor<S, E, D>) -> Vec<StopGradient> {
        vec![D::stop_gradient(data)]
    }

    fn display() -> String {
        shape::display::<S>()
    }
}

/// What is shown the tensors of a signal.
#[doc(hidden)]
pub trait SeeTensor<E: Element, D: Backend<E>, T> {
    /// # Errors
    /// Its own.
    fn tensor<S: Shape>(
        &mut self,
        tensor: &Tensor<S, E, D, T>,
        mask: Option<&Mask>,
    ) -> Result<(), Error>;
}

/// A signal that is a shape: plain numbers, without a mask. Every [`Shape`] is one.
///
/// Where a layer is generic over what another layer gives, this is how it gets at the tensor.
pub trait Plain: Signal + Shape {
    /// The data of the signal as the tensor that it is.
    fn into_tensor<E: Element, D: Backend<E>, T: Tape<E, D>>(
        data: Self::Data<E, D, T>,
    ) -> Tensor<Self, E, D, T>;

    /// The tensor as data of the signal.
    fn from_tensor<E: Element, D: Backend<E>, T: Tape<E, D>>(
        tensor: Tensor<Self, E, D, T>,
    ) -> Self::Data<E, D, T>;
}

impl<S: Shape> Plain for S {
    fn into_tensor<E: Element, D: Backend<E>, T: Tape<E, D>>(
        data: Tensor<S, E, D, T>,
    ) -> Tensor<S, E, D, T> {
        data
    }

    fn from_tensor<E: Element, D: Backend<E>, T: Tape<E, D>>(
        tensor: Tensor<S, E, D, T>,
    ) -> Tensor<S, E, D, T> {
        tensor
    }
}

/// What is compared where a target has fewer steps than a prediction. Without a mask of it, padding is among them.
fn real_steps(keep: Option<&[bool]>) -> &'static str {
    match keep {
        Some(_) => "the real steps of a target",
        None => "the real steps of a target, of a model that makes no mask of padding",
    }
}
