//! The kernels for `f32` against the reference in `f64`: outputs to 1e-5, gradients to 1e-4.

#![allow(missing_docs)]

use std::io::Write;

use dfdx::{
    prelude::{BroadcastTo, MeanTo, PermuteTo, SumTo, TryMul},
    shapes::{Axes2, Axes3, Axis, Shape},
    tensor::{Gradients, OnesTensor, OwnedTape, PutTape, SplitTape, TensorFromVec},
};
use kerata::{
    AvgPool2d, BatchNorm, Conv1d, Conv2d, Cpu, Dense, Dropout, Embedding, EmbeddingBag, Error,
    GlobalAveragePooling1d, Groups, LastState, LayerNorm, Linear, Lstm, Mask, MaskZero, Masked,
    MaxPool2d, NoMask, OneGroup, Relu, Same, Sequences, Sigmoid, Softmax, Tanh, Tensor, Valid,
    backend::{Backend, Element, LstmState},
    loss::{Compute, SparseCategoricalCrossentropy},
    optim::{Adam, State},
    parameters::{Parameter, Parameters, Visitor},
    prelude::*,
    shape::{Const, HasShape},
};
use proptest::prelude::*;

fn numbers(n: usize, seed: usize) -> Vec<f64> {
    (0..n).map(|i| ((i * 7919 + seed * 104_729 + 13) % 2003) as f64 / 1001.0 - 1.0).collect()
}

fn tensor<S: Shape, E: Element>(shape: S, seed: usize) -> Tensor<S, E, Cpu>
where
    Cpu: Backend<E>,
{
    let values = numbers(shape.num_elements(), seed).into_iter().map(E::of).collect();
    Cpu::default().tensor_from_vec(values, shape)
}

