//! Values that are close to each other and far from 0, or whose squares or sums are beyond the range of `f32`, are
//! normalised and averaged with all their digits.

use std::io::Write;

use dfdx::{
    prelude::{Backward, SumTo},
    shapes::Rank0,
    tensor::{OwnedTape, PutTape, TensorFromVec},
};
use kerata::{
    BatchNorm, Cpu, GlobalAveragePooling1d, GroupNorm, LayerNorm, Tensor,
    config::{CustomObjects, DynamicValue, layer_from_config},
    prelude::*,
    shape::Const,
};
use serde_json::{Value, json};

const N: usize = 1000;

fn reference() -> bool {
    std::env::var("KERATA_BACKEND").is_ok_and(|name| name == "reference")
}

/// Whether a test is left out, because dfdx's own operations do less; it says so.
fn left_out(test: &str) -> bool {
    if reference() {
        let _ = writeln!(std::io::stderr(), "SKIPPED {test}: this is the reference");
    }
    reference()
}

/// Something between -1 and 1.
fn noise(i: usize) -> f64 {
    ((i * 7919 + 13) % 2003) as f64 / 1001.5 - 1.0
}

/// Rows, of which some are all alike.
fn rows() -> Vec<Vec<f32>> {
    let row = |value: &dyn Fn(usize) -> f64| (0..N).map(|i| value(i) as f32).collect();
    vec![
        row(&|i| 1e4 + noise(i)),
        row(&|i| 1e6 + 0.3 * noise(i)),
        row(&|i| -3e7 + 100.0 * noise(i)),
        row(&|i| 1.0 + 1e-3 * noise(i)),
        row(&noise),
        row(&|_| 0.1),
        row(&|_| -1e7 / 3.0),
    ]
}

/// The normalised values, in double precision.
fn right(values: &[f32], epsilon: f64) -> Vec<f64> {
    let n = values.len() as f64;
    let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
    let variance = values.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n;
    values.iter().map(|&x| (f64::from(x) - mean) / (variance + epsilon).sqrt()).collect()
}

fn close(what: &str, found: &[f32], right: &[f64], limit: f64) {
    assert_eq!(found.len(), right.len());
    for (i, (&found, &right)) in found.iter().zip(right).enumerate() {
        let error = (f64::from(found) - right).abs();
        assert!(error <= limit, "{what}: value {i} is {found:e}, not {right:e}");
    }
}

#[test]
fn layer_norm_far_from_zero() {
    for epsilon in [1e-3, 1e-12] {
        let mut norm = LayerNorm::<N>::build(&Cpu::default()).unwrap();
        norm.epsilon = epsilon;
        // Where the noise is as fine as the digits of the values, the mean has few digits in it.
        let limit = if reference() { 1e-3 } else { 2e-6 };
        for row in rows() {
            let x: Tensor<(usize, Const<N>), f32, Cpu> =
                Cpu::default().tensor_from_vec(row.clone(), (1, Const));
            let y = norm.forward(x).unwrap().as_vec();
            close("a layer norm", &y, &right(&row, epsilon), limit);
        }
    }
}

#[test]
fn group_norm_far_from_zero() {
    let norm = GroupNorm::<2, 1>::build(&Cpu::default()).unwrap();
    let limit = if reference() { 1e-3 } else { 2e-6 };
    for row in rows() {
        let x: Tensor<(usize, usize, Const<2>), f32, Cpu> =
            Cpu::default().tensor_from_vec(row.clone(), (1, N / 2, Const));
        let y = norm.forward(x).unwrap().as_vec();
        close("a group norm", &y, &right(&row, 1e-3), limit);
    }
}

/// The gradient of gamma is the sum of normalised values times gradients.
#[test]
fn gradients_of_norms_far_from_zero() {
    if left_out("gradients_of_norms_far_from_zero") {
        return;
    }
    let weights: Vec<f32> = (0..N).map(|i| noise(i * 3 + 1) as f32).collect();
    for row in &rows()[..5] {
        let of = right(row, 1e-3);
        let slope: f64 = of.iter().zip(&weights).map(|(x, &w)| x * f64::from(w)).sum();
        let norm = LayerNorm::<N>::build(&Cpu::default()).unwrap();
        let dev = Cpu::default();
        let x: Tensor<(usize, Const<N>), f32, Cpu> = dev.tensor_from_vec(row.clone(), (1, Const));
        let w = dev.tensor_from_vec(weights.clone(), (1, Const));
        let y = norm.forward(x.put_tape(OwnedTape::<f32, Cpu>::default())).unwrap();
        let gradients = (y * w).sum::<Rank0, _>().backward();
        let each: Vec<f64> = of.iter().zip(&weights).map(|(x, &w)| x * f64::from(w)).collect();
        close("the gradient of gamma", &gradients.get(&norm.gamma).as_vec(), &each, 2e-6);

        let mut norm = BatchNorm::<1>::build(&dev).unwrap();
        let x: Tensor<(usize, Const<1>), f32, Cpu> = dev.tensor_from_vec(row.clone(), (N, Const));
        let w = dev.tensor_from_vec(weights.clone(), (N, Const));
        let y = norm.forward_mut(x.clone().put_tape(OwnedTape::<f32, Cpu>::default())).unwrap();
        let gradients = (y * w).sum::<Rank0, _>().backward();
        let found = f64::from(gradients.get(&norm.gamma).as_vec()[0]);
        assert!((found - slope).abs() <= 1e-5 * (1.0 + slope.abs()), "{found}, not {slope}");
        // Whatever is added to all values changes nothing.
        let sum: f64 = gradients.get(&x).as_vec().into_iter().map(f64::from).sum();
        let most =
            gradients.get(&x).as_vec().into_iter().fold(0.0_f32, |most, g| most.max(g.abs()));
        assert!(sum.abs() <= 1e-4 * f64::from(most) * 30.0, "{sum} of {most}");
    }
}

