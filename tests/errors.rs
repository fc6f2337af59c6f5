//! What can go wrong at run time is an error that names the place and the value; nothing panics.

#![allow(missing_docs)]

use kerata::{
    Add, Batch, Conv1d, Cpu, Dense, Embedding, EmbeddingBag, Error, Length, Linear, Lstm, Mask,
    MaskZero, Masked, Sequences, Softmax, Tensor, TimeDistributed,
    backend::LstmState,
    config::{AnySignal, Config, CustomObjects, Dynamic, DynamicValue, layer_from_config},
    data::InMemory,
    layer,
    loss::{
        Loss, MeanSquaredError, Prediction, PredictionRows, SparseCategoricalCrossentropy, Target,
    },
    model,
    model::Sequential,
    optim::{Adam, AdamW, RMSprop, Sgd},
    prelude::*,
    reduce::{PerSample, PerStep, SampleWeights},
    shape::Const,
    tensor::{
        BroadcastTo, HasShape, MeanTo, NoneTape, Rank0, Rank1, ReshapeTo, SumTo, Tape,
        TensorFromVec, TrySub,
    },
    train::{Fit, Trainer},
};

#[model(input = (Batch, 2), output = (Batch, 3))]
struct Classifier {
    head: Dense<_, 3, Softmax>,
}

#[model(input = (Batch, 1), output = (Batch, 1))]
struct Line {
    head: Dense<_, 1, Linear>,
}

fn says<T>(result: Result<T, Error>, text: &str) {
    match result {
        Ok(_) => panic!("no error; expected `{text}`"),
        Err(error) => assert_eq!(error.to_string(), text),
    }
}

fn classifier<Y: kerata::signal::Signal>()
-> Trainer<Classifier, SparseCategoricalCrossentropy, Adam, Y> {
    let model = Classifier::build(&Cpu::seed_from_u64(0)).unwrap();
    Trainer::new(model, SparseCategoricalCrossentropy::default(), Adam::default()).unwrap()
}

#[test]
fn ids_outside_the_vocabulary() {
    let dev = Cpu::default();
    let embedding = Embedding::<5, 2, MaskZero>::build(&dev).unwrap();
    let text = "token id 5 at row 1, step 2 is outside the vocabulary of 5 (ids are 0 to 4)";
    says(embedding.forward(dev.tensor([[1_usize, 2, 3], [4, 0, 5]])), text);
    let bag = EmbeddingBag::<5, 2>::build(&dev).unwrap();
    says(bag.forward(dev.tensor([[1_usize, 2, 3], [4, 0, 5]])), text);
    let one = Embedding::<5, 2>::build(&dev).unwrap();
    let text = "token id 9 at row 1, step 0 is outside the vocabulary of 5 (ids are 0 to 4)";
    says(one.forward(dev.tensor([1_usize, 9])), text);
    let error = Error::IdOutsideVocabulary { id: 0, vocabulary: 0, row: 0, step: 0 };
    let text = "token id 0 at row 0, step 0 is outside the vocabulary of 0 (there are none)";
    assert_eq!(error.to_string(), text);
}

#[test]
fn labels_out_of_range() {
    let data = InMemory::new(vec![[0.0, 1.0]; 3], vec![0, 1, 3]).unwrap();
    let text = "label 3 at position 2 is out of range: there are 3 classes (0 to 2)";
    let fit = Fit { shuffle: false, ..Fit::default() };
    says(classifier().fit(&data, &fit), text);
    says(classifier().evaluate(&data, 32), text);
    let dev = Cpu::default();
    let metric: &dyn kerata::metric::Metric<
        (Batch, Const<3>),
        kerata::Ids<(Batch,)>,
        State = kerata::reduce::Mean,
    > = &kerata::metric::MeanReciprocalRank;
    let rows = dev.tensor_from_vec(vec![0.0; 3], (1, 3));
    let text = "label 3 at position 0 is out of range: there are 3 classes (0 to 2)";
    let label = dev.tensor_from_vec(vec![3], (1,));
    says(metric.update(&mut Default::default(), &rows, &label, &[1.0]), text);
    let error = Error::LabelOutOfRange { label: 0, classes: 0, position: 0 };
    let text = "label 0 at position 0 is out of range: there are 0 classes (none)";
    assert_eq!(error.to_string(), text);
}