/// Sets every parameter to numbers that depend on its place only, or reads all gradients.
enum Access<'a, E: Element>
where
    Cpu: Backend<E>,
{
    Set(usize),
    Read(&'a mut Gradients<E, Cpu>, Vec<f64>),
}

impl<E: Element> Visitor<E, Cpu> for Access<'_, E>
where
    Cpu: Backend<E>,
{
    fn visit<S: Shape>(&mut self, parameter: Parameter<'_, S, E, Cpu>) -> Result<(), Error> {
        if !parameter.trainable {
            return Ok(());
        }
        match self {
            Access::Set(seed) => {
                let n = parameter.tensor.shape().num_elements();
                let values: Vec<E> =
                    numbers(n, *seed).into_iter().map(|x| E::of(0.4 * x)).collect();
                parameter.tensor.copy_from(&values);
                *seed += 1;
            }
            Access::Read(gradients, all) => {
                let gradient = gradients.get(&*parameter.tensor).as_vec();
                all.extend(gradient.into_iter().map(Element::as_f64));
            }
        }
        Ok(())
    }
}

/// Output, gradient of the input and gradients of the parameters of a layer.
fn run<S, O, E, M>(
    x: &Tensor<S, E, Cpu>,
    layer: impl Fn(&M, Tensor<S, E, Cpu, OwnedTape<E, Cpu>>) -> Tensor<O, E, Cpu, OwnedTape<E, Cpu>>,
) -> [Vec<f64>; 3]
where
    S: Shape,
    O: Shape,
    E: Element,
    Cpu: Backend<E>,
    M: Build<E, Cpu> + Parameters<E, Cpu>,
{
    run_with(x, |_| (), layer)
}

/// The same of a layer with other options.
fn run_with<S, O, E, M>(
    x: &Tensor<S, E, Cpu>,
    options: impl Fn(&mut M),
    layer: impl Fn(&M, Tensor<S, E, Cpu, OwnedTape<E, Cpu>>) -> Tensor<O, E, Cpu, OwnedTape<E, Cpu>>,
) -> [Vec<f64>; 3]
where
    S: Shape,
    O: Shape,
    E: Element,
    Cpu: Backend<E>,
    M: Build<E, Cpu> + Parameters<E, Cpu>,
{
    let mut model = M::build(&Cpu::default()).unwrap();
    options(&mut model);
    model.visit(&mut Access::Set(20)).unwrap();
    let (y, tape) = layer(&model, x.clone().put_tape(OwnedTape::default())).split_tape();
    let weights: Tensor<O, E, Cpu> = tensor(*y.shape(), 9);
    let loss = y.clone().put_tape(tape).try_mul(weights).unwrap().square().sum();
    let mut gradients = loss.backward();
    gradients.try_alloc_for(x).unwrap();
    let of_x = gradients.get(x).as_vec();
    let mut access = Access::Read(&mut gradients, Vec::new());
    model.visit(&mut access).unwrap();
    let Access::Read(_, of_parameters) = access else { unreachable!() };
    let f64s = |numbers: Vec<E>| numbers.into_iter().map(Element::as_f64).collect::<Vec<_>>();
    [f64s(y.as_vec()), f64s(of_x), of_parameters]
}

fn close(kernel: [Vec<f64>; 3], reference: [Vec<f64>; 3]) {
    let tolerances = [1e-5, 1e-4, 1e-4];
    for ((found, expected), tolerance) in kernel.iter().zip(&reference).zip(tolerances) {
        assert_eq!(found.len(), expected.len());
        for (i, (a, b)) in found.iter().zip(expected).enumerate() {
            let close = (a - b).abs() <= tolerance * (1.0 + b.abs());
            assert!(close, "number {i} is {a}, by the reference {b}");
        }
    }
}

/// The same layer in both number types.
macro_rules! same {
    ($x:expr, $single:ty, $double:ty, $layer:expr) => {
        same!($x, $single, $double, |_| (), $layer)
    };
    ($x:expr, $single:ty, $double:ty, $options:expr, $layer:expr) => {{
        let (single, double) = ($x, $x);
        close(
            run_with::<_, _, f32, $single>(&single, $options, $layer),
            run_with::<_, _, f64, $double>(&double, $options, $layer),
        );
    }};
}

#[test]
fn convolutions() {
    same!(tensor((3, Const::<9>, Const::<8>, Const::<3>), 1),
        Conv2d<3, 5, 3, 2>, Conv2d<3, 5, 3, 2, Linear, Valid, 1, 1, OneGroup, f64>,
        |l, x| l.forward(x).unwrap());
    same!(tensor((5, Const::<9>, Const::<8>, Const::<3>), 1),
        Conv2d<3, 4, 4, 3, Tanh, Same, 2>, Conv2d<3, 4, 4, 3, Tanh, Same, 2, 1, OneGroup, f64>,
        |l, x| l.forward(x).unwrap());
    same!(tensor((2, Const::<9>, Const::<8>, Const::<3>), 1),
        Conv2d<3, 4, 2, 2, Linear, Valid, 2, 3>,
        Conv2d<3, 4, 2, 2, Linear, Valid, 2, 3, OneGroup, f64>,
        |l| l.use_bias = false,
        |l, x| l.forward(x).unwrap());
    // One after the other in memory: a window of one pixel; and so many images that they are shared.
    same!(tensor((64, Const::<9>, Const::<8>, Const::<12>), 1),
        Conv2d<12, 8, 1, 1, Relu, Valid, 1, 1>,
        Conv2d<12, 8, 1, 1, Relu, Valid, 1, 1, OneGroup, f64>,
        |l| l.use_bias = false,
        |l, x| l.forward(x).unwrap());
    same!(tensor((33, Const::<9>, Const::<8>, Const::<6>), 1),
        Conv2d<6, 20, 3, 3, Relu, Same>, Conv2d<6, 20, 3, 3, Relu, Same, 1, 1, OneGroup, f64>,
        |l, x| l.forward(x).unwrap());
    // 3 by 3 with as many channels as minimal filtering takes.
    same!(tensor((33, Const::<9>, Const::<8>, Const::<18>), 1),
        Conv2d<18, 20, 3, 3, Relu, Same>, Conv2d<18, 20, 3, 3, Relu, Same, 1, 1, OneGroup, f64>,
        |l, x| l.forward(x).unwrap());
    same!(tensor((40, Const::<7>, Const::<10>, Const::<16>), 1),
        Conv2d<16, 33, 3, 3, Linear, Valid, 1, 1>,
        Conv2d<16, 33, 3, 3, Linear, Valid, 1, 1, OneGroup, f64>,
        |l| l.use_bias = false,
        |l, x| l.forward(x).unwrap());
    // In groups, small ones and some with as many channels as minimal filtering takes.
    same!(tensor((5, Const::<9>, Const::<8>, Const::<12>), 1),
        Conv2d<12, 8, 3, 2, Relu, Same, 2, 1, Groups<4>>,
        Conv2d<12, 8, 3, 2, Relu, Same, 2, 1, Groups<4>, f64>,
        |l, x| l.forward(x).unwrap());
    same!(tensor((3, Const::<9>, Const::<8>, Const::<36>), 1),
        Conv2d<36, 34, 3, 3, Tanh, Same, 1, 1, Groups<2>>,
        Conv2d<36, 34, 3, 3, Tanh, Same, 1, 1, Groups<2>, f64>,
        |l| l.use_bias = false,
        |l, x| l.forward(x).unwrap());
    same!(tensor((4, Const::<11>, Const::<6>), 1),
        Conv1d<6, 12, 3, Linear, Valid, 1, 2, Groups<6>>,
        Conv1d<6, 12, 3, Linear, Valid, 1, 2, Groups<6>, f64>,
        |l, x| l.forward(x).unwrap());
    same!(tensor((4, Const::<11>, Const::<3>), 1),
        Conv1d<3, 4, 3, Relu, Same, 2>, Conv1d<3, 4, 3, Relu, Same, 2, 1, OneGroup, f64>,
        |l, x| l.forward(x).unwrap());
}

/// The gradients of the parameters, and whether that of the input is 0, where nobody asks for it.
fn without_input<S: Shape, O: Shape, M>(
    x: &Tensor<S, f32, Cpu>,
    layer: impl Fn(
        &M,
        Tensor<S, f32, Cpu, OwnedTape<f32, Cpu>>,
    ) -> Tensor<O, f32, Cpu, OwnedTape<f32, Cpu>>,
) where
    M: Build<f32, Cpu> + Parameters<f32, Cpu>,
{
    let asked = run::<_, _, f32, M>(x, &layer);
    let [y, of_x, of_parameters] = run::<_, _, f32, M>(x, |model, x_on_tape| {
        let constant = Cpu::stop_gradient(x);
        let y = layer(model, x_on_tape);
        drop(constant);
        y
    });
    assert_eq!((&y, &of_parameters), (&asked[0], &asked[2]));
    // The reference knows of no constants.
    let left_out = !std::env::var("KERATA_BACKEND").is_ok_and(|name| name == "reference");
    assert!(of_x.iter().all(|&d| d == 0.0) == left_out && asked[1].iter().any(|&d| d != 0.0));
    // Whoever differentiates while it is still one, as a layer in its own pass, finds all gradients; so does the next.
    let constant = Cpu::stop_gradient(x);
    assert_eq!(run::<_, _, f32, M>(x, &layer), asked);
    drop(constant);
    assert_eq!(run::<_, _, f32, M>(x, &layer), asked);
}

#[test]
fn no_gradients_of_constants() {
    without_input::<_, _, Dense<7, 5, Tanh>>(&tensor((6, Const::<7>), 1), |l, x| {
        l.forward(x).unwrap()
    });
    let images = tensor((3, Const::<9>, Const::<8>, Const::<18>), 1);
    without_input::<_, _, Conv2d<18, 4, 3, 3, Relu, Same>>(&images, |l, x| l.forward(x).unwrap());
    without_input::<_, _, Conv2d<18, 20, 3, 3, Relu>>(&images, |l, x| l.forward(x).unwrap());
    without_input::<_, _, Lstm<5, 4>>(&tensor((3, Const::<6>, Const::<5>), 1), |l, x| {
        l.forward(x).unwrap()
    });
}

#[test]
fn tensors_that_do_not_lie_in_their_order() {
    type Turned = (Const<4>, Const<3>);
    type Spread = (Const<4>, Const<6>, Const<3>);
    macro_rules! both {
        ($layer:ty, $double:ty) => {
            same!(tensor((Const::<3>, Const::<4>), 1), $layer, $double, |l, x| {
                l.forward(x.permute::<Turned, Axes2<1, 0>>()).unwrap()
            });
        };
    }
    both!(Relu, Relu);
    both!(Softmax, Softmax);
    both!(LayerNorm<3>, LayerNorm<3, f64>);
    both!(Dense<3, 5, Tanh>, Dense<3, 5, Tanh, f64>);
    same!(tensor((Const::<4>, Const::<3>), 1), Tanh, Tanh, |l, x| {
        l.forward(x.broadcast::<Spread, Axis<1>>()).unwrap()
    });
    same!(tensor((Const::<4>, Const::<3>), 1), Lstm<3, 5>, Lstm<3, 5, LastState, f64>, |l, x| {
        l.forward_with_state(x.broadcast::<Spread, Axis<1>>(), None, None).unwrap().0
    });
    same!(tensor((Const::<6>, Const::<4>, Const::<3>), 1), Lstm<3, 5>, Lstm<3, 5, LastState, f64>,
    |l, x| {
        let x = x.permute::<Spread, Axes3<1, 0, 2>>();
        l.forward_with_state(x, None, None).unwrap().0
    });
}

#[test]
fn pools() {
    same!(
        tensor((3, Const::<9>, Const::<8>, Const::<5>), 1),
        MaxPool2d<2>,
        MaxPool2d<2>,
        |l, x| l.forward(x).unwrap()
    );
    same!(tensor((3, Const::<9>, Const::<8>, Const::<5>), 1),
        MaxPool2d<3, 3, 2, 1, Same>, MaxPool2d<3, 3, 2, 1, Same>, |l, x| l.forward(x).unwrap());
    same!(tensor((80, Const::<19>, Const::<18>, Const::<17>), 1),
        MaxPool2d<3, 3, 2, 1>, MaxPool2d<3, 3, 2, 1>, |l, x| l.forward(x).unwrap());
    same!(tensor((80, Const::<19>, Const::<18>, Const::<17>), 1),
        AvgPool2d<3, 3, 2, 1>, AvgPool2d<3, 3, 2, 1>, |l, x| l.forward(x).unwrap());
    same!(tensor((3, Const::<9>, Const::<8>, Const::<5>), 1),
        AvgPool2d<3, 2, 2, 1, Same>, AvgPool2d<3, 2, 2, 1, Same>, |l, x| l.forward(x).unwrap());
}

/// Of equal numbers the first is the maximum, and it alone gets the gradient.
#[test]
fn pools_of_equals() {
    fn gradient<E: Element>() -> Vec<f64>
    where
        Cpu: Backend<E>,
    {
        let x: Tensor<(usize, Const<2>, Const<4>, Const<1>), E, Cpu> =
            Cpu::default().tensor_from_vec(vec![E::one(); 8], (1, Const, Const, Const));
        let y = MaxPool2d::<2>::default().forward(x.clone().put_tape(OwnedTape::default()));
        let gradients = y.unwrap().sum().backward();
        gradients.get(&x).as_vec().into_iter().map(Element::as_f64).collect()
    }
    let first = [1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    assert_eq!(gradient::<f32>(), first);
    assert_eq!(gradient::<f64>(), first);
}

/// A window of nothing but -inf still knows its first pixel, and of several NaN the first is the maximum.
#[test]
fn pools_of_no_numbers() {
    fn gradient<E: Element>(hole: f64) -> Vec<f64>
    where
        Cpu: Backend<E>,
    {
        let mut numbers = numbers(4 * 5, 3);
        [6, 13, 14, 18, 19].iter().for_each(|&pixel: &usize| numbers[pixel] = hole);
        let numbers = numbers.into_iter().map(E::of).collect();
        let x: Tensor<(usize, Const<4>, Const<5>, Const<1>), E, Cpu> =
            Cpu::default().tensor_from_vec(numbers, (1, Const, Const, Const));
        let pool = MaxPool2d::<3, 3, 1, 1, Same>::default();
        let y = pool.forward(x.clone().put_tape(OwnedTape::default())).unwrap();
        let weights = tensor(*y.shape(), 9);
        let gradients = y.try_mul(weights).unwrap().sum().backward();
        gradients.get(&x).as_vec().into_iter().map(Element::as_f64).collect()
    }
    for hole in [f64::NEG_INFINITY, f64::NAN] {
        let (single, double) = (gradient::<f32>(hole), gradient::<f64>(hole));
        assert!(
            single.iter().zip(&double).all(|(a, b)| (a - b).abs() < 1e-6),
            "{single:?} {double:?}"
        );
        let all: f64 = double.iter().sum();
        let given: f64 = numbers(4 * 5, 9).iter().sum();
        assert!((all - given).abs() < 1e-9, "{all} of {given} arrive");
    }
}

#[test]
fn dense() {
    for rows in [1, 7, 300] {
        same!(tensor((rows, Const::<37>), 1),
            Dense<37, 19>, Dense<37, 19, Linear, f64>, |l, x| l.forward(x).unwrap());
        same!(tensor((rows, Const::<37>), 1),
            Dense<37, 19, Relu>, Dense<37, 19, Relu, f64>, |l, x| l.forward(x).unwrap());
        same!(tensor((rows, Const::<37>), 1),
            Dense<37, 19, Tanh>, Dense<37, 19, Tanh, f64>, |l, x| l.forward(x).unwrap());
        same!(tensor((rows, Const::<37>), 1),
            Dense<37, 19, Sigmoid>, Dense<37, 19, Sigmoid, f64>, |l, x| l.forward(x).unwrap());
    }
    same!(tensor((24, Const::<700>), 1),
        Dense<700, 40>, Dense<700, 40, Linear, f64>, |l, x| l.forward(x).unwrap());
}

#[test]
fn layer_norm() {
    same!(tensor((7_usize, Const::<3>), 1),
        LayerNorm<3>, LayerNorm<3, f64>, |l, x| l.forward(x).unwrap());
    same!(tensor((300_usize, 40_usize, Const::<37>), 1),
        LayerNorm<37>, LayerNorm<37, f64>, |l, x| l.forward(x).unwrap());
}

#[test]
fn batch_norm() {
    same!(tensor((7_usize, Const::<5>), 1),
        BatchNorm<5>, BatchNorm<5, f64>, |l, x| l.forward(x).unwrap());
    same!(tensor((7_usize, Const::<5>), 1),
        BatchNorm<5>, BatchNorm<5, f64>, |l, x| l.clone().forward_mut(x).unwrap());
    same!(tensor((300_usize, 40_usize, 9_usize, Const::<5>), 1),
        BatchNorm<5>, BatchNorm<5, f64>, |l, x| l.clone().forward_mut(x).unwrap());
}

#[test]
fn embedding() {
    // One by one, all at once, and on threads.
    let ids: Vec<usize> = (0..30_000).map(|i| i * 7 % 40).collect();
    for n in [2, 60, 30_000] {
        let ids = Cpu::default().tensor_from_vec(ids[..n].to_vec(), (n / 2, 2_usize));
        same!(tensor((1_usize,), 1),
            Embedding<40, 5, MaskZero>, Embedding<40, 5, MaskZero, f64>,
            |l, x| l.forward(ids.clone().put_tape(x.split_tape().1)).unwrap().into_parts().0);
    }
}

/// The same table as a bag, and as the two layers that a bag is.
macro_rules! bags {
    ($ids:expr, $v:literal, $n:literal) => {{
        let ids = $ids;
        let bag = |x: Tensor<(usize,), f32, Cpu, OwnedTape<f32, Cpu>>| {
            ids.clone().put_tape(x.split_tape().1)
        };
        same!(tensor((1_usize,), 1),
            EmbeddingBag<$v, $n, MaskZero>, EmbeddingBag<$v, $n, MaskZero, f64>,
            |l, x| l.forward(ids.clone().put_tape(x.split_tape().1)).unwrap());
        same!(tensor((1_usize,), 1),
            EmbeddingBag<$v, $n>, EmbeddingBag<$v, $n, NoMask, f64>,
            |l, x| l.forward(ids.clone().put_tape(x.split_tape().1)).unwrap());
        let x = tensor((1_usize,), 1);
        let one = run::<_, _, f32, EmbeddingBag<$v, $n, MaskZero>>(&x, |l, x| l.forward(bag(x)).unwrap());
        let two = run::<_, _, f32, (Embedding<$v, $n, MaskZero>, GlobalAveragePooling1d)>(&x, |l, x| {
            l.forward(bag(x)).unwrap()
        });
        for (a, b) in one.iter().flatten().zip(two.iter().flatten()) {
            assert!((a - b).abs() <= 1e-6 * (1.0 + b.abs()), "{a} {b}");
        }
    }};
}

#[test]
fn embedding_bag() {
    // Many of one word, some of those next to it, and padding.
    let ids: Vec<usize> = (0..60).map(|i| (i * 7 % 40) * (i % 3) / 2).collect();
    let ids = |batch: usize, length: usize| {
        Cpu::default().tensor_from_vec(ids[..batch * length].to_vec(), (batch, length))
    };
    // One by one, and all at once; more columns than a vector has, and fewer.
    bags!(ids(2, 1), 40, 5);
    bags!(ids(20, 3), 40, 5);
    bags!(ids(3, 20), 40, 37);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Any padding: right, left, gaps, rows of nothing.
    #[test]
    fn embedding_bag_of_any_ids(
        (batch, length) in (1_usize..9, 1_usize..8),
        ids in prop::collection::vec(prop_oneof![Just(0_usize), 0_usize..12], 64),
    ) {
        let dev = Cpu::default();
        bags!(dev.tensor_from_vec(ids[..batch * length].to_vec(), (batch, length)), 12, 17);
    }

    /// Any mask: right, left, gaps, rows of nothing; with and without an initial state.
    #[test]
    fn lstm(
        (batch, length) in (1_usize..9, 1_usize..8),
        flags in prop::collection::vec(any::<bool>(), 64),
        initial in any::<bool>(),
    ) {
        let mask = Mask::from_bools(flags[..batch * length].to_vec(), batch, length).unwrap();
        same!(tensor((batch, length, Const::<5>), 1),
            Lstm<5, 9, Sequences>, Lstm<5, 9, Sequences, f64>,
            |l, x| l.forward(Masked::new(x, mask.clone()).unwrap()).unwrap().into_parts().0);
        same!(tensor((batch, length, Const::<5>), 1),
            Lstm<5, 9>, Lstm<5, 9, LastState, f64>,
            |l, x| l.forward(Masked::new(x, mask.clone()).unwrap()).unwrap());
        same!(tensor((batch, length, Const::<5>), 1),
            Lstm<5, 9>, Lstm<5, 9, LastState, f64>,
            |l, x| l.forward(x).unwrap());
        same!(tensor((batch, length, Const::<5>), 1),
            Lstm<5, 9, Sequences>, Lstm<5, 9, Sequences, f64>,
            |l, x| {
                let initial = initial.then(|| LstmState {
                    h: tensor((batch, Const), 3),
                    c: tensor((batch, Const), 4),
                });
                l.forward_with_state(x, Some(&mask), initial).unwrap().0
            });
        // The gradients that come through the final state.
        same!(tensor((batch, length, Const::<5>), 1),
            Lstm<5, 9, Sequences>, Lstm<5, 9, Sequences, f64>,
            |l, x| {
                let initial = initial.then(|| LstmState {
                    h: tensor((batch, Const), 3),
                    c: tensor((batch, Const), 4),
                });
                let (y, state) = l.forward_with_state(x, Some(&mask), initial).unwrap();
                state.h.put_tape(y.split_tape().1) + state.c
            });
    }

    #[test]
    fn batch_norm_under_a_mask(
        (batch, length) in (1_usize..9, 1_usize..8),
        flags in prop::collection::vec(any::<bool>(), 64),
    ) {
        let mask = Mask::from_bools(flags[..batch * length].to_vec(), batch, length).unwrap();
        same!(tensor((batch, length, Const::<5>), 1),
            BatchNorm<5>, BatchNorm<5, f64>, |l, x| {
                let x = Masked::new(x, mask.clone()).unwrap();
                l.clone().forward_mut(x).unwrap().into_parts().0
            });
    }

    #[test]
    fn mean_over_steps(
        (batch, length) in (1_usize..9, 1_usize..8),
        flags in prop::collection::vec(any::<bool>(), 64),
    ) {
        let mask = Mask::from_bools(flags[..batch * length].to_vec(), batch, length).unwrap();
        same!(tensor((batch, length, Const::<5>), 1),
            GlobalAveragePooling1d, GlobalAveragePooling1d,
            |l, x| l.forward(Masked::new(x, mask.clone()).unwrap()).unwrap());
    }
}

/// A large LSTM, so that several threads share it.
#[test]
fn lstm_on_threads() {
    let lengths: Vec<usize> = (0..24).map(|i| 1 + i * 5 % 30).collect();
    let mask = Mask::from_lengths(&lengths, 30).unwrap();
    same!(tensor((24_usize, 30_usize, Const::<40>), 1),
        Lstm<40, 33, Sequences>, Lstm<40, 33, Sequences, f64>,
        |l, x| l.forward(Masked::new(x, mask.clone()).unwrap()).unwrap().into_parts().0);
}

/// A few rows of a large LSTM: in inference its units are on threads. Any mask, with and without an initial state, and
/// from threads that all wait for one another.
#[test]
fn lstm_of_few_rows() {
    use rayon::prelude::*;
    if rayon::current_num_threads() < 2 {
        // Not `eprintln!`: the test runner captures that.
        let skipped = "SKIPPED lstm_of_few_rows: there is one thread only";
        return writeln!(std::io::stderr(), "{skipped}").unwrap();
    }
    let mut lstm = Lstm::<40, 100, Sequences>::build(&Cpu::default()).unwrap();
    lstm.visit(&mut Access::Set(20)).unwrap();
    let masks = [
        (1, "11111111111111111111"),
        (1, "00110011100000001000"),
        (1, "00000000000000000000"),
        (2, "1111111111111111111101111111111111111100"),
        (2, "0000000000000000000011111111111111110000"),
    ];
    let cases: Vec<_> = masks.into_iter().flat_map(|mask| [(mask, false), (mask, true)]).collect();
    let check = |((rows, mask), initial): ((usize, &str), bool)| {
        let flags: Vec<bool> = mask.bytes().map(|flag| flag == b'1').collect();
        let mask = Mask::from_bools(flags, rows, 20).unwrap();
        let x: Tensor<_, f32, Cpu> = tensor((rows, 20_usize, Const::<40>), 1);
        let initial =
            initial.then(|| LstmState { h: tensor((rows, Const), 3), c: tensor((rows, Const), 4) });
        let (y, state) = lstm.forward_with_state(x.clone(), Some(&mask), initial.clone()).unwrap();
        let x = x.put_tape(OwnedTape::default());
        let (expected, last) = lstm.forward_with_state(x, Some(&mask), initial).unwrap();
        let expected = [expected.as_vec(), last.h.as_vec(), last.c.as_vec()];
        for (found, expected) in
            [y.as_vec(), state.h.as_vec(), state.c.as_vec()].iter().zip(expected)
        {
            for (a, b) in found.iter().zip(expected) {
                assert!((a - b).abs() < 1e-6, "{a} {b}");
            }
        }
    };
    cases.iter().copied().for_each(check);
    (0..20 * cases.len()).into_par_iter().for_each(|i| check(cases[i % cases.len()]));
}

/// The same of layers that get ready in more than one way: of one row of a wide LSTM the units are on threads, and a
/// convolution is ready for images of one size.
#[test]
fn inference_sees_changes_whichever_way_it_is_done() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(3);
    let text = dev.tensor_from_vec(vec![0.5; 4000], (1, 40, Const::<100>));
    let images = [5, 7]
        .map(|size| dev.tensor_from_vec(vec![0.5; size * size * 16], (1, size, size, Const::<16>)));
    let mut lstm = Lstm::<100, 100>::build(&dev)?;
    let mut conv = Conv2d::<16, 17, 3>::build(&dev)?;
    let check = |lstm: &Lstm<100, 100>, conv: &Conv2d<16, 17, 3>| {
        for _ in 0..2 {
            let (kept, fresh) = (lstm.forward(text.clone())?, lstm.clone().forward(text.clone())?);
            assert_eq!(kept.as_vec(), fresh.as_vec());
            for image in images.clone() {
                let (kept, fresh) = (conv.forward(image.clone())?, conv.clone().forward(image)?);
                assert_eq!(kept.as_vec(), fresh.as_vec());
            }
        }
        let image = images[0].clone();
        Ok::<_, Error>([lstm.forward(text.clone())?.as_vec(), conv.forward(image)?.as_vec()])
    };
    let mut seen = vec![check(&lstm, &conv)?];
    lstm.recurrent_kernel[[3, 5]] = 2.0;
    conv.kernel[[1, 1, 2, 3]] = 5.0;
    seen.push(check(&lstm, &conv)?);
    lstm.bias[[7]] = 2.0;
    conv.kernel.copy_from(&[0.25; 9 * 16 * 17]);
    seen.push(check(&lstm, &conv)?);
    for (before, after) in seen.iter().zip(&seen[1..]) {
        assert!(before[0] != after[0] && before[1] != after[1], "a change is not seen");
    }
    Ok(())
}

/// The state may be the input too, and the same tensor twice.
#[test]
fn one_tensor_in_several_places() {
    same!(tensor((3_usize, Const::<4>), 1),
    Lstm<4, 4, Sequences>, Lstm<4, 4, Sequences, f64>,
    |l, x| {
        let (h, tape) = x.split_tape();
        let state = LstmState { h: h.clone(), c: h.clone() };
        let x = h.put_tape(tape);
        let x = dfdx::prelude::ReshapeTo::reshape_like(x, &(3_usize, Const::<1>, Const::<4>));
        l.forward_with_state(x, None, Some(state)).unwrap().0
    });
}

/// What is kept of the weights for inference never outlives them, however they change.
#[test]
fn inference_sees_every_change_of_the_weights() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(3);
    let x = dev.tensor_from_vec((0..40).map(|i| i as f32 / 40.0).collect(), (2, 5, Const::<4>));
    let ids = dev.tensor_from_vec((0..40_usize).map(|i| i % 9).collect(), (4, 10));
    let mut lstm = Lstm::<4, 4, Sequences>::build(&dev)?;
    let mut dense = Dense::<4, 4>::build(&dev)?;
    let mut table = Embedding::<9, 3>::build(&dev)?;
    let mut bag = EmbeddingBag::<9, 3>::build(&dev)?;
    let vectors = dev.tensor_from_vec((0..12).map(|i| i as f32).collect(), (3, Const::<4>));
    // A clone has nothing kept.
    type Layers<'a> =
        (&'a Lstm<4, 4, Sequences>, &'a Dense<4, 4>, &'a Embedding<9, 3>, &'a EmbeddingBag<9, 3>);
    let check = |(lstm, dense, table, bag): Layers<'_>| {
        for _ in 0..2 {
            assert_eq!(
                lstm.forward(x.clone())?.as_vec(),
                lstm.clone().forward(x.clone())?.as_vec()
            );
            let (kept, fresh) =
                (dense.forward(vectors.clone())?, dense.clone().forward(vectors.clone())?);
            assert_eq!(kept.as_vec(), fresh.as_vec());
            let (kept, fresh) = (table.forward(ids.clone())?, table.clone().forward(ids.clone())?);
            assert_eq!(kept.as_vec(), fresh.as_vec());
            let (kept, fresh) = (bag.forward(ids.clone())?, bag.clone().forward(ids.clone())?);
            assert_eq!(kept.as_vec(), fresh.as_vec());
        }
        Ok::<_, Error>(dense.forward(vectors.clone())?.as_vec())
    };
    let mut seen = vec![check((&lstm, &dense, &table, &bag))?];

    // Written to in place.
    dense.kernel[[1, 2]] += 1.0;
    lstm.bias[[3]] = 2.0;
    table.embeddings[[2, 0]] = 5.0;
    bag.embeddings[[2, 0]] = 5.0;
    seen.push(check((&lstm, &dense, &table, &bag))?);
    dense.kernel.copy_from(&[0.5; 16]);
    lstm.recurrent_kernel.copy_from(&[0.25; 64]);
    dense.kernel[[0, 3]] = 7.0;
    seen.push(check((&lstm, &dense, &table, &bag))?);
    // The same memory, in another order.
    dense.kernel = dense.kernel.clone().permute::<_, Axes2<1, 0>>();
    seen.push(check((&lstm, &dense, &table, &bag))?);
    // Put in place of others.
    dense.bias = dev.tensor([1.0, 2.0, 3.0, 4.0]);
    table.embeddings = dev.ones();
    bag.embeddings = dev.ones();
    seen.push(check((&lstm, &dense, &table, &bag))?);
    // Trained.
    let y = dense.forward_mut(vectors.clone().put_tape(OwnedTape::default()))?;
    let mut gradients = y.square().mean::<_, Axes2<0, 1>>().backward();
    State::default().step(&Adam::default(), &mut dense, &mut gradients)?;
    seen.push(check((&lstm, &dense, &table, &bag))?);
    for (i, y) in seen.iter().enumerate() {
        assert!(!seen[..i].contains(y), "change {i} is not seen");
    }
    Ok(())
}

