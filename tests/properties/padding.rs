//! Padding of any content and amount, wherever it stands, changes no loss, gradient, statistic or weight.

use dfdx::{
    shapes::Rank0,
    tensor::{Gradients, OwnedTape, PutTape, TensorFromVec},
};
use kerata::{
    Add, Average, Backend, Batch, BatchNorm, Concatenate, Cpu, Dense, Dropout, Element, Embedding,
    Error, GlobalAveragePooling1d, Ids, LayerNorm, Length, Linear, Lstm, Mask, MaskZero, Masked,
    Masking, Maximum, Minimum, Multiply, Relu, Sequences, Sigmoid, Softmax, Subtract, Tanh, Tensor,
    TimeDistributed,
    data::InMemory,
    loss::{MeanSquaredError, SparseCategoricalCrossentropy},
    model,
    model::Sequential,
    optim::Sgd,
    parameters::{Build, Parameter, Parameters, Visitor},
    prelude::*,
    shape::Const,
    train::{Fit, Trainer},
};

type Tape<E> = OwnedTape<E, Cpu>;
type Steps = (usize, usize, Const<3>);
type Traced<E> = Masked<Tensor<Steps, E, Cpu, Tape<E>>>;

/// The real steps of each row.
const LENGTHS: [usize; 4] = [3, 1, 2, 0];
const LONGEST: usize = 3;

/// Where the padding stands.
#[derive(Debug, Clone, Copy)]
enum Side {
    Right,
    Left,
    Between,
}

/// The steps of a row: real ones by their number, padding as `None`.
fn places(row: usize, more: usize, side: Side) -> Vec<Option<usize>> {
    let (real, padding) = (LENGTHS[row], LONGEST + more - LENGTHS[row]);
    let (mut real, mut rest): (Vec<_>, Vec<_>) =
        ((0..real).map(Some).collect(), vec![None; padding]);
    let mut places = Vec::new();
    match side {
        Side::Right => places.append(&mut real),
        Side::Left => places.append(&mut rest),
        Side::Between => real.drain(..).for_each(|step| {
            places.extend(rest.pop());
            places.push(step);
        }),
    }
    places.extend(real);
    places.extend(rest);
    places
}

/// A padded batch: which steps are real, and its values.
struct Padded<E: Element>
where
    Cpu: Backend<E>,
{
    places: Vec<Option<usize>>,
    mask: Mask,
    x: Tensor<Steps, E, Cpu>,
}

fn padded<E: Element>(content: E, more: usize, side: Side) -> Padded<E>
where
    Cpu: Backend<E>,
{
    let rows = LENGTHS.len();
    let places: Vec<_> = (0..rows)
        .flat_map(|row| places(row, more, side).into_iter().map(move |at| at.map(|at| (row, at))))
        .collect();
    let value = |(row, step): (usize, usize), i: usize| {
        E::of(((row * 31 + step * 17 + i * 7) % 23) as f64 / 11.0 - 0.9)
    };
    let values = places.iter().flat_map(|&at| (0..3).map(move |i| (at, i)));
    let values = values.map(|(at, i)| at.map_or(content, |at| value(at, i))).collect();
    let keep: Vec<bool> = places.iter().map(Option::is_some).collect();
    let length = LONGEST + more;
    Padded {
        mask: Mask::from_bools(keep, rows, length).unwrap(),
        places: places.into_iter().map(|at| at.map(|(row, step)| row * LONGEST + step)).collect(),
        x: Cpu::seed_from_u64(9).tensor_from_vec(values, (rows, length, Const)),
    }
}

/// The parameters and their gradients.
struct Values<'a, E: Element>(&'a mut Gradients<E, Cpu>, Vec<f64>)
where
    Cpu: Backend<E>;

impl<E: Element> Visitor<E, Cpu> for Values<'_, E>
where
    Cpu: Backend<E>,
{
    fn visit(&mut self, parameter: Parameter<'_, E, Cpu>) -> Result<(), Error> {
        self.1.extend(parameter.tensor.gradient(self.0)?.into_iter().map(Element::as_f64));
        self.1.extend(parameter.tensor.to_vec()?.into_iter().map(Element::as_f64));
        Ok(())
    }
}

