//! Whole models: outputs, masks, losses and gradients of every weight.

use dfdx::tensor::{NoneTape, OwnedTape, PutTape};
use kerata::{
    Average, Batch, Bidirectional, Const, Cpu, Dense, Dropout, Embedding, EmbeddingBag,
    GlobalAveragePooling1d, Gru, Ids, LastState, Layer, Lstm, MaskZero, Masked, Masking, Multiply,
    Relu, ResetBefore, Sequences, Sigmoid, SimpleRnn, Softmax, Sum, Tanh, Tensor, TimeDistributed,
    loss::{
        BinaryCrossentropy, CategoricalCrossentropy, Loss, MeanSquaredError, Prediction,
        SparseCategoricalCrossentropy,
    },
    parameters::{Build, Parameters},
    prelude::*,
    reduce::{PerSample, PerStep, Unweighted, Weights},
    shape::Shape,
    signal::Signal,
};

use crate::{
    case::Case,
    each_layer::EachLayer,
    harness::{Test, tests},
    report::Report,
    variants::{LOSS, OUTPUT},
};

/// A signal whose data a case holds.
pub(crate) trait FromCase: Signal {
    fn read(case: &Case, tensor: &str) -> Self::Data<f32, Cpu, NoneTape>;
}

fn shape<S: Shape>(case: &Case, tensor: &str) -> S {
    let mut sizes = S::Concrete::default();
    for (i, &size) in case.shape(tensor).iter().enumerate() {
        sizes[i] = size;
    }
    S::from_concrete(&sizes).unwrap()
}

impl<S: Shape> FromCase for Ids<S> {
    fn read(case: &Case, tensor: &str) -> Tensor<S, usize, Cpu> {
        Cpu::default().tensor_from_vec(case.ids(tensor), shape(case, tensor))
    }
}

/// A signal whose data can be compared with that of a case.
pub(crate) trait Comparable: Signal {
    fn values(data: &Self::Data<f32, Cpu, NoneTape>) -> Vec<f32>;
    fn mask(data: &Self::Data<f32, Cpu, NoneTape>) -> Option<Vec<bool>>;
}

macro_rules! plain {
    ($($size:ident)*) => {
        impl<$(const $size: usize),*> FromCase for (Batch, $(Const<$size>),*) {
            fn read(case: &Case, tensor: &str) -> Tensor<Self, f32, Cpu> {
                Cpu::default().tensor_from_vec(case.floats(tensor), shape(case, tensor))
            }
        }

        impl<$(const $size: usize),*> Comparable for (Batch, $(Const<$size>),*) {
            fn values(data: &Tensor<Self, f32, Cpu>) -> Vec<f32> {
                data.as_vec()
            }

            fn mask(_: &Tensor<Self, f32, Cpu>) -> Option<Vec<bool>> {
                None
            }
        }
    };
}
plain!(A);
plain!(A B);
plain!(A B C);

impl<S: kerata::shape::Sequence> Comparable for Masked<S> {
    fn values(data: &Masked<Tensor<S, f32, Cpu>>) -> Vec<f32> {
        data.values().as_vec()
    }

    fn mask(data: &Masked<Tensor<S, f32, Cpu>>) -> Option<Vec<bool>> {
        Some(data.mask().as_slice().to_vec())
    }
}

/// The outputs and masks of the layers of a model of the case, and of the whole.
pub(crate) fn forward<In: FromCase, M>(case: &Case) -> M
where
    M: EachLayer<In> + Layer<In, Out: Comparable> + Build + Parameters,
{
    forward_with(case, |_| ())
}

/// The same of a model with options.
fn forward_with<In: FromCase, M>(case: &Case, options: impl Fn(&mut M)) -> M
where
    M: EachLayer<In> + Layer<In, Out: Comparable> + Build + Parameters,
{
    let mut model = M::build(&Cpu::default()).unwrap();
    options(&mut model);
    case.load(&mut model);
    model.check_layers(case, In::read(case, "input"));
    let output = model.call::<NoneTape>(In::read(case, "input")).unwrap();
    case.assert_tensor("forward", "output", &M::Out::values(&output));
    let expected = case.has("output_mask").then(|| case.flags("output_mask"));
    assert_eq!(M::Out::mask(&output), expected, "{}: the mask", case.name);
    model
}

