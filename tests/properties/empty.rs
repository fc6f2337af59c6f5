//! Batches of no rows, and rows of no steps: every layer, loss and metric passes them, forward, in the
//! training pass, backward and through a step of an optimiser.

use dfdx::{
    shapes::{Rank0, Unit},
    tensor::{NoneTape, OwnedTape, PutTape, TensorFromVec, ZerosTensor},
};
use kerata::{
    Add, Average, AvgPool1d, AvgPool2d, Backend, Batch, BatchNorm, Causal, Concatenate, Const,
    Conv1d, Conv2d, Cpu, Dense, Dropout, Element, Embedding, EmbeddingBag, Error, Flatten,
    GlobalAveragePooling1d, GlobalAveragePooling2d, GlobalMaxPooling1d, GlobalMaxPooling2d, Groups,
    Ids, LastState, LayerNorm, Length, Linear, Lstm, Mask, MaskZero, Masked, Masking, MaxPool1d,
    MaxPool2d, MultiHeadAttention, NoMask, OneGroup, PRelu, PRelu1d, PRelu2d, Permute, Relu,
    ReluLayer, RepeatVector, Reshape, RmsNorm, Same, Sequences, Sigmoid, Softmax, SoftmaxAlong,
    Subtract, Tanh, Tensor, TimeDistributed, Unmask, Valid, ZeroPadding2d,
    loss::{
        BinaryCrossentropy, CategoricalCrossentropy, Loss, MeanAbsoluteError, MeanSquaredError,
        Prediction, SparseCategoricalCrossentropy,
    },
    metric::{self, BinaryAccuracy, CategoricalAccuracy, Metric, SparseCategoricalAccuracy},
    optim::{Adam, State},
    prelude::*,
    reduce::{Mean, PerSample, Unweighted},
    shape::{Dim, HasShape, Sequence, Shape},
    signal::{Inputs, Signal},
};

/// A signal of which there can be nothing.
trait Empty: Signal {
    /// Ones, with `length` for every dimension of run time but the batch.
    fn empty<E: Element>(batch: usize, length: usize) -> Self::Data<E, Cpu, NoneTape>
    where
        Cpu: Backend<E>;
}

/// The shape with the sizes that are known at run time only.
trait Sizes: Shape {
    fn sizes(batch: usize, length: usize) -> Self;
}

trait Size: Dim {
    fn size_of(length: usize) -> Self;
}

impl Size for usize {
    fn size_of(length: usize) -> usize {
        length
    }
}

impl<const N: usize> Size for Const<N> {
    fn size_of(_: usize) -> Self {
        Const
    }
}

fn ones<S: Sizes, E: Unit>(batch: usize, length: usize) -> Tensor<S, E, Cpu>
where
    Cpu: TensorFromVec<E>,
{
    let shape = S::sizes(batch, length);
    Cpu::default().tensor_from_vec(vec![E::ONE; shape.num_elements()], shape)
}

macro_rules! empty {
    ($($size:ident)*) => {
        impl<$($size: Size),*> Sizes for (Batch, $($size,)*) {
            fn sizes(batch: usize, _length: usize) -> Self {
                (batch, $($size::size_of(_length),)*)
            }
        }

        impl<$($size: Size),*> Empty for (Batch, $($size,)*) {
            fn empty<E: Element>(batch: usize, length: usize) -> Tensor<Self, E, Cpu>
            where
                Cpu: Backend<E>,
            {
                ones(batch, length)
            }
        }

        impl<$($size: Size),*> Empty for Ids<(Batch, $($size,)*)> {
            fn empty<E: Element>(
                batch: usize,
                length: usize,
            ) -> Tensor<(Batch, $($size,)*), usize, Cpu>
            where
                Cpu: Backend<E>,
            {
                ones(batch, length)
            }
        }
    };
}
empty!();
empty!(A);
empty!(A B);
empty!(A B C);

impl<L: Size, F: Size> Empty for Masked<(Batch, L, F)> {
    fn empty<E: Element>(batch: usize, length: usize) -> Masked<Tensor<(Batch, L, F), E, Cpu>>
    where
        Cpu: Backend<E>,
    {
        let values = ones::<(Batch, L, F), E>(batch, length);
        let (rows, steps) = values.shape().steps();
        Masked::new(values, Mask::full(rows, steps)).unwrap()
    }
}

