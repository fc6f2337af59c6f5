//! Dropout that has one fate along some dimensions, as in EfficientNet.

use kerata::config::{AnySignal, DynamicValue};
use kerata::{Cpu, Dropout, Mask, Masked, Tensor, prelude::*, tensor::TensorFromVec};
use serde_json::{Value, json};

use crate::dynamic::layer;

fn dropout(noise_shape: Value) -> Value {
    json!({"class_name": "Dropout", "config": {"rate": 0.5, "noise_shape": noise_shape}})
}

#[test]
fn what_is_dropped_together_has_one_fate() {
    let mut dropout = layer(dropout(json!([null, 1, 3]))).unwrap();
    let x = Cpu::default().tensor([[[1.0_f32; 3]; 5]; 64]);
    let y = dropout.forward_mut::<(usize, usize, usize), _>(x.clone()).unwrap();
    let samples: Vec<Vec<f32>> = y.as_vec().chunks(15).map(<[f32]>::to_vec).collect();
    let steps_agree = |sample: &Vec<f32>| sample.chunks(3).all(|step| step == &sample[..3]);
    assert!(samples.iter().all(steps_agree));
    assert!(samples.iter().flatten().all(|&value| value == 0.0 || value == 2.0));
    // Not all features of a sample have one fate, and not all samples.
    assert!(samples.iter().any(|sample| sample[0] != sample[1]));
    assert!(samples.iter().any(|sample| sample != &samples[0]));
    // In inference nothing is dropped.
    assert_eq!(dropout.run(x.clone()).unwrap(), DynamicValue::from(x));
    assert_eq!(dropout.config().config["noise_shape"], json!([null, 1, 3]));
}

/// ConvNeXt's layer, which is none of `keras.layers`.
#[test]
fn whole_samples_drop() {
    let config = json!({"class_name": "StochasticDepth", "config": {"drop_path_rate": 0.5}});
    let mut depth = layer(config).unwrap();
    let x = Cpu::default().tensor([[[1.0_f32; 3]; 5]; 64]);
    let y = depth.forward_mut::<(usize, usize, usize), _>(x.clone()).unwrap().as_vec();
    assert!(y.chunks(15).all(|sample| sample == [0.0; 15] || sample == [2.0; 15]));
    assert!((10..54).contains(&y.chunks(15).filter(|sample| sample[0] == 0.0).count()));
    assert_eq!(depth.run(x.clone()).unwrap(), DynamicValue::from(x));
    let written = depth.config();
    assert_eq!(written.module.as_deref(), Some("keras.src.applications.convnext"));
    assert_eq!(written.registered_name.as_deref(), Some("StochasticDepth"));
}

#[test]
fn a_shape_that_does_not_fit_is_refused() {
    for wrong in [json!([null, 2]), json!([null, 1, 1]), json!([])] {
        let arrives = AnySignal::numbers(vec![None, Some(3)]);
        let text = layer(dropout(wrong)).unwrap().gives(&arrives).unwrap_err().to_string();
        assert!(text.contains("noise_shape"), "{text}");
    }
    for wrong in [json!(1), json!([0]), json!([null, "a"]), json!([-1])] {
        let text = layer(dropout(wrong)).unwrap_err().to_string();
        assert!(text.contains("a list of sizes and `null` is needed"), "{text}");
    }
}

/// What drops of the real steps depends neither on how many steps of padding there are nor on where they stand; and it is
/// what drops in a typed layer.
#[test]
fn padding_does_not_decide_what_drops() {
    type Steps = (usize, usize, usize);
    let (rows, real, width) = (20, 5, 4);
    let ones = |length: usize| -> Tensor<Steps, f32, Cpu> {
        Cpu::seed_from_u64(3)
            .tensor_from_vec(vec![1.0; rows * length * width], (rows, length, width))
    };
    let mask = |length: usize, at: usize| {
        let keep = (0..rows * length).map(|i| (at..at + real).contains(&(i % length)));
        Mask::from_bools(keep.collect::<Vec<_>>(), rows, length).unwrap()
    };
    let kept = |y: Masked<Tensor<Steps, f32, Cpu>>| {
        let (y, mask) = y.into_parts();
        let steps = y.as_vec();
        let steps = steps.chunks(width).zip(mask.as_slice()).filter(|(_, real)| **real);
        steps.flat_map(|(step, _)| step.to_vec()).collect::<Vec<f32>>()
    };
    let config = json!({"class_name": "Dropout", "config": {"rate": 0.5}});
    let dropped = |length: usize, at: usize| {
        let x = Masked::new(ones(length), mask(length, at)).unwrap();
        kept(layer(config.clone()).unwrap().forward_mut::<Masked<Steps>, _>(x).unwrap())
    };
    let x = Masked::new(ones(real), mask(real, 0)).unwrap();
    let typed = kept(Dropout::<50>.forward_mut(x).unwrap());
    assert!(typed.contains(&0.0) && typed.contains(&2.0));
    for (length, at) in [(real, 0), (9, 0), (9, 4), (40, 17)] {
        assert_eq!(dropped(length, at), typed, "{length} {at}");
    }
}
