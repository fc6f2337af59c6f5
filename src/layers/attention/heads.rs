use dfdx::{
    prelude::HasShape,
    shapes::{Const, Rank1, Rank2, Rank3},
    tensor::{Cpu, PutTape, Tape, Tensor},
};

use super::{
    Attended, Attends, AttendsTo,
    inputs::{Rows, Taken, taken},
};
use crate::{
    backend::{
        ActivationKind, AttentionOptions, Backend, DenseWeights, Element, IntoShape, Visible,
        WeightCache, memory::elements,
    },
    error::Error,
    layer,
    layer::{Infer, Layer, trains},
    shape::{Fault, Features, Shape, missing, wrong_units},
    signal::{Is, Signal, Steps},
};

/// Attention of several heads ([Vaswani et al. 2017](https://arxiv.org/abs/1706.03762)): each step of a query gets a mean of
/// the steps of a value, by how well it fits their keys.
///
/// In each head, query, key and value are projected to vectors `q`, `k` of `KEY_DIM` and `v` of `VALUE_DIM` features. A
/// query gets `softmax(q . k / sqrt(KEY_DIM)) . v`, and what all heads give is projected to the features of the output.
///
/// Of one sequence it is self-attention. A query and a value come by `#[from(query, value)]`, and a key of its own behind
/// them, `#[from(query, value, key)]`: `VALUE_FEATURES` and `KEY_FEATURES` are needed where they have other features than
/// the query.
///
/// Masked steps of the value and of the key are not seen, whatever stands there, and the mask of the query travels on. A query
/// that sees nothing gets zeros, to which the last projection adds its bias. (Keras gives it the mean of all values, the
/// padding among them, if there is no dropout.)
///
/// Keras: [`MultiHeadAttention`](https://keras.io/api/layers/attention_layers/multi_head_attention/). What it takes as arguments
/// of its call are inputs and options here.
///
/// # Shapes
/// - input `(Batch, Length, F)`, masked or not; or the query, `Inputs<(query, value)>` with a value
///   `(Batch, Other, VALUE_FEATURES)`, and `Inputs<(query, value, key)>` with a key `(Batch, Other, KEY_FEATURES)`
/// - output `(Batch, Length, OUTPUT)`, masked if the query is
/// - `query_kernel` `(F, HEADS, KEY_DIM)`, `key_kernel` `(KEY_FEATURES, HEADS, KEY_DIM)`, `value_kernel`
///   `(VALUE_FEATURES, HEADS, VALUE_DIM)`, `output_kernel` `(HEADS, VALUE_DIM, OUTPUT)`, glorot uniform; a bias of each
///   without its first axis or axes of inputs, zeros
///
/// ```
/// use kerata::{*, prelude::*};
///
/// #[model(input = Ids<(Batch, Length)>, output = (Batch, 2))]
/// struct Net {
///     embed: Embedding<100, 16, MaskZero>,
///     #[with(dropout = 0.1)]
///     attention: MultiHeadAttention<_, 4, 8>,
///     #[from(embed, attention)]
///     sum: Add,
///     norm: LayerNorm<_>,
///     mean: GlobalAveragePooling1d,
///     head: Dense<_, 2>,
/// }
/// let net = Net::build(&Cpu::seed_from_u64(0))?;
/// let (short, padded) = (net.predict(&vec![[1_usize, 2]], 1)?, net.predict(&vec![[1_usize, 2, 0, 0]], 1)?);
/// let close = |(a, b): (f32, f32)| (a - b).abs() < 1e-6;
/// assert!(short.as_vec().into_iter().zip(padded.as_vec()).all(close)); // padding takes no part
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "MultiHeadAttention",
    check = wrong_heads(F, HEADS, KEY_DIM, VALUE_DIM, OUTPUT).tell(),
    keys(
        num_heads: size(HEADS),
        key_dim: size(KEY_DIM),
        value_dim: size_or_null(VALUE_DIM, KEY_DIM),
        attention([F, OUTPUT]),
        weights,
        seed(),
    ),
)]
pub struct MultiHeadAttention<
    const F: usize,
    const HEADS: usize,
    const KEY_DIM: usize,
    const VALUE_DIM: usize = KEY_DIM,
    const OUTPUT: usize = F,
    const VALUE_FEATURES: usize = F,
    const KEY_FEATURES: usize = VALUE_FEATURES,
    E: Element = f32,
    D: Backend<E> = Cpu,