impl<A: Empty, B: Empty> Empty for Inputs<(A, B)> {
    fn empty<E: Element>(batch: usize, length: usize) -> Self::Data<E, Cpu, NoneTape>
    where
        Cpu: Backend<E>,
    {
        (A::empty::<E>(batch, length), B::empty::<E>(batch, length))
    }
}

type Tape<E> = OwnedTape<E, Cpu>;

fn pass<In, E, M>(batch: usize, length: usize) -> Result<(), Error>
where
    In: Empty,
    E: Element,
    Cpu: Backend<E>,
    M: Layer<In, E, Cpu> + Build<E, Cpu> + Parameters<E, Cpu>,
{
    let mut model = M::build(&Cpu::seed_from_u64(0))?;
    let x = In::empty::<E>(batch, length);
    model.call::<NoneTape>(In::share::<E, Cpu>(&x))?;
    for training in [false, true] {
        let x = In::put_tape::<E, Cpu, Tape<E>>(In::share::<E, Cpu>(&x), Tape::default());
        let y = if training { model.call_mut(x)? } else { model.call(x)? };
        let (y, tape) = M::Out::split_tape::<E, Cpu, Tape<E>>(y);
        M::Out::concat::<E, Cpu>(&[M::Out::share::<E, Cpu>(&y), y])?;
        // Whatever stands on the tape runs backwards.
        let nothing: Tensor<Rank0, E, Cpu> = Cpu::default().zeros();
        let mut gradients = nothing.put_tape(tape).backward();
        State::default().step(&Adam::default(), &mut model, &mut gradients)?;
    }
    Ok(())
}

/// Checks a layer in both number types.
macro_rules! layers {
    ($($name:ident: $input:ty => $layer:ty, $lengths:expr;)*) => {
        $(
            #[test]
            fn $name() {
                fn both<E: Element>()
                where
                    Cpu: Backend<E>,
                {
                    let lengths: &[usize] = &$lengths;
                    for &length in lengths {
                        pass::<$input, E, $layer>(0, length).unwrap();
                        pass::<$input, E, $layer>(2, length).unwrap();
                    }
                    // Where a window does not fit into nothing, there is an error; else nothing is.
                    for batch in [0, 2] {
                        match pass::<$input, E, $layer>(batch, 0) {
                            Ok(()) | Err(Error::Mismatch { .. }) => {}
                            Err(other) => panic!("{other}"),
                        }
                    }
                    if lengths.contains(&0) {
                        pass::<$input, E, $layer>(0, 0).unwrap();
                    }
                }
                both::<f32>();
                both::<f64>();
            }
        )*
    };
}

type Vectors = (Batch, Const<4>);
type Steps = (Batch, Length, Const<4>);
type Images = (Batch, Length, Length, Const<2>);

