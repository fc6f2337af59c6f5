//! Initial values: bounds, spread and structure, as random draws cannot be compared.

use kerata::{
    BatchNorm, Conv1d, Conv2d, Cpu, Dense, Embedding, Gru, LayerNorm, Lstm, MaskZero, SimpleRnn,
    config::AnySignal, prelude::*,
};
use serde_json::{Value, json};

use crate::{
    case::Case,
    from_json::layer,
    harness::{Test, tests},
    report::Report,
    variants::variance_scaling,
};

/// How many layers are drawn to see how their values are spread.
const DRAWS: u64 = 100;

fn initializers(case: &Case, report: &mut Report) {
    for row in case.json["variance_scaling"].as_array().unwrap() {
        rules(row, report);
    }
    let dev = Cpu::seed_from_u64(0);
    for name in case.json["layer_defaults"].as_object().unwrap().keys() {
        let passed_over = match name.as_str() {
            "Dense" => {
                let layer = Dense::<7, 4>::build(&dev).unwrap();
                assert_eq!(layer.bias.array(), [0.0; 4]);
                within(case, "Dense", &[7, 4], &layer.kernel.as_vec());
                None
            }
            "Conv" => {
                let layer = Conv2d::<2, 5, 3, 3>::build(&dev).unwrap();
                assert_eq!(layer.bias.array(), [0.0; 5]);
                within(case, "Conv2D", &[3, 3, 2, 5], &layer.kernel.as_vec());
                let layer = Conv1d::<3, 6, 4>::build(&dev).unwrap();
                assert_eq!(layer.bias.array(), [0.0; 6]);
                within(case, "Conv1D", &[4, 3, 6], &layer.kernel.as_vec());
                None
            }
            "LSTM" => {
                let lstm = Lstm::<5, 3>::build(&dev).unwrap();
                case.assert_tensor("forward", "lstm3.initial_bias", &lstm.bias.as_vec());
                within(case, "LSTM kernel", &[5, 12], &lstm.kernel.as_vec());
                orthonormal(&lstm.recurrent_kernel.as_vec(), 12);
                None
            }
            "Embedding" => {
                let table = Embedding::<40, 5, MaskZero>::build(&dev).unwrap().embeddings.as_vec();
                spread("Embedding", &table, 0.05);
                assert!(table[..5].iter().all(|&x| x != 0.0), "row 0 is drawn like any other");
                None
            }
            "BatchNormalization" => {
                let norm = BatchNorm::<2>::build(&dev).unwrap();
                assert_eq!((norm.gamma.array(), norm.beta.array()), ([1.0; 2], [0.0; 2]));
                assert_eq!(norm.moving_mean.array(), [0.0; 2]);
                assert_eq!(norm.moving_variance.array(), [1.0; 2]);
                None
            }
            "LayerNormalization" => {
                let norm = LayerNorm::<2>::build(&dev).unwrap();
                assert_eq!((norm.gamma.array(), norm.beta.array()), ([1.0; 2], [0.0; 2]));
                None
            }
            "GRU" => {
                let gru = Gru::<5, 3>::build(&dev).unwrap();
                assert_eq!(gru.bias.as_vec(), [0.0; 18]);
                spread("GRU kernel", &gru.kernel.as_vec(), (6.0_f32 / 14.0).sqrt());
                orthonormal(&gru.recurrent_kernel.as_vec(), 9);
                None
            }
            "SimpleRNN" => {
                let rnn = SimpleRnn::<5, 3>::build(&dev).unwrap();
                assert_eq!(rnn.bias.as_vec(), [0.0; 3]);
                spread("SimpleRNN kernel", &rnn.kernel.as_vec(), (6.0_f32 / 8.0).sqrt());
                orthonormal(&rnn.recurrent_kernel.as_vec(), 3);
                None
            }
            other => panic!("the defaults of `{other}` are neither run nor listed"),
        };
        report.typed_unless(name, passed_over);
    }
    let wide: Vec<f32> = drawn("Dense", "Orthogonal", 1);
    let columns = (0..4).flat_map(|column| wide.iter().skip(column).step_by(4).copied());
    orthonormal(&columns.collect::<Vec<_>>(), 7);
    report.dynamic("orthogonal");
}

