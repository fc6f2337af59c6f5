//! Shapes whose number of elements is larger than a `usize`: dfdx makes them, and multiplies without a check. Here they
//! are broadcast, so that a debug build makes them too; in a release build `tensor_from_vec` does.

use dfdx::{
    prelude::BroadcastTo,
    shapes::{Axes2, Axes3, Axis},
    tensor::{NoneTape, OwnedTape, PutTape, TensorFromVec},
};
use kerata::{
    Add, Average, AvgPool1d, AvgPool2d, Backend, Batch, BatchNorm, Concatenate, Const, Conv1d,
    Conv2d, Cpu, Dense, Dropout, Element, Embedding, EmbeddingBag, Error, Flatten,
    GlobalAveragePooling1d, GlobalAveragePooling2d, GlobalMaxPooling1d, GlobalMaxPooling2d, Ids,
    Inputs, LastState, LayerNorm, Length, Linear, Lstm, Mask, MaskZero, Masking, MaxPool1d,
    MaxPool2d, Maximum, Minimum, MultiHeadAttention, Multiply, NoMask, OneGroup, Permute, Relu,
    RepeatVector, Reshape, RmsNorm, Same, Sequences, Sigmoid, Softmax, Subtract, Tanh, Tensor,
    TimeDistributed, Valid, ZeroPadding2d,
    loss::{
        BinaryCrossentropy, CategoricalCrossentropy, Loss, MeanAbsoluteError, MeanSquaredError,
        Prediction, SparseCategoricalCrossentropy,
    },
    metric::{self, BinaryAccuracy, CategoricalAccuracy, Metric, SparseCategoricalAccuracy},
    prelude::*,
    reduce::{Mean, Unweighted},
    signal::Signal,
};

/// Times 4 they wrap around to some elements, and to none.
const ROWS: [usize; 3] = [usize::MAX / 2 + 4, 1 << 63, 1 << 62];

/// A signal that can be of any number of rows without any memory.
trait Huge: Signal {
    fn huge<E: Element>(rows: usize) -> Self::Data<E, Cpu, NoneTape>
    where
        Cpu: Backend<E>;
}

type Vectors = (Batch, Const<4>);
type Steps = (Batch, Length, Const<4>);
type Images = (Batch, Length, Length, Const<2>);

fn one<const N: usize, E: Element>() -> Tensor<(Const<N>,), E, Cpu>
where
    Cpu: Backend<E>,
{
    Cpu::default().tensor_from_vec(vec![E::of(0.5); N], (Const,))
}

macro_rules! huge {
    ($signal:ty, $axes:ty, $rows:ident => $shape:expr) => {
        impl Huge for $signal {
            fn huge<E: Element>($rows: usize) -> Tensor<Self, E, Cpu>
            where
                Cpu: Backend<E>,
            {
                one().broadcast_like::<_, $axes>(&$shape)
            }
        }
    };
}
huge!(Vectors, Axis<0>, rows => (rows, Const::<4>));
huge!(Steps, Axes2<0, 1>, rows => (rows, 2_usize, Const::<4>));
huge!(Images, Axes3<0, 1, 2>, rows => (rows, 2_usize, 2_usize, Const::<2>));
huge!((Batch, Const<2>, Const<4>), Axes2<0, 1>, rows => (rows, Const::<2>, Const::<4>));

impl Huge for Ids<(Batch, Length)> {
    fn huge<E: Element>(rows: usize) -> Tensor<(Batch, Length), usize, Cpu>
    where
        Cpu: Backend<E>,
    {
        Cpu::default().tensor(1_usize).broadcast_like::<_, Axes2<0, 1>>(&(rows, 4_usize))
    }
}

impl<A: Huge, B: Huge> Huge for Inputs<(A, B)> {
    fn huge<E: Element>(rows: usize) -> Self::Data<E, Cpu, NoneTape>
    where
        Cpu: Backend<E>,
    {
        (A::huge::<E>(rows), B::huge::<E>(rows))
    }
}

fn refused<T>(result: Result<T, Error>, what: &str, rows: usize) {
    match result.err() {
        Some(Error::Device(_) | Error::Mismatch { .. }) => {}
        Some(other) => panic!("{what}, {rows} rows: {other}"),
        None => panic!("{what}: {rows} rows were taken"),
    }
}

/// A layer takes no such batch, at inference or in training.
fn layer<In, E, L>()
where
    In: Huge,
    E: Element,
    Cpu: Backend<E>,
    L: Layer<In, E, Cpu> + Build<E, Cpu>,
{
    let mut layer = L::build(&Cpu::default()).unwrap();
    let what = std::any::type_name::<L>();
    for rows in ROWS {
        refused(layer.call::<NoneTape>(In::huge::<E>(rows)), what, rows);
        let tape = OwnedTape::<E, Cpu>::default;
        let traced = || In::put_tape::<E, Cpu, _>(In::huge::<E>(rows), tape());
        refused(layer.call(traced()), what, rows);
        refused(layer.call_mut(traced()), what, rows);
    }
}

macro_rules! layers {
    ($($input:ty => $($layer:ty),*;)*) => {
        fn layers<E: Element>()
        where
            Cpu: Backend<E>,
        {
            $($(layer::<$input, E, $layer>();)*)*
        }
    };
}