/// The loss, the gradient of the input at the real steps, the parameters and their gradients.
fn learn<E, M>(
    content: E,
    more: usize,
    side: Side,
    pass: impl Fn(&mut M, Traced<E>) -> Tensor<Rank0, E, Cpu, Tape<E>>,
) -> Vec<f64>
where
    E: Element,
    Cpu: Backend<E>,
    M: Build<E, Cpu> + Parameters<E, Cpu>,
{
    let Padded { places, mask, x } = padded(content, more, side);
    let mut model = M::build(&Cpu::seed_from_u64(5)).unwrap();
    let loss = pass(&mut model, Masked::new(x.clone().put_tape(Tape::default()), mask).unwrap());
    let mut learnt = vec![loss.as_vec()[0].as_f64()];
    let mut gradients = loss.backward();
    gradients.try_alloc_for(&x).unwrap();
    let of_input = gradients.get(&x).as_vec();
    let mut of_steps = vec![vec![E::zero(); 3]; LENGTHS.len() * LONGEST];
    for (step, place) in of_input.chunks(3).zip(places) {
        match place {
            Some(place) => of_steps[place] = step.to_vec(),
            None => assert!(step.iter().all(|&g| g == E::zero()), "the padding learns: {step:?}"),
        }
    }
    learnt.extend(of_steps.into_iter().flatten().map(Element::as_f64));
    let mut values = Values(&mut gradients, Vec::new());
    model.visit(&mut values).unwrap();
    learnt.extend(values.1);
    learnt
}

fn target<const F: usize, E: Element>(rows: usize, length: usize) -> Vec<E> {
    vec![E::of(0.4); rows * length * F]
}

fn of_sequence<const F: usize, E: Element>(
    y: Masked<Tensor<(usize, usize, Const<F>), E, Cpu, Tape<E>>>,
) -> Tensor<Rank0, E, Cpu, Tape<E>>
where
    Cpu: Backend<E>,
{
    let (rows, length) = (y.mask().batch(), y.mask().length());
    let target =
        Cpu::default().tensor_from_vec(target::<F, E>(rows, length), (rows, length, Const));
    MeanSquaredError.compute(y, target).unwrap()
}

fn of_vectors<const F: usize, E: Element>(
    y: Tensor<(usize, Const<F>), E, Cpu, Tape<E>>,
) -> Tensor<Rank0, E, Cpu, Tape<E>>
where
    Cpu: Backend<E>,
{
    let target = Cpu::default().tensor_from_vec(target::<F, E>(LENGTHS.len(), 1), (4, Const));
    MeanSquaredError.compute(y, target).unwrap()
}

fn check<E, M>(pass: impl Fn(&mut M, Traced<E>) -> Tensor<Rank0, E, Cpu, Tape<E>>)
where
    E: Element,
    Cpu: Backend<E>,
    M: Build<E, Cpu> + Parameters<E, Cpu>,
{
    let expected = learn::<E, M>(E::zero(), 0, Side::Right, &pass);
    assert!(expected.iter().all(|v| v.is_finite()), "{expected:?}");
    let contents = [
        E::zero(),
        E::of(-1.5),
        E::nan(),
        E::infinity(),
        E::neg_infinity(),
        E::of(1e15),
        E::of(1e20),
        E::of(1e30),
        E::of(-1e38),
        E::max_value(),
        E::min_value(),
    ];
    for content in contents {
        for more in [0, 1, 7] {
            for side in [Side::Right, Side::Left, Side::Between] {
                let found = learn::<E, M>(content, more, side, &pass);
                assert_eq!(found.len(), expected.len());
                for (i, (a, b)) in expected.iter().zip(&found).enumerate() {
                    let close = (a - b).abs() <= 2e-6 * (1.0 + a.abs());
                    assert!(close, "{content} {more} {side:?}: value {i} is {b}, not {a}");
                }
            }
        }
    }
}

