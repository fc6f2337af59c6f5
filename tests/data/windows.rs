//! Long sounds and large pictures.

use kerata::{
    Batch, Conv1d, Conv2d, Dense, GlobalAveragePooling1d, GlobalAveragePooling2d, Length,
    MaxPool1d, MaxPool2d, Relu, Same, Valid, data::InMemory, loss::SparseCategoricalCrossentropy,
    model, prelude::*,
};

use super::{built, fitted};

/// Sizes that the compiler does not calculate with are those of run time.
#[model(input = (Batch, Length, 1), output = (Batch, 2))]
struct Sound {
    first: Conv1d<_, 4, 9, Relu, Valid, 4>,
    pool: MaxPool1d<4>,
    second: Conv1d<_, 4, 9, Relu, Same>,
    mean: GlobalAveragePooling1d,
    head: Dense<_, 2>,
}

#[model(input = (Batch, Length, Length, 1), output = (Batch, 2))]
struct Picture {
    first: Conv2d<_, 2, 3, 3, Relu, Same, 4>,
    pool: MaxPool2d<4>,
    mean: GlobalAveragePooling2d,
    head: Dense<_, 2>,
}

#[test]
fn long_sounds_and_large_pictures_go_through_windows() {
    let sound: Vec<Vec<f32>> = vec![(0..16_000).map(|i| (i as f32 * 0.01).sin()).collect()];
    let steps: Vec<Vec<[f32; 1]>> =
        sound.iter().map(|sound| sound.iter().map(|&x| [x]).collect()).collect();
    let answers = built::<Sound>().predict(&steps, 1).unwrap().to_rows().unwrap();
    assert!(answers[0].iter().all(|x| x.is_finite()));
    let labels = vec![1_u8];
    let data = InMemory::new(steps, labels).unwrap();
    fitted::<Sound, _, _>(SparseCategoricalCrossentropy::from_logits(), &data).unwrap();
    let picture = vec![vec![[0.5_f32]; 1100]; 1100];
    let [a, b] = built::<Picture>().predict_one(&picture).unwrap();
    assert!(a.is_finite() && b.is_finite());
}