#[test]
fn sizes_that_disagree() {
    says(
        InMemory::new(vec![[0.0, 1.0]; 3], vec![0, 1]),
        "the number of targets: expected 3, found 2",
    );
    let data = InMemory::new(vec![[0.0, 1.0]; 3], vec![0, 1, 2]).unwrap();
    let text = "the number of sample weights: expected 3, found 2";
    says(data.with_weights(PerSample(vec![1.0; 2])), text);
    says(PerStep::new(vec![1.0; 5], 2), "the steps of a row of weights: expected 2, found 5");
    says(Mask::from_bools(vec![true; 5], 2, 3), "the flags of a mask: expected (2, 3), found 5");
    says(
        Mask::from_lengths(&[2, 5], 4),
        "the length of a row of a mask (at most): expected 4, found 5",
    );
    says(
        Mask::full(2, 3).or(&Mask::full(2, 4)),
        "the size of a mask: expected (2, 3), found (2, 4)",
    );
    let dev = Cpu::default();
    let x = dev.tensor_from_vec(vec![0.0_f32; 6], (2, 3, Const::<1>));
    let text = "the batch and length of a mask: expected (2, 3), found (3, 2)";
    says(Masked::new(x.clone(), Mask::full(3, 2)), text);
    let lstm = Lstm::<1, 2, Sequences>::build(&dev).unwrap();
    says(lstm.forward_with_state(x.clone(), Some(&Mask::full(3, 2)), None), text);
    let rows = |n: usize| dev.tensor_from_vec(vec![0.0_f32; 2 * n], (n, Const));
    let initial = Some(LstmState { h: rows(2), c: rows(3) });
    let text = "the rows of the initial state: expected 2, found 3";
    says(lstm.forward_with_state(x, None, initial), text);
    let prediction = dev.tensor_from_vec(vec![0.0_f32; 4], (2, Const::<2>));
    let target = dev.tensor_from_vec(vec![0.0_f32; 6], (3, Const));
    let text = "the positions and values of a target: expected (2, 2), found (3, 2)";
    says(MeanSquaredError.compute(prediction.clone(), target), text);
    let labels = dev.tensor_from_vec(vec![0; 3], (3,));
    let text = "the number of labels: expected 2, found 3";
    says(SparseCategoricalCrossentropy::default().compute(prediction, labels), text);
}

#[test]
fn a_path_without_a_name() {
    let mut model = Classifier::build(&Cpu::default()).unwrap();
    for result in [model.save_weights(""), model.load_weights("")] {
        let error = result.unwrap_err().to_string();
        assert!(error.starts_with("an empty path: "), "{error}");
    }
}

#[test]
fn nothing_to_learn_from() {
    says(InMemory::new(Vec::<[f32; 2]>::new(), Vec::<usize>::new()), "the dataset is empty");
    let none: Vec<[f32; 2]> = Vec::new();
    let model = Classifier::build(&Cpu::default()).unwrap();
    says(model.predict(&none, 32), "the list of samples is empty");
    says(model.predict(&vec![[0.0; 2]], 0), "batch_size is 0: it must be at least 1");
    let data = InMemory::new(vec![[0.0, 1.0]; 3], vec![0, 1, 2]).unwrap();
    says(classifier().fit(&data, &Fit::epochs(0)), "epochs is 0: it must be at least 1");
    let fit = Fit { batch_size: 0, ..Fit::default() };
    says(classifier().fit(&data, &fit), "batch_size is 0: it must be at least 1");
    says(classifier().evaluate(&data, 0), "batch_size is 0: it must be at least 1");
    says(data.split(0.0), "the share to split off is 0: both parts must hold samples");
    says(data.split(f64::NAN), "the share to split off is NaN: both parts must hold samples");
}

/// The model is as the last complete step left it, and the history of the epochs before is there.
#[test]
fn losses_that_are_not_finite() {
    let model = Line::build(&Cpu::seed_from_u64(0)).unwrap();
    let mut trainer = Trainer::new(model, MeanSquaredError, Sgd::new(0.1)).unwrap();
    let good = InMemory::new(vec![[1.0_f32]; 4], vec![[1.0_f32]; 4]).unwrap();
    trainer.fit(&good, &Fit::epochs(2)).unwrap();
    let kernel = trainer.model.head.kernel.array();
    let bad = InMemory::new(vec![[f32::NAN]; 4], vec![[1.0_f32]; 4]).unwrap();
    let text = "the loss is NaN in epoch 1, batch 1: lower the learning rate or look at that batch";
    says(trainer.fit(&bad, &Fit::epochs(3)), text);
    assert_eq!(trainer.model.head.kernel.array(), kernel);
    assert_eq!(trainer.history().epochs(), 2);
    // A learning rate that is far too high.
    let mut trainer = {
        let model = Line::build(&Cpu::seed_from_u64(0)).unwrap();
        Trainer::new(model, MeanSquaredError, Sgd::new(1e30)).unwrap()
    };
    match trainer.fit(&good, &Fit::epochs(50)) {
        Err(Error::NonFiniteLoss { epoch, .. }) => assert!(epoch > 1),
        other => panic!("{other:?}"),
    }
}

