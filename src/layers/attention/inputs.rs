use dfdx::{
    shapes::HasShape,
    tensor::{NoneTape, SplitTape, Tape, Tensor},
};

use crate::{
    backend::{Backend, Element, sized},
    error::Error,
    shape::Dim,
    signal::{Inputs, Is, Mask, Masked, Signal, Steps},
};

/// What an attention takes: a sequence, which attends to itself, or a query, a value and perhaps a key.
#[diagnostic::on_unimplemented(
    message = "a sequence is needed here, `(Batch, Length, Features)`, but `{Self}` arrives",
    label = "this layer attends to the steps of a sequence",
    note = "one vector: `Lstm<_, N, Sequences>` in place of `Lstm<_, N>` hands on its sequence; images: `Reshape<(Const<N>, Const<F>)>` makes a sequence of their pixels; token ids: `Embedding`; in a `#[model]`, `#[from(query, value)]` on the field names a query and what it attends to"
)]
pub trait Attends: Signal {
    /// The steps that attend.
    type Query: Signal;
    /// The steps of which means are taken.
    type Value: Signal;
    /// What the query is compared with.
    type Key: Signal;

    /// The query, and the value and the key where they are others than what stands before them.
    #[allow(clippy::type_complexity)]
    fn apart<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Self::Data<E, D, T>,
    ) -> (
        <Self::Query as Signal>::Data<E, D, T>,
        Option<<Self::Value as Signal>::Data<E, D, T>>,
        Option<<Self::Key as Signal>::Data<E, D, T>>,
    );
}

macro_rules! itself {
    ($([$($dim:ident)*] $signal:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($dim: Dim),*> Attends for $signal {
            type Query = Self;
            type Value = Self;
            type Key = Self;

            fn apart<E: Element, Dev: Backend<E>, T: Tape<E, Dev>>(
                x: Self::Data<E, Dev, T>,
            ) -> (
                Self::Data<E, Dev, T>,
                Option<Self::Data<E, Dev, T>>,
                Option<Self::Data<E, Dev, T>>,
            ) {
                (x, None, None)
            }
        }
    )*};
}
itself! {
    [B L F] (B, L, F);
    [B L F] Masked<(B, L, F)>;
}

macro_rules! others {
    ($([$($signal:ident)*] $value:ident, |$x:ident| $apart:expr;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<Q: Signal, V: Signal $(, $signal: Signal)*> Attends for Inputs<(Q, V, $($signal,)*)> {
            type Query = Q;
            type Value = V;
            type Key = $value;

            fn apart<E: Element, D: Backend<E>, T: Tape<E, D>>(
                $x: Self::Data<E, D, T>,
            ) -> (
                Q::Data<E, D, T>,
                Option<V::Data<E, D, T>>,
                Option<$value::Data<E, D, T>>,
            ) {
                $apart
            }
        }
    )*};
}
others! {
    [] V, |x| (x.0, Some(x.1), None);
    [K] K, |x| (x.0, Some(x.1), Some(x.2));
}

/// A query whose steps can attend to those of another sequence of the same batch.
#[diagnostic::on_unimplemented(
    message = "a query and what it attends to are sequences here, `(Batch, Length, Features)`, but `{Self}` and `{Other}` arrive",
    label = "this layer attends to the steps of a sequence",
    note = "one vector: `Lstm<_, N, Sequences>` in place of `Lstm<_, N>` hands on its sequence; token ids: `Embedding`"
)]
pub trait AttendsTo<Other: Signal>: Steps {
    /// The other one.
    type Other: Steps;

    /// Its data, which is of the same type.
    fn other<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Other::Data<E, D, T>,
    ) -> <Self::Other as Signal>::Data<E, D, T>;
}

#[diagnostic::do_not_recommend]
impl<Q: Steps, S: Steps<Batch = Q::Batch>> AttendsTo<S> for Q {
    type Other = S;

