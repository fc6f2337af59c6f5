//! What a model has not, but is written as in Keras: `fit`, `evaluate` and `compile`.
//!
//! `#[model]` says that a model has them if it meets a bound that nothing meets. The compiler then tells why it does not, in the words of
//! the bound; and as they are not there, a trait of the program may have methods of these names.

/// The methods of a trainer, of a model.
#[doc(hidden)]
pub trait Untrained {
    fn compile(&self) {}

    fn fit(&self) {}

    fn evaluate(&self) {}
}

/// What a model would have to be for [`Untrained`].
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a model alone is not trained: `Trainer::new(model, loss, optimizer)?` has `fit` and `evaluate`",
    label = "make a `Trainer` of it, which is Keras's `compile`"
)]
pub trait Trains<'a> {}
