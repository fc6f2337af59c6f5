//! Files that Keras wrote, what Keras refuses, and cases that another target looks at.

use kerata::{
    Batch, Const, Cpu, Dense, Embedding, Error, Ids, Lstm, MaskZero, Sequences, Softmax, Tensor,
    config::{CustomObjects, DynamicValue},
    keras::{self, KerasFiles},
    loss::{Loss, MeanSquaredError},
    prelude::*,
    reduce::PerSample,
};
use serde_json::{Value, json};

use crate::{
    case::Case,
    from_json::{self, layer},
    harness::{Test, tests},
    models::forward,
    reasons::NEGATIVE_ID,
    report::Report,
    variants::{self, OUTPUT},
};

fn import_embedding_lstm(case: &Case, report: &mut Report) {
    type Net = (Embedding<6, 4, MaskZero>, Lstm<4, 3, Sequences>, Lstm<3, 3>, Dense<3, 3, Softmax>);
    forward::<Ids<(Batch, Const<5>)>, Net>(case);
    report.typed(OUTPUT);
}

/// The formats of Keras itself: a model, or weights for one.
fn formats(case: &Case, report: &mut Report) {
    let files = variants::of_types(case).into_iter().filter(|variant| variant != OUTPUT);
    for file in files {
        let bytes = case.read(&file);
        let mut model = layer(case.model_json().unwrap()).unwrap();
        match file.ends_with(".weights.h5") {
            true => model.load_keras_bytes(bytes).unwrap(),
            false => model = keras::load_bytes(bytes, &CustomObjects::new()).unwrap(),
        }
        from_json::compare(case, &mut model, "output");
        report.dynamic(&file);
    }
}

/// A model from its layers, run on zeros.
fn run(layers: Value, sizes: &[usize]) -> Result<DynamicValue, Error> {
    let mut model = layer(json!({"class_name": "Sequential", "config": {"layers": layers}}))?;
    model.run(DynamicValue::numbers(sizes, vec![0.0; sizes.iter().product()])?)
}

/// Programs that Keras refuses are refused here too: at compile time, which `ui-tests` show, and from a
/// config or by a value, which is tried here.
fn errors(case: &Case, report: &mut Report) {
    let lstm = json!({"class_name": "LSTM", "config": {"units": 4}});
    let embedding = json!({"class_name": "Embedding", "config": {"input_dim": 5, "output_dim": 2}});
    let dense = json!({"class_name": "Dense", "config": {"units": 3}});
    let flatten = json!({"class_name": "Flatten", "config": {}});
    let conv = |kernel: usize| json!({"class_name": "Conv2D", "config": {"filters": 3, "kernel_size": kernel}});
    let steps = json!({"class_name": "TimeDistributed", "config": {"layer": dense}});
    let wiring = |found: Result<DynamicValue, Error>| {
        assert!(matches!(found, Err(Error::Wiring { .. })), "{found:?}");
    };
    for row in case.json["errors"].as_array().unwrap() {
        let name = row["name"].as_str().unwrap();
        match name {
            "second_lstm_gets_2d" => wiring(run(json!([lstm, lstm]), &[2, 3, 4])),
            "lstm_on_2d_input" => wiring(run(json!([lstm]), &[2, 8])),
            "embedding_on_onehot_then_lstm" => {
                wiring(run(json!([embedding, lstm]), &[2, 10, 27]));
            }
            "conv2d_on_3d" => wiring(run(json!([conv(3)]), &[2, 8, 8])),
            "conv2d_kernel_larger_than_input" => wiring(run(json!([conv(5)]), &[2, 4, 4, 1])),
            "flatten_then_lstm" => wiring(run(json!([flatten, lstm]), &[2, 3, 4])),
            "timedistributed_on_2d" => wiring(run(json!([steps]), &[2, 4])),
            "dense_wrong_last_dim" => {
                let mut dense = dense.clone();
                dense["build_config"] = json!({"input_shape": [null, 4]});
                wiring(run(json!([dense]), &[2, 5]));
            }
            "embedding_index_out_of_range" => {
                let mut layer = layer(embedding.clone()).unwrap();
                let found = layer.run(DynamicValue::ids([1, 2], vec![0, 5]).unwrap());
                let outside = Error::IdOutsideVocabulary { id: 5, vocabulary: 5, row: 0, step: 1 };
                assert_eq!(found.unwrap_err(), outside);
            }
            "embedding_negative_index"
            | "sample_weight_1d_on_sequence_loss"
            | "target_shape_mismatch" => {}
            other => panic!("the error `{other}` is neither run nor listed"),
        }
        match name {
            "embedding_negative_index" => report.skipped(name, &NEGATIVE_ID),
            "sample_weight_1d_on_sequence_loss" => {
                weights_of_samples();
                report.typed(name);
            }
            "target_shape_mismatch" => {
                target_of_another_size();
                report.typed(name);
            }
            _ => report.dynamic(name),
        }
    }
}

/// A deliberate difference: they mean the sample, whatever its length.
fn weights_of_samples() {
    let x: Tensor<(usize, usize, Const<1>), f32, Cpu> =
        Cpu::default().tensor_from_vec(vec![1.0; 8], (2, 4, Const));
    let loss = MeanSquaredError.compute_weighted(x.clone(), x * 0.0, &PerSample(vec![1.0, 3.0]));
    assert_eq!(loss.unwrap().array(), 2.0);
}

fn target_of_another_size() {
    type Vectors = (Batch, Const<3>);
    let dev = Cpu::default();
    let rows: Tensor<(usize, usize), f32, Cpu> = dev.tensor_from_vec(vec![0.0; 8], (2, 4));
    let target: Tensor<Vectors, f32, Cpu> = dev.tensor_from_vec(vec![0.0; 6], (2, Const));
    let found = Loss::<Vectors, Vectors>::per_position(&MeanSquaredError, rows, &target);
    assert!(matches!(found.map(|loss| loss.as_vec()), Err(Error::Mismatch { .. })));
}

fn layer_from_config(case: &Case, report: &mut Report) {
    for variant in variants::of_types(case) {
        report.elsewhere(&case.name, variant, "tests/config/dynamic.rs");
    }
}

fn embedding_word_vectors(case: &Case, report: &mut Report) {
    for variant in variants::of_types(case) {
        report.elsewhere(&case.name, variant, "tests/words/vectors.rs");
    }
}

pub(crate) fn tests() -> Vec<Test> {
    let mut all = tests![import_embedding_lstm, errors, layer_from_config, embedding_word_vectors];
    for case in ["import_embedding_lstm", "import_conv_bn"] {
        all.push(Test::new(format!("formats_of_{case}"), case, formats));
    }
    all
}
