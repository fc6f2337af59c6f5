//! Keras's files with weights: models that Keras wrote, hostile files, and files that Keras reads again.

#![allow(missing_docs)]

mod branches;
mod case;
mod clients;
mod compiled;
mod hostile;
mod inner;
mod masks_behind;
mod options;
mod pasted;
mod prepared;
mod ruled;
mod shared;
mod text;
mod trained;
mod typed;
mod written;
