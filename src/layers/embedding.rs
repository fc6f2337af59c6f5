use std::marker::PhantomData;

use dfdx::{
    shapes::{Const, HasShape, Rank2},
    tensor::{Cpu, PutTape, SplitTape, Storage, Tape, Tensor},
};

use crate::{
    backend::{
        Backend, Element, IntoShape, StepTable, WeightCache, memory::filled, sized, to_values,
    },
    error::{Error, OrDevice},
    layer,
    layer::Layer,
    shape::{Dim, Fault, Sequence, Shape, missing},
    signal::{Ids, Mask, Masked, Signal, StepValues, TokenIds},
    stream::{Streamable, room},
};

/// Id 0 is padding: an [`Embedding`] makes a mask that keeps the other ids, an
/// [`EmbeddingBag`](super::EmbeddingBag) leaves it out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MaskZero;

/// Id 0 is an id like any other: no mask is made, nothing is left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NoMask;

/// Whether id 0 is padding: [`MaskZero`] or [`NoMask`].
pub trait MaskIds: Default + Clone + std::fmt::Debug + 'static {
    /// Keras's argument `mask_zero`.
    const MASK_ZERO: bool;

    /// What leaves the embedding.
    type Out<B: Dim, L: Dim, const N: usize>: Signal;

    /// Puts the mask on the rows, if there is one.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if there are more or fewer ids than rows.
    fn join<B: Dim, L: Dim, const N: usize, E: Element, D: Backend<E>, T: Tape<E, D>>(
        rows: Tensor<(B, L, Const<N>), E, D, T>,
        ids: &[usize],
    ) -> Result<<Self::Out<B, L, N> as Signal>::Data<E, D, T>, Error>;
}

impl MaskIds for MaskZero {
    const MASK_ZERO: bool = true;
    type Out<B: Dim, L: Dim, const N: usize> = Masked<(B, L, Const<N>)>;

    fn join<B: Dim, L: Dim, const N: usize, E: Element, D: Backend<E>, T: Tape<E, D>>(
        rows: Tensor<(B, L, Const<N>), E, D, T>,
        ids: &[usize],
    ) -> Result<Masked<Tensor<(B, L, Const<N>), E, D, T>>, Error> {
        let (batch, length) = rows.shape().steps();
        Masked::new(rows, Mask::from_ids(ids, batch, length)?)
    }
}

impl MaskIds for NoMask {
    const MASK_ZERO: bool = false;
    type Out<B: Dim, L: Dim, const N: usize> = (B, L, Const<N>);

    fn join<B: Dim, L: Dim, const N: usize, E: Element, D: Backend<E>, T: Tape<E, D>>(
        rows: Tensor<(B, L, Const<N>), E, D, T>,
        _: &[usize],
    ) -> Result<Tensor<(B, L, Const<N>), E, D, T>, Error> {
        Ok(rows)
    }
}

/// A row of a table for each token id.
///
/// With [`MaskZero`], id 0 is padding. That zeroes nothing: row 0 of the table is returned for it as
/// for any other id, and is trained as far as gradients reach it. What it does is to make a mask,
/// `id != 0`, that travels with the sequence to the layers behind.
///
/// Keras: [`Embedding`](https://keras.io/api/layers/core_layers/embedding/).
///
/// # Shapes
/// - input `Ids<(Batch, Length)>`; without a mask `Ids<(Batch,)>` and `Ids<(Batch, Length, K)>` too, of `K` ids at each step
/// - output `Masked<(Batch, Length, N)>` with [`MaskZero`]; with [`NoMask`] the shape of the ids, and `N` behind it
/// - `embeddings` `(V, N)`, uniform in `[-0.05, 0.05]`
///
/// # Errors
/// [`Error::IdOutsideVocabulary`] for an id of `V` or more.
///
/// ```
/// use kerata::{*, prelude::*};
///
/// let dev = Cpu::seed_from_u64(0);
/// let embedding = Embedding::<5, 2, MaskZero>::build(&dev)?;
/// let y = embedding.forward(dev.tensor([[1_usize, 2, 0, 0]]))?;
/// assert_eq!(y.mask().row(0), [true, true, false, false]);
/// assert_eq!(y.values().array()[0][2], embedding.embeddings.array()[0]);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "Embedding",
    tables,
    check = wrong_table(V, N).tell(),
    keys(
        input_dim: size(V),
        output_dim: size(N),
        mask_zero: flag(M::MASK_ZERO, false),
        none(&["activity_regularizer", "quantization_config"]),
        ignored(&["input_length"]),
    ),
)]
pub struct Embedding<
    const V: usize,
    const N: usize,
    M: MaskIds = NoMask,
    E: Element = f32,
    D: Backend<E> = Cpu,
