//! What a stream has not, but is written as in Keras.

use super::{Stream, StreamModel};
use crate::{
    backend::{Backend, Element},
    just_the_type::elsewhere,
};

/// What a stream would have to be to begin anew under other names.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a stream begins anew by `reset()`, and one of its rows by `reset_row(row)?`",
    label = "`reset()`; `stream.state().clone()` is a snapshot, to which `set_state(..)?` sets it back"
)]
pub trait Anew {
    type Out;

    fn never() -> Self::Out;
}

/// What a stream would have to be to answer as a model does.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a stream goes on step by step: `step(&rows)?`, with what comes next in each of its rows",
    label = "`step` gives the answer of this step; for whole sequences, ask the model"
)]
pub trait AnswersAtOnce {
    type Out;

    fn never() -> Self::Out;
}

elsewhere! {
    NotOfStreams:
    Anew: reset_states() reset_state() clear();
    AnswersAtOnce: predict(_rows) predict_one(_row) forward(_x);
}

impl<M, E: Element, D: Backend<E>> NotOfStreams for Stream<M, E, D> where M: StreamModel<E, D> {}
