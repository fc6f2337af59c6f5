//! Models: names, summaries, branches, two inputs, training passes.

use kerata::{
    Add, Average, Batch, BatchNorm, Concatenate, Cpu, Dense, Dropout, Embedding, Error, Identity,
    Ids, Inputs, Lstm, Mask, MaskZero, Masked, Maximum, Minimum, Multiply, Relu, Sequences, Shared,
    Softmax, Tensor, Unmask,
    data::InMemory,
    loss::{MeanSquaredError, SparseCategoricalCrossentropy},
    model,
    model::Sequential,
    optim::Adam,
    prelude::*,
    shape::{Const, HasShape},
    train::{Fit, Trainer},
};

/// Text and numbers: two inputs of different kinds.
#[model(input = Inputs<(Ids<(Batch, 4)>, (Batch, 3))>, output = (Batch, 2))]
struct Mixed {
    #[from(input.0)]
    embed: Embedding<20, 6, MaskZero>,
    text: Lstm<_, 5>,
    #[from(input.1)]
    numbers: Dense<_, 4, Relu>,
    norm: BatchNorm<_>,
    #[from(text, norm)]
    both: Concatenate<_>,
    head: Dense<_, 2, Softmax>,
}

#[test]
fn parameters_have_the_names_of_the_fields() -> Result<(), Error> {
    let model = Mixed::build(&Cpu::seed_from_u64(0))?;
    let parameters = model.parameters();
    let names: Vec<&str> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    let expected = [
        "embed.embeddings",
        "text.kernel",
        "text.recurrent_kernel",
        "text.bias",
        "numbers.kernel",
        "numbers.bias",
        "norm.gamma",
        "norm.beta",
        "norm.moving_mean",
        "norm.moving_variance",
        "head.kernel",
        "head.bias",
    ];
    assert_eq!(names, expected);
    assert_eq!(
        (parameters[1].shape.as_slice(), parameters[1].trainable),
        ([6, 20].as_slice(), true)
    );
    assert!(!parameters[8].trainable);
    let numbers: usize = parameters.iter().map(|p| p.shape.iter().product::<usize>()).sum();
    assert_eq!(numbers, Mixed::PARAMS);
    let trained = parameters.iter().filter(|p| p.trainable);
    assert_eq!(trained.map(|p| p.shape.iter().product::<usize>()).sum::<usize>(), Mixed::TRAINABLE);
    Ok(())
}

#[test]
fn summary_says_where_each_layer_takes_from() {
    let summary = Mixed::summary();
    let rows: Vec<_> = summary
        .rows
        .iter()
        .map(|row| (row.name.as_str(), row.role, row.from.join(" "), row.mask, row.params))
        .collect();
    let expected = [
        ("embed", "input", "input.0", "made", 120),
        ("text", "hidden", "embed", "consumed", 240),
        ("numbers", "input", "input.1", "", 16),
        ("norm", "hidden", "numbers", "", 16),
        ("both", "hidden", "text norm", "", 0),
        ("head", "output", "both", "", 20),
    ];
    assert_eq!(rows, expected.map(|(n, r, f, m, p)| (n, r, f.to_owned(), m, p)));
    assert_eq!(summary.rows[4].layer, "Concatenate<9>");
    let text = summary.to_string();
    assert!(text.ends_with("412 parameters, 8 of them not trainable"), "{text}");
    assert!(
        text.contains("text, norm") && text.contains("Inputs<((Batch, 5), (Batch, 4))>"),
        "{text}"
    );
}

#[model(input = Ids<(Batch, 4)>)]
struct Unmasked {
    embed: Embedding<20, 6, MaskZero>,
    unmask: Unmask,
    last: Lstm<_, 5>,
}

#[test]
fn summary_of_a_chain_needs_no_such_column() {
    let text = Unmasked::summary().to_string();
    assert!(!text.contains("from") && text.contains("dropped"), "{text}");
    type Tuple = Sequential<Ids<(Batch, Const<4>)>, (Embedding<20, 6, MaskZero>, Lstm<6, 5>)>;
    let text = Tuple::summary().to_string();
    assert!(!text.contains("from") && text.ends_with("\n360 parameters"), "{text}");
}

