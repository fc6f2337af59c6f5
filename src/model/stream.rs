use std::{fmt, marker::PhantomData, path::Path};

use dfdx::tensor::Cpu;

use super::Model;
use crate::{
    backend::{Backend, Element},
    error::Error,
    io::{Walk, Weight, WeightFile, save},
    never::Known,
    signal::StepRows,
    stream::{Clear, ClearRow, CopyRow, Past, StateVisitor, Streamable},
};

/// A model that can make a [`Stream`]: all its layers look only backward in time, and its input and output can be
/// [fed and read](StepRows) step by step. `#[model]` says so of a model, and [`Sequential`](super::Sequential).
pub trait StreamModel<E: Element = f32, D: Backend<E> = Cpu>:
    Model<E, D, Input: StepRows, Output: StepRows> + Streamable<Self::Input, E, D>
{
}

/// A [`StreamModel`]: every one is. Where a bound is this one, the compiler lists no models that are one.
#[doc(hidden)]
pub trait CanStream<E: Element, D: Backend<E>> {
    /// [`Stream`].
    type Stream;

    /// [`Model::stream`].
    ///
    /// # Errors
    /// Those of it.
    fn stream_of(&self, rows: usize) -> Result<Self::Stream, Error>;
}

impl<M, E, D> CanStream<E, D> for M
where
    M: StreamModel<E, D>,
    M::State: Known,
    E: Element,
    D: Backend<E>,
{
    type Stream = <M::State as Known>::Of<Stream<M, E, D>>;

    fn stream_of(&self, rows: usize) -> Result<Self::Stream, Error> {
        Stream::new(self, rows).map(<M::State as Known>::of)
    }
}

/// A model that runs step by step, with its state. [`Model::stream`] makes one.
///
/// What it gives at a step is what the model gives at that step for the whole sequence; if the model gives one vector for
/// a sequence, it is that for the steps so far. At a masked step the state stays.
///
/// It works on slices on the host and keeps the weights as they were when it was made; the streams of one model share
/// them. A step allocates nothing, takes no lock and starts no thread (an [`Activation`](crate::Activation) of your own may
/// have to implement [`in_place`](crate::Activation::in_place) for that). Streams can be sent to threads.
///
/// ```
/// use kerata::{Cpu, Dense, Error, Ids, Batch, Embedding, Length, Lstm, model, prelude::*};
///
/// #[model(input = Ids<(Batch, Length)>, output = (Batch, 27))]
/// struct Letters {
///     embed: Embedding<27, 8>,
///     lstm: Lstm<_, 16>,
///     next: Dense<_, 27>,
/// }
///
/// let dev = Cpu::seed_from_u64(0);
/// let model = Letters::build(&dev)?;
/// let whole = model.forward(dev.tensor_from_vec(vec![3_usize, 1, 4], (1, 3)))?.as_vec();
///
/// let mut stream = model.stream(1)?;
/// for id in [3, 1] {
///     stream.step(&[id])?;
/// }
/// let saved = stream.state().clone();
/// let logits = stream.step(&[4])?;
/// assert!(logits[0].iter().zip(whole).all(|(a, b)| (a - b).abs() < 1e-6));
///
/// // An input that is wrong is an error, and changes nothing.
/// assert_eq!(stream.step(&[1, 2]).unwrap_err().to_string(), "the rows of a step: expected 1, found 2");
/// stream.set_state(&saved)?;
/// assert!(stream.step(&[27]).is_err());
/// assert_eq!(stream.step(&[4])?.len(), 1);
/// # Ok::<(), Error>(())
/// ```
pub struct Stream<M, E: Element = f32, D: Backend<E> = Cpu>
where
    M: StreamModel<E, D>,
{
    input: <M::Input as StepRows>::Kept<E>,
    stepper: M::Stepper,
    state: StreamState<M, E, D>,
}

/// What a [`Stream`] remembers from step to step: one value for the whole model.
///
/// A clone is a snapshot, to which a stream of the model can be [set back](Stream::set_state). It is written to a file as
/// `.safetensors`, with names such as `lstm1.h`.
pub struct StreamState<M, E: Element = f32, D: Backend<E> = Cpu>
where
    M: StreamModel<E, D>,
{
    parts: M::State,
    rows: usize,
    of: PhantomData<fn() -> (E, D)>,
}

