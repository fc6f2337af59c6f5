//! A model of several outputs in the trainer, against Keras 3.15.1: `tests/cases/keras-3.15.1-outputs/make.py`.

#![allow(missing_docs)]

use kerata::{
    Batch, Cpu, Dense, Embedding, Error, GlobalAveragePooling1d, Ids, MaskZero, Relu, Sigmoid,
    Softmax, TimeDistributed,
    data::InMemory,
    loss::{BinaryCrossentropy, MeanSquaredError, SparseCategoricalCrossentropy},
    metric::{BinaryAccuracy, MeanLoss, SparseCategoricalAccuracy},
    model,
    model::Model,
    optim::Sgd,
    parameters::{Parameter, Parameters, Visitor},
    prelude::*,
    reduce::{PerSample, PerStep, Unweighted, Weights},
    train::{Fit, History, Trainer},
};
use serde_json::Value;

#[model(input = Ids<(Batch, 4)>, outputs(ner, mood))]
struct Tagger {
    words: Embedding<6, 3, MaskZero>,
    ner: TimeDistributed<Dense<3, 3, Softmax>>,
    #[from(words)]
    pool: GlobalAveragePooling1d,
    mood: Dense<_, 1, Sigmoid>,
}

const IDS: [[usize; 4]; 5] = [[1, 2, 3, 0], [4, 5, 0, 0], [2, 2, 1, 5], [3, 0, 0, 0], [5, 4, 3, 2]];
const TAGS: [[usize; 4]; 5] =
    [[0, 1, 2, 0], [2, 1, 0, 0], [1, 1, 0, 2], [0, 0, 0, 0], [2, 0, 1, 1]];
const MOODS: [f32; 5] = [1.0, 0.0, 1.0, 0.0, 1.0];

fn weights() -> (PerStep, PerSample) {
    let steps = vec![
        [1.0, 2.0, 0.5, 1.0],
        [1.0; 4],
        [0.5, 0.25, 2.0, 1.0],
        [3.0, 1.0, 1.0, 1.0],
        [1.0, 0.0, 1.0, 2.0],
    ];
    (PerStep::from(steps), PerSample(vec![1.0, 0.5, 2.0, 0.0, 1.5]))
}

fn tagger() -> Tagger {
    /// Values that are easy to write down again.
    struct Ramp;

    impl Visitor<f32, Cpu> for Ramp {
        fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
            let count = parameter.tensor.len();
            let values: Vec<f32> = (0..count).map(|i| (i as f32 % 7.0 - 3.0) / 5.0).collect();
            parameter.tensor.assign(&values)?;
            Ok(())
        }
    }

    let mut model = Tagger::build(&Cpu::default()).unwrap();
    model.visit(&mut Ramp).unwrap();
    model
}

fn keras(name: &str) -> Value {
    let text = include_str!("cases/keras-3.15.1-outputs/history.json");
    serde_json::from_str::<Value>(text).unwrap()[name].clone()
}

type Targets = (Vec<[usize; 4]>, Vec<f32>);

fn data<W: kerata::reduce::SampleWeights>(
    rows: usize,
    weights: W,
) -> InMemory<Vec<[usize; 4]>, Targets, W> {
    let targets = (TAGS[..rows].to_vec(), MOODS[..rows].to_vec());
    InMemory::new(IDS[..rows].to_vec(), targets).unwrap().with_weights(weights).unwrap()
}

fn close(name: &str, ours: f64, keras: &Value) {
    let keras = keras.as_f64().unwrap();
    assert!((ours - keras).abs() < 2e-6 * keras.abs().max(1.0), "{name}: {ours}, Keras {keras}");
}

fn agrees<W>(case: &str, weights: W, batch_size: usize, [ner, mood]: [f64; 2])
where
    W: Weights<<Tagger as Model>::Output>,
{
    let losses = (
        SparseCategoricalCrossentropy::default().with_loss_weight(ner),
        BinaryCrossentropy::default().with_loss_weight(mood),
    );
    let mut trainer = Trainer::new(tagger(), losses, Sgd::new(0.5))
        .unwrap()
        .metric_of(Tagger::NER, SparseCategoricalAccuracy)
        .metric_of(Tagger::MOOD, BinaryAccuracy::default())
        .weighted_metric_of(Tagger::NER, SparseCategoricalAccuracy)
        .weighted_metric_of(Tagger::MOOD, MeanLoss(MeanSquaredError));
    let fit = Fit { batch_size, shuffle: false, progress: false, ..Fit::epochs(3) };
    let history: History =
        trainer.fit_validated(&data(5, weights), &data(3, Unweighted), &fit).unwrap();

    let keras = keras(case);
    let mut compared = 0;
    for (name, values) in keras["history"].as_object().unwrap() {
        // Keras loses the mask of what is measured in its training step, and keeps it in evaluation.
        let unmasked =
            ["ner_sparse_categorical_accuracy", "ner_weighted_sparse_categorical_accuracy"];
        if unmasked.contains(&name.as_str()) {
            continue;
        }
        let ours = history.get(name).unwrap_or_else(|| panic!("no column {name}"));
        assert_eq!(ours.len(), 3);
        for (ours, keras) in ours.iter().zip(values.as_array().unwrap()) {
            close(name, *ours, keras);
        }
        compared += 1;
    }
    assert_eq!(compared, 12);
    let evaluated = trainer.evaluate(&data(5, Unweighted), batch_size).unwrap();
    assert_eq!(evaluated.len(), 7);
    for (name, ours) in &evaluated {
        close(name, *ours, &keras["evaluate"][name]);
    }
    let (tags, moods) = trainer.predict(&IDS[..2].to_vec(), 32).unwrap();
    let flat = |value: &Value| value.to_string().replace(['[', ']'], "");
    let numbers =
        |text: String| text.split(',').map(|x| x.parse::<f32>().unwrap()).collect::<Vec<_>>();
    for (ours, output) in [(tags.values().as_vec(), 0), (moods.as_vec(), 1)] {
        let keras = numbers(flat(&keras["predict"][output]));
        assert_eq!(ours.len(), keras.len());
        assert!(ours.iter().zip(&keras).all(|(a, b)| (a - b).abs() < 1e-5), "{ours:?} {keras:?}");
    }
}

