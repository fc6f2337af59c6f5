//! What a model has not, but is written as in Keras or PyTorch: `fit`, `evaluate` and `compile`, `save`, `predict_classes`, `add`.
//!
//! `#[model]` says that a model has them if it meets a bound that nothing meets. The compiler then tells why it does not, in the words of
//! the bound; and as they are not there, a trait of the program may have methods of these names.

/// The methods of a trainer, of a model.
#[doc(hidden)]
pub trait Untrained {
    fn compile(&self) {}

    fn fit(&self) {}

    fn evaluate(&self) {}

    fn train(&self) {}

    fn eval(&self) {}

    fn train_on_batch(&self) {}
}

/// What a model would have to be for [`Untrained`].
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a model alone is not trained: `Trainer::new(model, loss, optimizer)?` has `fit` and `evaluate`",
    label = "make a `Trainer` of it, which is Keras's `compile`; in a loop of your own, `forward_mut` trains and `forward` does not"
)]
pub trait Trains<'a> {}

/// The weights of a model, under the names of others.
#[doc(hidden)]
pub trait Unsaved {
    fn load() {}

    fn save(&self) {}

    fn weights(&self) {}
}

/// What a model would have to be for [`Unsaved`].
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a model has no such method: its weights are saved by `save_weights(\"net.safetensors\")?` and listed by `parameters()`",
    label = "`load_weights(..)?` reads them, `{Self}::PARAMS` counts them, and each is a field, as in `net.head.kernel`"
)]
pub trait Saves<'a> {}

/// What a model answers, under the names of others.
#[doc(hidden)]
pub trait Unasked {
    fn predict_classes(&self) {}

    fn predict_proba(&self) {}

    fn predict_on_batch(&self) {}

    fn call(&self) {}

    fn reset_states(&self) {}
}

/// What a model would have to be for [`Unasked`].
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a model has no such method: it answers by `predict(&rows, batch_size)?` or `predict_one(&row)?`",
    label = "`.argmax()?` of what `predict` gives is the classes; a tensor goes to `forward`; `stateful` layers forget one by one, `net.layer.reset_state()`"
)]
pub trait Answers<'a> {}

/// The layers of a model, under the names of others.
#[doc(hidden)]
pub trait Unlisted {
    fn add(&self) {}

    fn pop(&self) {}

    fn get_layer(&self) {}
}

/// What a model would have to be for [`Unlisted`].
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the layers of a model are the fields of its struct: `println!(\"{{}}\", {Self}::summary())` lists them",
    label = "a layer is added as a field, `dense: Dense<_, 10>,`, and read as one, `net.dense`"
)]
pub trait Lists<'a> {}
