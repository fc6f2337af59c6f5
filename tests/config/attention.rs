//! Attention without a type: its gradients against central differences of its formula in `f64`.

use dfdx::{
    prelude::{Backward, SumTo},
    shapes::{Rank0, Shape as _},
    tensor::{PutTape, SplitTape, TensorFromVec, Trace},
};
use kerata::{
    Cpu, Error,
    config::{AnySignal, DynamicLayer},
    parameters::{Parameter, Parameters, Visitor},
    shape::HasShape,
};
use serde_json::{Value, json};

use crate::dynamic::layer;

pub(crate) fn made(class: &str, options: Value) -> Value {
    json!({"class_name": class, "config": options})
}

pub(crate) fn heads(more: Value) -> Value {
    let mut config = json!({"num_heads": 2, "key_dim": 3});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    made("MultiHeadAttention", config)
}

/// A layer on two inputs, as a model, in which its call says this.
pub(crate) fn model(layer: &Value, said: Value, sizes: [Value; 2]) -> Value {
    let mut layer = layer.clone();
    layer["name"] = "at".into();
    let tensor = |name: &str| {
        json!({"class_name": "__keras_tensor__", "config":
        {"shape": [null], "dtype": "float32", "keras_history": [name, 0, 0]}})
    };
    let both = json!([tensor("x"), tensor("y")]);
    let args = match layer["class_name"] == "MultiHeadAttention" {
        true => both,
        false => json!([both]),
    };
    layer["inbound_nodes"] = json!([{"args": args, "kwargs": said}]);
    let input = |name: &str, sizes: &Value| {
        json!({"class_name": "InputLayer", "name": name,
        "config": {"name": name, "batch_shape": sizes}, "inbound_nodes": []})
    };
    json!({"class_name": "Functional", "config": {"name": "net",
        "layers": [input("x", &sizes[0]), input("y", &sizes[1]), layer],
        "input_layers": [["x", 0, 0], ["y", 0, 0]], "output_layers": [["at", 0, 0]]}})
}

/// Numbers in [-1, 1] that look random and are always the same.
fn numbers(n: usize, seed: usize) -> Vec<f64> {
    (0..n).map(|i| ((i * 7919 + seed * 104_729 + 13) % 2003) as f64 / 1001.0 - 1.0).collect()
}

/// The formula of an attention in `f64`: `weights` and both inputs give the sum of each output times a number.
type Formula = fn(&[f64]) -> f64;

const QUERIES: usize = 4;
const KEYS: usize = 3;
const FEATURES: usize = 2;

fn softmax(row: &mut [f64]) {
    let most = row.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
    row.iter_mut().for_each(|x| *x = (*x - most).exp());
    let sum: f64 = row.iter().sum();
    row.iter_mut().for_each(|x| *x /= sum);
}

/// Takes what is needed from the front.
fn take<'a>(from: &mut &'a [f64], n: usize) -> &'a [f64] {
    let (own, rest) = from.split_at(n);
    *from = rest;
    own
}

fn loss(y: impl Iterator<Item = f64>) -> f64 {
    y.zip(numbers(1000, 9)).map(|(y, g)| y * g).sum()
}

/// One sample: two heads of three, and no query sees a key behind it.
fn multi_head(all: &[f64]) -> f64 {
    let (n, h, d, mut rest) = (FEATURES, 2, 3, all);
    let mut dense = || (take(&mut rest, n * h * d), take(&mut rest, h * d));
    let (of_query, of_key, of_value) = (dense(), dense(), dense());
    let out = (take(&mut rest, h * d * n), take(&mut rest, n));
    let (x, y) = (take(&mut rest, QUERIES * n), take(&mut rest, KEYS * n));
    let project = |row: &[f64], (kernel, bias): (&[f64], &[f64]), j: usize| -> f64 {
        bias[j] + (0..n).map(|i| row[i] * kernel[i * h * d + j]).sum::<f64>()
    };
    let (xs, ys): (Vec<_>, Vec<_>) = (x.chunks(n).collect(), y.chunks(n).collect());
    let mut gives = Vec::new();
    for (t, x) in xs.iter().enumerate() {
        let mut heads = Vec::new();
        for head in 0..h {
            let part = head * d..(head + 1) * d;
            let score = |y: &&[f64]| {
                let each = part.clone().map(|j| project(x, of_query, j) * project(y, of_key, j));
                each.sum::<f64>() / (d as f64).sqrt()
            };
            let mut shares: Vec<f64> = ys.iter().take(t + 1).map(score).collect();
            softmax(&mut shares);
            heads.extend(part.clone().map(|j| -> f64 {
                shares.iter().zip(&ys).map(|(share, y)| share * project(y, of_value, j)).sum()
            }));
        }
        gives.extend((0..n).map(|o| {
            out.1[o] + heads.iter().enumerate().map(|(j, v)| v * out.0[j * n + o]).sum::<f64>()
        }));
    }
    loss(gives.into_iter())
}