    fn other<E: Element, D: Backend<E>, T: Tape<E, D>>(x: S::Data<E, D, T>) -> S::Data<E, D, T> {
        x
    }
}

/// The features of a value or of a key: `N`, as the type of the attention says.
#[diagnostic::on_unimplemented(
    message = "what is attended to must have {N} features here, but `{Self}` arrives",
    label = "this layer takes a value and a key of this number of features, {N}",
    note = "those of the query stand first, those of a value and of a key that differ at the end, behind the sizes of a value in a head and of the output: `MultiHeadAttention<_, 4, 32, 32, 64, 12>` takes a value of 12 features"
)]
pub trait Attended<const N: usize>: Dim {}

#[diagnostic::do_not_recommend]
impl<F: Is<N>, const N: usize> Attended<N> for F {}

/// The features of a key: those of the query that it is compared with.
#[diagnostic::on_unimplemented(
    message = "a key must have {N} features here, as the query, but `{Self}` arrives",
    label = "this layer compares a query of {N} features with a key",
    note = "`#[from(query, value, key)]` names a key of its own; a `TimeDistributed<Dense<_, {N}>>` in front gives it this number of features"
)]
pub trait Compared<const N: usize>: Dim {}

#[diagnostic::do_not_recommend]
impl<F: Is<N>, const N: usize> Compared<N> for F {}

/// The values of a sequence.
pub(super) type Rows<E, D, T = NoneTape> = Tensor<(usize, usize, usize), E, D, T>;

/// What reaches an attention: what stands in the padding of each does no harm.
pub(super) struct Taken<B, L, E: Element, D: Backend<E>, T> {
    pub(super) query: Rows<E, D>,
    pub(super) value: Rows<E, D>,
    pub(super) key: Rows<E, D>,
    pub(super) tape: T,
    /// The mask of the query.
    pub(super) mask: Option<Mask>,
    /// The steps that may be seen.
    pub(super) keys: Option<Mask>,
    /// The batch and the length of the query.
    pub(super) shape: (B, L),
}

/// The query, the value and the key of an attention.
pub(super) fn taken<In, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: In::Data<E, D, T>,
) -> Result<Taken<<In::Query as Steps>::Batch, <In::Query as Steps>::Length, E, D, T>, Error>
where
    In: Attends<Query: AttendsTo<In::Value> + AttendsTo<In::Key>>,
{
    let (query, value, key) = In::apart::<E, D, T>(x);
    let (query, mask) = In::Query::split(query);
    let shape = (query.shape().0, query.shape().1);
    let query = D::bounded_padding(sized(query)?, mask.as_ref())?;
    let (query, tape) = query.split_tape();
    let apart = |x: Rows<E, D, T>, mask| {
        let (x, tape) = x.split_tape();
        (x, tape, mask)
    };
    let value = value.map(|value| steps::<In::Query, In::Value, E, D, T>(value)).transpose()?;
    let (value, more, of_values) = match value {
        Some((x, mask)) => apart(x, mask),
        None => (query.clone(), T::default(), mask.clone()),
    };
    let key = key.map(|key| steps::<In::Query, In::Key, E, D, T>(key)).transpose()?;
    let (key, most, of_keys) = match key {
        Some((x, mask)) => apart(x, mask),
        None => (value.clone(), T::default(), None),
    };
    let keys = match (of_values, of_keys) {
        (Some(a), Some(b)) => Some(a.and(&b)?),
        (a, b) => a.or(b),
    };
    Ok(Taken { query, value, key, tape: tape.merge(more).merge(most), mask, keys, shape })
}

/// The values of a sequence, of which those of the padding do no harm, and its mask.
fn steps<Q: AttendsTo<S>, S: Signal, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: S::Data<E, D, T>,
) -> Result<(Rows<E, D, T>, Option<Mask>), Error> {
    let (x, mask) = <Q::Other as Steps>::split(Q::other::<E, D, T>(x));
    Ok((D::bounded_padding(sized(x)?, mask.as_ref())?, mask))
}