/// Outputs, masks, loss and gradients of a model of the case.
pub(crate) fn check<In, Y, M, L, W>(
    case: &Case,
    report: &mut Report,
    loss: &L,
    weights: impl Fn(&Case) -> W,
    options: impl Fn(&mut M),
) where
    In: FromCase,
    Y: FromCase,
    M: EachLayer<In> + Layer<In, Out: Comparable + Prediction> + Build + Parameters,
    L: Loss<M::Out, Y>,
    W: Weights<M::Out>,
{
    let model: M = forward_with::<In, M>(case, options);
    report.typed(OUTPUT);
    let rows = M::Out::rows(model.call::<NoneTape>(In::read(case, "input")).unwrap()).unwrap();
    let each = loss.per_position(rows.values, &Y::read(case, "target")).unwrap();
    case.assert_tensor("loss", "loss_unreduced", &each.as_vec());
    let input = In::read(case, "input");
    let input = In::put_tape::<f32, Cpu, OwnedTape<f32, Cpu>>(input, OwnedTape::default());
    let output = model.call(input).unwrap();
    let loss = loss.mean(output, &Y::read(case, "target"), &weights(case)).unwrap();
    case.assert_tensor("loss", "loss", &[loss.array()]);
    // Of the cases that differ in the optimiser only, one has the gradients.
    let stored = case.has_group("grad");
    for (name, gradient) in case.gradients(&model, &mut loss.backward()) {
        // Moving statistics have none.
        if stored && !name.contains("moving_") {
            case.assert_tensor("grad", &format!("grad.{name}"), &gradient);
        }
    }
    report.typed(LOSS);
}

type Words<const L: usize> = Ids<(Batch, Const<L>)>;
type Rows<const L: usize, const F: usize> = (Batch, Const<L>, Const<F>);
type Vectors<const F: usize> = (Batch, Const<F>);
type StepDense<const I: usize, const O: usize, A> = TimeDistributed<Dense<I, O, A>>;
type Tagger<A> = (Embedding<6, 4, MaskZero>, Lstm<4, 3, Sequences>, StepDense<3, 3, A>);
type Linear = kerata::Linear;

pub(crate) fn none(_: &Case) -> Unweighted {
    Unweighted
}

fn per_sample(case: &Case) -> PerSample {
    PerSample(case.floats("sample_weight"))
}

fn per_step(case: &Case) -> PerStep {
    PerStep::new(case.floats("sample_weight"), case.shape("sample_weight")[1]).unwrap()
}

macro_rules! cases {
    ($($name:ident: $input:ty => $model:ty => $target:ty, $loss:expr, $weights:ident
        $(, $options:expr)?;)*) => {
        $(
            fn $name(case: &Case, report: &mut Report) {
                let options = |_: &mut $model| ();
                $(let options = { let _ = options; $options };)?
                $crate::models::check::<$input, $target, $model, _, _>(
                    case, report, &$loss, $weights, options,
                );
            }
        )*

        /// A test for each model above.
        fn model_tests() -> Vec<Test> {
            tests![$($name),*]
        }
    };
}

pub(crate) use cases;

