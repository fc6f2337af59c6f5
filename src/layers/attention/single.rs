//! Keras's attentions of one head, without projections.

use dfdx::{
    prelude::HasShape,
    shapes::{self, Rank0, Rank1},
    tensor::{Cpu, PutTape, Tape, Tensor},
};

use super::{
    Attends, AttendsTo, Compared,
    inputs::{Rows, Taken, taken},
};
use crate::{
    backend::{
        ActivationKind, AttentionOptions, Backend, DenseWeights, Element, IntoShape, Visible,
        WeightCache, additive_attention, memory::elements_of, sized,
    },
    error::Error,
    init, layer,
    layer::{Infer, Layer, trains},
    shape::{Fault, Features, missing},
    signal::{Is, Signal, Steps},
};

/// Attention without projections: each step of a query gets a mean of the steps of a value, `softmax(q . k) . v`.
///
/// Of one sequence it is self-attention. A query and a value come by `#[from(query, value)]`, and a key of its own behind them,
/// `#[from(query, value, key)]`; the value is the key where there is none.
///
/// Masked steps of the value and of the key are not seen, and the mask of the query travels on; its masked steps get zeros, and so does
/// a query that sees nothing. (Keras does not look at the mask of a key, and where all steps are masked it sees all of them.)
///
/// Keras: [`Attention`](https://keras.io/api/layers/attention_layers/attention/), with `score_mode="dot"`.
///
/// # Shapes
/// - input `(Batch, Length, F)`, masked or not; or the query, `Inputs<(query, value)>` with a value `(Batch, Other, F)`, and
///   `Inputs<(query, value, key)>` with a value of any features and a key `(Batch, Other, F)`
/// - output `(Batch, Length, features of the value)`, masked if the query is
/// - `scale`, one number, ones: with `use_scale`, what the scores are multiplied with
///
/// ```
/// use kerata::{Attention, Cpu, Error, prelude::*};
///
/// let layer = Attention::<2>::build(&Cpu::default())?;
/// let x = Cpu::default().tensor([[[9.0_f32, 0.0], [0.0, 9.0]]]);
/// let y = layer.forward(x.clone())?.as_vec(); // each step sees itself
/// assert!(y.iter().zip(x.as_vec()).all(|(a, b)| (a - b).abs() < 1e-5));
/// # Ok::<(), Error>(())
/// ```
#[layer(class = "Attention", check = wrong_query(F).tell(), keys(score_mode: fixed("dot"), seed()))]
pub struct Attention<const F: usize, E: Element = f32, D: Backend<E> = Cpu> {
    /// What the scores are multiplied with; not used without `use_scale`.
    #[weight(init = ones, shape = (), keys = false, when = use_scale)]
    pub scale: Tensor<Rank0, E, D>,
    /// Whether there is a `scale`. Default false.
    #[option(default = false)]
    pub use_scale: bool,
    /// The rate at which what a query sees drops in training. Default 0.
    #[option(default = 0.0, range = 0.0..=1.0)]
    pub dropout: f64,
    /// Whether no query sees a step of the value behind its own place. Default false.
    #[option(default = false, call)]
    pub use_causal_mask: bool,
    #[cache]
    cache: WeightCache,
}

/// [`Attention`] in which a key fits a query by what both sum to
/// ([Bahdanau et al. 2015](https://arxiv.org/abs/1409.0473)): `softmax(sum(scale * tanh(q + k))) . v`.
///
/// Keras: [`AdditiveAttention`](https://keras.io/api/layers/attention_layers/additive_attention/).
///
/// # Shapes
/// - input and output as of an [`Attention`]
/// - `scale` `(F,)`, glorot uniform; ones without `use_scale`
///
/// ```
/// use kerata::{*, prelude::*};
///
/// #[model(input = Inputs<((Batch, 3, 4), (Batch, 5, 4))>, output = (Batch, 3, 4))]
/// struct Reads {
///     #[from(input.0, input.1)]
///     attention: AdditiveAttention<_>,
/// }
/// assert_eq!(Reads::PARAMS, 4);
/// # Ok::<(), Error>(())
/// ```
#[layer(class = "AdditiveAttention", check = wrong_query(F).tell(), keys(seed()))]
pub struct AdditiveAttention<const F: usize, E: Element = f32, D: Backend<E> = Cpu> {
    /// What each feature counts; not used without `use_scale`.
    #[weight(init = glorot_uniform, keys = false, when = use_scale)]
    pub scale: Tensor<Rank1<F>, E, D>,
    /// Whether there is a `scale`. Default true.
    #[option(default = true)]
    pub use_scale: bool,
    /// The rate at which what a query sees drops in training. Default 0.
    #[option(default = 0.0, range = 0.0..=1.0)]
    pub dropout: f64,
    /// Whether no query sees a step of the value behind its own place. Default false.
    #[option(default = false, call)]
    pub use_causal_mask: bool,
}