#[test]
fn two_inputs_are_trained_and_asked() -> Result<(), Error> {
    let words = vec![[1_usize, 2, 0, 0], [3, 4, 5, 0], [1, 2, 6, 0], [3, 4, 0, 0]];
    let numbers = vec![[0.1_f32, 0.2, 0.3], [0.9, 0.1, 0.4], [0.2, 0.3, 0.3], [0.8, 0.0, 0.5]];
    let inputs = (words.clone(), numbers.clone());
    let data = InMemory::new(inputs.clone(), vec![0_usize, 1, 0, 1])?;
    let model = Mixed::build(&Cpu::seed_from_u64(0))?;
    let mut trainer =
        Trainer::new(model, SparseCategoricalCrossentropy::default(), Adam::new(0.02))?;
    let history = trainer.fit(&data, &Fit { batch_size: 2, ..Fit::epochs(40) })?;
    assert!(history.last("loss").unwrap() < 0.1, "{history:?}");
    let answers = trainer.model.predict(&inputs, 3)?.as_vec();
    assert!(answers[0] > 0.5 && answers[3] > 0.5, "{answers:?}");

    let uneven = (words, numbers[..3].to_vec());
    let text = "the number of samples of the second input: expected 4, found 3";
    assert_eq!(InMemory::new(uneven.clone(), vec![0_usize; 3]).unwrap_err().to_string(), text);
    assert_eq!(trainer.model.predict(&uneven, 3).unwrap_err().to_string(), text);
    Ok(())
}

/// The parts of parts, and two values as the output.
#[model(input = Inputs<(Inputs<((Batch, 2), (Batch, 2))>, (Batch, 2))>)]
struct Parts {
    #[from(input.0.1, input.1)]
    sum: Add,
    #[from(input.0)]
    mean: Average,
    #[from(sum, mean)]
    both: Identity,
}

#[test]
fn parts_of_parts() -> Result<(), Error> {
    let dev = Cpu::default();
    let x = |v: f32| dev.tensor_from_vec(vec![v, 10.0 * v], (1, Const));
    let (sum, mean) = Parts::build(&dev)?.forward(((x(1.0), x(3.0)), x(5.0)))?;
    // References share the data.
    let (a, b) = ((x(1.0), x(3.0)), x(5.0));
    let (again, _) = Parts::build(&dev)?.forward((&a, &b))?;
    assert_eq!(again.as_vec(), sum.as_vec());
    assert_eq!((sum.as_vec(), mean.as_vec()), (vec![8.0, 80.0], vec![2.0, 20.0]));
    Ok(())
}

/// A layer that is called twice has one set of weights.
#[model(input = Inputs<(Ids<(Batch, 4)>, Ids<(Batch, 4)>)>, output = (Batch, 1))]
struct Siamese {
    embed: Shared<Embedding<20, 6, MaskZero>>,
    read: Shared<Lstm<_, 5, Sequences>>,
    #[from(read.0)]
    first: Lstm<_, 3>,
    #[from(read.1)]
    second: Lstm<_, 3>,
    #[from(first, second)]
    product: Multiply,
    head: Dense<_, 1>,
}

#[test]
fn shared_layers() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(0);
    let model = Siamese::build(&dev)?;
    assert_eq!(Siamese::summary().rows[0].params, 120);
    let ids = |ids: [usize; 4]| dev.tensor_from_vec(ids.to_vec(), (1, Const));
    let (a, b) = model.embed.forward((ids([1, 2, 0, 0]), ids([1, 2, 3, 0])))?;
    assert_eq!(a.values().as_vec()[..12], b.values().as_vec()[..12]);
    assert_eq!((a.mask().count(), b.mask().count()), (2, 3));
    assert_eq!(model.forward((ids([1, 2, 0, 0]), ids([3, 3, 3, 3])))?.as_vec().len(), 1);
    Ok(())
}

#[model(input = (Batch, 50))]
struct Inner {
    drop: Dropout<50>,
}

#[model(input = (Batch, 50))]
struct Outer {
    inner: Inner,
    #[from(inner, input)]
    sum: Add,
}