#[test]
fn curves_and_softmax() {
    same!(tensor((70, Const::<700>), 1), Relu, Relu, |l, x| l.forward(x).unwrap());
    same!(tensor((70, Const::<700>), 1), Tanh, Tanh, |l, x| l.forward(x).unwrap());
    same!(tensor((70, Const::<700>), 1), Sigmoid, Sigmoid, |l, x| l.forward(x).unwrap());
    same!(tensor((3, Const::<1>), 1), Softmax, Softmax, |l, x| l.forward(x).unwrap());
    same!(tensor((70, Const::<700>), 1), Softmax, Softmax, |l, x| l.forward(x).unwrap());
    same!(tensor((5, Const::<4>, Const::<37>), 1), Softmax, Softmax, |l, x| l.forward(x).unwrap());
    let large = Cpu::default().tensor([[1000.0_f32, -1000.0, f32::NEG_INFINITY, 999.0]]);
    let [p] = Softmax.forward(large).unwrap().array();
    assert!((p[0] - 0.731_058_6).abs() < 1e-6 && p[1] < 1e-30 && p[2] < 1e-30, "{p:?}");
}

#[test]
fn sparse_crossentropies() {
    for loss in
        [SparseCategoricalCrossentropy::from_logits(), SparseCategoricalCrossentropy::default()]
    {
        // From logits of -1 to 1; or as probabilities, of which half are clipped.
        macro_rules! case {
            ($rows:literal, $classes:literal) => {
                let labels: Vec<usize> = (0..$rows).map(|i| i * 31 % $classes).collect();
                let labels = Cpu::default().tensor_from_vec(labels, ($rows,));
                same!(tensor(($rows, Const::<$classes>), 1), Linear, Linear, |_, x| {
                    Compute::compute(&loss, x, labels.clone()).unwrap()
                });
            };
        }
        case!(1, 2);
        case!(7, 33);
        case!(90, 900);
    }
}

