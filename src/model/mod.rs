//! Models: layers whose wiring is settled and checked where it is declared.
//!
#![doc = include_str!("../../docs/model.md")]

mod active;
mod again;
mod anew;
mod asked;
mod both_directions;
mod chained;
mod cut;
mod declared;
mod functional;
mod keras;
mod options;
mod output;
mod sequential;
mod stream;
mod summary;
mod untrained;
mod windows;
mod wire;

pub use crate::layer::{Infer, Inferred, Takes};
#[doc(hidden)]
pub use active::active;
pub use again::Again;
#[doc(hidden)]
pub use anew::{Anew, NotOfStreams};
#[doc(hidden)]
pub use asked::{
    Asked, Computes, ComputesNothing, ComputesOther, HasHole, HasLayer, Infers, InfersNothing,
    InfersOther,
};
#[doc(hidden)]
pub use chained::{Chained, Chains, Fits, Tuple};
#[doc(hidden)]
pub use cut::{
    Code, Coded, Coding, Continues, Cut, Decoded, Dimension, Dimensions, Given, NotCoded,
};
#[doc(hidden)]
pub use declared::{Gives, MaskOfBoth, Masks};
#[doc(hidden)]
pub use keras::accepts;
pub(crate) use keras::input_layer;
pub use keras::{LayerVisitor, Layers, Shown};
#[doc(hidden)]
pub use options::{Options, Setting, ValueOf, option_of, weight_of};
#[doc(hidden)]
pub use output::AsOutput;
pub use output::Output;
pub use sequential::Sequential;
#[doc(hidden)]
pub use stream::CanStream;
pub use stream::{Stream, StreamModel, StreamState};
pub(crate) use summary::short;
#[cfg(feature = "plot")]
pub(crate) use summary::thousands;
pub use summary::{Row, Summary};
#[doc(hidden)]
pub use untrained::{Answers, Lists, Saves, Trains, Unasked, Unlisted, Unsaved, Untrained};
#[doc(hidden)]
pub use windows::{Between, SameSizes, Sized, Windows, closed, opened};
#[doc(hidden)]
pub use wire::NoLayer;
pub use wire::{
    Arrives, Behind, Built, Carries, Checked, Debugs, Field, LayerNumber, Names, Next, Part,
    Reaches, Told, Visited,
};

#[doc(hidden)]
pub use dfdx::tensor::Tape;

use dfdx::tensor::Cpu;

#[cfg(doc)]
use crate::parameters::Build;
use crate::{
    backend::{Backend, Element},
    error::Error,
    layer::Layer,
    parameters::{self, Named, Parameters},
    signal::Signal,
};

/// A layer, or a chain of layers, whose input and output are settled.
///
/// A `#[model]` is one, and so is a [`Sequential`].
///
/// ```
/// use kerata::{Batch, Cpu, Dense, Error, model, model::Model, prelude::*};
///
/// #[model(input = (Batch, 3), output = (Batch, 2))]
/// struct Net {
///     head: Dense<_, 2>,
/// }
///
/// /// How many parameters a model has, and the name of the first.
/// fn describe<M: Model>(model: &M) -> (usize, String) {
///     (M::summary().params(), model.parameters()[0].name.clone())
/// }
///
/// assert_eq!(describe(&Net::build(&Cpu::default())?), (3 * 2 + 2, "head.kernel".into()));
/// # Ok::<(), Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no model",
    label = "no model: out of a `Result` it is taken by `?`, and a generic function asks for `M: Model`",
    note = "a model is a struct under `#[model]`, layers as a tuple in a `Sequential::<Input, _>::new((..,))`, or a `DynamicLayer` as `layer.typed::<(Batch, Const<4>), (Batch, Const<2>)>()?`; `load_weights(..)?` gives `()`, and the model stays where it is"
)]
#[rustfmt::skip] // In one line, of which the compiler shows no more.
pub trait Model<E: Element = f32, D: Backend<E> = Cpu>: Layer<Self::Input, E, D, Out = Self::Output> + Parameters<E, D> {
    /// The signal that the model takes.
    type Input: Signal;
    /// The signal that the model gives.
    type Output: Signal;

    /// A table of the layers: what reaches each and what leaves it, what becomes of the mask, how many
    /// parameters it has, and which layers are input, hidden and output.
    fn summary() -> Summary;

    /// The names of the outputs, if there are several: those of the fields that `outputs(..)` names, or else their
    /// places.
    fn output_names() -> Vec<String> {
        match Self::Output::parts() {
            parts if parts.len() > 1 => parts.into_iter().map(|(place, _)| place).collect(),
            _ => Vec::new(),
        }
    }

    /// The parameters by name, `lstm1.kernel` and so on, in the order of declaration.
    fn parameters(&self) -> Vec<Named> {
        parameters::list(self)
    }

    /// The model step by step, for a batch of so many rows: `stream.step(..)` gives what the model gives for one more step.
    ///
    /// Its layers must look only backward in time; a layer that does not is an error of the compiler. A tuple of layers,
    /// or one layer, is a model as [`Sequential::new((layer,))`](Sequential::new).
    ///
    /// # Errors
    /// What a layer says that cannot be streamed as it is, such as [`Error::Invalid`] for one whose `go_backwards` is set;
    /// [`Error::Mismatch`] for weights that do not fit; [`Error::Device`].
    fn stream(&self, rows: usize) -> Result<Self::Stream, Error>
    where
        Self: CanStream<E, D>,
    {
        self.stream_of(rows)
    }
}
