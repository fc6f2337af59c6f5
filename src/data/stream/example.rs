use crate::{
    data::{InMemory, Sample, Samples},
    error::Error,
    reduce::{PerSample, SampleWeights, Unweighted},
};

/// What a [`Stream`](super::Stream) yields: an input and its target, `(x, y)`, or these and the weight of the sample,
/// `(x, y, 0.5)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no example that a model can learn from",
    note = "an example is `(input, target)` or `(input, target, weight)`, with a weight of type `f32`",
    note = "input and target are samples such as `[f32; 8]` or `Vec<f32>`; a sequence of any length is a `Padded(..)`"
)]
pub trait Example: Send + Sized + 'static {
    /// Several inputs.
    type Inputs: Samples + Send + 'static;
    /// Several targets.
    type Targets: Samples + Send + 'static;
    /// Their weights.
    type Weights: SampleWeights + Send + 'static;

    /// How many steps it has, as [`Sample::length`] says: the larger number of input and target.
    fn length(&self) -> usize;

    /// Puts examples together.
    ///
    /// # Errors
    /// Those of [`InMemory::new`].
    fn together(
        examples: Vec<Self>,
    ) -> Result<InMemory<Self::Inputs, Self::Targets, Self::Weights>, Error>;
}

impl<X, Y> Example for (X, Y)
where
    X: Sample + Clone + Send + 'static,
    Y: Sample + Clone + Send + 'static,
{
    type Inputs = Vec<X>;
    type Targets = Vec<Y>;
    type Weights = Unweighted;

    fn length(&self) -> usize {
        self.0.length().max(self.1.length())
    }

    fn together(examples: Vec<Self>) -> Result<InMemory<Vec<X>, Vec<Y>>, Error> {
        let (inputs, targets) = examples.into_iter().unzip();
        InMemory::new(inputs, targets)
    }
}

impl<X, Y> Example for (X, Y, f32)
where
    X: Sample + Clone + Send + 'static,
    Y: Sample + Clone + Send + 'static,
{
    type Inputs = Vec<X>;
    type Targets = Vec<Y>;
    type Weights = PerSample;

    fn length(&self) -> usize {
        self.0.length().max(self.1.length())
    }

    fn together(examples: Vec<Self>) -> Result<InMemory<Vec<X>, Vec<Y>, PerSample>, Error> {
        let weights = examples.iter().map(|(_, _, weight)| *weight).collect();
        let (inputs, targets) = examples.into_iter().map(|(x, y, _)| (x, y)).unzip();
        InMemory::new(inputs, targets)?.with_weights(PerSample(weights))
    }
}
