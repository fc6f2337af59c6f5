//! Attention without a type: what is refused, dropout, and training.

use dfdx::tensor::TensorFromVec;
use kerata::{
    Batch, Const, Cpu, Inputs, Mask,
    config::{AnySignal, DynamicValue},
    data::InMemory,
    loss::MeanSquaredError,
    optim::Adam,
    train::{Fit, Trainer},
};
use serde_json::{Value, json};

use crate::{
    attention::{heads, made, model},
    dynamic::{error, layer},
};

type Steps = (usize, usize, Const<2>);

fn value(sizes: &[usize]) -> DynamicValue {
    let n: usize = sizes.iter().product();
    let values = (0..n).map(|i| (i * 7 % 11) as f32 / 5.0 - 1.0).collect();
    DynamicValue::numbers(sizes, values).unwrap()
}

fn steps() -> [Value; 2] {
    [json!([null, 4, 2]), json!([null, 3, 2])]
}

#[test]
fn options_that_make_no_sense_are_refused_by_name() {
    for (key, wrong, says) in [
        ("num_heads", json!(0), "a whole number above 0 is needed, the JSON says 0"),
        ("key_dim", json!(-1), "a whole number above 0 is needed, the JSON says -1"),
        ("value_dim", json!([2, 3]), "a whole number above 0, or `null`, is needed"),
        ("output_shape", json!([2, 0]), "at most 2 whole numbers above 0, or `null`, are needed"),
        ("output_shape", json!([2, 2, 2]), "at most 2 whole numbers above 0"),
        ("attention_axes", json!("all"), "an axis, or several, is needed, the JSON says"),
        ("sliding_window", json!(0), "a whole number above 0, or `null`, is needed"),
        ("dropout", json!(2), "a number from 0 to 1 is needed, the JSON says 2"),
        ("activity_regularizer", json!("l2"), "`null` is needed: in Keras it is one of each"),
        ("heads", json!(2), "heads"),
    ] {
        let text = error(heads(json!({ key: wrong })));
        assert!(text.starts_with("the config of `MultiHeadAttention` does not fit:"), "{text}");
        assert!(text.contains(key) && text.contains(says), "{text}");
    }
    let text = error(made("Attention", json!({"score_mode": "product"})));
    assert!(text.contains("score_mode: one of [\"dot\",\"concat\"] is needed"), "{text}");
    let text = error(made("AdditiveAttention", json!({"score_mode": "dot"})));
    assert!(text.contains("score_mode"), "{text}");
    for (key, wrong, says) in [
        ("groups", json!(0), "a whole number above 0, or -1, is needed, the JSON says 0"),
        ("axis", json!([1, 2]), "one axis behind the batch is needed, the JSON says [1,2]"),
        ("axis", json!(0), "one axis behind the batch is needed, the JSON says 0"),
        ("epsilon", json!(-1.0), "a number of at least 0 is needed"),
    ] {
        let text = error(made("GroupNormalization", json!({ key: wrong })));
        assert!(text.contains(&format!("{key}: {says}")), "{text}");
    }
}

#[test]
fn what_a_call_says_is_known_or_refused() {
    let says = |said: Value| error(model(&heads(json!({})), said, steps()));
    let text = says(json!({"return_scores": true}));
    assert_eq!(text, "`at`: it is called with `return_scores`, which is not known here");
    let text = says(json!({"use_causal_mask": 1}));
    assert_eq!(text, "`at`: it is called with `use_causal_mask`, which is not known here");
    let tensor = json!({"class_name": "__keras_tensor__", "config":
        {"shape": [null], "dtype": "float32", "keras_history": ["x", 0, 0]}});
    let text = says(json!({"query": tensor}));
    assert_eq!(text, "`at`: it is called with two values for `query`");
    // One layer cannot do two things.
    let mut twice = model(&heads(json!({})), json!({}), steps());
    let nodes = twice["config"]["layers"][2]["inbound_nodes"].as_array_mut().unwrap();
    let mut other = nodes[0].clone();
    other["kwargs"] = json!({"use_causal_mask": true});
    nodes.push(other);
    let text = error(twice);
    assert_eq!(text, "`at`: its calls differ in more than their values, which is not known here");
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let run = |config: Value, inputs: &[&[usize]]| {
        let mut layer = layer(config).unwrap();
        let inputs: Vec<_> = inputs.iter().map(|sizes| value(sizes)).collect();
        let text = layer.run(DynamicValue::several(inputs)).unwrap_err().to_string();
        assert!(text.starts_with('`'), "{text}");
        text
    };
    let attention = || made("Attention", json!({}));
    for config in [heads(json!({})), attention(), made("AdditiveAttention", json!({}))] {
        let text = run(config.clone(), &[&[2, 4, 3]]);
        assert!(text.contains("a query and a value are needed here, and perhaps a key"), "{text}");
        let text = run(config.clone(), &[&[2, 4], &[2, 4]]);
        assert!(text.contains("sequences of one rank") && text.contains("`(Batch, 4)`"), "{text}");
        let text = run(config.clone(), &[&[2, 4, 3], &[3, 4, 3]]);
        assert!(text.contains("a query and a value of one batch are needed"), "{text}");
        let text = run(config, &[&[2, 4, 3], &[2, 5, 3], &[2, 6, 3]]);
        assert!(text.contains("a value and a key of one length are needed"), "{text}");
    }
    let text = run(attention(), &[&[2, 4, 3], &[2, 4, 2]]);
    assert!(text.contains("a query and a key of as many features are needed"), "{text}");
    let text = run(heads(json!({"attention_axes": 2})), &[&[2, 4, 3], &[2, 4, 3]]);
    assert!(text.contains("there is no axis 2 of 3 dimensions to attend along"), "{text}");
    let text = run(heads(json!({})), &[&[2, 4, 3], &[2, 5, 3], &[2, 5, 3], &[2, 4, 4]]);
    assert!(
        text.contains(
            "a mask of the sizes [2, 1, 4, 4] does not fit scores of the sizes [2, 2, 4, 5]"
        ),
        "{text}"
    );
    let groups = |groups: i64| made("GroupNormalization", json!({"groups": groups, "axis": 1}));
    let text = run(groups(3), &[&[2, 4, 3]]);
    assert!(text.contains("4 channels, along axis 1 of `(Batch, 4, 3)`, are not a multiple of 3"));
    let mut built = layer(groups(2)).unwrap();
    built.run(value(&[2, 4, 3])).unwrap();
    let text = built.run(value(&[2, 6, 3])).unwrap_err().to_string();
    assert!(text.contains("4 channels are needed along axis 1, but `(Batch, 6, 3)` arrives"));
    let text = layer(groups(2)).unwrap().gives(&AnySignal::numbers(vec![None, None, Some(3)]));
    assert!(text.unwrap_err().to_string().contains("along axis 1, are not known"));
    let mask = Mask::from_lengths(&[1, 2], 2).unwrap();
    let padded = value(&[2, 2, 4, 3]).with_mask(mask).unwrap();
    let inputs = DynamicValue::several([padded, value(&[2, 2, 4, 3])]);
    let text = layer(attention()).unwrap().run(inputs).unwrap_err().to_string();
    assert!(text.contains("masks of `(Batch, Length, Features)`"), "{text}");
}

