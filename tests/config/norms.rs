//! Normalisation along another axis is that along the last one, turned.

use kerata::{Cpu, Mask, config::DynamicValue, prelude::*};
use serde_json::{Value, json};

use crate::dynamic::layer;

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
    let masked = value([2, 4, 3]).with_mask(Mask::full(2, 4)).unwrap();
    let text = norm("BatchNormalization", json!(1)).run(masked.clone()).unwrap_err().to_string();
    assert!(
        text.starts_with("`norm`: under a mask, features are on the last axis: axis 1 of"),
        "{text}"
    );
    assert!(norm("LayerNormalization", json!([1, 2])).run(masked).unwrap().mask().is_some());
}