> {
    /// From the features of the query to those of all heads.
    #[weight(init = glorot_uniform, name = "query.kernel", key = "kernel")]
    pub query_kernel: Tensor<Rank3<F, HEADS, KEY_DIM>, E, D>,
    /// What is added then; not used without `use_bias`.
    #[weight(init = zeros, name = "query.bias", key = "bias", when = use_bias)]
    pub query_bias: Tensor<Rank2<HEADS, KEY_DIM>, E, D>,
    /// From the features of the key to those of all heads.
    #[weight(init = glorot_uniform, name = "key.kernel", key = "kernel")]
    pub key_kernel: Tensor<Rank3<KEY_FEATURES, HEADS, KEY_DIM>, E, D>,
    /// What is added then; not used without `use_bias`.
    #[weight(init = zeros, name = "key.bias", key = "bias", when = use_bias)]
    pub key_bias: Tensor<Rank2<HEADS, KEY_DIM>, E, D>,
    /// From the features of the value to those of all heads.
    #[weight(init = glorot_uniform, name = "value.kernel", key = "kernel")]
    pub value_kernel: Tensor<Rank3<VALUE_FEATURES, HEADS, VALUE_DIM>, E, D>,
    /// What is added then; not used without `use_bias`.
    #[weight(init = zeros, name = "value.bias", key = "bias", when = use_bias)]
    pub value_bias: Tensor<Rank2<HEADS, VALUE_DIM>, E, D>,
    /// From the features of all heads to those of the output.
    #[weight(init = glorot_uniform, name = "attention_output.kernel", key = "kernel")]
    pub output_kernel: Tensor<Rank3<HEADS, VALUE_DIM, OUTPUT>, E, D>,
    /// What is added then; not used without `use_bias`.
    #[weight(init = zeros, name = "attention_output.bias", key = "bias", when = use_bias)]
    pub output_bias: Tensor<Rank1<OUTPUT>, E, D>,
    /// Whether a bias is added to each projection. Default true.
    #[option(default = true)]
    pub use_bias: bool,
    /// The rate at which what a query sees drops in training. Default 0.
    #[option(default = 0.0, range = 0.0..=1.0)]
    pub dropout: f64,
    /// Whether no query sees a step of the value behind its own place. Default false.
    #[option(default = false, call)]
    pub use_causal_mask: bool,
    #[cache]
    caches: [WeightCache; 4],
}

/// What is wrong with an attention that takes or gives nothing.
const fn wrong_heads(
    features: usize,
    heads: usize,
    key_dim: usize,
    value_dim: usize,
    output: usize,
) -> Fault {
    wrong_units(features, output)
        .or(missing(heads, "an attention has at least 1 head, not 0"))
        .or(missing(key_dim, "the key of a head has at least 1 feature, not 0"))
        .or(missing(value_dim, "the value of a head has at least 1 feature, not 0"))
}

/// A dense layer along the last axis.
fn project<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Rows<E, D, T>,
    weights: DenseWeights<'_, E, D>,
) -> Result<Rows<E, D, T>, Error> {
    let ((batch, length, inputs), outputs) = (*x.shape(), weights.kernel.shape().1);
    let rows = x.into_shape(&(elements(&[batch, length])?, inputs))?;
    D::dense(rows, weights, ActivationKind::Nothing)?.into_shape(&(batch, length, outputs))
}

/// A kernel and a bias of any shape as those of a dense layer of so many inputs.
fn of_matrix<'a, K: Shape, B: Shape, E: Element, D: Backend<E>>(
    inputs: usize,
    kernel: &Tensor<K, E, D>,
    bias: Option<&Tensor<B, E, D>>,
    cache: &'a WeightCache,
) -> Result<DenseWeights<'a, E, D>, Error> {
    let sizes = kernel.shape().concrete();
    let outputs = elements(sizes.as_ref())?.checked_div(inputs).unwrap_or(0);
    let kernel = kernel.clone().into_shape(&(inputs, outputs))?;
    let bias = bias.map(|bias| bias.clone().into_shape(&(outputs,))).transpose()?;
    Ok(DenseWeights { kernel, bias, cache })
}

