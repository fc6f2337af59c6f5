//! Elementwise functions keep their digits over the whole range of `f32`: what is small stays right
//! relative to itself, what is large saturates, and infinities and NaN are those of Keras.

use dfdx::{
    prelude::{Backward, SumTo},
    shapes::Rank0,
    tensor::{OwnedTape, PutTape, TensorFromVec},
};
use kerata::{
    Backend, Cpu, Dense, Element, LastState, Lstm, Relu, Sigmoid, Softmax, Tanh, Tensor,
    config::{CustomObjects, DynamicValue, layer_from_config},
    parameters::{Parameter, Parameters, Visitor},
    prelude::*,
    shape::{Const, Shape},
};

pub(crate) type Tape<E> = OwnedTape<E, Cpu>;
type Column<E, T = dfdx::tensor::NoneTape> = Tensor<(usize, Const<1>), E, Cpu, T>;

/// The relative error; of a subnormal result the absolute one, where the last bit counts as 1e-7.
fn error(found: f64, right: f64) -> f64 {
    if found.is_nan() || right.is_nan() || right.is_infinite() {
        let same = found.is_nan() && right.is_nan() || found == right;
        return if same { 0.0 } else { f64::INFINITY };
    }
    let least = f64::from(f32::MIN_POSITIVE);
    (found - right).abs() / right.abs().max(least)
}

pub(crate) fn close(what: &str, at: &dyn std::fmt::Debug, found: f64, right: f64, limit: f64) {
    assert!(error(found, right) <= limit, "{what} at {at:?} is {found:e}, not {right:e}");
}

/// Whether dfdx's own operations are run, whose slope of tanh and difference from a maximum are only right absolutely.
fn reference() -> bool {
    std::env::var("KERATA_BACKEND").is_ok_and(|name| name == "reference")
}

pub(crate) fn logistic(x: f64) -> f64 {
    if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) }
}

/// Some of all the numbers that there are, and the edges.
fn numbers() -> Vec<f32> {
    let edges = [0.0, -0.0, 1e-8, 1e-6, 1e-4, 17.0, -100.0, f32::INFINITY, f32::NEG_INFINITY];
    let more = [f32::NAN, f32::MAX, f32::MIN, f32::MIN_POSITIVE, f32::from_bits(1)];
    (0..=u32::MAX).step_by(9973).map(f32::from_bits).chain(edges).chain(more).collect()
}

fn column<E: Element>(values: Vec<E>) -> Tensor<(usize, Const<1>), E, Cpu>
where
    Cpu: Backend<E>,
{
    let rows = values.len();
    Cpu::default().tensor_from_vec(values, (rows, Const))
}

/// What a layer gives, and the gradient of its input.
pub(crate) fn run<S: Shape, O, E: Element>(
    x: &Tensor<S, E, Cpu>,
    layer: impl Fn(Tensor<S, E, Cpu, Tape<E>>) -> Tensor<O, E, Cpu, Tape<E>>,
) -> (Vec<f64>, Vec<f64>)
where
    Cpu: Backend<E>,
    O: Shape + dfdx::shapes::ReduceShapeTo<Rank0, O::AllAxes>,
{
    let y = layer(x.clone().put_tape(Tape::default()));
    let values = y.as_vec().into_iter().map(Element::as_f64).collect();
    let mut gradients = y.sum::<Rank0, _>().backward();
    gradients.try_alloc_for(x).unwrap();
    (values, gradients.get(x).as_vec().into_iter().map(Element::as_f64).collect())
}

fn curve(
    what: &str,
    layer: impl Fn(Column<f32, Tape<f32>>) -> Column<f32, Tape<f32>>,
    right: fn(f64) -> f64,
    slope: fn(f64) -> f64,
) {
    let x = numbers();
    let (y, d_x) = run(&column(x.clone()), layer);
    for ((&x, y), d_x) in x.iter().zip(y).zip(d_x) {
        close(what, &x, y, right(f64::from(x)), 4e-7);
        assert!(y.is_nan() || y != 0.0 || x != 0.0 || y.is_sign_negative() <= x.is_sign_negative());
        if reference() {
            assert!(x.is_nan() || (d_x - slope(y)).abs() < 4e-7, "{what} at {x}");
        } else if !x.is_nan() {
            // As Keras does, from the result.
            close("the slope", &(what, x), d_x, slope(y), 4e-7);
        }
    }
}

#[test]
fn activations_of_all_numbers() {
    let relu = |x: f64| if x.is_nan() { x } else { x.max(0.0) };
    let one = |y: f64| f64::from(u8::from(y > 0.0));
    curve("tanh", |x| Tanh.forward(x).unwrap(), f64::tanh, |y| (1.0 - y) * (1.0 + y));
    curve("sigmoid", |x| Sigmoid.forward(x).unwrap(), logistic, |y| y * (1.0 - y));
    curve("relu", |x| Relu.forward(x).unwrap(), relu, one);
    assert!(Relu.forward(column(vec![-0.0_f32])).unwrap().as_vec()[0].is_sign_positive());
    assert!(Tanh.forward(column(vec![-0.0_f32])).unwrap().as_vec()[0].is_sign_negative());
}