layers! {
    embedding: Ids<(Batch, Length)> => Embedding<9, 4, MaskZero, E>, [0, 3];
    embedding_no_mask: Ids<(Batch, Length)> => Embedding<9, 4, NoMask, E>, [0, 3];
    embedding_of_one: Ids<(Batch,)> => Embedding<9, 4, NoMask, E>, [0];
    embedding_bag: Ids<(Batch, Length)> => EmbeddingBag<9, 4, MaskZero, E>, [0, 3];
    embedding_bag_no_mask: Ids<(Batch, Length)> => EmbeddingBag<9, 4, NoMask, E>, [0, 3];
    dense: Vectors => Dense<4, 3, Tanh, E>, [0];
    dense_softmax: Vectors => Dense<4, 3, Softmax, E>, [0];
    masking: Steps => Masking, [0, 3];
    masking_masked: Masked<Steps> => Masking, [0, 3];
    lstm_sequences: Steps => Lstm<4, 3, Sequences, E>, [0, 3];
    lstm_last: Steps => Lstm<4, 3, LastState, E>, [0, 3];
    lstm_sequences_masked: Masked<Steps> => Lstm<4, 3, Sequences, E>, [0, 3];
    lstm_last_masked: Masked<Steps> => Lstm<4, 3, LastState, E>, [0, 3];
    time_distributed: Steps => TimeDistributed<Dense<4, 3, Sigmoid, E>>, [0, 3];
    time_distributed_masked: Masked<Steps> => TimeDistributed<Dense<4, 3, Relu, E>>, [0, 3];
    time_distributed_lstm: (Batch, Length, Const<2>, Const<4>)
        => TimeDistributed<Lstm<4, 3, LastState, E>>, [0, 3];
    linear: Masked<Steps> => Linear, [0, 3];
    relu: Steps => Relu, [0, 3];
    relu_masked: Masked<Steps> => Relu, [0, 3];
    tanh: Masked<Steps> => Tanh, [0, 3];
    sigmoid: Masked<Steps> => Sigmoid, [0, 3];
    softmax: Steps => Softmax, [0, 3];
    softmax_masked: Masked<Steps> => Softmax, [0, 3];
    dropout: Steps => Dropout<50>, [0, 3];
    dropout_masked: Masked<Steps> => Dropout<50>, [0, 3];
    unmask: Masked<Steps> => Unmask, [0, 3];
    average_1d: Steps => GlobalAveragePooling1d, [0, 3];
    average_1d_masked: Masked<Steps> => GlobalAveragePooling1d, [0, 3];
    average_2d: Images => GlobalAveragePooling2d, [0, 3];
    max_1d: Steps => GlobalMaxPooling1d, [3];
    max_2d: Images => GlobalMaxPooling2d, [3];
    batch_norm: Vectors => BatchNorm<4, E>, [0];
    batch_norm_steps: Steps => BatchNorm<4, E>, [0, 3];
    batch_norm_masked: Masked<Steps> => BatchNorm<4, E>, [0, 3];
    layer_norm: Vectors => LayerNorm<4, E>, [0];
    layer_norm_masked: Masked<Steps> => LayerNorm<4, E>, [0, 3];
    rms_norm: Vectors => RmsNorm<4, E>, [0];
    attention: Steps => MultiHeadAttention<4, 2, 3, 3, 4, 4, 4, E>, [0, 3];
    attention_masked: Masked<Steps> => MultiHeadAttention<4, 2, 3, 5, 6, 4, 4, E>, [0, 3];
    conv1d: Steps => Conv1d<4, 3, 2, Linear, Valid, 1, 1, OneGroup, E>, [3];
    conv1d_causal: Steps => Conv1d<4, 3, 2, Tanh, Causal, 1, 2, OneGroup, E>, [3];
    conv1d_same: Steps => Conv1d<4, 3, 2, Linear, Same, 2, 1, OneGroup, E>, [3];
    conv2d: Images => Conv2d<2, 3, 2, 2, Relu, Valid, 1, 1, OneGroup, E>, [3];
    conv2d_same: Images => Conv2d<2, 3, 2, 2, Linear, Same, 2, 1, OneGroup, E>, [3];
    conv2d_groups: Images => Conv2d<2, 4, 2, 2, Linear, Same, 2, 1, Groups<2>, E>, [3];
    slopes: Vectors => PRelu<4, E>, [0];
    slopes_masked: Masked<Steps> => PRelu1d<4, 1, E>, [0, 3];
    slopes_of_images: Images => PRelu2d<2, 1, 1, E>, [0, 3];
    softmax_along: Steps => SoftmaxAlong<1>, [0, 3];
    relu_layer: Masked<Steps> => ReluLayer, [0, 3];
    max_pool_1d: Steps => MaxPool1d<2>, [3];
    max_pool_2d: Images => MaxPool2d<2>, [3];
    max_pool_2d_same: Images => MaxPool2d<2, 2, 1, 1, Same>, [3];
    avg_pool_1d: Steps => AvgPool1d<2>, [3];
    avg_pool_2d: Images => AvgPool2d<2>, [3];
    avg_pool_2d_same: Images => AvgPool2d<2, 2, 1, 1, Same>, [3];
    flatten: (Batch, Const<3>, Const<4>) => Flatten<12>, [0];
    reshape: Vectors => Reshape<(Const<2>, Const<2>)>, [0];
    permute: Steps => Permute<2, 1>, [0, 3];
    repeat_vector: Vectors => RepeatVector<3>, [0];
    zero_padding: Images => ZeroPadding2d<1, 2>, [0, 3];
    add: Inputs<(Vectors, Vectors)> => Add, [0];
    add_masked: Inputs<(Masked<Steps>, Masked<Steps>)> => Add, [0, 3];
    subtract: Inputs<(Steps, Steps)> => Subtract, [0, 3];
    average: Inputs<(Steps, Steps)> => Average, [0, 3];
    concatenate: Inputs<(Vectors, Vectors)> => Concatenate<8>, [0];
    concatenate_masked: Inputs<(Masked<Steps>, Masked<Steps>)> => Concatenate<8>, [0, 3];
}

