use dfdx::tensor::{Cpu, NoneTape};

use super::{Feeds, trainer::checked};
use crate::{
    backend::{Backend, Element},
    data::{Sample, Samples},
    error::Error,
    model::Model,
    parameters,
    signal::{Signal, ToRows},
};

/// What a model answers.
type Answer<M, E, D> = <<M as Model<E, D>>::Output as Signal>::Data<E, D, NoneTape>;

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
    /// assert_eq!(answers.to_rows()?.len(), 10);
    /// assert_eq!(answers.argmax()?.len(), 10);
    /// # Ok::<(), Error>(())
    /// ```
    fn predict<X>(
        &self,
        inputs: &X,
        batch_size: usize,
    ) -> Result<<Self::Output as Signal>::Data<E, D, NoneTape>, Error>
    where
        X: Samples + ?Sized,
        X::Signal: Feeds<Self::Input>,
    {
        let batch_size = checked(batch_size)?;
        inputs.check()?;
        let dev: D = parameters::device(self);
        let rows: Vec<usize> = (0..inputs.count()).collect();
        let outputs = rows.chunks(batch_size).map(|rows| {
            let input = X::Signal::feed::<E, D>(inputs.batch::<E, D>(rows, &dev)?)?;
            self.call::<NoneTape>(input)
        });
        Self::Output::concat::<E, D>(&outputs.collect::<Result<Vec<_>, _>>()?)
    }

    /// The output of the model for one sample, as an array (or as a `Vec` where only run time knows how long it is).
    ///
    /// # Errors
    /// Those of [`Sample::batch`] and of the layers.
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
    /// let [no, yes] = model.predict_one(&[1.0, 2.0, 3.0])?;
    /// assert!((no + yes - 1.0).abs() < 1e-6);
    /// let read = vec![1.0, 2.0];
    /// let error = model.predict_one(&read).unwrap_err().to_string();
    /// assert!(error.starts_with("row 0 has the sizes [2], but [3] are expected"), "{error}");
    /// # Ok::<(), Error>(())
    /// ```
    fn predict_one<X>(&self, sample: &X) -> Result<<Answer<Self, E, D> as ToRows>::Row, Error>
    where
        X: Sample + ?Sized,
        X::Signal: Feeds<Self::Input>,
        Answer<Self, E, D>: ToRows,
    {
        let dev: D = parameters::device(self);
        let input = X::Signal::feed::<E, D>(X::batch::<E, D>(&[sample], &[0], &dev)?)?;
        let mut rows = self.call::<NoneTape>(input)?.to_rows()?;
        rows.pop().ok_or(Error::Empty("the output of the model"))
    }
}

impl<M: Model<E, D>, E: Element, D: Backend<E>> Predict<E, D> for M {}
