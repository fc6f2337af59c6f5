use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, NoneTape, Tensor},
};

use super::{Feeds, carried, ranks::same_on_all, trainer::checked};
use crate::{
    backend::{Backend, Element, whole_pass},
    data::{Lends, Sample, Samples},
    distributed::{self, Communicator},
    error::Error,
    mask::Mask,
    model::Model,
    parameters,
    shape::Shape,
    signal::{SeeTensor, Signal, ToRows},
    tuples::several,
};

/// Samples that the model `M` can be asked about: [`Samples`] that [feed](Feeds) it.
pub trait Asks<M, E: Element = f32, D: Backend<E> = Cpu> {
    /// The outputs of the model.
    type Answers;

    /// See [`Predict::predict`]. Several ranks share the batches, and all have the answers to all.
    ///
    /// # Errors
    /// Those of [`Predict::predict`], and those of the ranks.
    fn ask(
        &self,
        model: &M,
        batch_size: usize,
        ranks: Option<&dyn Communicator>,
    ) -> Result<Self::Answers, Error>;
}

impl<X, M, E, D> Asks<M, E, D> for X
where
    X: Samples + ?Sized,
    X::Signal: Feeds<M::Input>,
    M: Model<E, D>,
    E: Element,
    D: Backend<E>,
{
    type Answers = <M::Output as Signal>::Data<E, D, NoneTape>;

    fn ask(
        &self,
        model: &M,
        batch_size: usize,
        ranks: Option<&dyn Communicator>,
    ) -> Result<Self::Answers, Error> {
        let batch_size = checked(batch_size)?;
        self.check()?;
        if self.count() == 0 {
            return Err(Error::Empty("the list of samples"));
        }
        let dev: D = parameters::device(model);
        let rows: Vec<usize> = (0..self.count()).collect();
        let stateful = ranks.is_some() && carried::are_kept(model)?;
        let batches = rows.chunks(batch_size).map(|rows| {
            let input = X::Signal::feed::<E, D>(self.batch::<E, D>(rows, &dev)?)?;
            let output = whole_pass(|| model.call::<NoneTape>(input))?;
            M::Output::each_tensor::<E, D, NoneTape>(&output, &mut OneRowEach(rows.len()))?;
            Ok(output)
        });
        // Where a batch begins with the states of the one before, no rank can do without that.
        let outputs = match ranks.filter(|_| !stateful) {
            None => batches.collect::<Result<Vec<_>, _>>()?,
            Some(ranks) => shared::<M::Output, E, D>(ranks, rows.len(), batches, &dev)?,
        };
        M::Output::concat::<E, D>(&outputs)
    }
}

/// Checks that there is an answer to each sample of a batch: a layer of the user's may have made more rows of it, or fewer.
struct OneRowEach(usize);

impl<E: Element, D: Backend<E>> SeeTensor<E, D, NoneTape> for OneRowEach {
    fn tensor<S: Shape>(
        &mut self,
        tensor: &Tensor<S, E, D>,
        _: Option<&Mask>,
    ) -> Result<(), Error> {
        let sizes: Vec<usize> = tensor.shape().concrete().into();
        match sizes.first() {
            Some(&rows) if rows != self.0 => {
                Err(Error::mismatch("the answers to the samples of a batch", self.0, rows))
            }
            _ => Ok(()),
        }
    }
}

/// The outputs of all batches, of which each rank computes every `size`-th.
fn shared<S: Signal, E: Element, D: Backend<E>>(
    ranks: &dyn Communicator,
    samples: usize,
    batches: impl ExactSizeIterator<Item = Result<S::Data<E, D, NoneTape>, Error>>,
    dev: &D,
) -> Result<Vec<S::Data<E, D, NoneTape>>, Error> {
    let (count, size) = (batches.len(), ranks.size());
    let mut own = Vec::new();
    for output in batches.skip(ranks.rank()).step_by(size) {
        S::send::<E, D>(&output?, &mut own)?;
    }
    let told = [samples as f64, own.len() as f64];
    let told = distributed::gather(ranks, &told, &vec![told.len(); size])?;
    same_on_all(&told, ["number of samples"].into_iter(), |value| value.to_string())?;
    let lengths: Vec<usize> = told.iter().map(|told| told[1] as usize).collect();
    let all = distributed::gather(ranks, &own, &lengths)?;
    let mut rests: Vec<&[f64]> = all.iter().map(Vec::as_slice).collect();
    (0..count).map(|batch| S::receive::<E, D>(&mut rests[batch % size], dev)).collect()
}