impl<M, E: Element, D: Backend<E>> Stream<M, E, D>
where
    M: StreamModel<E, D>,
{
    pub(super) fn new(model: &M, rows: usize) -> Result<Self, Error> {
        let (stepper, parts) = model.begin(rows)?;
        let input = M::Input::room(rows)?;
        Ok(Self { input, stepper, state: StreamState { parts, rows, of: PhantomData } })
    }

    /// What the model gives for the next step of all rows. [`StepRows`] says what a step is.
    ///
    /// # Errors
    /// [`Error::Mismatch`] for another number of rows than the stream has, and what the layers say of their input, such as
    /// [`Error::IdOutsideVocabulary`]. The state is then as it was.
    pub fn step<'a>(
        &'a mut self,
        x: <M::Input as StepRows>::Rows<'_, E>,
    ) -> Result<<M::Output as StepRows>::Rows<'a, E>, Error> {
        M::Input::keep(x, &mut self.input)?;
        let state = &mut self.state.parts;
        let y = M::step(&mut self.stepper, state, M::Input::step(&self.input))?;
        M::commit(state);
        Ok(<M::Output as StepRows>::rows(y))
    }

    /// How many rows the batch has.
    pub fn rows(&self) -> usize {
        self.state.rows
    }

    /// The state after the last step.
    pub fn state(&self) -> &StreamState<M, E, D> {
        &self.state
    }

    /// The state, to be changed.
    pub fn state_mut(&mut self) -> &mut StreamState<M, E, D> {
        &mut self.state
    }

    /// Goes on from a state of this model.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if it has another number of rows.
    pub fn set_state(&mut self, state: &StreamState<M, E, D>) -> Result<(), Error> {
        if state.rows != self.state.rows {
            return Err(Error::mismatch("the rows of a state", self.state.rows, state.rows));
        }
        self.state.clone_from(state);
        Ok(())
    }

    /// Begins anew: all rows forget what they have seen.
    pub fn reset(&mut self) {
        self.state.reset();
    }

    /// Begins a row anew; the others go on.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is no such row.
    pub fn reset_row(&mut self, row: usize) -> Result<(), Error> {
        self.state.reset_row(row)
    }
}

impl<M, E: Element, D: Backend<E>> StreamState<M, E, D>
where
    M: StreamModel<E, D>,
{
    /// How many rows the batch has.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Makes it that of the start of a sequence.
    pub fn reset(&mut self) {
        // The only errors are those of the visitor, and this one has none.
        let _ = M::visit_state(&mut self.parts, &mut Clear);
    }

    /// The same for one row.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is no such row.
    pub fn reset_row(&mut self, row: usize) -> Result<(), Error> {
        self.check(row)?;
        M::visit_state(&mut self.parts, &mut ClearRow { row, rows: self.rows })
    }

    /// Makes the state of a row that of another, as a beam search does with what it follows.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is no such row.
    pub fn copy_row(&mut self, from: usize, to: usize) -> Result<(), Error> {
        self.check(from)?;
        self.check(to)?;
        M::visit_state(&mut self.parts, &mut CopyRow { from, to, rows: self.rows })
    }

    fn check(&self, row: usize) -> Result<(), Error> {
        match row < self.rows {
            true => Ok(()),
            false => {
                Err(Error::invalid("the row", row, "it must be one of the rows of the stream"))
            }
        }
    }

    /// Writes it to a file, as `.safetensors`.
    ///
    /// # Errors
    /// [`Error::File`]. Then the file is as it was before.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        save::write(path.as_ref(), &self.parts()?)
    }

    /// The bytes of such a file.
    ///
    /// # Errors
    /// [`Error::Device`] if there is no memory for them.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        save::to_bytes(&self.parts()?)
    }

    /// Reads it from a file.
    ///
    /// # Errors
    /// [`Error::File`] for a file that cannot be read, [`Error::Differences`] with all that is missing, too much or of
    /// another shape, as for another model or number of rows. Then the state is as it was before.
    pub fn load(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.load_file(WeightFile::open(path)?)
    }

    /// Reads it from the bytes of a file.
    ///
    /// # Errors
    /// Those of [`load`](Self::load).
    pub fn load_bytes(&mut self, bytes: impl Into<Vec<u8>>) -> Result<(), Error> {
        self.load_file(WeightFile::from_bytes(bytes.into())?)
    }

    fn load_file(&mut self, mut file: WeightFile) -> Result<(), Error> {
        let grown = |Weight { name, mut sizes, .. }: Weight| {
            // Of a past, the file knows how many steps it has.
            if let [_, steps, _] = sizes.as_mut_slice()
                && let Some(array) = file.arrays().iter().find(|array| array.name == name)
                && let [_, found, _] = *array.sizes.as_slice()
            {
                *steps = found;
            }
            (name, sizes)
        };
        let parts = self.parts()?.into_iter().map(grown).collect::<Vec<_>>();
        file.check(&parts)?;
        let mut loaded = self.parts.clone();
        M::visit_state(&mut loaded, &mut Load { walk: Walk::default(), file: &mut file })?;
        self.parts = loaded;
        Ok(())
    }

    fn parts(&self) -> Result<Vec<Weight>, Error> {
        let mut collect = Collect { walk: Walk::default(), rows: self.rows };
        M::visit_state(&mut self.parts.clone(), &mut collect)?;
        Ok(collect.walk.weights)
    }
}