/// A loss of nothing is 0, with weights and without.
fn loss<P, Y, E, L>(loss: L, batch: usize, length: usize)
where
    P: Empty + Prediction,
    Y: Empty,
    E: Element,
    Cpu: Backend<E>,
    L: Loss<P, Y, E, Cpu>,
{
    let target = Y::empty::<E>(batch, length);
    let traced = || P::put_tape::<E, Cpu, Tape<E>>(P::empty::<E>(batch, length), Tape::default());
    let value = loss.mean(traced(), &target, &Unweighted).unwrap();
    assert_eq!(value.as_vec()[0].as_f64(), 0.0);
    value.backward();
    let weights = PerSample(vec![2.0; batch]);
    let value = loss.mean(traced(), &target, &weights).unwrap();
    assert_eq!(value.as_vec()[0].as_f64(), 0.0);
    value.backward();
}

fn losses<E: Element>()
where
    Cpu: Backend<E>,
{
    type Labels = Ids<(Batch,)>;
    type StepLabels = Ids<(Batch, Length)>;
    macro_rules! each {
        ($($loss:expr),*) => {
            $(
                loss::<Vectors, Vectors, E, _>($loss, 0, 0);
                for (batch, length) in [(0, 3), (0, 0), (2, 0)] {
                    loss::<Steps, Steps, E, _>($loss, batch, length);
                    loss::<Masked<Steps>, Steps, E, _>($loss, batch, length);
                }
            )*
        };
    }
    each!(
        MeanSquaredError,
        MeanAbsoluteError,
        BinaryCrossentropy::default(),
        BinaryCrossentropy::from_logits(),
        CategoricalCrossentropy::default(),
        CategoricalCrossentropy::from_logits()
    );
    for from_logits in [false, true] {
        let sparse = SparseCategoricalCrossentropy { from_logits, ignore_class: None };
        loss::<Vectors, Labels, E, _>(sparse, 0, 0);
        for (batch, length) in [(0, 3), (0, 0), (2, 0)] {
            loss::<Steps, StepLabels, E, _>(sparse, batch, length);
            loss::<Masked<Steps>, StepLabels, E, _>(sparse, batch, length);
        }
    }
}

#[test]
fn losses_of_nothing() {
    losses::<f32>();
    losses::<f64>();
}

#[test]
fn metrics_of_nothing() {
    fn metric<Y: Empty>(metric: &impl Metric<Masked<Steps>, Y, State = Mean>) {
        for (batch, length) in [(0, 3), (0, 0), (2, 0)] {
            let mut mean = Mean::default();
            let prediction = Masked::<Steps>::empty::<f32>(batch, length);
            let target = Y::empty::<f32>(batch, length);
            metric::update::<Masked<Steps>, Y, f32, Cpu, _>(
                &mut mean,
                metric,
                prediction,
                &target,
                &Unweighted,
            )
            .unwrap();
            assert_eq!(mean.get(), 0.0);
        }
    }
    metric::<Steps>(&BinaryAccuracy::default());
    metric::<Steps>(&CategoricalAccuracy);
    metric::<Ids<(Batch, Length)>>(&SparseCategoricalAccuracy);
    metric::<Steps>(&metric::MeanLoss(MeanSquaredError));
}
