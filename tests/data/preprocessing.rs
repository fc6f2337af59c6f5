//! Layers that prepare data, against the numbers of Keras 3.15.1 (`tests/cases/keras-3.15.1-preprocessing`).

use approx::assert_abs_diff_eq;
use kerata::{
    Batch, Cpu, Dense, Error, Length, Masked, Normalization, Rescaling,
    data::{InMemory, Ragged},
    loss::MeanSquaredError,
    model,
    optim::Sgd,
    prelude::*,
    train::{Fit, Trainer},
};
use serde_json::Value;

pub(crate) fn case(name: &str) -> Value {
    let text = include_str!("../cases/keras-3.15.1-preprocessing/case.json");
    let mut case: Value = serde_json::from_str(text).unwrap();
    case[name].take()
}

pub(crate) fn flat(value: &Value) -> Vec<f32> {
    match value {
        Value::Array(list) => list.iter().flat_map(flat).collect(),
        number => vec![number.as_f64().unwrap() as f32],
    }
}

pub(crate) fn rows<const N: usize>(value: &Value) -> Vec<[f32; N]> {
    flat(value).as_chunks::<N>().0.to_vec()
}

#[test]
fn a_normalization_is_adapted_as_in_keras() {
    for case in case("normalization").as_array().unwrap() {
        let data = rows::<3>(&case["data"]);
        let mut norm = Normalization::<3>::build(&Cpu::default()).unwrap();
        if case["data"][0][0].is_array() {
            let sequences: Vec<[[f32; 3]; 5]> = data.as_chunks::<5>().0.to_vec();
            norm.adapt(&sequences).unwrap();
        } else {
            norm.adapt(&data).unwrap();
        }
        let close = |found: &[f32], key: &str, epsilon: f32| {
            assert_abs_diff_eq!(found, flat(&case[key]).as_slice(), epsilon = epsilon);
        };
        close(&norm.mean.as_vec(), "mean", 1e-5);
        close(&norm.variance.as_vec(), "variance", 1e-5);
        let x = || {
            let values = data.clone().into_flattened();
            let x: kerata::Tensor<(Batch, kerata::Const<3>), f32, Cpu> =
                Cpu::default().tensor_from_vec(values, (data.len(), kerata::Const));
            x
        };
        // A constant feature is divided by 1e-7: what is left of its mean's rounding is not compared.
        close(&norm.forward(x()).unwrap().as_vec(), "output", 3e-5);
        norm.invert = true;
        close(&norm.forward(x()).unwrap().as_vec(), "inverted", 2e-3);
        norm.invert = false;
        let mut config = norm.config();
        config.config.remove("name");
        let mut theirs = case["config"]["config"].clone();
        theirs.as_object_mut().unwrap().remove("name");
        assert_eq!(serde_json::to_value(&config.config).unwrap(), theirs);
    }
}

#[test]
fn what_cannot_be_adapted_to_is_an_error() {
    let mut norm = Normalization::<2>::build(&Cpu::default()).unwrap();
    let before = norm.mean.array();
    let error = norm.adapt(&vec![[1.0, f32::NAN], [0.0, 1.0]]).unwrap_err().to_string();
    assert_eq!(error, "feature 1 is NaN, which is not finite");
    assert_eq!(
        norm.adapt(&Vec::<[f32; 2]>::new()).unwrap_err(),
        Error::Empty("the data to adapt to")
    );
    assert!(norm.adapt(&vec![vec![1.0_f32; 3]]).is_err());
    assert!(norm.adapt(&vec![[1e300, 0.0], [-1e300, 0.0]]).is_err());
    assert_eq!(norm.mean.array(), before);
    // Padding does not count, nor does the order of large numbers.
    norm.adapt(&Ragged(vec![vec![[1e6_f32, 1.0]; 3], vec![[1e6 + 2.0, 3.0]]])).unwrap();
    assert_eq!(norm.mean.array(), [1e6 + 0.5, 1.5]);
    assert_eq!(norm.variance.array(), [0.75, 0.75]);
}

