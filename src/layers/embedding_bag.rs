use std::marker::PhantomData;

use dfdx::{
    shapes::{Const, Dim, HasShape, Rank2},
    tensor::{Cpu, SplitTape, Tape, Tensor},
};

use super::embedding::{MaskIds, NoMask, ids_inside, wrong_table};
use crate::{
    backend::{Backend, Bags, Element, WeightCache, sized},
    error::Error,
    layer,
    layer::Layer,
    shape::Fault,
    signal::TokenIds,
};

/// The mean of the rows of a table for the token ids of a text: a bag of words.
///
/// It gives what [`Embedding`](super::Embedding) and
/// [`GlobalAveragePooling1d`](super::GlobalAveragePooling1d) behind it give, and never makes the sequence of rows
/// between them, `Length` times as large as what comes out. Take it where nothing else wants that sequence.
///
/// With [`MaskZero`](super::MaskZero), id 0 is padding and does not count, wherever it stands; a row without
/// another id gives zeros. With [`NoMask`] it is an id like any other, and every step counts.
///
/// Keras has no such layer, and reads its config only if one of this name is registered there; PyTorch's [`EmbeddingBag`](https://pytorch.org/docs/stable/generated/torch.nn.EmbeddingBag.html)
/// is the same with `mode="mean"`, and `padding_idx=0` for `MaskZero`.
///
/// # Shapes
/// - input `Ids<(Batch, Length)>`
/// - output `(Batch, N)`
/// - `embeddings` `(V, N)`, uniform in `[-0.05, 0.05]`
///
/// # Errors
/// [`Error::IdOutsideVocabulary`] for an id of `V` or more.
///
/// ```
/// use kerata::{*, prelude::*};
///
/// let dev = Cpu::default();
/// let table = dev.tensor([[9.0_f32, 9.0], [1.0, 2.0], [3.0, 6.0]]);
/// let bag = EmbeddingBag::<3, 2, MaskZero>::from_embeddings(table.clone());
/// let ids = dev.tensor([[1_usize, 2, 0], [0, 0, 0]]);
/// assert_eq!(bag.forward(ids.clone())?.array(), [[2.0, 4.0], [0.0, 0.0]]);
///
/// let bag = EmbeddingBag::<3, 2>::from_embeddings(table);
/// assert_eq!(bag.forward(ids)?.array()[1], [9.0, 9.0]);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "EmbeddingBag",
    tables,
    check = wrong_table(V, N).tell(),
    keys(
        input_dim: size(V),
        output_dim: size(N),
        mask_zero: flag(M::MASK_ZERO, false),
    ),
)]
pub struct EmbeddingBag<
    const V: usize,
    const N: usize,
    M: MaskIds = NoMask,
    E: Element = f32,
    D: Backend<E> = Cpu,
> {
    /// The table, `(V, N)`.
    #[weight(init = uniform, regularizer = false)]
    pub embeddings: Tensor<Rank2<V, N>, E, D>,
    #[cache]
    cache: WeightCache,
    mask: PhantomData<M>,
}

impl<const V: usize, const N: usize, M: MaskIds, E: Element, D: Backend<E>>
    EmbeddingBag<V, N, M, E, D>
{
    /// A layer with the given table, for example of pretrained vectors.
    pub fn from_embeddings(embeddings: Tensor<Rank2<V, N>, E, D>) -> Self {
        Self { embeddings, cache: WeightCache::default(), mask: PhantomData }
    }
}

impl<In, const V: usize, const N: usize, M, E, D> Layer<In, E, D> for EmbeddingBag<V, N, M, E, D>
where
    In: TokenIds,
    M: MaskIds,
    E: Element,
    D: Backend<E>,
{
    type Out = (In::Batch, Const<N>);

    const FAULT: Fault = wrong_table(V, N);

    fn call<T: Tape<E, D>>(
        &self,
        ids: In::Data<E, D, T>,
    ) -> Result<Tensor<(In::Batch, Const<N>), E, D, T>, Error> {
        const { <Self as Layer<In, E, D>>::FAULT.tell() };
        let (ids, tape) = In::ids(ids).split_tape();
        let (batch, length) = *ids.shape();
        let (ids, padding) = (ids_inside(&ids, V)?, M::MASK_ZERO.then_some(0));
        let bags = Bags { ids, batch: batch.size(), length: length.size(), padding };
        let table = sized(self.embeddings.clone())?;
        sized(D::embedding_bag(&table, bags, tape, &self.cache)?)
    }
}