macro_rules! layers {
    ($($name:ident: $layer:ty => $against:ident;)*) => {
        $(
            #[test]
            fn $name() {
                fn each<E: Element>()
                where
                    Cpu: Backend<E>,
                {
                    check::<E, $layer>(|layer, x| $against((*layer).forward(x).unwrap()));
                    check::<E, $layer>(|layer, x| $against((*layer).forward_mut(x).unwrap()));
                }
                each::<f32>();
                each::<f64>();
            }
        )*
    };
}
layers! {
    lstm_sequences: Lstm<3, 2, Sequences, E> => of_sequence;
    lstm_last: Lstm<3, 2, kerata::LastState, E> => of_vectors;
    average: (GlobalAveragePooling1d, Dense<3, 2, Linear, E>) => of_vectors;
    linear: Linear => of_sequence;
    relu: Relu => of_sequence;
    tanh: Tanh => of_sequence;
    sigmoid: Sigmoid => of_sequence;
    softmax: Softmax => of_sequence;
    dropout: Dropout<50> => of_sequence;
    layer_norm: LayerNorm<3, E> => of_sequence;
    batch_norm: BatchNorm<3, E> => of_sequence;
    dense_softmax: TimeDistributed<Dense<3, 4, Softmax, E>> => of_sequence;
    dense_tanh: TimeDistributed<Dense<3, 4, Tanh, E>> => of_sequence;
    dense_then_softmax: (TimeDistributed<Dense<3, 4, Relu, E>>, Softmax) => of_sequence;
    each_layer_norm: TimeDistributed<LayerNorm<3, E>> => of_sequence;
    each_batch_norm: TimeDistributed<BatchNorm<3, E>> => of_sequence;
    each_chain: TimeDistributed<(Dense<3, 4, Linear, E>, BatchNorm<4, E>, Tanh)> => of_sequence;
    chain: (LayerNorm<3, E>, TimeDistributed<Dense<3, 3, Softmax, E>>, BatchNorm<3, E>,
        Dropout<30>, Lstm<3, 3, Sequences, E>, Softmax, Lstm<3, 2, kerata::LastState, E>)
        => of_vectors;
}

/// Every merge, of the input and of what layers make of it.
#[model(input = Masked<(Batch, Length, 3)>, output = Masked<(Batch, Length, 2)>)]
struct Merged {
    norm: LayerNorm<_>,
    #[from(norm, input)]
    add: Add,
    #[from(add, input)]
    multiply: Multiply,
    #[from(multiply, norm)]
    subtract: Subtract,
    #[from(subtract, input)]
    maximum: Maximum,
    #[from(maximum, add)]
    minimum: Minimum,
    #[from(minimum, input)]
    average: Average,
    #[from(average, input)]
    both: Concatenate<_>,
    soft: Softmax,
    head: TimeDistributed<Dense<_, 2>>,
}

#[test]
fn merges() {
    check::<f32, Merged>(|model, x| of_sequence((*model).forward(x).unwrap()));
    check::<f32, Merged>(|model, x| of_sequence((*model).forward_mut(x).unwrap()));
}

/// The row of the padding in a table of embeddings may hold anything, and learns nothing.
#[test]
fn embedding() {
    type Model = (
        Embedding<6, 3, MaskZero>,
        Softmax,
        LayerNorm<3>,
        TimeDistributed<BatchNorm<3>>,
        TimeDistributed<Dense<3, 2, Tanh>>,
    );
    let learn = |content: f32, more: usize| {
        let mut model = Model::build(&Cpu::seed_from_u64(5)).unwrap();
        (0..3).for_each(|i| model.0.embeddings[[0, i]] = content);
        let rows = [vec![3, 1, 5], vec![2], vec![4, 4]];
        let padded = rows.iter().flat_map(|row| {
            row.iter().copied().chain(std::iter::repeat_n(0, 3 + more - row.len()))
        });
        let ids = Cpu::default().tensor_from_vec(padded.collect(), (3, 3 + more));
        let loss = of_sequence(model.forward_mut(ids.put_tape(OwnedTape::default())).unwrap());
        let mut learnt = vec![f64::from(loss.array())];
        let mut gradients = loss.backward();
        let table = gradients.get(&model.0.embeddings).as_vec();
        assert_eq!(table[..3], [0.0; 3]);
        (0..3).for_each(|i| model.0.embeddings[[0, i]] = 0.0);
        let mut values = Values(&mut gradients, Vec::new());
        model.visit(&mut values).unwrap();
        learnt.extend(values.1);
        learnt
    };
    let expected = learn(0.0, 0);
    for content in [0.0, f32::NAN, f32::INFINITY, 1e20, 1e38, f32::MAX, f32::MIN] {
        for more in [0, 1, 7] {
            for (a, b) in expected.iter().zip(learn(content, more)) {
                assert!((a - b).abs() < 2e-6 * (1.0 + a.abs()), "{content} {more}: {b}, not {a}");
            }
        }
    }
}