#[test]
fn batch_norm_far_from_zero() {
    if left_out("batch_norm_far_from_zero") {
        return;
    }
    for epsilon in [1e-3, 1e-12] {
        for row in rows() {
            let mut norm = BatchNorm::<1>::build(&Cpu::default()).unwrap();
            norm.epsilon = epsilon;
            let x: Tensor<(usize, Const<1>), f32, Cpu> =
                Cpu::default().tensor_from_vec(row.clone(), (N, Const));
            let y = norm.forward_mut(x).unwrap().as_vec();
            close("a batch norm", &y, &right(&row, epsilon), 2e-6);
        }
    }
    // A value that is no number is in both statistics.
    let mut norm = BatchNorm::<1>::build(&Cpu::default()).unwrap();
    let x = Cpu::default().tensor([[f32::NAN], [1.0]]);
    assert!(norm.forward_mut(x).unwrap().as_vec().iter().all(|y| y.is_nan()));
}

#[test]
fn sums_of_huge_values() {
    if left_out("sums_of_huge_values") {
        return;
    }
    // Their sum is beyond the range of `f32`, but no value is, nor their mean.
    let norm = LayerNorm::<N>::build(&Cpu::default()).unwrap();
    let row: Vec<f32> = (0..N).map(|i| (2.0 + noise(i)) as f32 * 5e37).collect();
    let x: Tensor<(usize, Const<N>), f32, Cpu> =
        Cpu::default().tensor_from_vec(row.clone(), (1, Const));
    close("a layer norm", &norm.forward(x).unwrap().as_vec(), &right(&row, 1e-3), 2e-6);
    let norm = GroupNorm::<2, 1>::build(&Cpu::default()).unwrap();
    let x: Tensor<(usize, usize, Const<2>), f32, Cpu> =
        Cpu::default().tensor_from_vec(row.clone(), (1, N / 2, Const));
    close("a group norm", &norm.forward(x).unwrap().as_vec(), &right(&row, 1e-3), 2e-6);
    for (low, mean) in [(3e38_f32, 3e38_f32), (-3e38, 0.0)] {
        let steps = (0..40).map(|i| if i % 2 == 0 { 3e38 } else { low }).collect();
        let x: Tensor<(usize, usize, Const<1>), f32, Cpu> =
            Cpu::default().tensor_from_vec(steps, (1, 40, Const));
        assert_eq!(GlobalAveragePooling1d.forward(x).unwrap().as_vec(), [mean]);
    }
}

fn unit(rows: usize, values: &[f32]) -> Vec<f32> {
    let config: Value = json!({"class_name": "UnitNormalization", "config": {}});
    let layer = layer_from_config(&config.try_into().unwrap(), &CustomObjects::new());
    let x = DynamicValue::numbers([rows, values.len() / rows], values.to_vec()).unwrap();
    layer.unwrap().run(x).unwrap().values().to_vec()
}

#[test]
fn rows_of_length_one() {
    // Squares beyond the range of `f32`, and beside them some that are not.
    let rows = [3e20_f32, 4e20, 3e38, -3e38, 3.0, 4.0, 0.0, 0.0, 3e-19, 4e-19];
    let half = std::f64::consts::FRAC_1_SQRT_2;
    // As in Keras, none is multiplied by more than 1e12.
    let right = [0.6, 0.8, half, -half, 0.6, 0.8, 0.0, 0.0, 3e-7, 4e-7];
    for (found, right) in unit(5, &rows).into_iter().zip(right) {
        assert!((f64::from(found) - right).abs() <= 2e-7 * right.abs(), "{found:e}, not {right:e}");
    }
    // As in Keras 3.15.1, a row with NaN has no length.
    assert!(unit(1, &[f32::NAN, 1.0, 2.0]).iter().all(|y| y.is_nan()));
}