/// A sample that the model `M` can be asked about.
pub trait AsksOne<M, E: Element = f32, D: Backend<E> = Cpu> {
    /// The output of the model.
    type Answer;

    /// See [`Predict::predict_one`].
    ///
    /// # Errors
    /// Those of [`Predict::predict_one`].
    fn ask_one(&self, model: &M) -> Result<Self::Answer, Error>;
}

impl<X, M, E, D> AsksOne<M, E, D> for X
where
    X: Sample + ?Sized,
    X::Signal: Feeds<M::Input>,
    M: Model<E, D>,
    <M::Output as Signal>::Data<E, D, NoneTape>: OneRow,
    E: Element,
    D: Backend<E>,
{
    type Answer = <<M::Output as Signal>::Data<E, D, NoneTape> as OneRow>::Row;

    fn ask_one(&self, model: &M) -> Result<Self::Answer, Error> {
        let dev: D = parameters::device(model);
        let input = X::Signal::feed::<E, D>(X::batch::<E, D>(&[self], &[0], &dev)?)?;
        let output = whole_pass(|| model.call::<NoneTape>(input))?;
        M::Output::each_tensor::<E, D, NoneTape>(&output, &mut OneRowEach(1))?;
        output.one_row()
    }
}

/// What a model gives for one sample: the row of it, or those of several outputs.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be taken apart into rows",
    note = "the output of a model can, if it is `(Batch, .., Values)` or a masked sequence, and several of them together; `predict` returns any"
)]
pub trait OneRow {
    /// The values.
    type Row;

    /// The row of the only sample.
    ///
    /// # Errors
    /// [`Error::Device`] if there is no memory for it.
    fn one_row(&self) -> Result<Self::Row, Error>;
}

#[diagnostic::do_not_recommend]
impl<T: ToRows> OneRow for T {
    type Row = T::Row;

    fn one_row(&self) -> Result<T::Row, Error> {
        self.to_rows()?.pop().ok_or(Error::Empty("the output of the model"))
    }
}

macro_rules! each_output {
    ($($output:ident $i:tt)*) => {
        #[diagnostic::do_not_recommend]
        impl<$($output: OneRow),*> OneRow for ($($output,)*) {
            type Row = ($($output::Row,)*);

            fn one_row(&self) -> Result<Self::Row, Error> {
                Ok(($(self.$i.one_row()?,)*))
            }
        }
    };
}
several!(each_output);

/// Asks a model about samples. Every [`Model`] can be asked.
pub trait Predict<E: Element = f32, D: Backend<E> = Cpu>: Sized {
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
    #[rustfmt::skip] // In one line, of which the compiler shows no more.
    fn predict<X>(&self, inputs: X, batch_size: usize) -> Result<<X::Data as Asks<Self, E, D>>::Answers, Error> where X: Lends<Data: Asks<Self, E, D>> {
        inputs.lent().ask(self, batch_size, None)
    }

    /// The output of the model for one sample, as an array (or as a `Vec` where only run time knows how long it is); of several
    /// outputs a tuple of these.
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
    #[rustfmt::skip]
    fn predict_one<X>(&self, sample: X) -> Result<<X::Data as AsksOne<Self, E, D>>::Answer, Error> where X: Lends<Data: AsksOne<Self, E, D>> {
        sample.lent().ask_one(self)
    }
}

impl<M: Model<E, D>, E: Element, D: Backend<E>> Predict<E, D> for M {}

/// So that a model in a `Result` is told as that: nothing can be asked of it.
#[doc(hidden)]
impl<T> Predict for Result<T, Error> {}

/// Likewise: it is no model before it is [`typed`](crate::config::DynamicLayer::typed).
#[cfg(feature = "dynamic")]
#[doc(hidden)]
impl Predict for crate::config::DynamicLayer {}