#[test]
fn two_outputs() {
    agrees("plain", Unweighted, 5, [1.0, 1.0]);
}

#[test]
fn loss_weights_in_several_batches() {
    agrees("loss_weights", Unweighted, 2, [0.25, 2.0]);
}

#[test]
fn sample_weights_of_each_output() {
    agrees("weights", weights(), 2, [1.0, 0.5]);
}

/// One sample has a row of each output: of a sequence its real steps.
#[test]
fn one_sample_of_two_outputs() -> Result<(), Error> {
    let model = tagger();
    let (tags, moods) = model.predict(&vec![IDS[1]], 8)?;
    let (tag, [mood]) = model.predict_one(&IDS[1])?;
    assert_eq!(tag.len(), 2);
    assert_eq!(tag, tags.to_rows()?[0]);
    assert_eq!(vec![mood], moods.as_vec());
    Ok(())
}

#[model(input = (Batch, 2), outputs(first, second, third))]
struct Three {
    #[with(name = "alpha")]
    first: Dense<_, 1>,
    #[from(first)]
    second: Dense<_, 2, Relu>,
    #[from(input)]
    third: Dense<_, 1>,
}

#[test]
fn one_weight_for_all_outputs_and_names() {
    let x = vec![[0.5_f32, 1.0], [1.0, -1.0]];
    let y = || (vec![1.0_f32, 2.0], vec![[1.0_f32, 0.5], [0.0, 1.0]], vec![0.0_f32, 1.0]);
    let losses = (MeanSquaredError, MeanSquaredError, MeanSquaredError);
    let trainer = || {
        Trainer::new(Three::build(&Cpu::seed_from_u64(1)).unwrap(), losses, Sgd::new(0.1)).unwrap()
    };
    let weights = || PerSample(vec![0.5, 2.0]);
    let all = InMemory::new(x.clone(), y()).unwrap().with_weights(weights()).unwrap();
    let each = InMemory::new(x, y()).unwrap();
    let each = each.with_weights((weights(), weights(), weights())).unwrap();
    let fit = Fit { progress: false, ..Fit::epochs(4) };
    let mut first = trainer();
    let history = first.fit(&all, &fit).unwrap();
    assert_eq!(history, trainer().fit(&each, &fit).unwrap());
    let names: Vec<&str> = history.names().collect();
    assert_eq!(names, ["loss", "alpha_loss", "second_loss", "third_loss"]);
    let total: f64 = names[1..].iter().map(|name| history.get(name).unwrap()[2]).sum();
    assert!((total - history.get("loss").unwrap()[2]).abs() < 1e-6);
    let ([_, _], [a]) = {
        let (_, second, third) = first.predict(&vec![[0.5_f32, 1.0]], 1).unwrap();
        (second.to_rows().unwrap()[0], third.to_rows().unwrap()[0])
    };
    assert!(a.is_finite());
}

#[test]
fn what_does_not_fit_is_told() {
    let x = vec![[0.5_f32, 1.0]; 3];
    let short = (vec![1.0_f32; 3], vec![[1.0_f32; 2]; 2], vec![0.0_f32; 3]);
    let error = InMemory::new(x.clone(), short).unwrap_err().to_string();
    assert_eq!(error, "the number of samples of the second input: expected 3, found 2");
    let y = (vec![1.0_f32; 3], vec![[1.0_f32; 2]; 3], vec![0.0_f32; 3]);
    let data = InMemory::new(x, y).unwrap();
    let weights = (Unweighted, PerSample(vec![1.0; 2]), Unweighted);
    let error = data.clone().with_weights(weights).unwrap_err().to_string();
    assert_eq!(error, "the number of sample weights: expected 3, found 2");
    let losses = (MeanSquaredError, MeanSquaredError.with_loss_weight(f64::NAN), MeanSquaredError);
    let model = Three::build(&Cpu::default()).unwrap();
    let mut trainer = Trainer::new(model, losses, Sgd::new(0.1)).unwrap();
    let error = trainer.fit(&data, &Fit { progress: false, ..Fit::default() }).unwrap_err();
    assert!(error.to_string().contains("loss_weight"), "{error}");
}

#[test]
fn the_json_names_all_outputs() {
    let json: Value = serde_json::from_str(&tagger().to_json()).unwrap();
    let outputs = &json["config"]["output_layers"];
    assert_eq!(outputs.to_string(), r#"[["ner",0,0],["mood",0,0]]"#);
    let again = Tagger::from_json(&json.to_string());
    assert!(again.is_ok(), "{again:?}");
}