fn attend(x: &[f64], y: &[f64], score: impl Fn(&[f64], &[f64]) -> f64) -> f64 {
    let mut gives = Vec::new();
    for x in x.chunks(FEATURES) {
        let mut shares: Vec<f64> = y.chunks(FEATURES).map(|y| score(x, y)).collect();
        softmax(&mut shares);
        gives.extend((0..FEATURES).map(|i| -> f64 {
            shares.iter().zip(y.chunks(FEATURES)).map(|(share, y)| share * y[i]).sum()
        }));
    }
    loss(gives.into_iter())
}

fn tanh_sum(x: &[f64], y: &[f64], inner: f64, weight: impl Fn(usize) -> f64) -> f64 {
    (0..FEATURES).map(|i| weight(i) * (inner * (x[i] + y[i])).tanh()).sum()
}

fn dot(mut all: &[f64]) -> f64 {
    let scale = take(&mut all, 1)[0];
    let (x, y) = all.split_at(QUERIES * FEATURES);
    attend(x, y, |x, y| scale * x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>())
}

fn concat(mut all: &[f64]) -> f64 {
    let (inner, outer) = (take(&mut all, 1)[0], take(&mut all, 1)[0]);
    let (x, y) = all.split_at(QUERIES * FEATURES);
    attend(x, y, |x, y| outer * tanh_sum(x, y, inner, |_| 1.0))
}

fn additive(mut all: &[f64]) -> f64 {
    let scale = take(&mut all, FEATURES);
    let (x, y) = all.split_at(QUERIES * FEATURES);
    attend(x, y, |x, y| tanh_sum(x, y, 1.0, |i| scale[i]))
}

#[test]
fn gradients_are_those_of_central_differences() {
    let cases: [(Value, Value, Formula); 4] = [
        (heads(json!({})), json!({"use_causal_mask": true}), multi_head),
        (made("Attention", json!({"use_scale": true})), json!({}), dot),
        (made("Attention", json!({"use_scale": true, "score_mode": "concat"})), json!({}), concat),
        (made("AdditiveAttention", json!({})), json!({}), additive),
    ];
    for (config, said, formula) in cases {
        let what = config.to_string();
        let sizes = [json!([null, QUERIES, FEATURES]), json!([null, KEYS, FEATURES])];
        let mut model = layer(model(&config, said, sizes)).unwrap();
        model.build_each(&[signal(&[QUERIES, FEATURES]), signal(&[KEYS, FEATURES])]).unwrap();
        let count = model.params();
        let all = numbers(count + (QUERIES + KEYS) * FEATURES, 3);
        fill(&mut model, &all);
        let dev = Cpu::default();
        let float = |range: std::ops::Range<usize>| all[range].iter().map(|&x| x as f32).collect();
        let (from, until) = (count + QUERIES * FEATURES, all.len());
        let x = dev.tensor_from_vec(float(count..from), (1, QUERIES, FEATURES)).leaky_trace();
        let y = dev.tensor_from_vec(float(from..until), (1, KEYS, FEATURES)).leaky_trace();
        let ((x, tape), (y, more)) = (x.split_tape(), y.split_tape());
        let inputs = (x.clone().put_tape(tape), y.clone().put_tape(more));
        let gives = model.forward_mut::<(usize, usize, usize), _>(inputs).unwrap();
        let shape = *gives.shape();
        let factors = numbers(shape.num_elements(), 9).into_iter().map(|x| x as f32).collect();
        let loss = (gives * dev.tensor_from_vec(factors, shape)).sum::<Rank0, _>();
        let mut gradients = loss.backward();
        let mut found = Vec::new();
        model.visit(&mut Gradients(&mut gradients, &mut found)).unwrap();
        for input in [&x, &y] {
            found.extend(gradients.get_or_alloc_mut(input).unwrap().iter().copied());
        }
        assert_eq!(found.len(), all.len(), "{what}");
        for (i, found) in found.into_iter().enumerate() {
            let at = |step: f64| {
                let mut moved = all.clone();
                moved[i] += step;
                formula(&moved)
            };
            let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
            let off = (f64::from(found) - slope).abs();
            assert!(off < 1e-5, "{what}: gradient {i} is {found}, the difference {slope}");
        }
    }
}

fn signal(sizes: &[usize]) -> AnySignal {
    AnySignal::numbers(
        [None].into_iter().chain(sizes.iter().copied().map(Some)).collect::<Vec<_>>(),
    )
}

struct Gradients<'a>(&'a mut dfdx::tensor::Gradients<f32, Cpu>, &'a mut Vec<f32>);

impl Visitor<f32, Cpu> for Gradients<'_> {
    fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
        self.1.extend(parameter.tensor.gradient(self.0)?);
        Ok(())
    }
}

/// Puts numbers into all weights.
fn fill(model: &mut DynamicLayer, values: &[f64]) {
    struct Fill<'a>(&'a [f64]);
    impl Visitor<f32, Cpu> for Fill<'_> {
        fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
            let own = take(&mut self.0, parameter.tensor.len());
            parameter.tensor.assign(&own.iter().map(|&x| x as f32).collect::<Vec<_>>())?;
            Ok(())
        }
    }
    model.visit(&mut Fill(values)).unwrap();
}