impl<
    const F: usize,
    const HEADS: usize,
    const KEY_DIM: usize,
    const VALUE_DIM: usize,
    const OUTPUT: usize,
    const VALUE_FEATURES: usize,
    const KEY_FEATURES: usize,
    E: Element,
    D: Backend<E>,
> MultiHeadAttention<F, HEADS, KEY_DIM, VALUE_DIM, OUTPUT, VALUE_FEATURES, KEY_FEATURES, E, D>
{
    /// What products of queries and keys are multiplied with.
    pub(super) fn scale() -> f64 {
        1.0 / (KEY_DIM as f64).sqrt()
    }

    /// The projections of queries, keys, values and of what leaves it, if the options are in their ranges.
    pub(super) fn projections(&self) -> Result<[DenseWeights<'_, E, D>; 4], Error> {
        self.check_options()?;
        let Self { query_bias, key_bias, value_bias, output_bias, use_bias, .. } = self;
        let [of_query, of_key, of_value, of_output] = &self.caches;
        let inputs = elements(&[HEADS, VALUE_DIM])?;
        Ok([
            of_matrix(F, &self.query_kernel, use_bias.then_some(query_bias), of_query)?,
            of_matrix(KEY_FEATURES, &self.key_kernel, use_bias.then_some(key_bias), of_key)?,
            of_matrix(
                VALUE_FEATURES,
                &self.value_kernel,
                use_bias.then_some(value_bias),
                of_value,
            )?,
            of_matrix(inputs, &self.output_kernel, use_bias.then_some(output_bias), of_output)?,
        ])
    }
}

impl<
    In,
    const F: usize,
    const HEADS: usize,
    const KEY_DIM: usize,
    const VALUE_DIM: usize,
    const OUTPUT: usize,
    const VALUE_FEATURES: usize,
    const KEY_FEATURES: usize,
    E,
    D,
> Layer<In, E, D>
    for MultiHeadAttention<F, HEADS, KEY_DIM, VALUE_DIM, OUTPUT, VALUE_FEATURES, KEY_FEATURES, E, D>
where
    In: Attends,
    In::Query: Steps<Features: Is<F>>
        + AttendsTo<In::Value, Other: Steps<Features: Attended<VALUE_FEATURES>>>
        + AttendsTo<In::Key, Other: Steps<Features: Attended<KEY_FEATURES>>>,
    E: Element,
    D: Backend<E>,
{
    type Out = <In::Query as Steps>::With<Const<OUTPUT>>;

    const FAULT: Fault = wrong_heads(F, HEADS, KEY_DIM, VALUE_DIM, OUTPUT);

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
        let [of_query, of_key, of_value, of_output] = self.projections()?;
        let Taken { query, value, key, tape, mask, keys, shape } = taken::<In, E, D, T>(x)?;
        let q = project(query.put_tape(tape), of_query)?;
        let k = project(key.put_tape(T::default()), of_key)?;
        let v = project(value.put_tape(T::default()), of_value)?;
        let visible =
            Visible { queries: mask.clone(), keys, causal: self.use_causal_mask, flags: None };
        let options = AttentionOptions {
            heads: HEADS,
            scale: Self::scale(),
            visible,
            mean_if_blind: false,
            dropout: if trains() { self.dropout } else { 0.0 },
        };
        let sums = D::attention(q, k, v, &options)?;
        let y = project(sums, of_output)?;
        In::Query::join(y.into_shape(&(shape.0, shape.1, Const::<OUTPUT>))?, mask)
    }
}

impl<
    In: Attends<Query: Features>,
    const F: usize,
    const HEADS: usize,
    const KEY_DIM: usize,
    const VALUE_DIM: usize,
    const OUTPUT: usize,
    const VALUE_FEATURES: usize,
    const KEY_FEATURES: usize,
    E: Element,
    D: Backend<E>,
> Infer<In>
    for MultiHeadAttention<F, HEADS, KEY_DIM, VALUE_DIM, OUTPUT, VALUE_FEATURES, KEY_FEATURES, E, D>
{
    const SIZE: usize = <In::Query as Features>::SIZE;
}
