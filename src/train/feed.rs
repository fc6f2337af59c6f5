use dfdx::tensor::NoneTape;

use crate::{
    backend::{Backend, Element},
    signal::Signal,
};

/// Data that a model can be fed: its signal is the model's input `In`.
#[diagnostic::on_unimplemented(
    message = "the data holds `{Self}`, but the model takes `{In}`",
    label = "data that does not fit the model",
    note = "`data::Samples` lists which Rust values make which signal"
)]
pub trait Feeds<In: Signal>: Signal {
    /// The data under the name that the model has for it.
    fn feed<E: Element, D: Backend<E>>(
        data: Self::Data<E, D, NoneTape>,
    ) -> In::Data<E, D, NoneTape>;
}

impl<S: Signal> Feeds<S> for S {
    fn feed<E: Element, D: Backend<E>>(data: S::Data<E, D, NoneTape>) -> S::Data<E, D, NoneTape> {
        data
    }
}
