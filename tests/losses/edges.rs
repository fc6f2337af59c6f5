//! Probabilities of exactly 0 and 1: values are Keras's, and slopes are finite.

use dfdx::{
    prelude::{Backward, SumTo},
    tensor::{OwnedTape, PutTape},
};
use kerata::{
    Batch, Const, Cpu, Dense, Mask, Masked, Softmax, Tensor,
    data::InMemory,
    loss::{
        BinaryCrossentropy, BinaryFocalCrossentropy, CategoricalCrossentropy,
        CategoricalFocalCrossentropy, CategoricalGeneralizedCrossEntropy, CategoricalHinge,
        CosineSimilarity, Dice, Hinge, Huber, KLDivergence, LogCosh, Loss, MeanAbsoluteError,
        MeanAbsolutePercentageError, MeanSquaredError, MeanSquaredLogarithmicError, Poisson,
        SquaredHinge, Tversky,
    },
    model,
    optim::Sgd,
    prelude::*,
    reduce::Unweighted,
    train::{Fit, Trainer},
};

type Rows = (Batch, Const<3>);

fn rows(row: [f32; 3]) -> Tensor<Rows, f32, Cpu> {
    Cpu::default().tensor_from_vec(row.to_vec(), (1, Const))
}

/// The loss of one row, and its gradient.
fn of(loss: impl Loss<Rows, Rows>, p: [f32; 3], y: [f32; 3]) -> (f32, Vec<f32>) {
    let p = rows(p);
    let traced = p.clone().put_tape(OwnedTape::default());
    let loss = loss.compute_each(traced, rows(y), &Unweighted).unwrap().sum();
    (loss.array(), loss.backward().get_or_alloc_mut(&p).unwrap().to_vec())
}

#[test]
fn every_loss_is_finite_where_probabilities_are_0_or_1() {
    fn check(loss: impl Loss<Rows, Rows> + Copy) {
        for (p, y) in [
            ([0.0, 1.0, 0.0], [1.0, 0.0, 0.0]),
            ([0.0, 1.0, 0.0], [0.0, 1.0, 0.0]),
            ([1.0, 1.0, 1.0], [0.0, 1.0, 0.0]),
        ] {
            let (value, slopes) = of(loss, p, y);
            let finite = value.is_finite() && slopes.iter().all(|slope| slope.is_finite());
            assert!(finite, "{} of {p:?}, {y:?}: {value}, {slopes:?}", loss.name());
        }
    }
    for gamma in [0.0, 0.5, 1.0, 1.5, 2.0] {
        check(BinaryFocalCrossentropy { gamma, ..Default::default() });
        check(CategoricalFocalCrossentropy { gamma, ..Default::default() });
        let logits = BinaryFocalCrossentropy { gamma, from_logits: true, ..Default::default() };
        let (value, slopes) = of(logits, [200.0, -200.0, 20.0], [1.0, 0.0, 1.0]);
        assert!(value.is_finite() && slopes.iter().all(|s| s.is_finite()), "{gamma}: {slopes:?}");
    }
    check(BinaryCrossentropy::default());
    check(CategoricalCrossentropy::default());
    check(CategoricalHinge);
    check(CosineSimilarity);
    check(Hinge);
    check(Huber::default());
    check(KLDivergence);
    check(LogCosh);
    check(MeanAbsoluteError);
    check(MeanAbsolutePercentageError);
    check(MeanSquaredError);
    check(MeanSquaredLogarithmicError);
    check(Poisson);
    check(SquaredHinge);
    for (p, y) in [([0.0; 3], [0.0; 3]), ([0.0, 1.0, 0.0], [1.0, 0.0, 0.0])] {
        for (value, slopes) in [of(Dice::default(), p, y), of(Tversky::default(), p, y)] {
            assert!(value.is_finite() && slopes.iter().all(|s| s.is_finite()), "{slopes:?}");
        }
        let (value, slopes) = of(CosineSimilarity, p, y);
        assert!(value.is_finite() && slopes.iter().all(|s| s.is_finite()), "{slopes:?}");
    }
}