> {
    /// The table, `(V, N)`.
    #[weight(init = uniform)]
    pub embeddings: Tensor<Rank2<V, N>, E, D>,
    #[cache]
    cache: WeightCache,
    mask: PhantomData<M>,
}

impl<const V: usize, const N: usize, M: MaskIds, E: Element, D: Backend<E>>
    Embedding<V, N, M, E, D>
{
    /// An embedding with the given table, for example of pretrained vectors.
    pub fn from_embeddings(embeddings: Tensor<Rank2<V, N>, E, D>) -> Self {
        Self { embeddings, cache: WeightCache::default(), mask: PhantomData }
    }

    /// The rows for ids of any shape, and the ids themselves.
    fn look_up<S: Shape, T: Tape<E, D>>(
        &self,
        ids: Tensor<S, usize, D, T>,
    ) -> Result<(Tensor<(usize, Const<N>), E, D, T>, Vec<usize>), Error> {
        let (ids, tape) = ids.split_tape();
        let list = ids_inside(&ids, V)?;
        let dev = self.embeddings.device();
        let rows = if list.is_empty() {
            dev.try_zeros_like(&(0, Const::<N>)).or_device()?.put_tape(tape)
        } else {
            let flat = dev.try_tensor_from_vec(list.clone(), (list.len(),)).or_device()?;
            let table = sized(self.embeddings.clone())?;
            sized(D::embedding(&table, flat.put_tape(tape), &self.cache)?)?
        };
        Ok((rows, list))
    }
}

/// What is wrong with a table without rows or columns.
pub(super) const fn wrong_table(rows: usize, columns: usize) -> Fault {
    missing(rows, "a vocabulary has at least 1 id, not 0")
        .or(missing(columns, "the vector of an id has at least 1 number, not 0"))
}

/// The ids of a tensor `(rows,)`, `(rows, steps)` or `(rows, steps, several)`, if all of them are in the vocabulary.
pub(super) fn ids_inside<S: Shape, D: Storage<usize>>(
    ids: &Tensor<S, usize, D>,
    vocabulary: usize,
) -> Result<Vec<usize>, Error> {
    let list = to_values(ids)?;
    Error::check_ids(&list, ids.shape().concrete().as_ref(), vocabulary)?;
    Ok(list)
}

impl<In, const V: usize, const N: usize, M, E, D> Layer<In, E, D> for Embedding<V, N, M, E, D>
where
    In: TokenIds,
    M: MaskIds,
    E: Element,
    D: Backend<E>,
{
    type Out = M::Out<In::Batch, In::Length, N>;

    const FAULT: Fault = wrong_table(V, N);

    fn call<T: Tape<E, D>>(
        &self,
        ids: In::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
        const { <Self as Layer<In, E, D>>::FAULT.tell() };
        let ids = In::ids(ids);
        let (batch, length) = *ids.shape();
        let (rows, ids) = self.look_up(ids)?;
        M::join(rows.into_shape(&(batch, length, Const))?, &ids)
    }
}

