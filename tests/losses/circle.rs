//! `Circle` against numbers of Keras 3.15.1, `make_circle.py`.

use dfdx::{
    prelude::Backward,
    tensor::{OwnedTape, PutTape, TensorFromVec},
};
use kerata::{
    Batch, Const, Cpu, Error, Mask, Masked, Tensor,
    loss::{Circle, Reduction},
    prelude::*,
    reduce::{PerSample, Unweighted},
};
use serde_json::Value;

use super::{close, floats};

type Rows = (Batch, Const<3>);

fn cases() -> Value {
    let folder =
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/keras-3.15.1-losses/circle.json");
    serde_json::from_slice(&std::fs::read(folder).unwrap()).unwrap()
}

fn embeddings(cases: &Value) -> Tensor<Rows, f32, Cpu> {
    Cpu::default().tensor_from_vec(floats(&cases["p"]), (8, Const))
}

fn labels(cases: &Value) -> Tensor<(Batch,), usize, Cpu> {
    let labels = cases["labels"].as_array().unwrap().iter();
    Cpu::default().tensor_from_vec(labels.map(|l| l.as_u64().unwrap() as usize).collect(), (8,))
}

/// To four digits: the products of embeddings are of `f32`, and times 80.
fn near(name: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for (found, expected) in found.iter().zip(expected) {
        let most = 2e-5 + 1e-4 * expected.abs();
        assert!((found - expected).abs() <= most, "{name}: {found} for {expected}");
    }
}

#[test]
fn circle_as_in_keras() -> Result<(), Error> {
    let cases = cases();
    let (p, weights) = (embeddings(&cases), PerSample(floats(&cases["weights"])));
    for case in cases["cases"].as_array().unwrap() {
        let (options, name) = (&case["options"], case["options"].to_string());
        let usual = Circle::default();
        let loss = Circle {
            gamma: options["gamma"].as_f64().unwrap_or(usual.gamma),
            margin: options["margin"].as_f64().unwrap_or(usual.margin),
            remove_diagonal: options["remove_diagonal"].as_bool().unwrap_or(usual.remove_diagonal),
        };
        let each = loss.compute_each(p.clone(), labels(&cases), &Unweighted)?;
        near(&name, &each.as_vec(), &floats(&case["each"]));
        for (reduction, key) in [
            (Reduction::Sum, "sum"),
            (Reduction::SumOverBatchSize, "sum_over_batch_size"),
            (Reduction::MeanWithSampleWeight, "mean_with_sample_weight"),
        ] {
            let loss = loss.reduced_by(reduction);
            let plain = loss.compute(p.clone(), labels(&cases))?.array();
            let weighted = loss.compute_weighted(p.clone(), labels(&cases), &weights)?.array();
            near(&format!("{name} {key}"), &[plain, weighted], &floats(&case["reduced"][key]));
        }
        let traced = p.clone().put_tape(OwnedTape::default());
        let mean = loss.compute(traced, labels(&cases))?;
        let gradient = mean.backward().get_or_alloc_mut(&p).unwrap().to_vec();
        near(&format!("{name} gradient"), &gradient, &floats(&case["grad"]));
    }
    Ok(())
}

#[test]
fn circle_compares_nothing_with_padding() -> Result<(), Error> {
    let dev = Cpu::default();
    let (a, b, c) = ([1.0, 0.0], [0.6, 0.8], [0.0, 1.0]);
    let loss = Circle { gamma: 2.0, ..Circle::default() };
    let plain = loss.compute(dev.tensor([a, b, c]), dev.tensor([1_usize, 1, 2]))?.array();
    assert!(plain > 0.1);
    let nothing = [f32::NAN; 2];
    let steps = dev.tensor([[a, b], [c, nothing]]);
    let masked = Masked::new(steps, Mask::from_lengths(&[2, 1], 2)?)?;
    let found = loss.compute(masked, dev.tensor([[1_usize, 1], [2, 2]]))?.array();
    close("masked", &[found], &[plain]);
    Ok(())
}

#[test]
fn circle_of_what_makes_no_sense() {
    let compute = |loss: Circle, x: [[f32; 2]; 2], labels: [usize; 2]| {
        let dev = Cpu::default();
        loss.compute(dev.tensor(x), dev.tensor(labels)).map(|loss| loss.array())
    };
    let x = [[1.0, 0.0], [0.0, 1.0]];
    for loss in [
        Circle { gamma: 0.0, ..Circle::default() },
        Circle { gamma: f64::NAN, ..Circle::default() },
        Circle { margin: f64::INFINITY, ..Circle::default() },
    ] {
        assert!(matches!(compute(loss, x, [0, 0]), Err(Error::Invalid { .. })), "{loss:?}");
    }
    // Neither has another of its class, or one of another class.
    assert_eq!(compute(Circle::default(), x, [0, 1]).unwrap(), 0.0);
    assert_eq!(compute(Circle::default(), x, [0, 0]).unwrap(), 0.0);
    let lost = Circle { remove_diagonal: false, ..Circle::default() };
    assert!(compute(lost, [[f32::NAN, 0.0], [0.0, 1.0]], [0, 1]).unwrap().is_nan());
}