#[test]
fn a_certain_focal_answer_is_clipped_as_the_cross_entropy_is() {
    // Keras 3.15.1, in `f32`, whose nearest number below 1 is further from it than 1e-7.
    let close = |found: f32, expected: f32| {
        assert!((found - expected).abs() < 2e-6 * expected, "{found} for {expected}");
    };
    let (value, slopes) = of(BinaryFocalCrossentropy::default(), [1.0; 3], [0.0; 3]);
    close(value, 15.942_385);
    close(slopes[0], 10.628_257);
    close(of(BinaryFocalCrossentropy::default(), [0.0; 3], [1.0; 3]).0, 16.118_095);
    close(of(BinaryCrossentropy::default(), [1.0; 3], [0.0; 3]).0, 15.942_385);
    let (p, right) = ([0.0, 1.0, 0.0], [0.0, 1.0, 0.0]);
    close(of(CategoricalFocalCrossentropy::default(), p, right).0, 4.235_165e-22);
    let linear = CategoricalFocalCrossentropy { gamma: 0.0, ..Default::default() };
    close(of(linear, p, right).0, 2.980_232_2e-8);
    // `f64` is clipped at 1 - 1e-7.
    let dev = Cpu::default();
    let (p, y) = (dev.tensor([[1.0_f64]]), dev.tensor([[0.0_f64]]));
    let loss = BinaryFocalCrossentropy::default().compute(p, y).unwrap().array();
    assert!((loss + 1e-7_f64.ln()).abs() < 1e-8, "{loss}");
}

#[model(input = (Batch, 2), output = (Batch, 3))]
struct Saturated {
    head: Dense<_, 3, Softmax>,
}

#[test]
fn the_generalized_cross_entropy_of_a_label_with_no_probability() {
    let dev = Cpu::default();
    let loss = CategoricalGeneralizedCrossEntropy::default();
    let p = dev.tensor([[0.0_f32, 1.0, 0.0]]);
    assert_eq!(loss.compute(p.clone(), dev.tensor([0_usize])).unwrap().array(), 2.0);
    let traced = p.clone().put_tape(OwnedTape::default());
    let gradient = loss.compute(traced, dev.tensor([0_usize])).unwrap().backward();
    let slopes = gradient.get(&p).array();
    assert!((slopes[0][0] + 1e-7_f32.powf(-0.5)).abs() < 1.0, "{slopes:?}");

    // What stands in the padding is in no mean: Keras 3.15.1.
    let values = vec![0.2_f32, 0.3, 0.5, 0.0, 1.0, 0.0];
    let p = dev.tensor_from_vec(values, (1, 2, Const::<3>));
    let mask = Mask::from_lengths(&[1], 2).unwrap();
    let masked = Masked::new(p, mask).unwrap();
    let labels = dev.tensor_from_vec(vec![2_usize, 0], (1, 2));
    let one = loss.compute(masked, labels).unwrap().array();
    assert!((one - 0.585_786_46).abs() < 1e-6, "{one}");

    let mut model = Saturated::build(&dev).unwrap();
    model.head.kernel = dev.tensor([[200.0, -200.0, 0.0], [0.0; 3]]);
    let mut trainer = Trainer::new(model, loss, Sgd::new(0.1)).unwrap();
    let data = InMemory::new(vec![[1.0_f32, 0.0]], vec![1_usize]).unwrap();
    let history = trainer.fit(&data, &Fit { progress: false, ..Fit::epochs(2) }).unwrap();
    assert_eq!(history.get("loss"), Some(&[2.0, 2.0][..]));
}

#[test]
fn an_infinite_right_class_is_told_at_any_place() {
    let dev = Cpu::default();
    for at in 0..3 {
        let (mut p, mut y) = ([[0.5_f32; 3]], [[0.0_f32; 3]]);
        (p[0][at], y[0][at]) = (f32::INFINITY, 1.0);
        let loss = CategoricalHinge.compute(dev.tensor(p), dev.tensor(y)).unwrap();
        assert!(loss.array().is_nan(), "{at}");
    }
}
