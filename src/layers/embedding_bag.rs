use std::marker::PhantomData;

use dfdx::{
    shapes::{Const, Dim, HasShape, Rank2},
    tensor::{Cpu, SplitTape, Tape, Tensor},
};

use super::embedding::{MaskIds, NoMask, check_table, describe_table, ids_inside};
use crate::{
    backend::{Backend, Bags, Element, Prepared, sized},
    error::Error,
    fields::{Configured, Fields},
    init,
    layer::Layer,
    parameters::{Build, Parameter, Parameters, Visitor},
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
/// Keras has no such layer; PyTorch's [`EmbeddingBag`](https://pytorch.org/docs/stable/generated/torch.nn.EmbeddingBag.html)
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
#[derive(Debug, Clone)]
pub struct EmbeddingBag<
    const V: usize,
    const N: usize,
    M: MaskIds = NoMask,
    E: Element = f32,
    D: Backend<E> = Cpu,
> {
    /// The table, `(V, N)`.
    pub embeddings: Tensor<Rank2<V, N>, E, D>,
    prepared: Prepared,
    mask: PhantomData<M>,
}

impl<const V: usize, const N: usize, M: MaskIds, E: Element, D: Backend<E>>
    EmbeddingBag<V, N, M, E, D>
{
    /// A layer with the given table, for example of pretrained vectors.
    pub fn from_embeddings(embeddings: Tensor<Rank2<V, N>, E, D>) -> Self {
        Self { embeddings, prepared: Prepared::default(), mask: PhantomData }
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

    const CHECK: () = check_table(V, N);

    fn call<T: Tape<E, D>>(
        &self,
        ids: In::Data<E, D, T>,
    ) -> Result<Tensor<(In::Batch, Const<N>), E, D, T>, Error> {
        const { <Self as Layer<In, E, D>>::CHECK };
        let (ids, tape) = In::ids(ids).split_tape();
        let (batch, length) = *ids.shape();
        let (ids, padding) = (ids_inside(&ids, V)?, M::MASK_ZERO.then_some(0));
        let bags = Bags { ids, batch: batch.size(), length: length.size(), padding };
        let table = sized(self.embeddings.clone())?;
        sized(D::embedding_bag(&table, bags, tape, &self.prepared)?)
    }
}

impl<const V: usize, const N: usize, M: MaskIds, E: Element, D: Backend<E>> Build<E, D>
    for EmbeddingBag<V, N, M, E, D>
{
    fn build(dev: &D) -> Result<Self, Error> {
        const { check_table(V, N) };
        Ok(Self::from_embeddings(init::uniform(dev, (Const, Const), 0.05)?))
    }
}

impl<const V: usize, const N: usize, M: MaskIds, E: Element, D: Backend<E>> Parameters<E, D>
    for EmbeddingBag<V, N, M, E, D>
{
    const PARAMS: usize = V * N;

    fn visit<W: Visitor<E, D>>(&mut self, visitor: &mut W) -> Result<(), Error> {
        let tensor = &mut self.embeddings;
        visitor.visit(Parameter { name: "embeddings", trainable: true, tensor })
    }
}

impl<const V: usize, const N: usize, M: MaskIds, E: Element, D: Backend<E>> Configured
    for EmbeddingBag<V, N, M, E, D>
{
    /// None of Keras's: to read it, Keras needs a layer of this name that is registered there.
    const CLASS: &'static str = "EmbeddingBag";
    type Element = E;
    type Device = D;

    fn describe(&mut self, fields: &mut Fields) {
        describe_table::<E>(fields, V, N, M::MASK_ZERO);
    }
}
