//! The kernels for `f32` against the reference in `f64`: outputs to 1e-5, gradients to 1e-4.

#![allow(missing_docs)]

use std::io::Write;

use dfdx::{
    prelude::{BroadcastTo, MeanTo, PermuteTo, SumTo, TryMul},
    shapes::{Axes2, Axes3, Axis},
    tensor::{Gradients, OnesTensor, OwnedTape, PutTape, SplitTape, TensorFromVec},
};
use kerata::{
    AvgPool2d, BatchNorm, Conv1d, Conv2d, Cpu, Dense, Dropout, Embedding, EmbeddingBag, Error,
    GlobalAveragePooling1d, Groups, LastState, LayerNorm, Linear, Lstm, Mask, MaskZero, Masked,
    MaxPool2d, NoMask, OneGroup, Relu, RmsNorm, Same, Sequences, Sigmoid, Softmax, Tanh, Tensor,
    Valid,
    backend::{Backend, Element, LstmState},
    loss::{Compute, SparseCategoricalCrossentropy},
    optim::{Adam, State},
    parameters::{Parameter, Parameters, Visitor},
    prelude::*,
    shape::{Const, HasShape, Shape},
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
    fn visit(&mut self, parameter: Parameter<'_, E, Cpu>) -> Result<(), Error> {
        if !parameter.trainable {
            return Ok(());
        }
        match self {
            Access::Set(seed) => {
                let n = parameter.tensor.len();
                let values: Vec<E> =
                    numbers(n, *seed).into_iter().map(|x| E::of(0.4 * x)).collect();
                parameter.tensor.assign(&values)?;
                *seed += 1;
            }
            Access::Read(gradients, all) => {
                let gradient = parameter.tensor.gradient(gradients)?;
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

// Behind the macros, which they use.
mod changes;
mod recurrent;
mod rows;
mod tables;
mod windows;

/// The gradients of the parameters, and whether that of the input is 0, where none is required.
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

/// What leaves padding has no part in a loss, and its rows are left out.
#[test]
fn dense_of_rows_without_a_gradient() {
    fn keep<E: Element>(rows: usize, every: usize) -> Tensor<(usize, Const<19>), E, Cpu>
    where
        Cpu: Backend<E>,
    {
        let flag = |i: usize| if i / 19 % every == every - 1 { E::one() } else { E::zero() };
        Cpu::default().tensor_from_vec((0..rows * 19).map(flag).collect(), (rows, Const))
    }

    // Of the second, no row has one.
    for (rows, every) in [(300, 3), (40, 41), (17, 2), (64, 1)] {
        same!(tensor((rows, Const::<37>), 1), Dense<37, 19>, Dense<37, 19, Linear, f64>,
            |l, x| l.forward(x).unwrap().try_mul(keep(rows, every)).unwrap());
        same!(tensor((rows, Const::<37>), 2), Dense<37, 19, Tanh>, Dense<37, 19, Tanh, f64>,
            |l, x| l.forward(x).unwrap().try_mul(keep(rows, every)).unwrap());
    }
}

#[test]
fn layer_norm() {
    same!(tensor((7_usize, Const::<3>), 1),
        LayerNorm<3>, LayerNorm<3, f64>, |l, x| l.forward(x).unwrap());
    same!(tensor((300_usize, 40_usize, Const::<37>), 1),
        LayerNorm<37>, LayerNorm<37, f64>, |l, x| l.forward(x).unwrap());
}

#[test]
fn rms_norm() {
    same!(tensor((7_usize, Const::<3>), 1),
        RmsNorm<3>, RmsNorm<3, f64>, |l, x| l.forward(x).unwrap());
    same!(tensor((300_usize, 40_usize, Const::<37>), 1),
        RmsNorm<37>, RmsNorm<37, f64>, |l, x| l.forward(x).unwrap());
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