#[test]
fn weights_of_positions_that_are_not_there() {
    let each = PerStep::new(vec![1.0, 2.0], 1).unwrap();
    says(each.expand(&[2]), "the steps of a row of weights: expected 0, found 1");
    let text = "the number of sample weights: expected 0, found 1";
    says(PerSample(vec![1.0]).expand(&[]), text);
}

#[test]
fn weights_that_are_not_finite() {
    let data = InMemory::new(vec![[1.0_f32]; 2], vec![[1.0_f32]; 2]).unwrap();
    let weighted = data.clone().with_weights(PerSample(vec![1.0, f32::NAN]));
    says(weighted, "sample weight 1 is NaN, which is not finite");
    let weighted = data.clone().with_weights((vec![1.0_f64; 2], vec![f64::INFINITY, 1.0]));
    says(weighted, "sample weight 0 is inf, which is not finite");
    // Those of steps may be anything in the padding, which the data does not know.
    let steps = PerStep::new(vec![1.0, f32::NAN], 1).unwrap();
    let data = data.with_weights(steps).unwrap();
    let mean = MeanSquaredError.compute_weighted(
        Cpu::default().tensor([[[1.0_f32]], [[1.0]]]),
        Cpu::default().tensor([[[1.0_f32]], [[1.0]]]),
        data.weights(),
    );
    says(mean, "the weight of position 1 is NaN, which is not finite");
    // Where there is no mask, they are looked at before the first batch.
    type Sequence = Sequential<(Batch, Length, Const<1>), (TimeDistributed<Dense<1, 1>>,)>;
    let sequences = || {
        let x = vec![vec![[1.0_f32]; 3]; 40];
        let mut weights = vec![1.0; 120];
        weights[110] = f32::INFINITY;
        let steps = PerStep::new(weights, 3).unwrap();
        InMemory::new(x.clone(), x).unwrap().with_weights(steps).unwrap()
    };
    let fit = |validated: bool| {
        let model = Sequence::build(&Cpu::default()).unwrap();
        let mut trainer = Trainer::new(model, MeanSquaredError, Sgd::new(0.1)).unwrap();
        let fit = Fit { batch_size: 1, progress: false, ..Fit::epochs(1) };
        let x = vec![vec![[1.0_f32]; 3]; 4];
        let plain = InMemory::new(x.clone(), x).unwrap();
        let failed = match validated {
            true => trainer.fit_validated(&plain, &sequences(), &fit).map(drop),
            false => {
                let product = sequences().with_weights(vec![1.0_f32; 40]).unwrap();
                trainer.fit(&product, &fit).map(drop)
            }
        };
        assert_eq!(trainer.steps(), 0);
        failed
    };
    says(fit(false), "the weight of position 110 is inf, which is not finite");
    says(fit(true), "the weight of position 110 is inf, which is not finite");
    let classes = InMemory::new(vec![[1.0_f32]; 2], vec![0_usize, 1]).unwrap();
    let nan = classes.clone().with_class_weight([1.0, f32::NAN]);
    says(nan, "the weight of class 1 is NaN, which is not finite");
    let negative = classes.with_class_weight([1.0, -5.0]);
    says(negative, "a class weight is -5 for class 1: it must be at least 0");
}

#[test]
fn settings_that_make_no_sense() {
    let new = |optimizer: Adam| {
        let model = Line::build(&Cpu::default()).unwrap();
        Trainer::<_, _, _, (Batch, Const<1>)>::new(model, MeanSquaredError, optimizer).map(|_| ())
    };
    says(new(Adam::new(-0.1)), "learning_rate is -0.1: it must be at least 0");
    says(new(Adam::new(-1e300)), "learning_rate is -1e300: it must be at least 0");
    says(new(Adam::new(f64::NAN)), "learning_rate is NaN: it must be at least 0");
    // As it may be set later on, and as in Keras.
    new(Adam::new(0.0)).unwrap();
    says(new(Adam { beta_1: 1.0, ..Adam::default() }), "beta_1 is 1: it must be in 0..1");
    says(new(AdamW::new(0.1, -1.0).0), "weight_decay is -1: it must be at least 0");
    use kerata::optim::Optimizer;
    says(RMSprop { rho: -0.5, ..RMSprop::default() }.check(), "rho is -0.5: it must be in 0..1");
    says(Sgd { momentum: 2.0, ..Sgd::default() }.check(), "momentum is 2: it must be in 0..1");
}

