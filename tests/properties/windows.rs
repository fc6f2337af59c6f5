//! Windows along sizes that no type calculates with.

use kerata::{
    Add, AvgPool2d, Batch, Causal, Conv1d, Conv2d, Cpu, Dense, Error, Flatten,
    GlobalAveragePooling1d, Length, MaxPool1d, Relu, Reshape, Same, Valid, ZeroPadding2d,
    data::InMemory,
    loss::MeanSquaredError,
    model,
    optim::Adam,
    prelude::*,
    shape::Const,
    train::{Fit, Trainer},
};

/// One second of sound, in sizes that no type calculates with.
#[model(input = (Batch, 1100, 2), output = (Batch, 3))]
struct Sound {
    conv: Conv1d<_, 4, 9, Relu, Valid>,
    pool: MaxPool1d<2, 1, Same>,
    half: Conv1d<_, 4, 5, Relu, Causal, 2>,
    apart: Conv1d<_, 4, 5, Relu, Causal, 1, 3>,
    #[from(apart, apart)]
    sum: Add,
    mean: GlobalAveragePooling1d,
    head: Dense<_, 3>,
}

/// The same, of any length.
#[model(input = (Batch, Length, 2), output = (Batch, 3))]
struct AnySound {
    conv: Conv1d<_, 4, 9, Relu, Valid>,
    pool: MaxPool1d<2, 1, Same>,
    half: Conv1d<_, 4, 5, Relu, Causal, 2>,
    apart: Conv1d<_, 4, 5, Relu, Causal, 1, 3>,
    #[from(apart, apart)]
    sum: Add,
    mean: GlobalAveragePooling1d,
    head: Dense<_, 3>,
}

/// Sizes that become larger than types calculate with, and small again.
#[model(input = (Batch, 1020, 2, 1), output = (Batch, 1032))]
struct Picture {
    pad: ZeroPadding2d<4, 0>,
    wide: ZeroPadding2d<4, 0>,
    conv: Conv2d<_, 2, 5, 1>,
    pool: AvgPool2d<2, 2, 2, 1>,
    flatten: Flatten<_>,
    narrow: Reshape<(Const<516>, Const<2>)>,
    small: MaxPool1d<1>,
    last: Flatten<_>,
}

#[test]
fn windows_slide_along_sizes_above_1024() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(5);
    let sounds: Vec<[[f32; 2]; 1100]> = (0..3)
        .map(|i| std::array::from_fn(|t| [((i + t) as f32).sin(), (t as f32 * 0.3).cos()]))
        .collect();
    let (one, any) = (Sound::build(&dev)?, AnySound::build(&Cpu::seed_from_u64(5))?);
    let rows = Sound::summary().rows;
    let outputs: Vec<&str> = rows.iter().map(|row| row.output.as_str()).collect();
    let expected = ["(Batch, 1092, 4)", "(Batch, 1092, 4)", "(Batch, 546, 4)", "(Batch, 546, 4)"];
    assert_eq!(outputs[..4], expected);
    assert_eq!(one.predict(&sounds, 2)?.as_vec(), any.predict(&sounds, 2)?.as_vec());

    let targets = vec![[1.0_f32, 0.0, -1.0]; 3];
    let data = InMemory::new(sounds, targets)?;
    let mut one = Trainer::new(one, MeanSquaredError, Adam::default())?;
    let mut any = Trainer::new(any, MeanSquaredError, Adam::default())?;
    let history = one.fit(&data, &Fit::epochs(3))?;
    assert_eq!(history, any.fit(&data, &Fit::epochs(3))?);
    assert!(history.last("loss") < history.get("loss").map(|losses| losses[0]));
    Ok(())
}

#[test]
fn sizes_may_pass_1024_and_come_back() -> Result<(), Error> {
    let outputs: Vec<String> = Picture::summary().rows.into_iter().map(|row| row.output).collect();
    let expected =
        ["(Batch, 1028, 2, 1)", "(Batch, 1036, 2, 1)", "(Batch, 1032, 2, 2)", "(Batch, 516, 1, 2)"];
    assert_eq!(outputs[..4], expected);
    let picture = Picture::build(&Cpu::seed_from_u64(1))?;
    assert_eq!(picture.predict(&vec![[[[1.0_f32]; 2]; 1020]; 2], 2)?.as_vec().len(), 2 * 1032);
    Ok(())
}
