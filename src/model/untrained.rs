/// What a model cannot do: [`Trainer`](crate::train::Trainer) does it.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a model alone is not trained: `Trainer::new(model, loss, optimizer)?` has `fit` and `evaluate`",
    label = "make a `Trainer` of it, which is Keras's `compile`"
)]
pub trait Trains<M> {
    /// What that would give.
    type Returned;

    /// That.
    fn trained() -> Self::Returned;
}