cases! {
    embedding_mask_zero: Words<4> => (Embedding<5, 5, MaskZero>,) => Rows<4, 5>, MeanSquaredError, none;
    embedding_no_mask: Words<4> => (Embedding<5, 5>,) => Rows<4, 5>, MeanSquaredError, none;
    activation_dropout_masked: Words<5>
        => (Embedding<6, 4, MaskZero>, Sigmoid, Dropout<40>, Lstm<4, 3>)
        => Vectors<3>, MeanSquaredError, none;
    char_embedding_lstm: Words<10>
        => (Embedding<28, 5, MaskZero>, Lstm<5, 6>, Dense<6, 1, Sigmoid>)
        => Vectors<1>, BinaryCrossentropy::default(), none;
    dense_masked: Words<5>
        => (Embedding<6, 4, MaskZero>, StepDense<4, 3, Linear>) => Rows<5, 3>, MeanSquaredError, none;
    td_dense_masked: Words<5>
        => (Embedding<6, 4, MaskZero>, StepDense<4, 3, Tanh>) => Rows<5, 3>, MeanSquaredError, none;
    dropout_layers_inference: Words<8>
        => (Embedding<20, 6, MaskZero>, Dropout<30>, Lstm<6, 6, Sequences>, Dropout<50>, Lstm<6, 3>,
            Dropout<50>, Dense<3, 3, Softmax>)
        => Ids<(Batch,)>, SparseCategoricalCrossentropy::default(), none;
    gap1d_masked: Words<5>
        => (Embedding<6, 4, MaskZero>, GlobalAveragePooling1d) => Vectors<4>, MeanSquaredError, none;
    gap1d_nomask: Rows<4, 2>
        => (GlobalAveragePooling1d, Dense<2, 2>) => Vectors<2>, MeanSquaredError, none;
    gap1d_lstm_masked_dense: Words<5>
        => (Embedding<6, 4, MaskZero>, Lstm<4, 3, Sequences>, GlobalAveragePooling1d, Dense<3, 1, Sigmoid>)
        => Vectors<1>, BinaryCrossentropy::default(), none;
    lstm_dense_no_input_layer: Rows<3, 2>
        => (Lstm<2, 4>, Dense<4, 2>) => Vectors<2>, MeanSquaredError, none;
    lstm_seq_gap_seed: Words<4>
        => (Embedding<5, 5, MaskZero>, Lstm<5, 3, Sequences>) => Rows<4, 3>, MeanSquaredError, none;
    rnn_lstm_seq: Words<5>
        => (Embedding<6, 4, MaskZero>, Lstm<4, 3, Sequences>) => Rows<5, 3>, MeanSquaredError, none;
    rnn_lstm_last: Words<5>
        => (Embedding<6, 4, MaskZero>, Lstm<4, 3>) => Vectors<3>, MeanSquaredError, none;
    rnn_lstm_last_no_use_bias: Words<5>
        => (Embedding<6, 4, MaskZero>, Lstm<4, 3>) => Vectors<3>, MeanSquaredError, none;
    rnn_lstm_seq_go_backwards: Words<5>
        => (Embedding<6, 4, MaskZero>, Lstm<4, 3, Sequences>) => Rows<5, 3>, MeanSquaredError, none,
        |model: &mut (_, Lstm<4, 3, Sequences>)| model.1.go_backwards = true;
    rnn_lstm_last_go_backwards: Words<5>
        => (Embedding<6, 4, MaskZero>, Lstm<4, 3>) => Vectors<3>, MeanSquaredError, none,
        |model: &mut (_, Lstm<4, 3>)| model.1.go_backwards = true;
    rnn_lstm_seq_zero_output_for_mask: Words<5>
        => (Embedding<6, 4, MaskZero>, Lstm<4, 3, Sequences>) => Rows<5, 3>, MeanSquaredError, none,
        |model: &mut (_, Lstm<4, 3, Sequences>)| model.1.zero_output_for_mask = true;
    rnn_gru_seq: Words<5>
        => (Embedding<6, 4, MaskZero>, Gru<4, 3, Sequences>) => Rows<5, 3>, MeanSquaredError, none;
    rnn_gru_last: Words<5>
        => (Embedding<6, 4, MaskZero>, Gru<4, 3>) => Vectors<3>, MeanSquaredError, none;
    rnn_gru_last_no_reset_after: Words<5>
        => (Embedding<6, 4, MaskZero>, Gru<4, 3, LastState, ResetBefore>)
        => Vectors<3>, MeanSquaredError, none;
    rnn_gru_seq_no_reset_after: Words<5>
        => (Embedding<6, 4, MaskZero>, Gru<4, 3, Sequences, ResetBefore>)
        => Rows<5, 3>, MeanSquaredError, none;
    rnn_gru_seq_go_backwards: Words<5>
        => (Embedding<6, 4, MaskZero>, Gru<4, 3, Sequences>) => Rows<5, 3>, MeanSquaredError, none,
        |model: &mut (_, Gru<4, 3, Sequences>)| model.1.go_backwards = true;
    rnn_gru_last_go_backwards_no_reset_after: Words<5>
        => (Embedding<6, 4, MaskZero>, Gru<4, 3, LastState, ResetBefore>)
        => Vectors<3>, MeanSquaredError, none,
        |model: &mut (_, Gru<4, 3, LastState, ResetBefore>)| model.1.go_backwards = true;
    rnn_nomask_gru: Rows<4, 3> => (Gru<3, 3, Sequences>,) => Rows<4, 3>, MeanSquaredError, none;
    rnn_nomask_gru_reset_before: Rows<4, 3>
        => (Gru<3, 3, LastState, ResetBefore>,) => Vectors<3>, MeanSquaredError, none;
    masking_gru_seq: Rows<4, 2>
        => (Masking, Gru<2, 3, Sequences>) => Rows<4, 3>, MeanSquaredError, none;
    rnn_stack_lstm_gru_dense: Words<5>
        => (Embedding<6, 4, MaskZero>, Lstm<4, 3, Sequences>, Gru<3, 4, Sequences>, StepDense<4, 2, Linear>)
        => Rows<5, 2>, MeanSquaredError, none;
    rnn_simplernn_seq: Words<5>
        => (Embedding<6, 4, MaskZero>, SimpleRnn<4, 3, Sequences>) => Rows<5, 3>, MeanSquaredError, none;
    rnn_simplernn_last: Words<5>
        => (Embedding<6, 4, MaskZero>, SimpleRnn<4, 3>) => Vectors<3>, MeanSquaredError, none;
    rnn_simplernn_last_go_backwards: Words<5>
        => (Embedding<6, 4, MaskZero>, SimpleRnn<4, 3>) => Vectors<3>, MeanSquaredError, none,
        |model: &mut (_, SimpleRnn<4, 3>)| model.1.go_backwards = true;
    rnn_nomask_simplernn: Rows<4, 3>
        => (SimpleRnn<3, 3, Sequences>,) => Rows<4, 3>, MeanSquaredError, none;
    masking_simplernn_last: Rows<4, 2>
        => (Masking, SimpleRnn<2, 3>) => Vectors<3>, MeanSquaredError, none;
    bidirectional_gru_mul_seq: Words<5>
        => (Embedding<6, 4, MaskZero>, Bidirectional<Gru<4, 3, Sequences>, Multiply>)
        => Rows<5, 3>, MeanSquaredError, none;
    bidirectional_gru_sum_last: Words<5>
        => (Embedding<6, 4, MaskZero>, Bidirectional<Gru<4, 3>, Sum>)
        => Vectors<3>, MeanSquaredError, none;
    bidirectional_lstm_concat_last: Words<5>
        => (Embedding<6, 4, MaskZero>, Bidirectional<Lstm<4, 3>>) => Vectors<6>, MeanSquaredError, none;
    bidirectional_lstm_concat_seq: Words<5>
        => (Embedding<6, 4, MaskZero>, Bidirectional<Lstm<4, 3, Sequences>>)
        => Rows<5, 6>, MeanSquaredError, none;
    bidirectional_lstm_sum_seq: Words<5>
        => (Embedding<6, 4, MaskZero>, Bidirectional<Lstm<4, 3, Sequences>, Sum>)
        => Rows<5, 3>, MeanSquaredError, none;
    bidirectional_simplernn_ave_seq: Words<5>
        => (Embedding<6, 4, MaskZero>, Bidirectional<SimpleRnn<4, 3, Sequences>, Average>)
        => Rows<5, 3>, MeanSquaredError, none;
    bidirectional_stack_dense_softmax: Words<5>
        => (Embedding<6, 4, MaskZero>, Bidirectional<Lstm<4, 3, Sequences>>, Bidirectional<Gru<6, 2>>,
            Dense<4, 3, Softmax>)
        => Ids<(Batch,)>, SparseCategoricalCrossentropy::default(), none;
    rnn_nomask_lstm: Rows<4, 3> => (Lstm<3, 3>,) => Vectors<3>, MeanSquaredError, none;
    masking_only: Rows<4, 2> => (Masking,) => Rows<4, 2>, MeanSquaredError, none;
    masking_dense: Rows<4, 2>
        => (Masking, StepDense<2, 3, Relu>) => Rows<4, 3>, MeanSquaredError, none;
    masking_lstm_last: Rows<4, 2> => (Masking, Lstm<2, 3>) => Vectors<3>, MeanSquaredError, none;
    masking_lstm_seq_dense: Rows<4, 2>
        => (Masking, Lstm<2, 3, Sequences>, StepDense<3, 2, Linear>) => Rows<4, 2>, MeanSquaredError, none;
    onehot_chars_lstm: Rows<10, 27>
        => (Lstm<27, 6>, Dense<6, 1, Sigmoid>) => Vectors<1>, BinaryCrossentropy::default(), none;
    onehot_chars_masking_lstm: Rows<10, 27>
        => (Masking, Lstm<27, 6>, Dense<6, 1, Sigmoid>) => Vectors<1>, BinaryCrossentropy::default(), none;
    two_dropout_lstms_softmax: Words<8>
        => (Embedding<20, 6>, Lstm<6, 6, Sequences>, Lstm<6, 5>, Dense<5, 3, Softmax>)
        => Ids<(Batch,)>, SparseCategoricalCrossentropy::default(), none;
    two_dropout_lstms_softmax_masked: Words<8>
        => (Embedding<20, 6, MaskZero>, Lstm<6, 6, Sequences>, Lstm<6, 5>, Dense<5, 3, Softmax>)
        => Ids<(Batch,)>, SparseCategoricalCrossentropy::default(), none;
    masked_mse_noweight: Words<5> => Tagger<Linear> => Rows<5, 3>, MeanSquaredError, none;
    masked_mse_weight_per_sample: Words<5> => Tagger<Linear> => Rows<5, 3>, MeanSquaredError, per_sample;
    masked_mse_weight_temporal: Words<5> => Tagger<Linear> => Rows<5, 3>, MeanSquaredError, per_step;
    masked_bce_noweight: Words<5>
        => Tagger<Sigmoid> => Rows<5, 3>, BinaryCrossentropy::default(), none;
    masked_bce_weight_per_sample: Words<5>
        => Tagger<Sigmoid> => Rows<5, 3>, BinaryCrossentropy::default(), per_sample;
    masked_bce_weight_temporal: Words<5>
        => Tagger<Sigmoid> => Rows<5, 3>, BinaryCrossentropy::default(), per_step;
    masked_cce_noweight: Words<5>
        => Tagger<Softmax> => Rows<5, 3>, CategoricalCrossentropy::default(), none;
    masked_cce_weight_per_sample: Words<5>
        => Tagger<Softmax> => Rows<5, 3>, CategoricalCrossentropy::default(), per_sample;
    masked_cce_weight_temporal: Words<5>
        => Tagger<Softmax> => Rows<5, 3>, CategoricalCrossentropy::default(), per_step;
    masked_scce_noweight: Words<5>
        => Tagger<Softmax> => Ids<(Batch, Const<5>)>, SparseCategoricalCrossentropy::default(), none;
    masked_scce_weight_per_sample: Words<5>
        => Tagger<Softmax> => Ids<(Batch, Const<5>)>, SparseCategoricalCrossentropy::default(), per_sample;
    masked_scce_weight_temporal: Words<5>
        => Tagger<Softmax> => Ids<(Batch, Const<5>)>, SparseCategoricalCrossentropy::default(), per_step;
}