#[test]
fn dropout() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(5);
    let (n, mut layer) = (200_000, Dropout::<30>);
    let x = dev.tensor_from_vec(vec![2.0_f32; n], (n, Const::<1>));
    let mut drop = || {
        let y = layer.forward_mut(x.clone().put_tape(OwnedTape::default()))?;
        let (y, tape) = y.split_tape();
        let gradient = y.clone().put_tape(tape).sum().backward().get(&x).as_vec();
        // What is kept makes up for what is dropped, and its gradient likewise.
        let y = y.as_vec();
        for (y, g) in y.iter().zip(gradient) {
            assert!(
                (*y == 0.0 && g == 0.0) || (y - 2.0 / 0.7).abs() + (g - 1.0 / 0.7).abs() < 1e-6
            );
        }
        Ok::<_, Error>(y)
    };
    let (first, second) = (drop()?, drop()?);
    // 0.3 to within five standard deviations; and two passes agree as often as chance has it.
    let share = |y: &[f32]| y.iter().filter(|y| **y == 0.0).count() as f64 / n as f64;
    for y in [&first, &second] {
        assert!((share(y) - 0.3).abs() < 5.0 * (0.21 / n as f64).sqrt(), "{}", share(y));
        // Neighbours, and one job and the next, do not know of each other.
        for lag in [1, 2, 3, 1 << 15] {
            let both = y.iter().zip(&y[lag..]).filter(|(a, b)| **a == 0.0 && **b == 0.0).count();
            let both = both as f64 / (n - lag) as f64;
            assert!((both - 0.09).abs() < 0.005, "lag {lag}: {both}");
        }
    }
    let both = first.iter().zip(&second).filter(|(a, b)| **a == 0.0 && **b == 0.0).count();
    assert!((both as f64 / n as f64 - 0.09).abs() < 0.005);
    Ok(())
}