/// The activations that a config names.
#[test]
fn activations_of_configs() {
    let all = [0.0, 1e-30, 1e-8, 1e-4, 0.1, 0.149, 0.151, 1.0, 3.0, 8.0, 10.0, 50.0, 89.0, 104.0];
    let all = all.into_iter().chain([1e3, 1e20, 3.4e38, f32::INFINITY]);
    let x: Vec<f32> = all.flat_map(|x| [x, -x]).collect();
    let run = |name: &str, x: &[f32]| {
        let config = format!(r#"{{"class_name":"Activation","config":{{"activation":"{name}"}}}}"#);
        let layer = layer_from_config(&config.parse().unwrap(), &CustomObjects::new());
        match layer.unwrap().run(DynamicValue::numbers([x.len(), 1], x.to_vec()).unwrap()) {
            Ok(DynamicValue::Numbers { values, .. }) => values,
            other => panic!("{other:?}"),
        }
    };
    let all = |name: &str, right: fn(f64) -> f64| {
        for (&x, y) in x.iter().zip(run(name, &x)) {
            close(name, &x, f64::from(y), right(f64::from(x)), 4e-7);
        }
    };
    // Of minus infinity and 0 there is no product.
    all("silu", |x| if x == f64::NEG_INFINITY { 0.0 } else { x * logistic(x) });
    all("mish", |x| {
        let log = x.max(0.0) + (-x.abs()).exp().ln_1p();
        if x == f64::NEG_INFINITY { 0.0 } else { x * log.tanh() }
    });
    all("hard_silu", |x| if x <= -3.0 { 0.0 } else { x * ((x + 3.0) / 6.0).min(1.0) });
    all("softsign", |x| if x.is_infinite() { x.signum() } else { x / (1.0 + x.abs()) });
    all("sparse_plus", |x| if x.abs() < 1.0 { (x + 1.0).powi(2) / 4.0 } else { x.max(0.0) });
    all("sparse_sigmoid", |x| ((x + 1.0) / 2.0).clamp(0.0, 1.0));
    all("squareplus", |x| {
        let root = x.hypot(2.0);
        if x < 0.0 { 2.0 / (root - x) } else { (x + root) / 2.0 }
    });
    all("tanh_shrink", |x| {
        let small = x.powi(3) / 3.0 - x.powi(5) * 2.0 / 15.0 + x.powi(7) * 17.0 / 315.0;
        if x.abs() < 0.02 { small } else { x - x.tanh() }
    });
    // Of the tables of the normal distribution.
    let normal =
        [(-1.0, 0.158_655_253_931), (-3.0, 1.349_898_031_63e-3), (-8.0, 6.220_960_574e-16)];
    let more = [(-10.0, 7.619_853_024e-24), (1.0, 0.841_344_746_069), (8.0, 1.0)];
    for (x, below) in normal.into_iter().chain(more) {
        close("gelu", &x, f64::from(run("gelu", &[x as f32])[0]), x * below, 4e-7);
    }
    assert_eq!(run("gelu", &[f32::NEG_INFINITY, -60.0, f32::INFINITY]), [0.0, 0.0, f32::INFINITY]);
}

/// Values whose squares are beyond the range of `f32`.
#[test]
fn normalisation_of_huge_rows() {
    let norm = kerata::LayerNorm::<4>::build(&Cpu::default()).unwrap();
    for scale in [1e18_f32, 1e20, 1e38, 3e38] {
        let row = [scale, -scale, 0.5 * scale, 0.0];
        let y = norm.forward(Cpu::default().tensor([row])).unwrap().as_vec();
        for (x, y) in [1.0, -1.0, 0.5, 0.0].into_iter().zip(y) {
            let right = (x - 0.125) / 0.546_875_f64.sqrt();
            close("a normalised value", &scale, f64::from(y), right, 1e-6);
        }
    }
}

#[test]
fn activations_fused_into_a_dense() {
    macro_rules! fused {
        ($activation:ident, $right:expr) => {{
            let mut dense = Dense::<1, 1, $activation>::build(&Cpu::default()).unwrap();
            dense.kernel.copy_from(&[1.0]);
            let x: Vec<f32> = numbers().into_iter().filter(|x| x.is_finite()).collect();
            let (y, _) = run(&column(x.clone()), |x| dense.forward(x).unwrap());
            for (x, y) in x.into_iter().zip(y) {
                close(stringify!($activation), &x, y, $right(f64::from(x)), 4e-7);
            }
        }};
    }
    fused!(Tanh, f64::tanh);
    fused!(Sigmoid, logistic);
}

#[test]
fn activations_in_double() {
    let x = [0.0, 1e-300, 1e-8, -1e-8, 0.5, -20.0, 40.0, -700.0, -720.0, -745.0, -800.0, 800.0];
    let x = x.into_iter().chain([f64::INFINITY, f64::NEG_INFINITY, f64::NAN]).collect::<Vec<_>>();
    let (y, d_x) = run(&column(x.clone()), |x: Column<f64, Tape<f64>>| Sigmoid.forward(x).unwrap());
    let tanh = Tanh.forward(column(x.clone())).unwrap().as_vec();
    for (i, &x) in x.iter().enumerate() {
        close("sigmoid", &x, y[i], logistic(x), 1e-15);
        close("tanh", &x, tanh[i], x.tanh(), 1e-15);
        close("the slope of sigmoid", &x, d_x[i], logistic(x) * logistic(-x), 1e-15);
    }
    assert_eq!(y[8], (-720.0_f64).exp());
}

fn softmax<const N: usize>(row: [f32; N]) -> Vec<f32> {
    Softmax.forward(Cpu::default().tensor([row])).unwrap().as_vec()
}

#[test]
fn softmax_of_the_edges() {
    let (infinity, nan) = (f32::INFINITY, f32::NAN);
    assert_eq!(softmax([-infinity, 0.0]), [0.0, 1.0]);
    assert_eq!(softmax([f32::MIN, f32::MAX]), [0.0, 1.0]);
    assert_eq!(softmax([-1e9, 5.0, 5.0]), [0.0, 0.5, 0.5]);
    assert_eq!(softmax([-100.0, 0.0]), [(-100.0_f64).exp() as f32, 1.0]);
    assert_eq!(softmax([-200.0, 0.0]), [0.0, 1.0]);
    for row in [[-infinity; 2], [infinity, 0.0], [nan, 0.0], [0.0, nan], [infinity, -infinity]] {
        assert!(softmax(row).iter().all(|p| p.is_nan()), "softmax({row:?})");
    }
}

#[test]
fn softmax_keeps_the_digits_of_small_shares() {
    const N: usize = 37;
    for spread in [1e-6, 0.1, 3.0, 30.0, 120.0, 1000.0] {
        let row: [f32; N] =
            std::array::from_fn(|i| (spread * ((i * 7919 + 13) % 2003) as f64 / 2003.0) as f32);
        let most = row.iter().copied().fold(f32::MIN, f32::max);
        let each = row.map(|x| (f64::from(x) - f64::from(most)).exp());
        let sum: f64 = each.iter().sum();
        for (i, p) in softmax(row).into_iter().enumerate() {
            let limit = if reference() { 1e-4 } else { 4e-7 };
            close("softmax", &(spread, i), f64::from(p), each[i] / sum, limit);
        }
    }
}

/// Sets all weights alike, and the bias of each gate.
struct Set([f64; 4]);

impl<E: Element> Visitor<E, Cpu> for Set
where
    Cpu: Backend<E>,
{
    fn visit(&mut self, parameter: Parameter<'_, E, Cpu>) -> Result<(), kerata::Error> {
        let n = parameter.tensor.len();
        let value = |i: usize| match parameter.name {
            "bias" => self.0[4 * i / n],
            _ => 0.5,
        };
        parameter.tensor.assign(&(0..n).map(|i| E::of(value(i))).collect::<Vec<_>>())?;
        Ok(())
    }
}

/// The outputs of an LSTM on steps of one value each, and the gradient of its input.
fn lstm<E: Element>(x: f64, rows: usize, bias: [f64; 4]) -> (Vec<f64>, Vec<f64>)
where
    Cpu: Backend<E>,
{
    let mut lstm = Lstm::<1, 3, LastState, E>::build(&Cpu::default()).unwrap();
    lstm.visit(&mut Set(bias)).unwrap();
    let x = Cpu::default().tensor_from_vec(vec![E::of(x); 4 * rows], (rows, 4_usize, Const::<1>));
    let (y, d_x) = run(&x, |x| lstm.forward(x).unwrap());
    // The inference pass, and that of few rows.
    let inference = lstm.forward(x).unwrap().as_vec();
    (y.into_iter().chain(inference.into_iter().map(Element::as_f64)).collect(), d_x)
}

#[test]
fn lstm_keeps_the_digits_of_small_values() {
    let biases =
        [[0.0; 4], [-60.0, 0.0, 0.0, 0.0], [0.0, -60.0, 0.0, -30.0], [0.0, 0.0, 1e-20, 0.0]];
    for bias in biases {
        for x in [1e-30_f32, 1e-20, 1e-8, -1e-6, 1e-4, 0.1].map(f64::from) {
            for rows in [1, 40] {
                let (y, d_x) = lstm::<f32>(x, rows, bias);
                let (right, d_right) = lstm::<f64>(x, rows, bias);
                for (y, right) in y.into_iter().zip(right).chain(d_x.into_iter().zip(d_right)) {
                    close("an LSTM", &(bias, x, rows), y, right, 3e-6);
                }
            }
        }
    }
}