#[test]
fn values_are_rescaled_as_in_keras() {
    let case = case("rescaling");
    let layer = Rescaling { scale: 1.0 / 127.5, offset: -1.0 };
    let x: kerata::Tensor<(Batch, kerata::Const<3>), f32, Cpu> =
        Cpu::default().tensor_from_vec(flat(&case["input"]), (2, kerata::Const));
    let y = layer.forward(x.clone()).unwrap().as_vec();
    assert_abs_diff_eq!(y.as_slice(), flat(&case["output"]).as_slice(), epsilon = 1e-6);
    let mut config = layer.config();
    config.config.remove("name");
    let mut theirs = case["config"]["config"].clone();
    theirs.as_object_mut().unwrap().remove("name");
    assert_eq!(serde_json::to_value(&config.config).unwrap(), theirs);
    let error = Rescaling { scale: f64::NAN, offset: 0.0 }.forward(x).unwrap_err().to_string();
    assert!(error.starts_with("scale is NaN"), "{error}");
}

#[model(input = (Batch, 3), output = (Batch, 1))]
struct Net {
    norm: Normalization<_>,
    #[with(scale = 0.5, offset = 1.0)]
    rescale: Rescaling,
    head: Dense<_, 1>,
}

#[model(input = Masked<(Batch, Length, 3)>, output = Masked<(Batch, Length, 3)>)]
struct Steps {
    norm: Normalization<_>,
    rescale: Rescaling,
}

#[test]
fn what_was_measured_is_saved_and_not_trained() {
    let data = vec![[10.0_f32, 20.0, 5.0], [12.0, 21.0, 9.0], [8.0, 25.0, 7.0]];
    let mut net = Net::build(&Cpu::seed_from_u64(1)).unwrap();
    net.norm.adapt(&data).unwrap();
    let mean = net.norm.mean.array();
    let targets = vec![[1.0_f32], [2.0], [3.0]];
    let mut trainer = Trainer::new(net, MeanSquaredError, Sgd::new(0.1)).unwrap();
    trainer.fit(&InMemory::new(data.clone(), targets).unwrap(), &Fit::epochs(3)).unwrap();
    assert_eq!(trainer.model.norm.mean.array(), mean);
    assert_eq!(Net::TRAINABLE, 4);
    let folder = std::env::temp_dir();
    for extension in ["safetensors", "keras", "weights.h5"] {
        let name = format!("kerata-preprocessing-{}.{extension}", std::process::id());
        let path = folder.join(name);
        let mut other = Net::build(&Cpu::seed_from_u64(2)).unwrap();
        if extension == "safetensors" {
            trainer.model.save_weights(&path).unwrap();
            other.load_weights(&path).unwrap();
        } else {
            trainer.model.save_keras(&path).unwrap();
            other.load_keras(&path).unwrap();
        }
        std::fs::remove_file(&path).unwrap();
        let [ours, theirs] = [&trainer.model, &other].map(|net| net.predict(&data, 3).unwrap());
        assert_eq!(ours.as_vec(), theirs.as_vec(), "{extension}");
    }
    let mut read = Net::from_json(&trainer.model.to_json()).unwrap();
    assert_eq!(read.rescale, trainer.model.rescale);
    read.norm.invert = true;
    assert!(read.check_json(&trainer.model.to_json()).unwrap_err().to_string().contains("invert"));
}

#[test]
fn a_mask_passes_and_padding_does_no_harm() {
    let walks = Ragged(vec![vec![[1.0_f32, 2.0, 3.0]], vec![[3.0, 2.0, 1.0]; 2]]);
    let mut steps = Steps::build(&Cpu::default()).unwrap();
    steps.norm.adapt(&walks).unwrap();
    let y = steps.predict(&walks, 2).unwrap();
    assert_eq!(y.mask().lengths(), [1, 2]);
    let mut stream = steps.stream(1).unwrap();
    let streamed = stream.step((&[[1.0_f32, 2.0, 3.0]], &[true])).unwrap();
    assert_eq!(streamed.0.as_flattened(), &y.values().as_vec()[..3]);
}
