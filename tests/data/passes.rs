//! Epochs that are shorter than a pass over data in memory, which go on where the one before ended.

use std::sync::{Arc, Mutex};

use kerata::{
    Batch, Const, Cpu, Dense, Error,
    data::InMemory,
    loss::MeanSquaredError,
    model::Sequential,
    optim::Sgd,
    prelude::*,
    train::{Fit, Trainer},
};

type Line = Sequential<(Batch, Const<1>), (Dense<1, 1>,)>;

fn line()
-> (Trainer<Line, MeanSquaredError, Sgd, (Batch, Const<1>)>, InMemory<Vec<[f32; 1]>, Vec<[f32; 1]>>)
{
    let mut model = Line::build(&Cpu::seed_from_u64(0)).unwrap();
    model.layers.0.kernel.copy_from(&[0.5]);
    let x: Vec<[f32; 1]> = (0..7_u8).map(|i| [i.into()]).collect();
    let y = x.iter().map(|[x]| [2.0 * x + 1.0]).collect();
    let trainer = Trainer::new(model, MeanSquaredError, Sgd::new(0.02)).unwrap();
    (trainer, InMemory::new(x, y).unwrap())
}

/// Seven samples are four batches: an epoch of three of them, one of the last, and so on. `SGD(0.02)`, not shuffled.
#[test]
fn epochs_go_on_in_data_in_memory_as_in_keras() {
    let keras = [17.247215_f64, 0.6276838, 0.0939919, 0.04264897, 0.10544905];
    let (mut trainer, data) = line();
    let fit = Fit {
        batch_size: 2,
        shuffle: false,
        steps_per_epoch: Some(3),
        progress: false,
        ..Fit::epochs(5)
    };
    let history = trainer.fit(&data, &fit).unwrap();
    for (ours, keras) in history.get("loss").unwrap().iter().zip(keras) {
        assert!((ours - keras).abs() < 1e-5 * keras.max(1.0), "{ours}, Keras {keras}");
    }
    assert_eq!(trainer.steps(), 11);
    assert!((trainer.model.layers.0.kernel.array()[0][0] - 2.104637).abs() < 1e-5);
    // Each call of `fit` begins anew: this one as the third epoch, with the samples that the first had.
    let (mut two, _) = line();
    two.fit(&data, &Fit { epochs: 2, ..fit }).unwrap();
    let third = two.fit(&data, &Fit { epochs: 1, ..fit }).unwrap();
    assert_eq!(third.last("loss"), Some(history.get("loss").unwrap()[2]));
    let (mut one, _) = line();
    one.fit(&data, &Fit { epochs: 1, ..fit }).unwrap();
    let second = one.fit(&data, &Fit { epochs: 1, ..fit }).unwrap();
    assert_ne!(second.last("loss"), Some(history.get("loss").unwrap()[1]));
    // An epoch of more batches than there are has never been one.
    let error = trainer.fit(&data, &Fit { steps_per_epoch: Some(5), ..fit }).unwrap_err();
    assert_eq!(error, Error::DataEnded { found: 4, expected: Some(5), setting: "steps_per_epoch" });
}

#[test]
fn epochs_of_one_pass_have_each_sample_once() {
    let (trainer, data) = line();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sees = seen.clone();
    let mut trainer = trainer.augment(move |x, y, _| {
        sees.lock().unwrap().extend(x.as_vec());
        Ok((x, y))
    });
    let fit = Fit { batch_size: 2, steps_per_epoch: Some(3), progress: false, ..Fit::epochs(4) };
    trainer.fit(&data, &fit).unwrap();
    let seen = seen.lock().unwrap();
    let passes: Vec<_> = seen.chunks(7).collect();
    assert_eq!((passes.len(), seen.len()), (2, 14));
    assert_ne!(passes[0], passes[1]);
    for pass in passes {
        let mut sorted = pass.to_vec();
        sorted.sort_by(f32::total_cmp);
        assert_eq!(sorted, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_ne!(pass, sorted);
    }
}
