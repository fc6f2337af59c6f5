//! Labels that do not count, and labels that are no class.

use kerata::{
    Batch, Const, Cpu, Error, Ids, Mask, Masked, Tensor,
    loss::SparseCategoricalCrossentropy,
    metric::{MeanLoss, Metric, update},
    prelude::*,
    reduce::{PerSample, SampleWeights, Unweighted},
};

type Rows = (Batch, Const<3>);
type Labels = Ids<(Batch,)>;

fn probabilities() -> Vec<f32> {
    vec![0.2, 0.3, 0.5, 0.1, 0.8, 0.1, 0.9, 0.1, 0.0, 0.5, 0.2, 0.3, 0.9, 0.05, 0.05]
}

fn measured<M: Metric<Rows, Labels>>(
    metric: M,
    labels: &[usize],
    weights: &impl SampleWeights,
) -> Result<f64, Error> {
    let (dev, rows) = (Cpu::default(), labels.len());
    let p: Tensor<Rows, f32, Cpu> =
        dev.tensor_from_vec(probabilities()[..rows * 3].to_vec(), (rows, Const));
    let labels = dev.tensor_from_vec(labels.to_vec(), (rows,));
    let mut state = M::State::default();
    update::<Rows, Labels, f32, Cpu, M>(&mut state, &metric, p, &labels, weights)?;
    Ok(metric.result(&state))
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-6, "{found} for {expected}");
}

#[test]
fn a_loss_as_a_metric_leaves_out_what_the_loss_does() {
    for ignored in [2, 255] {
        let loss = SparseCategoricalCrossentropy {
            ignore_class: Some(ignored),
            ..SparseCategoricalCrossentropy::default()
        };
        close(measured(MeanLoss(loss), &[ignored, 0], &Unweighted).unwrap(), 2.302_585_1);
        let weights = PerSample(vec![4.0, 0.5]);
        close(measured(MeanLoss(loss), &[ignored, 0], &weights).unwrap(), 2.302_585_1);
        close(measured(MeanLoss(loss), &[ignored, ignored], &Unweighted).unwrap(), 0.0);
        // Together with a mask.
        let dev = Cpu::default();
        let p = dev.tensor_from_vec(probabilities()[..9].to_vec(), (1, 3, Const::<3>));
        let p = Masked::new(p, Mask::from_lengths(&[2], 3).unwrap()).unwrap();
        let labels = dev.tensor_from_vec(vec![ignored, 0, 7], (1, 3));
        type Steps = Masked<(Batch, kerata::Length, Const<3>)>;
        type Targets = Ids<(Batch, kerata::Length)>;
        let (mut state, metric) = (Default::default(), MeanLoss(loss));
        update::<Steps, Targets, f32, Cpu, _>(&mut state, &metric, p, &labels, &Unweighted)
            .unwrap();
        close(Metric::<Steps, Targets>::result(&metric, &state), 2.302_585_1);
    }
    // A label that is neither a class nor ignored is one too many.
    let loss = SparseCategoricalCrossentropy { ignore_class: Some(9), ..Default::default() };
    let error = measured(MeanLoss(loss), &[9, 4], &Unweighted).unwrap_err();
    assert_eq!(error, Error::LabelOutOfRange { label: 4, classes: 3, position: 1 });
}