/// The values that each rule of a row draws for its layer.
fn rules(row: &Value, report: &mut Report) {
    let layer = row["for"].as_str().unwrap();
    for (key, number) in row.as_object().unwrap() {
        let number = || number.as_f64().unwrap() as f32;
        if let Some(rule) = key.strip_suffix("_limit") {
            spread(layer, &drawn(layer, rule, DRAWS), number());
            report.dynamic(variance_scaling(row, rule));
        } else if let Some(rule) = key.strip_suffix("_stddev") {
            let values = drawn(layer, rule, DRAWS);
            let square = values.iter().map(|x| x * x).sum::<f32>() / values.len() as f32;
            approx::assert_relative_eq!(square.sqrt(), number(), max_relative = 0.06);
            // They are cut off at twice the deviation that they had before that.
            spread(layer, &values, 2.0 * number() / 0.879_625_7);
            report.dynamic(variance_scaling(row, rule));
        }
    }
}

/// The kernels of some layers that an initializer draws.
fn drawn(of: &str, rule: &str, draws: u64) -> Vec<f32> {
    let (class, options, features) = match of {
        "Dense" => ("Dense", json!({"units": 4}), vec![None, Some(7)]),
        "Conv2D" => {
            let options = json!({"filters": 5, "kernel_size": 3});
            ("Conv2D", options, vec![None, Some(8), Some(8), Some(2)])
        }
        "Conv1D" => {
            ("Conv1D", json!({"filters": 6, "kernel_size": 4}), vec![None, Some(8), Some(3)])
        }
        "LSTM kernel" => ("LSTM", json!({"units": 3}), vec![None, None, Some(5)]),
        other => panic!("the values of `{other}` are neither drawn nor listed"),
    };
    let mut config = json!({"class_name": class, "config": options});
    config["config"]["kernel_initializer"] = rule.into();
    let draw = |seed: u64| {
        let mut layer = layer(config.clone()).unwrap().on(&Cpu::seed_from_u64(seed));
        layer.build(&AnySignal::numbers(features.clone())).unwrap();
        layer.weights().next().unwrap().values.clone()
    };
    (0..draws).flat_map(draw).collect()
}

/// The default of a kernel: uniform, within the limit that the case says.
fn within(case: &Case, layer: &str, shape: &[usize], values: &[f32]) {
    let rows = case.json["variance_scaling"].as_array().unwrap();
    let fits = |row: &&Value| row["for"] == layer && row["shape"] == json!(shape);
    let row = rows.iter().find(fits).unwrap_or_else(|| panic!("no {layer} {shape:?}"));
    spread(layer, values, row["glorot_uniform_limit"].as_f64().unwrap() as f32);
}

/// Within the limit, and not huddled around 0.
fn spread(what: &str, values: &[f32], limit: f32) {
    let largest = values.iter().fold(0.0, |a: f32, x| a.max(x.abs()));
    assert!(largest <= limit, "{what}: {largest} is beyond {limit}");
    assert!(largest > 0.8 * limit, "{what}: {largest} is far below {limit}");
}

/// Rows of that width have the length 1 and are at right angles.
fn orthonormal(values: &[f32], width: usize) {
    for (i, a) in values.chunks(width).enumerate() {
        for (j, b) in values.chunks(width).enumerate() {
            let dot: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
            let expected = if i == j { 1.0 } else { 0.0 };
            assert!((dot - expected).abs() < 1e-5, "rows {i} and {j}: {dot}");
        }
    }
}

pub(crate) fn tests() -> Vec<Test> {
    tests![initializers]
}
