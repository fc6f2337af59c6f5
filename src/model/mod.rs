//! Models: layers whose wiring is settled and checked where it is declared.
//!
//! # `#[model]`
//!
//! A model is a struct with one layer a field. Each field takes what the field before it gives; the first
//! takes the `input`, and what the last one gives is the output.
//!
//! ```
//! use kerata::{Batch, Cpu, Dense, Dropout, Embedding, Error, Ids, Lstm, MaskZero, Sequences, Softmax,
//!     model, prelude::*};
//!
//! #[model(input = Ids<(Batch, 100)>, output = (Batch, 2))]
//! pub struct Sentiment {
//!     pub embed: Embedding<10_000, 128, MaskZero>,
//!     pub lstm1: Lstm<_, 64, Sequences>,
//!     pub drop1: Dropout<50>,
//!     pub lstm2: Lstm<_, 32>,
//!     pub drop2: Dropout<50>,
//!     pub head: Dense<_, 2, Softmax>,
//! }
//!
//! let model = Sentiment::build(&Cpu::seed_from_u64(0))?;
//! assert_eq!(Sentiment::PARAMS, 1_280_000 + 49_408 + 12_416 + 66);
//! let answers = model.predict(&vec![[1_usize; 100]; 3], 32)?;
//! assert_eq!(answers.as_vec().len(), 3 * 2);
//! println!("{}", Sentiment::summary());
//! # Ok::<(), Error>(())
//! ```
//!
//! - `_` in a layer is filled in from what reaches it: the number of features of `Dense<_, 2>` and
//!   `Lstm<_, 64>`. A layer of your own implements [`Infer`] for that.
//! - `input` and `output` take signals as people write them: `(Batch, 28, 28, 1)`, `Ids<(Batch, 100)>`,
//!   `Masked<(Batch, 10, 8)>`, `(Batch, Length, 8)`. Literals, constants (in capitals) and constant
//!   expressions are sizes. `output` is optional, and checked.
//! - `element = f64` and `device = ..` choose another number type and device; the layers then name them too.
//! - The struct gets [`Build`], [`Layer`], [`Parameters`], [`Model`], `Clone` and `Debug`. A model is a layer,
//!   so models nest. A `#[derive(..)]` of your own stands below `#[model]`.
//! - [`Model::parameters`] lists the weights by name, `lstm1.kernel` and so on.
//! - A struct may be generic, over sizes (`struct Net<const UNITS: usize>`), numbers, devices and layers. Nothing
//!   can be inferred there, so sizes are written out, and a wrong layer is told at the attribute too.
//!
//! # Branches
//!
//! `#[from(name)]` on a field takes what another field before it gives, or the `input`, and
//! `#[from(a, b)]` takes both as [`Inputs`](crate::Inputs): this is what Keras's functional API does. One
//! output can be used as often as is wanted.
//!
//! ```
//! use kerata::{Add, Batch, Cpu, Dense, Error, Relu, model, prelude::*};
//!
//! /// `relu(x W + b) + x`, then a head.
//! #[model(input = (Batch, 8), output = (Batch, 1))]
//! struct Residual {
//!     inner: Dense<_, 8, Relu>,
//!     #[from(inner, input)]
//!     sum: Add,
//!     head: Dense<_, 1>,
//! }
//!
//! let model = Residual::build(&Cpu::default())?;
//! assert_eq!(model.predict(&vec![[1.0; 8]], 1)?.as_vec().len(), 1);
//! # Ok::<(), Error>(())
//! ```
//!
//! A model with two inputs takes `Inputs<(A, B)>`; `#[from(input.0)]` and `#[from(input.1)]` take one of them.
//! [`Shared`](crate::Shared) applies one layer to both:
//!
//! ```
//! use kerata::{Batch, Concatenate, Cpu, Dense, Embedding, Error, Ids, Inputs, Lstm, MaskZero, model,
//!     prelude::*};
//!
//! /// A text and three numbers about it.
//! #[model(input = Inputs<(Ids<(Batch, 5)>, (Batch, 3))>, output = (Batch, 1))]
//! struct Review {
//!     #[from(input.0)]
//!     embed: Embedding<100, 8, MaskZero>,
//!     text: Lstm<_, 4>,
//!     #[from(input.1)]
//!     numbers: Dense<_, 4>,
//!     #[from(text, numbers)]
//!     both: Concatenate<_>,
//!     score: Dense<_, 1>,
//! }
//!
//! let model = Review::build(&Cpu::seed_from_u64(0))?;
//! let (texts, numbers) = (vec![[1_usize, 2, 0, 0, 0]; 2], vec![[0.5_f32, 1.0, 2.0]; 2]);
//! assert_eq!(model.predict(&(texts, numbers), 2)?.as_vec().len(), 2);
//! # Ok::<(), Error>(())
//! ```
//!
//! # Without the macro
//!
//! A tuple of layers is a layer, and a [`Sequential`] of a tuple is a model:
//!
//! ```
//! use kerata::{Batch, Const, Cpu, Dense, Error, Lstm, model::Sequential, prelude::*};
//!
//! type Meter = Sequential<(Batch, Const<10>, Const<2>), (Lstm<2, 16>, Dense<16, 1>)>;
//! let model = Meter::build(&Cpu::default())?;
//! # Ok::<(), Error>(())
//! ```

mod functional;
mod keras;
mod nodes;
mod sequential;
mod summary;
mod wire;

pub use crate::layer::{Infer, Inferred, Takes};
pub(crate) use keras::input_layer;
pub use keras::{LayerVisitor, Layers, Shown};
pub use sequential::{Chain, Sequential};
pub use summary::{Row, Summary};
pub use wire::{Built, Carries, Checked, Field, Gives, Next, Part, Visited, Wire};

#[doc(hidden)]
pub use dfdx::tensor::Tape;

use dfdx::tensor::Cpu;

#[cfg(doc)]
use crate::parameters::Build;
use crate::{
    backend::{Backend, Element},
    layer::Layer,
    parameters::{self, Named, Parameters},
    signal::Signal,
};

/// A layer, or a chain of layers, whose input and output are settled.
pub trait Model<E: Element = f32, D: Backend<E> = Cpu>:
    Layer<Self::Input, E, D, Out = Self::Output> + Parameters<E, D>
{
    /// The signal that the model takes.
    type Input: Signal;
    /// The signal that the model gives.
    type Output: Signal;

    /// A table of the layers: what reaches each and what leaves it, what becomes of the mask, how many
    /// parameters it has, and which layers are input, hidden and output.
    fn summary() -> Summary;

    /// The parameters by name, `lstm1.kernel` and so on, in the order of declaration.
    fn parameters(&self) -> Vec<Named> {
        parameters::list(self)
    }
}
