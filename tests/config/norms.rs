//! Normalisation along another axis is that along the last one, turned.

use kerata::{
    Const, Cpu, Mask, RmsNorm,
    config::{Config, CustomObjects, DynamicValue, layer_from_config},
    prelude::*,
};
use serde_json::{Value, json};

use crate::{case::Case, dynamic::layer};

fn chain(layers: &[Value]) -> Value {
    json!({"class_name": "Sequential", "config": {"layers": layers}})
}

#[test]
fn statistics_of_another_axis_are_those_of_the_last_one_turned() {
    let permute = json!({"class_name": "Permute", "config": {"dims": [2, 1]}});
    let norm = |axis: i64| json!({"class_name": "BatchNormalization", "config": {"axis": axis, "momentum": 0.5}});
    let mut own = layer(chain(&[norm(1)])).unwrap();
    let mut turned = layer(chain(&[permute.clone(), norm(-1), permute])).unwrap();
    let dev = Cpu::default();
    for step in 0..3 {
        let value = |i: usize| ((i * 7 + step * 3) % 11) as f32 / 5.0 - 1.0;
        let x: [[[f32; 3]; 4]; 2] = std::array::from_fn(|b| {
            std::array::from_fn(|t| std::array::from_fn(|k| value(b * 12 + t * 3 + k)))
        });
        let x = dev.tensor(x);
        let a = own.forward_mut::<(usize, usize, usize), _>(x.clone()).unwrap().as_vec();
        let b = turned.forward_mut::<(usize, usize, usize), _>(x).unwrap().as_vec();
        assert_eq!(a, b);
    }
    let weights = |layer: &kerata::config::DynamicLayer| {
        let inside = layer.layers();
        let all = inside.iter().flat_map(|layer| layer.weights().map(|weight| weight.values));
        all.collect::<Vec<_>>()
    };
    assert_eq!(weights(&own), weights(&turned));
    assert!(weights(&own)[2].iter().any(|mean| *mean != 0.0));
}