/// Whole training, with every layer that looks at a batch or is random.
#[test]
fn training() {
    type Model<const L: usize> = Sequential<
        Ids<(Batch, Const<L>)>,
        (
            Embedding<9, 4, MaskZero>,
            TimeDistributed<(BatchNorm<4>, Dense<4, 5>, Relu)>,
            Dropout<40>,
            BatchNorm<5>,
            Lstm<5, 4>,
            Dense<4, 3, Softmax>,
        ),
    >;
    fn train<const L: usize>() -> (Vec<f64>, f64) {
        let model = Model::<L>::build(&Cpu::seed_from_u64(5)).unwrap();
        let loss = SparseCategoricalCrossentropy::default();
        let mut trainer = Trainer::new(model, loss, Sgd::new(0.3)).unwrap();
        let row =
            |i: usize| std::array::from_fn(|j| if j < 1 + i % 4 { 1 + (i * 5 + j) % 8 } else { 0 });
        let rows: Vec<[usize; L]> = (0..24).map(row).collect();
        let data = InMemory::new(rows, (0..24).map(|i| i % 3).collect::<Vec<usize>>()).unwrap();
        let fit = Fit { progress: false, batch_size: 8, ..Fit::epochs(2) };
        let history = trainer.fit(&data, &fit).unwrap();
        let mut values = Values(&mut Gradients::leaky(), Vec::new());
        trainer.model.visit(&mut values).unwrap();
        (values.1, history.last("loss").unwrap())
    }
    let (expected, loss) = train::<4>();
    for (found, other) in [train::<5>(), train::<11>()] {
        assert!((loss - other).abs() < 1e-5, "{loss} {other}");
        for (a, b) in expected.iter().zip(found) {
            assert!((a - b).abs() < 1e-4, "{b}, not {a}");
        }
    }
}

/// Steps of nothing but NaN are padding, where that is the value of padding.
#[test]
fn masking_nan() {
    let x = [[[1.0, f32::NAN], [f32::NAN, f32::NAN], [2.0, 3.0]]];
    let masking = Masking { value: f64::NAN };
    let (values, mask) = masking.forward(Cpu::default().tensor(x)).unwrap().into_parts();
    assert_eq!(mask.row(0), [true, false, true]);
    assert_eq!(values.array()[0][1], [0.0, 0.0]);
    assert!(values.array()[0][0][1].is_nan());
    let zero = Masking::default().forward(Cpu::default().tensor(x)).unwrap();
    assert_eq!(zero.mask().count(), 3);
}

/// The statistics of a batch norm at each step: those of the masked sequence, or Keras's without a mask.
#[test]
fn statistics_of_each_step() {
    type Masking1 = (Masking, TimeDistributed<BatchNorm<1>>);
    let dev = Cpu::default();
    let statistics = |values: Vec<f32>, length: usize| {
        let mut model = Masking1::build(&dev).unwrap();
        model.1.layer.momentum = 0.0;
        model.forward_mut(dev.tensor_from_vec(values, (2, length, Const::<1>))).unwrap();
        (model.1.layer.moving_mean.array(), model.1.layer.moving_variance.array())
    };
    assert_eq!(statistics(vec![1.0, 2.0, 3.0, 6.0], 2), ([3.0], [3.5]));
    assert_eq!(statistics(vec![1.0, 2.0, 0.0, 0.0, 3.0, 6.0, 0.0, 0.0], 4), ([3.0], [3.5]));
    // No step is real.
    assert_eq!(statistics(vec![0.0; 4], 2), ([0.0], [1.0]));

    // Keras 3.15.1, with a length that is known and with one that is not.
    let x = [1.0_f32, 2.0, 3.0, 3.0, 6.0, 9.0];
    let mut norm = TimeDistributed::<BatchNorm<1>>::build(&dev).unwrap();
    norm.layer.momentum = 0.5;
    let y = norm.forward_mut(dev.tensor_from_vec(x.to_vec(), (2, 3, Const::<1>))).unwrap().as_vec();
    let keras =
        [-0.999_500_3, -0.999_875_07, -0.999_944_45, 0.999_500_4, 0.999_875_07, 0.999_944_45];
    y.iter().zip(keras).for_each(|(a, b): (&f32, f32)| assert!((a - b).abs() < 1e-5, "{y:?}"));
    assert_eq!(norm.layer.moving_mean.array(), [4.25]);
    assert_eq!(norm.layer.moving_variance.array(), [5.75]);
    // Its inference pass is that of the batch norm.
    let again = norm.forward(dev.tensor_from_vec(x.to_vec(), (2, 3, Const::<1>))).unwrap();
    let direct = norm.layer.forward(dev.tensor_from_vec(x.to_vec(), (2, 3, Const::<1>))).unwrap();
    assert_eq!(again.as_vec(), direct.as_vec());
}