#[test]
fn the_training_pass_reaches_nested_models() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(0);
    let mut model = Outer::build(&dev)?;
    let x = dev.tensor_from_vec(vec![1.0_f32; 200], (4, Const));
    assert!(model.forward(x.clone())?.as_vec().iter().all(|&v| v == 2.0));
    let y = model.forward_mut(x)?.as_vec();
    assert!(y.contains(&1.0) && y.contains(&3.0), "{y:?}");
    Ok(())
}

type Steps = Tensor<(Batch, Const<4>, Const<2>), f32, Cpu>;

fn masked(rows: [&str; 2], factor: f32) -> Result<Masked<Steps>, Error> {
    let numbers = (1..=16).map(|i| i as f32 * factor).collect();
    let values = Cpu::default().tensor_from_vec(numbers, (2, Const, Const));
    let keep: Vec<bool> = rows.concat().chars().map(|c| c == '#').collect();
    Masked::new(values, Mask::from_bools(keep, 2, 4)?)
}

/// As in Keras: a step that one of two inputs keeps is that one's, and what none keeps is masked.
#[test]
fn masks_of_merged_inputs() -> Result<(), Error> {
    let (a, b) = (masked(["##..", "#..."], 1.0)?, masked(["#.#.", "#..."], -2.0)?);
    let pair = || (a.clone(), b.clone());
    let (product, mask) = Multiply.forward(pair())?.into_parts();
    assert_eq!(format!("{mask:?}"), "Mask[###. #...]");
    assert_eq!(product.as_vec()[..8], [-2.0, -8.0, 3.0, 4.0, -10.0, -12.0, 0.0, 0.0]);
    let (largest, mask) = Maximum.forward(pair())?.into_parts();
    assert_eq!(format!("{mask:?}"), "Mask[###. #...]");
    assert_eq!(largest.as_vec()[..8], [1.0, 2.0, 3.0, 4.0, -10.0, -12.0, 7.0, 8.0]);
    let (smallest, _) = Minimum.forward(pair())?.into_parts();
    assert_eq!(smallest.as_vec()[..8], [-2.0, -4.0, 3.0, 4.0, -10.0, -12.0, 7.0, 8.0]);
    let (sum, mask) = Add.forward(pair())?.into_parts();
    assert_eq!(sum.as_vec()[2..4], [-3.0, -4.0]);
    assert_eq!(mask.row(0), [true, true, true, false]);
    let both = Concatenate::<4>.forward(pair())?;
    assert_eq!(both.mask(), &mask);
    assert_eq!(both.values().as_vec()[..4], [1.0, 2.0, -2.0, -4.0]);
    Ok(())
}

#[test]
fn merged_batches_of_nothing() -> Result<(), Error> {
    let values: Steps = Cpu::default().tensor_from_vec(Vec::new(), (0, Const, Const));
    let nothing = || Masked::new(values.clone(), Mask::full(0, 4));
    for y in [
        Add.forward((nothing()?, nothing()?))?,
        Multiply.forward((nothing()?, nothing()?))?,
        Maximum.forward((nothing()?, nothing()?))?,
    ] {
        assert_eq!((y.values().shape().0, y.mask().batch()), (0, 0));
    }
    assert_eq!(Minimum.forward((values.clone(), values.clone()))?.shape().0, 0);
    assert_eq!(Concatenate::<4>.forward((values.clone(), values))?.shape().0, 0);
    Ok(())
}

/// What is made without the macro is trained in the same way.
#[test]
fn sequential_models_are_trained() -> Result<(), Error> {
    type Meter = Sequential<(Batch, Const<2>), (Dense<2, 8, Relu>, Dense<8, 1>)>;
    let x: Vec<[f32; 2]> = (0..8).map(|i| [i as f32 / 8.0, 1.0]).collect();
    let y: Vec<f32> = x.iter().map(|x| 2.0 * x[0] - 1.0).collect();
    let model = Meter::build(&Cpu::seed_from_u64(0))?;
    let mut trainer = Trainer::new(model, MeanSquaredError, Adam::new(0.05))?;
    let history = trainer.fit(&InMemory::new(x, y)?, &Fit::epochs(60))?;
    assert!(history.last("loss").unwrap() < 0.01, "{history:?}");
    let names = trainer.model.parameters();
    assert_eq!((names[0].name.as_str(), names.len()), ("0.kernel", 4));
    Ok(())
}
