use dfdx::tensor::{Cpu, NoneTape};

use super::{Feeds, trainer::checked};
use crate::{
    backend::{Backend, Element},
    data::Samples,
    error::Error,
    model::Model,
    parameters,
    signal::Signal,
};

/// Asks a model about samples.
pub trait Predict<E: Element = f32, D: Backend<E> = Cpu>: Model<E, D> {
    /// The outputs of the model, of all samples in one, by the inference pass.
    ///
    /// # Errors
    /// [`Error::Empty`] if there are no samples, [`Error::Mismatch`] if there are more of one of two inputs
    /// than of the other, [`Error::Invalid`] for a batch size of 0; and those of the layers.
    ///
    /// ```
    /// use kerata::{Batch, Cpu, Dense, Error, Softmax, model, prelude::*};
    ///
    /// #[model(input = (Batch, 3), output = (Batch, 2))]
    /// struct Classifier {
    ///     head: Dense<_, 2, Softmax>,
    /// }
    ///
    /// let model = Classifier::build(&Cpu::seed_from_u64(0))?;
    /// let answers = model.predict(&vec![[1.0, 2.0, 3.0]; 10], 4)?;
    /// assert_eq!(answers.as_vec().len(), 10 * 2);
    /// # Ok::<(), Error>(())
    /// ```
    fn predict<X>(
        &self,
        inputs: &X,
        batch_size: usize,
    ) -> Result<<Self::Output as Signal>::Data<E, D, NoneTape>, Error>
    where
        X: Samples,
        X::Signal: Feeds<Self::Input>,
    {
        let batch_size = checked(batch_size)?;
        inputs.check()?;
        let dev: D = parameters::device(self);
        let rows: Vec<usize> = (0..inputs.count()).collect();
        let outputs = rows.chunks(batch_size).map(|rows| {
            let input = X::Signal::feed::<E, D>(inputs.batch(rows, &dev)?);
            self.call::<NoneTape>(input)
        });
        Self::Output::concat::<E, D>(&outputs.collect::<Result<Vec<_>, _>>()?)
    }
}

impl<M: Model<E, D>, E: Element, D: Backend<E>> Predict<E, D> for M {}
