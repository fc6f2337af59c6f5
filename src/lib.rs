// Of two definitions of a link the first one counts: these in rustdoc, those of the README elsewhere.
//! [from-keras]: mod@guide::from_keras
//! [keras-files]: mod@guide::keras_files
//! [data-in]: mod@guide::data_in
//! [data-from-disk]: mod@guide::data_from_disk
//! [tables]: mod@guide::tables
//! [masks]: mod@guide::masks
//! [recurrent]: mod@guide::recurrent
//! [attention]: mod@guide::attention
//! [streaming]: mod@guide::streaming
//! [own-layer]: mod@guide::own_layer
//! [training]: mod@guide::training
//! [callbacks]: mod@guide::callbacks
//! [checkpoints]: mod@guide::checkpoints
//! [distributed]: mod@guide::distributed
//! [own-loop]: mod@guide::own_loop
//! [many-outputs]: mod@guide::many_outputs
//! [branches]: mod@guide::branches
//! [saving-and-serving]: mod@guide::saving_and_serving
//! [images]: mod@guide::images
//! [words]: mod@guide::words
//! [pictures]: mod@guide::pictures
//! [reading-errors]: mod@guide::reading_errors
//! [contributing]: https://github.com/kerata-rs/kerata/blob/main/CONTRIBUTING.md
#![doc = include_str!("../README.md")]
// What dynamic layers alone need of the rest stays there without them: it is compiled to nothing.
#![cfg_attr(not(feature = "dynamic"), allow(dead_code, unused_imports))]

// `#[layer]` names the crate as a program does.
extern crate self as kerata;

pub mod backend;
pub mod config;
pub mod data;
pub mod distributed;
#[cfg(feature = "dynamic")]
mod dynamic;
pub mod error;
mod fields;
#[doc(hidden)]
pub mod fusion;
pub mod guide;
pub mod init;
pub mod io;
mod just_the_type;
#[cfg(feature = "keras")]
pub mod keras;
pub mod layer;
pub mod layers;
pub mod loss;
mod mask;
mod memory;
pub mod metric;
pub mod model;
mod never;
pub mod optim;
mod order;
pub mod parameters;
#[cfg(feature = "plot")]
pub mod plot;
pub mod reduce;
pub mod regularizers;
pub mod shape;
pub mod signal;
pub mod stream;
pub mod tensor;
pub mod train;
mod tuples;
pub mod words;

pub use backend::{Backend, Element};
pub use dfdx::tensor::{Cpu, Tensor};
pub use error::Error;
pub use kerata_macros::{layer, model};
pub use layer::Layer;
pub use layers::*;
pub use model::Again;
pub use shape::{Batch, Causal, Const, Length, Same, Valid};
pub use signal::{Ids, Inputs, Mask, Masked, StateH, StateHc};
pub use train::callbacks;

/// The traits whose methods a program calls.
///
/// It holds no types. Import those by name, `use kerata::{Batch, Dense, Lstm};`: the compiler prints a
/// type that came in through `*` with its whole path, and error messages about wiring are better short.
pub mod prelude {
    #[cfg(feature = "keras")]
    pub use crate::keras::KerasFiles;
    pub use crate::{
        config::{Configured, KerasJson},
        data::{NotOfDatasets as _, SaveWith},
        error::NotOfResults as _,
        io::SaveWeights,
        just_the_type::ByDefault as _,
        layer::{Forward, Layer},
        loss::Compute,
        model::{
            Model, NotOfStreams as _, Unasked as _, Unlisted as _, Unsaved as _, Untrained as _,
        },
        optim::NotOfOptimizers as _,
        parameters::{Build, NotOfWeights as _, Parameters},
        signal::{NoValues as _, NotOfMasked as _, NotOfTensors as _, ToRows, ToVec, Unnamed as _},
        tensor::Backward,
        train::{NotOfFits as _, NotOfTrainers as _, Predict},
    };
    pub use dfdx::{
        shapes::{Dim as _, HasShape as _, Shape as _},
        tensor::{AsArray, TensorFrom, TensorFromVec, Trace, WithEmptyTape, ZerosTensor},
    };
}