impl<M, E: Element, D: Backend<E>> Clone for StreamState<M, E, D>
where
    M: StreamModel<E, D>,
{
    fn clone(&self) -> Self {
        Self { parts: self.parts.clone(), ..*self }
    }

    fn clone_from(&mut self, other: &Self) {
        self.parts.clone_from(&other.parts);
        self.rows = other.rows;
    }
}

impl<M, E: Element, D: Backend<E>> fmt::Debug for StreamState<M, E, D>
where
    M: StreamModel<E, D>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamState").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl<M, E: Element, D: Backend<E>> fmt::Debug for Stream<M, E, D>
where
    M: StreamModel<E, D>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("rows", &self.state.rows).finish_non_exhaustive()
    }
}

struct Collect {
    walk: Walk<Weight>,
    rows: usize,
}

impl Collect {
    fn part<E: Element>(
        &mut self,
        name: &str,
        values: impl ExactSizeIterator<Item = E>,
    ) -> Result<(), Error> {
        let sizes = vec![self.rows, values.len().checked_div(self.rows).unwrap_or(0)];
        let part = Weight::new(self.walk.name(name), sizes, values)?;
        self.walk.weights.push(part);
        Ok(())
    }
}

impl<E: Element> StateVisitor<E> for Collect {
    fn values(&mut self, name: &str, values: &mut [E]) -> Result<(), Error> {
        self.part(name, values.iter().copied())
    }

    fn flags(&mut self, name: &str, flags: &mut [bool]) -> Result<(), Error> {
        self.part(name, flags.iter().map(|&flag| if flag { E::one() } else { E::zero() }))
    }

    fn past(&mut self, name: &str, past: &mut Past<E>) -> Result<(), Error> {
        let (steps, width, lengths) = past.sizes();
        self.part(&length_of(name), lengths.iter().map(|&length| E::of(length as f64)))?;
        let sizes = vec![self.rows, steps, width];
        let part = Weight::new(self.walk.name(name), sizes, past.padded())?;
        self.walk.weights.push(part);
        Ok(())
    }

    fn enter(&mut self, name: &str) {
        self.walk.path.push(name.to_owned());
    }

    fn leave(&mut self) {
        self.walk.path.pop();
    }
}

/// What the steps of each row of a past are called in a file.
fn length_of(past: &str) -> String {
    format!("{past}_length")
}

struct Load<'a> {
    walk: Walk<()>,
    file: &'a mut WeightFile,
}

impl Load<'_> {
    fn part<E: Element>(&mut self, name: &str, len: usize) -> Result<Vec<E>, Error> {
        let values = self.file.read(&self.walk.name(name))?;
        match values.len() == len {
            true => Ok(values),
            false => Err(Error::mismatch("the values of a state", len, values.len())),
        }
    }
}

impl<E: Element> StateVisitor<E> for Load<'_> {
    fn values(&mut self, name: &str, values: &mut [E]) -> Result<(), Error> {
        values.copy_from_slice(&self.part(name, values.len())?);
        Ok(())
    }

    fn flags(&mut self, name: &str, flags: &mut [bool]) -> Result<(), Error> {
        let values: Vec<E> = self.part(name, flags.len())?;
        flags.iter_mut().zip(values).for_each(|(flag, value)| *flag = value != E::zero());
        Ok(())
    }

    fn past(&mut self, name: &str, past: &mut Past<E>) -> Result<(), Error> {
        let lengths: Vec<E> = self.file.read(&self.walk.name(&length_of(name)))?;
        let padded: Vec<E> = self.file.read(&self.walk.name(name))?;
        past.restore(&padded, &lengths)
    }

    fn enter(&mut self, name: &str) {
        self.walk.path.push(name.to_owned());
    }

    fn leave(&mut self) {
        self.walk.path.pop();
    }
}
