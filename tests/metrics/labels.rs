//! Labels that do not count, and labels that are no class.

use kerata::{
    Batch, Const, Cpu, Error, Ids, Mask, Masked, Tensor,
    loss::SparseCategoricalCrossentropy,
    metric::{
        IgnoreClass, IoU, MeanIoU, MeanLoss, Metric, Named, R2Score, SparseCategoricalAccuracy,
        SparseTopKCategoricalAccuracy, TopKCategoricalAccuracy, update,
    },
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
        close(measured(MeanLoss(loss), &[ignored, 0], &Unweighted).unwrap(), 10_f64.ln());
        let weights = PerSample(vec![4.0, 0.5]);
        close(measured(MeanLoss(loss), &[ignored, 0], &weights).unwrap(), 10_f64.ln());
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
        close(Metric::<Steps, Targets>::result(&metric, &state), 10_f64.ln());
    }
    // A label that is neither a class nor ignored is one too many.
    let loss = SparseCategoricalCrossentropy { ignore_class: Some(9), ..Default::default() };
    let error = measured(MeanLoss(loss), &[9, 4], &Unweighted).unwrap_err();
    assert_eq!(error, Error::LabelOutOfRange { label: 4, classes: 3, position: 1 });
}

#[test]
fn no_answer_to_a_label_that_is_no_class_is_right() {
    close(measured(SparseCategoricalAccuracy, &[255, 1], &Unweighted).unwrap(), 0.5);
    let top = SparseTopKCategoricalAccuracy { k: 2 };
    close(measured(top, &[255, 1], &Unweighted).unwrap(), 0.5);
}

#[test]
fn an_ignored_class_is_in_no_metric() {
    // Keras 3.15.1, `MeanIoU(3, ignore_class=..)` and `IoU(3, [0, 1], ignore_class=..)`.
    let labels = [255, 1, 0, 2, 1];
    let iou = IoU { target_class_ids: vec![0, 1] };
    let ignoring = IgnoreClass(255, MeanIoU);
    close(measured(ignoring.clone(), &labels, &Unweighted).unwrap(), 0.277_777_791);
    close(measured(IgnoreClass(255, iou.clone()), &labels, &Unweighted).unwrap(), 0.416_666_687);
    let labels = [1, 1, 0, 2, 1];
    close(measured(IgnoreClass(1, MeanIoU), &labels, &Unweighted).unwrap(), 0.25);
    close(measured(IgnoreClass(1, iou), &labels, &Unweighted).unwrap(), 0.5);
    // Without it, a label that is no class is a mistake in the data.
    let error = measured(MeanIoU, &[255, 1], &Unweighted).unwrap_err();
    assert_eq!(error, Error::LabelOutOfRange { label: 255, classes: 3, position: 0 });
    let error = measured(ignoring, &[254, 1], &Unweighted).unwrap_err();
    assert_eq!(error, Error::LabelOutOfRange { label: 254, classes: 3, position: 0 });

    let accuracy = IgnoreClass(255, Named("accuracy", SparseCategoricalAccuracy));
    close(measured(accuracy, &[255, 1, 2], &PerSample(vec![9.0, 1.0, 3.0])).unwrap(), 0.25);
    assert_eq!(Metric::<Rows, Labels>::name(&accuracy), "accuracy");
    assert_eq!(Metric::<Rows, Labels>::direction(&accuracy), Some(kerata::metric::Direction::Up));
}

#[test]
fn of_few_classes_all_are_among_the_first_five() {
    let all = SparseTopKCategoricalAccuracy::default();
    close(measured(all, &[0, 1, 2], &Unweighted).unwrap(), 1.0);
    let dev = Cpu::default();
    let p: Tensor<Rows, f32, Cpu> = dev.tensor_from_vec(vec![0.2, 0.3, 0.5], (1, Const));
    let y: Tensor<Rows, f32, Cpu> = dev.tensor_from_vec(vec![1.0, 0.0, 0.0], (1, Const));
    let (mut state, top) = (Default::default(), TopKCategoricalAccuracy::default());
    update::<Rows, Rows, f32, Cpu, _>(&mut state, &top, p, &y, &Unweighted).unwrap();
    close(Metric::<Rows, Rows>::result(&top, &state), 1.0);
}

/// Their variance is 0 but for rounding, and the score that Keras gives where it is.
#[test]
fn equal_targets_have_no_variance() {
    let dev = Cpu::default();
    for (value, rows) in [(0.1_f32, 1000), (0.3, 7), (0.1, 3), (1e6, 50)] {
        let of = |value: f32| -> Tensor<(Batch, Const<1>), f32, Cpu> {
            dev.tensor_from_vec(vec![value; rows], (rows, Const))
        };
        let (metric, mut state) = (R2Score::default(), Default::default());
        let target = of(value);
        update::<(Batch, Const<1>), (Batch, Const<1>), _, _, _>(
            &mut state,
            &metric,
            of(value + 0.25),
            &target,
            &Unweighted,
        )
        .unwrap();
        let score =
            <R2Score as Metric<(Batch, Const<1>), (Batch, Const<1>)>>::result(&metric, &state);
        assert_eq!(score, 0.0, "{value} {rows}");
    }
}