/// The same seed gives the same model, the same order and the same dropout.
#[test]
fn same_seed_same_result() -> Result<(), Error> {
    #[model(input = (Batch, 4), output = (Batch, 1))]
    struct Dropped {
        hidden: Dense<_, 8>,
        drop: kerata::Dropout<50>,
        head: Dense<_, 1>,
    }
    let run = |seed: u64, shuffle: u64| {
        let model = Dropped::build(&Cpu::seed_from_u64(seed))?;
        let mut trainer = Trainer::new(model, MeanSquaredError, Adam::default())?;
        let rows: Vec<[f32; 4]> = (0..50).map(|i| [i as f32 / 50.0, 0.5, -0.1, 1.0]).collect();
        let targets: Vec<[f32; 1]> = rows.iter().map(|row| [row[0] * 2.0]).collect();
        let fit = Fit { seed: shuffle, batch_size: 8, ..Fit::epochs(3) };
        let history = trainer.fit(&InMemory::new(rows, targets)?, &fit)?;
        Ok::<_, Error>((history, trainer.model.head.kernel.as_vec()))
    };
    assert_eq!(run(1, 2)?, run(1, 2)?);
    assert_ne!(run(1, 2)?, run(1, 3)?);
    assert_ne!(run(1, 2)?, run(2, 2)?);
    Ok(())
}

/// A layer says its name where the sizes of what reaches it are known at run time only.
#[test]
fn layers_are_named() {
    #[model(input = (Batch, Length, 4))]
    struct Net {
        conv: Conv1d<_, 4, 3>,
        #[from(input, conv)]
        #[with(name = "residual")]
        sum: Add,
    }
    let dev = Cpu::seed_from_u64(0);
    let net = Net::build(&dev).unwrap();
    let x = |steps: usize| dev.tensor_from_vec(vec![0.0; steps * 4], (1, steps, Const));
    says(
        net.forward(x(5)),
        "layer `residual`: the shapes of two inputs: expected [1, 5, 4], found [1, 3, 4]",
    );
    says(
        net.forward(x(2)),
        "layer `conv`: the size that a window slides along (at least): expected 3, found 2",
    );
}

/// A loss for the whole batch, where one for each position is wanted.
struct OfAll;

impl<P: Prediction, Y: Target<P>> Loss<P, Y> for OfAll {
    fn per_position<T: Tape<f32, Cpu>>(
        &self,
        prediction: PredictionRows<f32, Cpu, T>,
        target: &Y::Data<f32, Cpu, NoneTape>,
    ) -> Result<Tensor<(usize,), f32, Cpu, T>, Error> {
        let squares = prediction.try_sub(Y::rows(target)?)?.try_square()?;
        let sum: Tensor<Rank0, f32, Cpu, T> = squares.try_sum()?;
        Ok(sum.try_reshape_like(&(1,))?)
    }
}

/// Makes of a batch one row more.
#[layer]
struct OneMore;

impl Layer<(Batch, Const<2>)> for OneMore {
    type Out = (Batch, Const<2>);

    fn call<T: Tape<f32, Cpu>>(
        &self,
        x: Tensor<(usize, Const<2>), f32, Cpu, T>,
    ) -> Result<Tensor<(usize, Const<2>), f32, Cpu, T>, Error> {
        let rows = x.shape().0;
        let mean: Tensor<Rank1<2>, f32, Cpu, T> = x.try_mean()?;
        Ok(mean.try_broadcast_like(&(rows + 1, Const))?)
    }
}

/// Promises what it gets, and gives one value.
#[derive(Debug)]
struct Promises;

impl Dynamic for Promises {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        Ok(arrives.clone())
    }

    fn run(&self, x: DynamicValue) -> Result<DynamicValue, Error> {
        DynamicValue::numbers([x.sizes()[0], 1], vec![0.5; x.sizes()[0]])
    }
}

#[test]
fn code_of_a_user_that_gives_what_it_should_not() {
    let dev = Cpu::default();
    let [x, y] = [0.0, 1.0].map(|value| dev.tensor_from_vec(vec![value; 6], (3, Const::<2>)));
    let text = "the losses of a batch, one for each position: expected 3, found 1";
    says(OfAll.compute(x.clone(), y.clone()), text);
    says(OfAll.compute_weighted(x, y, &PerSample(vec![1.0, 2.0, 3.0])), text);

    let model = Sequential::<(Batch, Const<2>), _>::new((OneMore,));
    let text = "the answers to the samples of a batch: expected 2, found 3";
    says(model.predict(&[[1.0_f32, 2.0]; 4], 2), text);
    let text = "the answers to the samples of a batch: expected 1, found 2";
    says(model.predict_one(&[1.0_f32, 2.0]), text);

    let config: Config = r#"{"class_name": "Promises", "config": {}}"#.parse().unwrap();
    let custom = CustomObjects::new().constructor("Promises", |_, _| Ok(Box::new(Promises)));
    let mut layer = layer_from_config(&config, &custom).unwrap();
    let text = "`promises`: by its `gives`, `(Batch, 2)` leaves it, but `run` gave `(Batch, 1)`";
    says(layer.run(DynamicValue::numbers([3, 2], vec![0.0; 6]).unwrap()), text);
}
