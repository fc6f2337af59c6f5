//! Weights to and from files, by name: `.safetensors` and NumPy's `.npz`.
//!
//! A parameter has the name of its layer and its own, `lstm1.kernel` in a `#[model]` and `0.kernel` in a
//! tuple, with Keras's layouts. Everything is checked before anything is loaded: a file that does not fit
//! changes nothing, and one error tells all that is missing, too much or of another shape. A file that is
//! written is complete or is not there: it is written beside its place, synced, and renamed. A file of another
//! kind is named for what it is, in one sentence; only regular files are read and written, never a pipe or a
//! device.
//!
//! ```
//! use kerata::{*, io::SaveWeights, prelude::*};
//!
//! let model = <(Dense<3, 4, Relu>, Dense<4, 2>)>::build(&Cpu::seed_from_u64(1))?;
//! let path = std::env::temp_dir().join("kerata-doc.npz");
//! model.save_weights(&path)?;
//!
//! let mut other = <(Dense<3, 4, Relu>, Dense<4, 2>)>::build(&Cpu::seed_from_u64(2))?;
//! other.load_weights(&path)?;
//! assert_eq!(other.0.kernel.array(), model.0.kernel.array());
//!
//! let mut wider = <(Dense<3, 5, Relu>, Dense<5, 2>)>::build(&Cpu::seed_from_u64(2))?;
//! let error = wider.load_weights(&path).unwrap_err().to_string();
//! assert!(error.contains("0.kernel: the model has (3, 5), the file has (3, 4)"), "{error}");
//! # std::fs::remove_file(path).unwrap();
//! # Ok::<(), Error>(())
//! ```

mod atomic;
mod checksum;
mod dtype;
mod file;
mod npy;
mod npz;
mod open;
mod positioned;
mod safetensors;
pub(crate) mod save;
mod temporary;
mod values;
mod weights;

pub use file::{Array, WeightFile};
pub use weights::SaveWeights;

pub(crate) use atomic::{has_extension, write_with};
pub(crate) use checksum::checksum;
pub(crate) use dtype::{Dtype, TooLarge};
pub(crate) use file::{CHECKPOINT, MODEL, PREPROCESSING};
pub(crate) use kerata_format::{Kind, Wanted};
pub(crate) use npy::Header as NpyHeader;
pub(crate) use open::{check_no_pipe, failed, head, open, read, refuse_all_but};
pub(crate) use positioned::{PlacedFile, Positioned};
pub(crate) use values::{Values, Weight};
pub(crate) use weights::{OTHERS, Walk, collect, shapes, write_checkpoint, write_weights};
#[cfg(feature = "keras")]
pub(crate) use {
    atomic::write,
    kerata_format::Writer as ZipWriter,
    values::{shape, too_large},
};