/// Ids that are no sequences, and so cannot be masked: one of a sample, or several at each step.
macro_rules! without_mask {
    ($(($($dim:ident),+))+) => { $(
        impl<$($dim,)+ const V: usize, const N: usize, E, D> Layer<Ids<($($dim,)+)>, E, D>
            for Embedding<V, N, NoMask, E, D>
        where
            $($dim: Dim,)+
            E: Element,
            D: Backend<E>,
        {
            type Out = ($($dim,)+ Const<N>);

            const FAULT: Fault = wrong_table(V, N);

            #[allow(non_snake_case)]
            fn call<T: Tape<E, D>>(
                &self,
                ids: Tensor<($($dim,)+), usize, D, T>,
            ) -> Result<Tensor<Self::Out, E, D, T>, Error> {
                const { <Self as Layer<Ids<($($dim,)+)>, E, D>>::FAULT.tell() };
                let ($($dim,)+) = *ids.shape();
                self.look_up(ids)?.0.into_shape(&($($dim,)+ Const))
            }
        }
    )+ };
}

without_mask!((B)(B, L, K));

/// The table of a stream, and room for rows of it and a mask.
pub struct EmbeddingStepper<E> {
    table: StepTable<E>,
    rows: Vec<E>,
    keep: Vec<bool>,
}

impl<const V: usize, const N: usize, M: MaskIds, E: Element, D: Backend<E>>
    Embedding<V, N, M, E, D>
{
    fn stepper(&self, rows: usize) -> Result<EmbeddingStepper<E>, Error> {
        let table = D::step_table(&sized(self.embeddings.clone())?, &self.cache)?;
        Ok(EmbeddingStepper { table, rows: room(rows, N)?, keep: filled(&[rows], true)? })
    }

    fn look_up_step(stepper: &mut EmbeddingStepper<E>, ids: &[usize]) -> Result<(), Error> {
        Error::check_ids(ids, &[ids.len()], V)?;
        let table = (*stepper.table).as_ref();
        for (row, &id) in stepper.rows.chunks_exact_mut(N.max(1)).zip(ids) {
            row.copy_from_slice(&table[id * N..(id + 1) * N]);
        }
        stepper.keep.iter_mut().zip(ids).for_each(|(keep, &id)| *keep = id != 0);
        Ok(())
    }
}

#[diagnostic::do_not_recommend]
impl<B, L, const V: usize, const N: usize, M, E, D> Streamable<Ids<(B, L)>, E, D>
    for Embedding<V, N, M, E, D>
where
    B: Dim,
    L: Dim,
    M: MaskIds<Out<B, L, N>: StepValues>,
    E: Element,
    D: Backend<E>,
{
    type State = ();
    type Stepper = EmbeddingStepper<E>;

    fn begin(&self, rows: usize) -> Result<(EmbeddingStepper<E>, ()), Error> {
        Ok((self.stepper(rows)?, ()))
    }

    fn step<'a>(
        stepper: &'a mut EmbeddingStepper<E>,
        (): &mut (),
        ids: &'a [usize],
    ) -> Result<<M::Out<B, L, N> as Signal>::StepData<'a, E>, Error> {
        Self::look_up_step(stepper, ids)?;
        Ok(<M::Out<B, L, N> as StepValues>::pack(&stepper.rows, Some(&stepper.keep)))
    }
}

#[diagnostic::do_not_recommend]
impl<B, const V: usize, const N: usize, E, D> Streamable<Ids<(B,)>, E, D>
    for Embedding<V, N, NoMask, E, D>
where
    B: Dim,
    E: Element,
    D: Backend<E>,
{
    type State = ();
    type Stepper = EmbeddingStepper<E>;

    fn begin(&self, rows: usize) -> Result<(EmbeddingStepper<E>, ()), Error> {
        Ok((self.stepper(rows)?, ()))
    }

    fn step<'a>(
        stepper: &'a mut EmbeddingStepper<E>,
        (): &mut (),
        ids: &'a [usize],
    ) -> Result<&'a [E], Error> {
        Self::look_up_step(stepper, ids)?;
        Ok(&stepper.rows)
    }
}