/// What is wrong with a query without features.
const fn wrong_query(features: usize) -> Fault {
    missing(features, "the query of an attention has at least 1 feature, not 0")
}

impl<const F: usize, E: Element, D: Backend<E>> Attention<F, E, D> {
    fn attend<T: Tape<E, D>>(
        &self,
        [q, k, v]: [Rows<E, D, T>; 3],
        options: &AttentionOptions,
    ) -> Result<Rows<E, D, T>, Error> {
        let mut q = q;
        if self.use_scale && elements_of(&q)? > 0 {
            // As a product, whose gradient is a sum that keeps its digits.
            let shape = *q.shape();
            let kernel = self.scale.clone().into_shape(&(1_usize, 1_usize))?;
            let weights = DenseWeights { kernel, bias: None, cache: &self.cache };
            let each = q.into_shape(&(shape.0 * shape.1 * shape.2, 1))?;
            q = D::dense(each, weights, ActivationKind::Nothing)?.into_shape(&shape)?;
        }
        D::attention(q, k, v, options)
    }
}

impl<const F: usize, E: Element, D: Backend<E>> AdditiveAttention<F, E, D> {
    fn attend<T: Tape<E, D>>(
        &self,
        [q, k, v]: [Rows<E, D, T>; 3],
        options: &AttentionOptions,
    ) -> Result<Rows<E, D, T>, Error> {
        let scale = match self.use_scale {
            true => sized(self.scale.clone())?,
            false => init::ones(self.scale.device(), (F,))?,
        };
        additive_attention(q, k, v, &scale, options)
    }
}

macro_rules! attention {
    ($name:ident) => {
        impl<In, const F: usize, E, D> Layer<In, E, D> for $name<F, E, D>
        where
            In: Attends,
            In::Query: Steps<Features: Is<F>>
                + AttendsTo<In::Value>
                + AttendsTo<In::Key, Other: Steps<Features: Compared<F>>>,
            E: Element,
            D: Backend<E>,
        {
            type Out = <In::Query as Steps>::With<
                <<In::Query as AttendsTo<In::Value>>::Other as Steps>::Features,
            >;

            const FAULT: Fault = wrong_query(F);

            fn call<T: Tape<E, D>>(
                &self,
                x: In::Data<E, D, T>,
            ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
                const { <Self as Layer<In, E, D>>::FAULT.tell() };
                self.check_options()?;
                let Taken { query, value, key, tape, mask, keys, shape } = taken::<In, E, D, T>(x)?;
                let causal = self.use_causal_mask;
                let options = AttentionOptions {
                    heads: 1,
                    scale: 1.0,
                    visible: Visible { queries: mask.clone(), keys, causal, flags: None },
                    mean_if_blind: false,
                    dropout: if trains() { self.dropout } else { 0.0 },
                };
                let all = [
                    query.put_tape(tape),
                    key.put_tape(T::default()),
                    value.put_tape(T::default()),
                ];
                let y = self.attend(all, &options)?;
                let (found, what) = (y.shape().2, "the features of the value of an attention");
                let features = shapes::Dim::from_size(found)
                    .ok_or_else(|| Error::mismatch(what, "those of its type", found))?;
                In::Query::join(y.into_shape(&(shape.0, shape.1, features))?, mask)
            }
        }

        impl<In: Attends<Query: Features>, const F: usize, E: Element, D: Backend<E>> Infer<In>
            for $name<F, E, D>
        {
            const SIZE: usize = <In::Query as Features>::SIZE;
        }
    };
}
attention!(Attention);
attention!(AdditiveAttention);