/// The two layers of that case as one.
fn as_a_bag(case: &Case, report: &mut Report) {
    let mut model = <(EmbeddingBag<6, 4, MaskZero>,)>::build(&Cpu::default()).unwrap();
    case.load(&mut model);
    let input = <Words<5>>::read(case, "input").put_tape(OwnedTape::default());
    let output = model.forward(input).unwrap();
    case.assert_tensor("forward", "output", &output.as_vec());
    report.typed(OUTPUT);
    let target = <Vectors<4>>::read(case, "target");
    let loss = MeanSquaredError.compute(output, target).unwrap();
    case.assert_tensor("loss", "loss", &[loss.array()]);
    for (name, gradient) in case.gradients(&model, &mut loss.backward()) {
        case.assert_tensor("grad", &format!("grad.{name}"), &gradient);
    }
    report.typed(LOSS);
}

/// A row without a real step: 0 here, NaN in Keras; the other rows agree.
fn gap1d_masked_all_masked_row(case: &Case, report: &mut Report) {
    let mut model =
        <(Embedding<6, 4, MaskZero>, GlobalAveragePooling1d)>::build(&Cpu::default()).unwrap();
    case.load(&mut model);
    let input: Tensor<(Batch, Const<5>), usize, Cpu> = <Words<5>>::read(case, "input");
    let output = model.forward(input.clone()).unwrap().as_vec();
    let expected = case.floats("output").into_iter().map(|x| if x.is_nan() { 0.0 } else { x });
    let expected: Vec<f32> = expected.collect();
    assert!(case.floats("output").iter().any(|x| x.is_nan()));
    case.assert_close("forward", "output", &output, &expected);
    let bag = EmbeddingBag::<6, 4, MaskZero>::from_embeddings(model.0.embeddings);
    case.assert_close("forward", "output", &bag.forward(input).unwrap().as_vec(), &expected);
    report.typed(OUTPUT);
}

pub(crate) fn tests() -> Vec<Test> {
    let mut all = model_tests();
    all.extend(tests![gap1d_masked_all_masked_row]);
    all.push(Test::new("gap1d_masked_as_a_bag", "gap1d_masked", as_a_bag));
    all
}