#[test]
fn scores_beyond_all_bounds_are_refused() {
    let huge = |config: Value, sizes: [usize; 3]| {
        let signal = AnySignal::numbers(sizes.map(Some).to_vec());
        layer(config).unwrap().gives_each(&[signal.clone(), signal]).unwrap_err().to_string()
    };
    let text = huge(heads(json!({})), [1, 1 << 14, 1]);
    assert!(text.contains("it would make (1, 2, 16384, 16384) numbers, more than 2^28"), "{text}");
    huge(heads(json!({"num_heads": u32::MAX})), [1, 1, 1]);
    huge(heads(json!({"key_dim": 1_u64 << 40, "num_heads": 1_u64 << 40})), [1, 1, 1]);
    huge(made("Attention", json!({})), [usize::MAX, 1 << 15, 1]);
    huge(made("AdditiveAttention", json!({})), [1, 1 << 10, 1 << 10]);
    // Weights that are too large.
    let mut wide = layer(heads(json!({"num_heads": 1 << 14, "key_dim": 1 << 13}))).unwrap();
    let text = wide.run(DynamicValue::several([value(&[1, 1, 4]), value(&[1, 1, 4])]));
    assert!(text.unwrap_err().to_string().contains("at most 2^28 values"));
}

#[test]
fn shares_drop_in_training_only() {
    for config in [heads(json!({"dropout": 0.5})), made("Attention", json!({"dropout": 0.5}))] {
        let sizes = [json!([null, 40, 2]), json!([null, 30, 2])];
        let mut model = layer(model(&config, json!({"use_causal_mask": true}), sizes)).unwrap();
        let inputs = || DynamicValue::several([value(&[2, 40, 2]), value(&[2, 30, 2])]);
        let rests = model.run(inputs()).unwrap();
        assert_eq!(model.run(inputs()).unwrap(), rests);
        let dev = Cpu::default();
        let tensor = |n: usize| {
            let values = value(&[2, n, 2]).values().to_vec();
            dev.tensor_from_vec(values, (2, n, Const::<2>))
        };
        let trained = model.forward_mut::<Steps, _>((tensor(40), tensor(30))).unwrap().as_vec();
        let off = |i: usize| (trained[i] - rests.values()[i]).abs();
        assert!((0..160).filter(|&i| off(i) > 1e-3).count() > 100);
    }
}

/// A model that has to find the one step that is marked.
#[test]
fn a_model_with_attention_learns() {
    type In = Inputs<((Batch, Const<1>, Const<2>), (Batch, Const<5>, Const<2>))>;
    let sizes = [json!([null, 1, 2]), json!([null, 5, 2])];
    let model = layer(model(&heads(json!({})), json!({}), sizes)).unwrap();
    let model = model.typed::<In, (Batch, Const<1>, Const<2>)>().unwrap();
    let (mut asked, mut steps, mut found) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..40_usize {
        let number = |k: usize| ((i * 5 + k * 3) % 13) as f32 / 6.0 - 1.0;
        let mut row: [[f32; 2]; 5] = std::array::from_fn(|k| [-1.0, number(k)]);
        row[i * 3 % 5][0] = 1.0;
        asked.push([[1.0_f32, 1.0]]);
        found.push([row[i * 3 % 5]]);
        steps.push(row);
    }
    let data = InMemory::new((asked, steps), found).unwrap();
    let mut trainer = Trainer::new(model, MeanSquaredError, Adam::new(0.02)).unwrap();
    let fit = Fit { batch_size: 8, progress: false, ..Fit::epochs(60) };
    let losses = trainer.fit(&data, &fit).unwrap();
    let losses = losses.get("loss").unwrap();
    assert!(losses[0] > 0.1 && losses[59] < 0.01, "{losses:?}");
}