/// NaN in, NaN out: nothing makes a number of it.
#[test]
fn nan_stays() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(0);
    let x = dev.tensor([[1.0_f32, f32::NAN, 2.0]]);
    assert!(Relu.forward(x.clone())?.array()[0][1].is_nan());
    assert!(Relu.forward(dev.tensor([[f64::NAN]]))?.array()[0][0].is_nan());
    assert!(Tanh.forward(x.clone())?.array()[0][1].is_nan());
    assert!(Sigmoid.forward(x.clone())?.array()[0][1].is_nan());
    assert!(Softmax.forward(x.clone())?.array()[0].iter().all(|p| p.is_nan()));
    for loss in
        [SparseCategoricalCrossentropy::from_logits(), SparseCategoricalCrossentropy::default()]
    {
        assert!(Compute::compute(&loss, x.clone(), dev.tensor([0_usize]))?.array().is_nan());
    }
    let image = dev.tensor([[[[f32::NAN]]]]);
    assert!(Conv2d::<1, 1, 1, 1, Relu>::build(&dev)?.forward(image)?.as_vec()[0].is_nan());
    let mut sequence = [[[1.0_f32; 3]; 4]; 2];
    sequence[1][2][0] = f32::NAN;
    let lstm = Lstm::<3, 5, Sequences>::build(&dev)?;
    let y = lstm.forward(dev.tensor(sequence))?.array();
    for (row, steps) in y.iter().enumerate() {
        for (step, y) in steps.iter().enumerate() {
            assert_eq!(y[0].is_nan(), row == 1 && step >= 2, "row {row}, step {step}: {y:?}");
        }
    }
    Ok(())
}
