//! The output that `#[model(output = ..)]` declares.

/// The output of a model is what the attribute declares.
#[diagnostic::on_unimplemented(
    message = "the model gives `{Self}`, but `{Output}` is declared as its output",
    label = "not what the last layer gives"
)]
pub trait Gives<Output> {
    /// The output.
    type Output;
    /// Nothing.
    const CHECK: () = ();
}

impl<S> Gives<S> for S {
    type Output = S;
}

/// Whether what a model gives has a mask, and whether what is declared has one.
#[derive(Debug, Clone, Copy)]
pub struct Masks<const GIVEN: bool, const DECLARED: bool>;

/// Both have a mask, or none.
#[diagnostic::on_unimplemented(
    message = "the model gives `{Given}`, but `{Output}` is declared as its output: `Masked` is one of them only",
    label = "a sequence with its mask is declared as `Masked<(Batch, ..)>`; a field `unmask: Unmask` behind the last layer drops the mask"
)]
pub trait MaskOfBoth<Given, Output> {
    /// Evaluates to 0.
    const CHECK: usize = 0;
}

#[diagnostic::do_not_recommend]
impl<Given, Output> MaskOfBoth<Given, Output> for Masks<true, true> {}

#[diagnostic::do_not_recommend]
impl<Given, Output> MaskOfBoth<Given, Output> for Masks<false, false> {}