layers! {
    Vectors => Dense<4, 3, Tanh, E>, Dense<4, 3, Softmax, E>, Softmax, Relu, Tanh, Sigmoid,
        BatchNorm<4, E>, LayerNorm<4, E>, RmsNorm<4, E>, RepeatVector<3>, Reshape<(Const<2>, Const<2>)>;
    (Batch, Const<2>, Const<4>) => Flatten<8>;
    Steps => Lstm<4, 3, Sequences, E>, Lstm<4, 3, LastState, E>, TimeDistributed<Dense<4, 3, Linear, E>>,
        Masking, GlobalAveragePooling1d, GlobalMaxPooling1d, MaxPool1d<2>, AvgPool1d<2>, Permute<2, 1>,
        Conv1d<4, 3, 2, Linear, Valid, 1, 1, OneGroup, E>, BatchNorm<4, E>, LayerNorm<4, E>, RmsNorm<4, E>, Softmax,
        MultiHeadAttention<4, 2, 3, 3, 4, 4, 4, E>;
    Images => Conv2d<2, 3, 2, 2, Relu, Same, 1, 1, OneGroup, E>, MaxPool2d<2>, AvgPool2d<2>,
        GlobalAveragePooling2d, GlobalMaxPooling2d, ZeroPadding2d<1>;
    Ids<(Batch, Length)> => Embedding<9, 4, MaskZero, E>, Embedding<9, 4, NoMask, E>, EmbeddingBag<9, 4, MaskZero, E>;
    Inputs<(Vectors, Vectors)> => Add, Subtract, Average, Multiply, Maximum, Minimum, Concatenate<8>;
    Inputs<(Steps, Steps)> => Add, Maximum, Concatenate<8>, MultiHeadAttention<4, 2, 3, 3, 4, 4, 4, E>;
}

#[test]
fn no_layer_takes_more_elements_than_there_can_be() {
    layers::<f32>();
}

#[test]
fn nor_in_double_precision() {
    layers::<f64>();
}

fn losses<E: Element>()
where
    Cpu: Backend<E>,
{
    fn loss<P: Huge + Prediction, Y: Huge, E: Element>(loss: &impl Loss<P, Y, E, Cpu>)
    where
        Cpu: Backend<E>,
    {
        for rows in ROWS {
            let prediction = P::put_tape::<E, Cpu, _>(P::huge::<E>(rows), OwnedTape::default());
            let result = loss.mean(prediction, &Y::huge::<E>(rows), &Unweighted);
            refused(result, loss.name(), rows);
        }
    }
    loss::<Vectors, Vectors, E>(&MeanSquaredError);
    loss::<Steps, Steps, E>(&MeanAbsoluteError);
    loss::<Vectors, Vectors, E>(&BinaryCrossentropy::default());
    loss::<Vectors, Vectors, E>(&BinaryCrossentropy::from_logits());
    loss::<Steps, Steps, E>(&CategoricalCrossentropy::default());
    loss::<Steps, Steps, E>(&CategoricalCrossentropy::from_logits());
    for from_logits in [false, true] {
        loss::<Steps, Ids<(Batch, Length)>, E>(&SparseCategoricalCrossentropy {
            from_logits,
            ignore_class: None,
        });
    }
}

#[test]
fn no_loss_does() {
    losses::<f32>();
    losses::<f64>();
}

#[test]
fn no_metric_does() {
    fn metric<Y: Huge>(metric: &impl Metric<Steps, Y, State = Mean>) {
        for rows in ROWS {
            let (prediction, target) = (Steps::huge::<f32>(rows), Y::huge::<f32>(rows));
            let mut mean = Mean::default();
            let result = metric::update::<Steps, Y, f32, Cpu, _>(
                &mut mean,
                metric,
                prediction,
                &target,
                &Unweighted,
            );
            refused(result, "a metric", rows);
        }
    }
    metric::<Steps>(&BinaryAccuracy::default());
    metric::<Steps>(&CategoricalAccuracy);
    metric::<Ids<(Batch, Length)>>(&SparseCategoricalAccuracy);
    metric::<Steps>(&metric::MeanLoss(MeanSquaredError));
}

/// At inference it hands on what it is given.
#[test]
fn nothing_is_dropped_of_them() {
    for rows in ROWS {
        let x = Vectors::huge::<f32>(rows).put_tape(OwnedTape::<f32, Cpu>::default());
        refused(Dropout::<50>.forward_mut(x), "Dropout", rows);
    }
}

#[test]
fn masks() {
    for rows in [1_usize << 63, usize::MAX / 2 + 2] {
        assert!(matches!(Mask::try_full(rows, 2), Err(Error::Device(_))));
        assert!(matches!(Mask::from_bools(Vec::new(), rows, 2), Err(Error::Mismatch { .. })));
        assert!(matches!(Mask::from_ids(&[1, 2], rows, 2), Err(Error::Mismatch { .. })));
    }
    assert!(matches!(Mask::from_lengths(&[1; 8], 1 << 61), Err(Error::Device(_))));
    assert!(matches!(Mask::from_lengths(&[1; 8], 1 << 57), Err(Error::Device(_))));
    let panic = std::panic::catch_unwind(|| Mask::full(1 << 63, 2)).unwrap_err();
    assert!(panic.downcast_ref::<String>().unwrap().contains("more elements than fit"));
}

/// Predictions of batches that each fit, but not together.
#[test]
fn joined_batches() {
    let part = Vectors::huge::<f32>(1 << 60);
    let parts = vec![part; 16];
    refused(<Vectors as Signal>::concat::<f32, Cpu>(&parts), "joined batches", 1 << 60);
}
