use super::{OfOutput, POSITION, PerSample, PerStep, SampleWeights, Unweighted};
use crate::{
    error::Error,
    shape::Dim,
    signal::{Inputs, Masked, Signal},
    tuples::several,
};

/// Weights that make sense for the prediction `P`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot weight the prediction `{P}`: it has no time steps",
    label = "weights that do not fit the prediction",
    note = "one weight a sample is `PerSample`"
)]
pub trait Weights<P: Signal>: SampleWeights {
    /// Checks all weights of a dataset as far as that can be done without the masks of its batches.
    ///
    /// # Errors
    /// [`Error::NonFinite`] for a weight of a step that no mask can leave out.
    fn check_all(&self) -> Result<(), Error> {
        Ok(())
    }
}

#[diagnostic::do_not_recommend]
impl<P: Signal> Weights<P> for Unweighted {}
#[diagnostic::do_not_recommend]
impl<P: Signal> Weights<P> for PerSample {}
#[diagnostic::do_not_recommend]
impl<B: Dim, L: Dim, F: Dim> Weights<(B, L, F)> for PerStep {
    fn check_all(&self) -> Result<(), Error> {
        Error::check_finite(POSITION, &self.weights)
    }
}
#[diagnostic::do_not_recommend]
impl<B: Dim, L: Dim, F: Dim> Weights<Masked<(B, L, F)>> for PerStep {}

macro_rules! of_outputs {
    ($($S:ident $at:tt)*) => {
        #[diagnostic::do_not_recommend]
        impl<$($S: Signal),*> Weights<Inputs<($($S,)*)>> for PerStep
        where
            $(PerStep: Weights<$S>,)*
        {
            fn check_all(&self) -> Result<(), Error> {
                $(<Self as Weights<$S>>::check_all(self)?;)*
                Ok(())
            }
        }
    };
}
several!(of_outputs);

/// Weights of a tuple for a tuple of outputs.
macro_rules! each_output {
    ($($W:ident $P:ident $at:tt)*) => {
        #[diagnostic::do_not_recommend]
        impl<$($P: Signal, $W: Weights<$P>),*> Weights<Inputs<($($P,)*)>> for ($($W,)*) {
            fn check_all(&self) -> Result<(), Error> {
                $(<$W as Weights<$P>>::check_all(&self.$at)?;)*
                Ok(())
            }
        }
    };
}
each_output!(A P 0 B Q 1);
each_output!(A P 0 B Q 1 C R 2);
each_output!(A P 0 B Q 1 C R 2 F S 3);
each_output!(A P 0 B Q 1 C R 2 F S 3 G T 4);
each_output!(A P 0 B Q 1 C R 2 F S 3 G T 4 H U 5);

// Whether they fit has been asked of all outputs together.
#[diagnostic::do_not_recommend]
impl<P: Signal, W: SampleWeights> Weights<P> for OfOutput<'_, W> {}
