use dfdx::{
    shapes::{Const, HasShape, Rank2},
    tensor::{Cpu, PutTape, SplitTape, Tape, Tensor},
};

use crate::{
    backend::{
        Backend, Element, IntoShape, StepTable, WeightCache,
        memory::{collected, elements},
        sized,
    },
    error::{Error, OrDevice},
    layer,
    layer::Layer,
    shape::{Dim, Fault, Words, missing},
    signal::{Is, Signal, StepValues, Steps},
    stream::{StateVisitor, Streamable, room},
};

/// A row of a table for each place of a sequence: a learned vector that tells the steps apart, to be added to theirs.
///
/// Of its input only the length counts, and the mask, which travels on. Places are counted from the start of the row, masked steps
/// among them.
///
/// KerasHub: [`PositionEmbedding`](https://keras.io/keras_hub/api/modeling_layers/position_embedding/).
///
/// # Shapes
/// - input `(Batch, Length, F)`, masked or not, of at most `LENGTH` steps
/// - output the same: the rows, for each sample
/// - `embeddings` `(LENGTH, F)`, glorot uniform
///
/// # Errors
/// [`Error::Invalid`] for a sequence, or a stream, of more than `LENGTH` steps, if the type does not say its length.
///
/// ```
/// use kerata::{*, prelude::*};
///
/// #[model(input = Ids<(Batch, Length)>, output = (Batch, Length, 16))]
/// struct Net {
///     words: Embedding<100, 16>,
///     places: PositionEmbedding<_, 32>,
///     #[from(words, places)]
///     both: Add,
/// }
/// let net = Net::build(&Cpu::seed_from_u64(0))?;
/// let twice = net.predict(&vec![[7_usize, 7]], 1)?.as_vec();
/// assert_ne!(twice[..16], twice[16..]); // one word at two places
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "PositionEmbedding",
    tables,
    infer,
    input = (Batch, Length, F),
    check = wrong_places(F, LENGTH, None).tell(),
    keys(sequence_length: size(LENGTH), ignored(&["initializer"])),
)]
pub struct PositionEmbedding<
    const F: usize,
    const LENGTH: usize,
    E: Element = f32,
    D: Backend<E> = Cpu,
> {
    /// The table, `(LENGTH, F)`.
    #[weight(init = glorot_uniform, keys = false)]
    pub embeddings: Tensor<Rank2<LENGTH, F>, E, D>,
    #[cache]
    cache: WeightCache,
}

/// What is wrong with a table for so many places, and with a sequence that is longer.
const fn wrong_places(features: usize, places: usize, length: Option<usize>) -> Fault {
    let too_long = match length {
        Some(length) if length > places => Fault::new(&[
            Words::Text("a sequence of "),
            Words::Number(length),
            Words::Text(" steps arrives, but there are places for "),
            Words::Number(places),
        ]),
        _ => Fault::NONE,
    };
    missing(places, "a sequence has at least 1 place, not 0")
        .or(missing(features, "the vector of a place has at least 1 number, not 0"))
        .or(too_long)
}

/// That a sequence is too long for the table.
fn too_long(length: usize) -> Error {
    let expected = "it must be at most that of the table of its `PositionEmbedding`";
    Error::invalid("the length of a sequence", length, expected)
}

impl<In, const F: usize, const LENGTH: usize, E, D> Layer<In, E, D>
    for PositionEmbedding<F, LENGTH, E, D>
where
    In: Steps<Features: Is<F>>,
    E: Element,
    D: Backend<E>,
{
    type Out = In::With<Const<F>>;

    const FAULT: Fault = wrong_places(F, LENGTH, In::Length::KNOWN);

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
        const { <Self as Layer<In, E, D>>::FAULT.tell() };
        let (x, mask) = In::split(x);
        let shape = (x.shape().0, x.shape().1, Const);
        let x: Tensor<(usize, usize, usize), E, D, T> = sized(x)?;
        let ((samples, steps, _), (x, tape)) = (*x.shape(), x.split_tape());
        if steps > LENGTH {
            return Err(too_long(steps));
        }
        let rows = elements(&[samples, steps])?;
        let places = collected(&[rows], (0..rows).map(|row| row % steps))?;
        let places = x.device().try_tensor_from_vec(places, (rows,)).or_device()?;
        let table = sized(self.embeddings.clone())?;
        let rows = D::embedding(&table, places.put_tape(tape), &self.cache)?;
        In::join(rows.into_shape(&shape)?, mask)
    }
}

/// The table of a stream, and room for a row of it for each row of the batch.
pub struct PositionStepper<E> {
    table: StepTable<E>,
    rows: Vec<E>,
}

/// How many steps each row of a stream has had, in this step and before it.
#[derive(Debug, Clone)]
pub struct Places<E> {
    before: Vec<E>,
}

#[diagnostic::do_not_recommend]
impl<In, const F: usize, const LENGTH: usize, E, D> Streamable<In, E, D>
    for PositionEmbedding<F, LENGTH, E, D>
where
    In: Steps<Features: Is<F>, With<Const<F>>: StepValues> + StepValues,
    E: Element,
    D: Backend<E>,
{
    type State = Places<E>;
    type Stepper = PositionStepper<E>;

    fn begin(&self, rows: usize) -> Result<(PositionStepper<E>, Places<E>), Error> {
        let table = D::step_table(&sized(self.embeddings.clone())?, &self.cache)?;
        let stepper = PositionStepper { table, rows: room(rows, F)? };
        Ok((stepper, Places { before: room(rows, 1)? }))
    }

    fn step<'a>(
        stepper: &'a mut PositionStepper<E>,
        places: &mut Places<E>,
        x: In::StepData<'a, E>,
    ) -> Result<<Self::Out as Signal>::StepData<'a, E>, Error> {
        let table = (*stepper.table).as_ref();
        for (to, place) in stepper.rows.chunks_exact_mut(F.max(1)).zip(&places.before) {
            let place = place.as_f64() as usize;
            if place >= LENGTH {
                return Err(too_long(place.saturating_add(1)));
            }
            to.copy_from_slice(&table[place * F..(place + 1) * F]);
        }
        Ok(<Self::Out as StepValues>::pack(&stepper.rows, In::unpack(x).1))
    }

    fn commit(places: &mut Places<E>) {
        places.before.iter_mut().for_each(|before| *before += E::one());
    }

    fn visit_state<V: StateVisitor<E>>(
        places: &mut Places<E>,
        visitor: &mut V,
    ) -> Result<(), Error> {
        visitor.values("steps", &mut places.before)?;
        let whole = |steps: &E| *steps >= E::zero() && steps.is_finite() && *steps == steps.trunc();
        match places.before.iter().find(|steps| !whole(steps)) {
            None => Ok(()),
            Some(steps) => {
                let expected = "a whole number is needed";
                Err(Error::invalid("the steps of a stream", steps.as_f64(), expected))
            }
        }
    }
}