#[test]
fn root_mean_squares_are_those_of_keras() {
    let case = Case::graph("root_mean_squares");
    let x = Cpu::default()
        .tensor_from_vec(case.floats("input.0"), (2, Const::<4>, Const::<5>, Const::<3>));
    for (name, output, epsilon) in [("last", 0, 1e-6), ("one", 1, 0.1)] {
        let mut norm = RmsNorm::<3>::build(&Cpu::default()).unwrap();
        norm.scale.copy_from(&case.floats(&format!("weight.{name}.0")));
        norm.epsilon = epsilon;
        let found = norm.forward(x.clone()).unwrap().as_vec();
        for (a, b) in found.iter().zip(case.floats(&format!("output.{output}"))) {
            assert!((a - b).abs() < 2e-6 * b.abs().max(1.0), "{name}: {a}, Keras has {b}");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let norm = |class: &str, axis: Value| {
        layer(json!({"class_name": class, "config": {"axis": axis, "name": "norm"}})).unwrap()
    };
    let value = |sizes: [usize; 3]| {
        DynamicValue::numbers(sizes, vec![0.5; sizes.iter().product()]).unwrap()
    };
    let mut built = norm("LayerNormalization", json!(1));
    built.run(value([2, 4, 3])).unwrap();
    let text = built.run(value([2, 5, 3])).unwrap_err().to_string();
    assert_eq!(text, "`norm`: 4 numbers are needed along axis 1 of `(Batch, 5, 3)`");
    let text = norm("BatchNormalization", json!(3)).run(value([2, 4, 3])).unwrap_err().to_string();
    assert_eq!(text, "`norm`: there is no axis 3 of 3 dimensions to normalise");
    let both = norm("RMSNormalization", json!([-1, -2])).run(value([2, 4, 3])).unwrap();
    assert_eq!(both.sizes(), [2, 4, 3]);
    let text = norm("RMSNormalization", json!(1)).run(value([2, 4, 3])).unwrap_err().to_string();
    assert_eq!(text, "`norm`: the last axes are needed, in order: [1] of 3 are others");
    let masked = value([2, 4, 3]).with_mask(Mask::full(2, 4)).unwrap();
    let text = norm("RMSNormalization", json!(-1)).run(masked.clone()).unwrap_err().to_string();
    assert!(text.starts_with("`norm`: numbers without a mask are needed here"), "{text}");
}

/// In Keras a mask weights the statistics of a training only.
#[test]
fn statistics_along_steps_are_not_trained_under_a_mask() {
    let norm = json!({"class_name": "BatchNormalization", "config": {"axis": 1, "name": "norm"}});
    let masking = json!({"class_name": "Masking", "config": {}});
    let pool = json!({"class_name": "GlobalAveragePooling1D", "config": {}});
    let x = Cpu::default().tensor([[[1.0_f32, 2.0], [3.0, -1.0]], [[0.5, 4.0], [2.0, 0.5]]]);
    let mut plain = layer(chain(&[norm.clone(), pool.clone()])).unwrap();
    let mut masked = layer(chain(&[masking, norm, pool])).unwrap();
    let found = masked.forward_mut::<(usize, usize), _>(x.clone()).unwrap_err().to_string();
    assert!(
        found.contains("`norm`: it is trained under a mask with the features on the last axis: axis 1 of 3 is another one"),
        "{found}"
    );
    assert_eq!(masked.run(x.clone()).unwrap().values(), plain.run(x).unwrap().values());
}

/// Padding would count among the steps that are normalised together. In Keras it does.
#[test]
fn steps_of_a_padded_sequence_are_not_normalised_together() {
    let value = DynamicValue::numbers([2, 4, 3], vec![0.5; 24]).unwrap();
    let masked = value.with_mask(Mask::from_lengths(&[4, 2], 4).unwrap()).unwrap();
    let keras = CustomObjects::new().masks_as_keras();
    for (class, options, together) in [
        ("LayerNormalization", json!({"axis": 1}), true),
        ("LayerNormalization", json!({"axis": [1, 2]}), true),
        ("LayerNormalization", json!({"axis": 2}), false),
        ("UnitNormalization", json!({"axis": [1]}), true),
        ("UnitNormalization", json!({"axis": -1}), false),
        ("GroupNormalization", json!({"groups": 3}), true),
        ("GroupNormalization", json!({"groups": -1}), true),
        ("GroupNormalization", json!({"groups": 2, "axis": 1}), true),
        // Each step by itself.
        ("GroupNormalization", json!({"groups": 4, "axis": 1}), false),
        ("GroupNormalization", json!({"groups": -1, "axis": 1}), false),
    ] {
        let config: Config = json!({"class_name": class, "config": options}).try_into().unwrap();
        let mut checked = layer_from_config(&config, &CustomObjects::new()).unwrap();
        let result = checked.run(masked.clone());
        assert_eq!(result.is_err(), together, "{config:?}");
        if let Err(error) = result {
            assert!(error.to_string().contains("its padding would count among them"), "{error}");
        }
        let mut as_keras = layer_from_config(&config, &keras).unwrap();
        assert!(as_keras.run(masked.clone()).unwrap().mask().is_some());
    }
}

/// Of other numbers of dimensions, one after the other, by the same layer.
#[test]
fn axes_are_those_of_what_arrives() {
    let given = r#"{"class_name": "Normalization", "config":
        {"axis": -1, "mean": [1.0, 2.0, 3.0], "variance": [1.0, 1.0, 1.0]}}"#;
    let values = |n: usize| (0..n).map(|i| i as f32).collect::<Vec<_>>();
    let mean_of = |i: usize| (i % 3 + 1) as f32;
    let config: Config = given.parse().unwrap();
    for order in [[[2, 5, 3].as_slice(), &[2, 3]], [&[2, 3], &[2, 3, 3]]] {
        let mut layer = layer_from_config(&config, &CustomObjects::new()).unwrap();
        for sizes in order {
            let x = values(sizes.iter().product());
            let expected: Vec<f32> = x.iter().enumerate().map(|(i, x)| x - mean_of(i)).collect();
            let y = layer.run(DynamicValue::numbers(sizes.to_vec(), x).unwrap()).unwrap();
            assert_eq!(y.values(), expected, "{sizes:?} of {order:?}");
        }
    }
    // Measured ones are of so many features, wherever they stand.
    let config: Config =
        r#"{"class_name": "Normalization", "config": {"axis": -1}}"#.parse().unwrap();
    let mut layer = layer_from_config(&config, &CustomObjects::new()).unwrap();
    let zeros = |sizes: &[usize]| {
        DynamicValue::numbers(sizes.to_vec(), vec![0.0; sizes.iter().product()]).unwrap()
    };
    assert!(layer.run(zeros(&[2, 3])).is_ok());
    assert!(layer.run(zeros(&[2, 4, 3])).is_ok());
    let error = layer.run(zeros(&[2, 3, 4])).unwrap_err().to_string();
    assert!(error.contains("axis 2 of size 3 is needed"), "{error}");
}
