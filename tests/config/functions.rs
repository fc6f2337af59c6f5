//! Functions of Keras's at the edges of `f32`, and over many values, against double precision.

use std::io::Write;

use dfdx::{
    shapes::Const,
    tensor::{OwnedTape, PutTape, TensorFromVec},
};
use kerata::{
    Cpu, Mask, Masked, Tensor,
    config::{CustomObjects, DynamicLayer, DynamicValue, layer_from_config},
    prelude::*,
    tensor::{Rank0, SumTo, fill_padding},
};
use serde_json::{Value, json};

use crate::dynamic::{config, layer};

type Column = Tensor<(usize, Const<1>), f32, Cpu>;

/// A function of inputs of one size.
fn function(class: &str, options: Value, inputs: usize, size: usize) -> DynamicLayer {
    let names = &["x", "y"][..inputs];
    let input = |name: &&str| {
        json!({"class_name": "InputLayer", "name": name, "inbound_nodes": [],
            "config": {"name": name, "batch_shape": [null, size]}})
    };
    let tensor = |name: &&str| json!({"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}});
    let mut own = options;
    own["name"] = "it".into();
    let args: Vec<Value> = names.iter().map(tensor).collect();
    let node = json!({"module": "keras.src.ops.numpy", "class_name": class, "name": "it",
        "config": own, "inbound_nodes": [{"args": args, "kwargs": {}}]});
    let layers: Vec<Value> = names.iter().map(input).chain([node]).collect();
    let ends: Vec<Value> = names.iter().map(|name| json!([name, 0, 0])).collect();
    let model = json!({"class_name": "Functional", "config": {"name": "net", "layers": layers,
        "input_layers": ends, "output_layers": [["it", 0, 0]]}});
    layer_from_config(&config(model), &CustomObjects::new()).unwrap()
}

fn column(values: &[f32]) -> Column {
    Cpu::default().tensor_from_vec(values.to_vec(), (values.len(), Const))
}

#[track_caller]
fn close(what: &str, at: &dyn std::fmt::Debug, found: f32, right: f64) {
    let right = right as f32;
    let same = found == right || (found.is_nan() && right.is_nan());
    // The last digit of a subnormal number is one of few.
    let error = (f64::from(found) - f64::from(right)).abs() - 3e-45;
    let fits = same || error <= 4e-7 * f64::from(right.abs());
    assert!(fits, "{what} at {at:?} is {found:e}, not {right:e}");
}

const NUMBERS: [f32; 14] =
    [0.0, 1e-44, -3e-42, 1e-30, -2e-30, 1e-10, 0.5, -0.7, 1.0, 49.0, -4e19, 1e30, 3e38, -3.3e38];

fn of_two(class: &str, right: fn(f64, f64) -> f64, slopes: fn(f64, f64) -> [f64; 2]) {
    let pairs: Vec<(f32, f32)> = NUMBERS.iter().flat_map(|&a| NUMBERS.map(|b| (a, b))).collect();
    let a = column(&pairs.iter().map(|pair| pair.0).collect::<Vec<_>>());
    let b = column(&pairs.iter().map(|pair| pair.1).collect::<Vec<_>>());
    let mut model = function(class, json!({}), 2, 1);
    model.run(DynamicValue::several([a.clone().into(), b.clone().into()])).unwrap();
    let tape = OwnedTape::<f32, Cpu>::default;
    let x = (a.clone().put_tape(tape()), b.clone().put_tape(tape()));
    let y = model.forward_mut::<(usize, Const<1>), _>(x).unwrap();
    let values = y.as_vec();
    let gradients = y.sum::<Rank0, _>().backward();
    let found = [gradients.get(&a).as_vec(), gradients.get(&b).as_vec()];
    for (i, &(a, b)) in pairs.iter().enumerate() {
        let (wide_a, wide_b) = (f64::from(a), f64::from(b));
        close(class, &(a, b), values[i], right(wide_a, wide_b));
        for (found, slope) in found.iter().zip(slopes(wide_a, wide_b)) {
            // What is not finite has no gradient.
            let finite = values[i].is_finite() && (slope as f32).is_finite();
            if finite {
                close("its slope", &(class, a, b), found[i], slope);
            }
        }
    }
}

#[test]
fn functions_of_two_numbers() {
    of_two("Divide", |a, b| a / b, |a, b| [1.0 / b, -a / (b * b)]);
    of_two("Arctan2", f64::atan2, |a, b| {
        let square = a * a + b * b;
        [b / square, -a / square]
    });
    of_two("Hypot", f64::hypot, |a, b| [a / a.hypot(b), b / a.hypot(b)]);
    of_two("Power", f64::powf, |a, b| {
        let of_b = if a > 0.0 { a.powf(b) * a.ln() } else { 0.0 };
        [if b == 0.0 { 0.0 } else { b * a.powf(b - 1.0) }, of_b]
    });
}

/// As `numpy.floor_divide` and `numpy.mod` in double precision, but where one number is 0.
#[test]
fn whole_quotients() {
    let run = |class: &str, a: f32, b: f32| {
        let both = [column(&[a]).into(), column(&[b]).into()];
        function(class, json!({}), 2, 1).run(DynamicValue::several(both)).unwrap().values()[0]
    };
    let infinity = f32::INFINITY;
    for (a, b, quotient) in [
        (-1e-45, 1.0, -1.0),
        (1e-45, -3e38, -1.0),
        (1e-30, 1e30, 0.0),
        (-1.0, infinity, -1.0),
        (1.0, infinity, 0.0),
        (7.0, -2.0, -4.0),
        // The quotients of `f32` are 10, 3 and 8388608.
        (1.0, 0.1, 9.0),
        (0.3, 0.1, 3.0),
        (-8_388_607.5, 1.0, -8_388_608.0),
    ] {
        assert_eq!(run("FloorDivide", a, b), quotient, "{a:e} // {b:e}");
    }
    for a in [infinity, -infinity, f32::NAN] {
        assert!(run("FloorDivide", a, 2.0).is_nan());
    }
    assert_eq!(run("Mod", -1e-45, 3.0), 3.0);
}

fn of_one(class: &str, options: Value, right: fn(f64) -> f64, slope: fn(f64) -> f64) {
    let small = [-0.0, -17.28, -19.7, -7.84, -5.0, 7.0, f32::INFINITY, f32::NEG_INFINITY];
    let numbers: Vec<f32> = NUMBERS.into_iter().chain(small).collect();
    let mut model = function(class, options, 1, 1);
    let x = column(&numbers);
    model.run(x.clone()).unwrap();
    let tape = OwnedTape::<f32, Cpu>::default();
    let y = model.forward_mut::<(usize, Const<1>), _>(x.clone().put_tape(tape)).unwrap();
    let values = y.as_vec();
    let slopes = y.sum::<Rank0, _>().backward().get(&x).as_vec();
    for ((&x, y), d_x) in numbers.iter().zip(values).zip(slopes) {
        close(class, &x, y, right(f64::from(x)));
        close("its slope", &(class, x), d_x, slope(f64::from(x)));
    }
}

#[test]
fn functions_of_one_number() {
    let inside = |x: f64| if x.abs() < 1.0 { 1.0 / (1.0 - x * x).sqrt() } else { f64::NAN };
    for (class, sign) in [("Arcsin", 1.0), ("Arccos", -1.0)] {
        let x: Vec<f32> =
            (1..24).flat_map(|k| [1.0 - 0.5_f32.powi(k), 0.5_f32.powi(k) - 1.0]).collect();
        let mut model = function(class, json!({}), 1, 1);
        model.run(column(&x)).unwrap();
        let x = column(&x);
        let tape = OwnedTape::<f32, Cpu>::default();
        let y = model.forward_mut::<(usize, Const<1>), _>(x.clone().put_tape(tape)).unwrap();
        let slopes = y.sum::<Rank0, _>().backward().get(&x).as_vec();
        for (x, slope) in x.as_vec().into_iter().zip(slopes) {
            close("its slope", &(class, x), slope, sign * inside(f64::from(x)));
        }
    }
    of_one("Expm1", json!({}), f64::exp_m1, f64::exp);
    of_one("Arctan", json!({}), f64::atan, |x| 1.0 / (1.0 + x * x));
    let alpha = f64::from(0.7_f32);
    assert_eq!(alpha, 0.699_999_988_079_071);
    of_one(
        "Elu",
        json!({"alpha": 0.7}),
        |x| if x > 0.0 { x } else { 0.699_999_988_079_071 * x.exp_m1() },
        |x| if x > 0.0 { 1.0 } else { 0.699_999_988_079_071 * x.exp() },
    );
    fn inner(x: f64) -> f64 {
        (8.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3))
    }
    of_one(
        "Gelu",
        json!({"approximate": true}),
        |x| if x == f64::NEG_INFINITY { 0.0 } else { x / (1.0 + (-inner(x)).exp()) },
        |x| {
            if x.abs() > 100.0 {
                return f64::from(u8::from(x > 0.0));
            }
            let (share, other) = (1.0 / (1.0 + (-inner(x)).exp()), 1.0 / (1.0 + inner(x).exp()));
            let slope = (8.0 / std::f64::consts::PI).sqrt() * (1.0 + 3.0 * 0.044_715 * x * x);
            share + x * share * other * slope
        },
    );
}

#[test]
fn functions_of_rows() {
    let of = |class: &str, row: &[f32]| {
        let mut model = function(class, json!({"axis": 1}), 1, row.len());
        let x: Tensor<(usize, usize), f32, Cpu> =
            Cpu::default().tensor_from_vec(row.to_vec(), (1, row.len()));
        model.run(x.clone()).unwrap();
        let tape = OwnedTape::<f32, Cpu>::default();
        let y = model.forward_mut::<(usize,), _>(x.clone().put_tape(tape)).unwrap();
        let value = y.as_vec()[0];
        (value, y.sum::<Rank0, _>().backward().get(&x).as_vec())
    };
    // Of values whose squares are beyond the range of `f32`, or nothing.
    for scale in [1e-30_f32, 1.0, 1e30] {
        let (value, slopes) = of("Std", &[scale, 3.0 * scale]);
        close("Std", &scale, value, f64::from(scale));
        close("its slope", &scale, slopes[0], -0.5);
        close("its slope", &scale, slopes[1], 0.5);
    }
    // Products that are, on the way to one that is not.
    let row = [1e30_f32, 2e30, 1e-30, 1e-30];
    let (value, slopes) = of("Prod", &row);
    let product: f64 = row.iter().map(|&x| f64::from(x)).product();
    close("Prod", &row, value, product);
    for (slope, x) in slopes.into_iter().zip(row) {
        close("its slope", &x, slope, product / f64::from(x));
    }
}

/// Sums keep their digits however many terms there are.
#[test]
fn many_terms() {
    let (n, value) = (1_000_000, 0.1_f32);
    let wide = f64::from(value);
    let row = |sizes: &[usize], value| {
        DynamicValue::numbers(sizes, vec![value; sizes.iter().product()]).unwrap()
    };
    let close = |what: &str, found: f32, right: f64| {
        let error = (f64::from(found) / right - 1.0).abs();
        assert!(error < 1e-6, "{what}: {found}, not {right}");
    };
    for class in ["Attention", "AdditiveAttention"] {
        let mut attention =
            layer(json!({"class_name": class, "config": {"use_scale": false}})).unwrap();
        let x = DynamicValue::several([row(&[1, 1, 1], 1.0), row(&[1, n, 1], value)]);
        close(class, attention.run(x).unwrap().values()[0], wide);
    }
    let mut dot = layer(json!({"class_name": "Dot", "config": {"axes": 1}})).unwrap();
    let x = DynamicValue::several([row(&[1, n], value), row(&[1, n], value)]);
    close("Dot", dot.run(x).unwrap().values()[0], wide * wide * n as f64);
    // Of many rows, the gradient of the other input is such a sum.
    let mut dot = layer(json!({"class_name": "Dot", "config": {"axes": 2}})).unwrap();
    let dev = Cpu::default();
    let tensor = |rows: usize| -> Tensor<(usize, usize, Const<2>), f32, Cpu> {
        dev.tensor_from_vec(vec![value; 4 * rows], (2, rows, Const))
    };
    for (rows, columns) in [(50_001, 3), (3, 50_001)] {
        let (a, b) = (tensor(rows), tensor(columns));
        let x = || DynamicValue::several([a.clone().into(), b.clone().into()]);
        dot.run(x()).unwrap();
        let tape = OwnedTape::<f32, Cpu>::default;
        let both = (a.clone().put_tape(tape()), b.clone().put_tape(tape()));
        let y = dot.forward_mut::<(usize, usize, usize), _>(both).unwrap();
        assert_eq!(y.as_vec().len(), 2 * rows * columns);
        y.as_vec().into_iter().for_each(|y| close("Dot", y, 2.0 * wide * wide));
        let gradients = y.sum::<Rank0, _>().backward();
        let of_a = gradients.get(&a).as_vec();
        let of_b = gradients.get(&b).as_vec();
        of_a.into_iter().for_each(|slope| close("its gradient", slope, wide * columns as f64));
        of_b.into_iter().for_each(|slope| close("its gradient", slope, wide * rows as f64));
    }
    let mut sums = function("Cumsum", json!({"axis": 1}), 1, n);
    let x: Tensor<(usize, usize), f32, Cpu> = dev.tensor_from_vec(vec![value; n], (1, n));
    sums.run(x.clone()).unwrap();
    let tape = OwnedTape::<f32, Cpu>::default();
    let y = sums.forward_mut::<(usize, usize), _>(x.clone().put_tape(tape)).unwrap();
    for (i, y) in y.as_vec().into_iter().enumerate() {
        close("Cumsum", y, wide * (i + 1) as f64);
    }
    let slopes = y.sum::<Rank0, _>().backward().get(&x).as_vec();
    for (i, slope) in slopes.into_iter().enumerate() {
        close("its gradient", slope, (n - i) as f64);
    }
}

/// A mean is within the range of its values, as a sum need not be.
#[test]
fn means_of_huge_values() {
    if std::env::var("KERATA_BACKEND").is_ok_and(|name| name == "reference") {
        let skipped = "SKIPPED means_of_huge_values: dfdx's own operations add up first";
        return writeln!(std::io::stderr(), "{skipped}").unwrap();
    }
    let row = |values: &[f32]| DynamicValue::numbers([1, values.len()], values.to_vec()).unwrap();
    let mut mean = function("Mean", json!({"axis": [1], "keepdims": true}), 1, 4);
    assert_eq!(mean.run(row(&[3e38; 4])).unwrap().values(), [3e38]);
    assert_eq!(mean.run(row(&[3e38, 3e38, -3e38, -3e38])).unwrap().values(), [0.0]);
}

/// One padded value twice: the larger of both is it, and has the gradient of both.
#[test]
fn extremes_of_one_padded_value() {
    for class in ["Maximum", "Minimum"] {
        let tensor =
            json!({"class_name": "__keras_tensor__", "config": {"keras_history": ["x", 0, 0]}});
        let layers = json!([
            {"class_name": "InputLayer", "name": "x", "inbound_nodes": [],
                "config": {"name": "x", "batch_shape": [null, 3, 2]}},
            {"module": "keras.layers", "class_name": class, "name": "it", "config": {"name": "it"},
                "inbound_nodes": [{"args": [[tensor, tensor]], "kwargs": {}}]}]);
        let mut model = layer(json!({"class_name": "Functional", "config": {"name": "net",
            "layers": layers, "input_layers": ["x", 0, 0], "output_layers": ["it", 0, 0]}}))
        .unwrap();
        let x: Tensor<(usize, usize, usize), f32, Cpu> =
            Cpu::default().tensor_from_vec(vec![1.0, -2.0, 3.0, 4.0, 7.0, 7.0], (1, 3, 2));
        let mask = Mask::from_lengths(&[2], 3).unwrap();
        let padded = DynamicValue::from(x.clone()).with_mask(mask.clone()).unwrap();
        assert!(model.run(padded).unwrap().mask().is_some());
        let traced = x.clone().put_tape(OwnedTape::<f32, Cpu>::default());
        let traced = Masked::new(traced, mask.clone()).unwrap();
        let y = model.forward_mut::<Masked<(usize, usize, usize)>, _>(traced).unwrap();
        let y = fill_padding(y.into_parts().0, Some(&mask), 0.0).unwrap();
        assert_eq!(y.as_vec()[..4], [1.0, -2.0, 3.0, 4.0]);
        let slopes = y.sum::<Rank0, _>().backward().get(&x).as_vec();
        assert_eq!(slopes, [1.0, 1.0, 1.0, 1.0, 0.0, 0.0], "{class}");
    }
}
