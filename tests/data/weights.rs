//! Weights of classes, samples and steps, and several of them together.

use kerata::{
    Batch, Const, Cpu, Dense, Error, Ids, Length, Masked, TimeDistributed,
    data::InMemory,
    loss::{MeanSquaredError, SparseCategoricalCrossentropy},
    model,
    optim::Sgd,
    prelude::*,
    reduce::{PerSample, PerStep, SampleWeights, Weights},
    train::{Fit, Trainer},
};

fn labels() -> InMemory<Vec<[f32; 1]>, Vec<usize>> {
    InMemory::new(vec![[1.0_f32], [2.0], [3.0]], vec![0_usize, 1, 1]).unwrap()
}

#[test]
fn class_and_sample_weights_are_multiplied_in_either_order() {
    let classes = [1.0, 5.0];
    let samples = || vec![1.0_f32, 0.5, 2.0];
    let after = labels().with_class_weight(classes).unwrap().with_weights(samples()).unwrap();
    let before = labels().with_weights(samples()).unwrap().with_class_weight(classes).unwrap();
    let expected = Some(vec![1.0, 2.5, 10.0]);
    assert_eq!(after.weights().expand(&[3]).unwrap(), expected);
    assert_eq!(before.weights().expand(&[3]).unwrap(), expected);
    assert_eq!(before.weights().select(&[2]).unwrap().expand(&[1]).unwrap(), Some(vec![10.0]));
    // One that does not fit is an error beside others, too.
    let short = before.clone().with_weights(vec![1.0_f32; 2]).unwrap_err();
    assert_eq!(short.to_string(), "the number of sample weights: expected 3, found 2");
    let (train, held_out) = after.split(0.3).unwrap();
    assert_eq!(train.weights().expand(&[2]).unwrap(), Some(vec![1.0, 2.5]));
    assert_eq!(held_out.weights().expand(&[1]).unwrap(), Some(vec![10.0]));
}

#[model(input = (Batch, 1), output = (Batch, 2))]
struct Net {
    head: Dense<_, 2>,
}

fn fitted<W: Weights<(Batch, Const<2>)>>(
    data: &InMemory<Vec<[f32; 1]>, Vec<usize>, W>,
) -> Option<f64> {
    let net = Net::build(&Cpu::seed_from_u64(1)).unwrap();
    let loss = SparseCategoricalCrossentropy::from_logits();
    let mut trainer = Trainer::new(net, loss, Sgd::new(0.1)).unwrap();
    let fit = Fit { batch_size: 2, progress: false, ..Fit::epochs(2) };
    trainer.fit(data, &fit).unwrap().last("loss")
}

#[test]
fn training_counts_both() {
    let both = labels().with_class_weight([1.0, 5.0]).unwrap();
    let both = both.with_weights(PerSample(vec![1.0, 0.5, 2.0])).unwrap();
    let product = labels().with_weights(PerSample(vec![1.0, 2.5, 10.0])).unwrap();
    assert_eq!(fitted(&both), fitted(&product));
}

#[model(input = Masked<(Batch, Length, 1)>, output = Masked<(Batch, Length, 1)>)]
struct Walk {
    head: TimeDistributed<Dense<_, 1>>,
}

#[test]
fn sample_and_step_weights_together() -> Result<(), Error> {
    type Steps = (Batch, Length, Const<1>);
    fn weighs<W: Weights<Steps> + Weights<Masked<Steps>>>(_: &W) {}
    let steps = vec![[1.0, 2.0], [4.0, f32::NAN]];
    let inputs = kerata::data::Ragged(vec![vec![[1.0_f32], [2.0]], vec![[3.0]]]);
    let targets = vec![[[0.0_f32], [1.0]], [[2.0], [0.0]]];
    let data = InMemory::new(inputs, targets)?;
    let data = data.with_weights(PerSample(vec![0.5, 3.0]))?.with_weights(PerStep::from(steps))?;
    weighs(data.weights());
    let net = Walk::build(&Cpu::seed_from_u64(0))?;
    let [[weight]] = net.head.layer.kernel.array();
    let trainer = Trainer::new(net, MeanSquaredError, Sgd::new(0.1))?;
    let square = |x: f32| x * x;
    let expected = (0.5 * square(weight)
        + 1.0 * square(2.0 * weight - 1.0)
        + 12.0 * square(3.0 * weight - 2.0))
        / 3.0;
    let found = trainer.evaluate(&data, 2)?[0].1;
    assert!((found - f64::from(expected)).abs() < 1e-4, "{found} for {expected}");
    // The labels of steps have class weights.
    let tagged = InMemory::new(vec![[1_usize, 2]], vec![[0_usize, 1]])?;
    let tagged = tagged.with_weights(vec![0.5_f64])?.with_class_weight([1.0, 3.0])?;
    assert_eq!(tagged.weights().expand(&[1, 2])?, Some(vec![0.5, 1.5]));
    Ok(())
}

#[test]
fn a_negative_weight_turns_a_loss_around() {
    // As in Keras, where it is how an advantage weights an action.
    let dev = Cpu::default();
    let data = labels().with_weights(vec![1.0_f32, -0.5, 1.0]).unwrap();
    let (p, y) = (dev.tensor([[1.0_f32], [2.0], [0.0]]), dev.tensor([[0.0_f32], [0.0], [0.0]]));
    let loss = MeanSquaredError.compute_weighted(p, y, data.weights()).unwrap().array();
    assert!((loss - (1.0 - 2.0) / 3.0).abs() < 1e-6, "{loss}");
}

#[test]
fn ids_have_their_weights() {
    // The type of the weights of a dataset without others is that of what it was given.
    let data: InMemory<_, Vec<usize>, PerSample> = labels().with_class_weight([1.0, 2.0]).unwrap();
    type Labels = Ids<(Batch,)>;
    fn is_labels<Y: kerata::data::Samples<Signal = Labels>, X, W>(_: &InMemory<X, Y, W>) {}
    is_labels(&data);
    assert_eq!(data.weights(), &PerSample(vec![1.0, 2.0, 2.0]));
}
