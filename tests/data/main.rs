//! Data as people have it: labels of any whole type, rows in a `Vec`, sequences of any length, answers as rows.

#![allow(missing_docs)]

mod colors;
mod files;
mod images;
mod masked_targets;
mod passes;
mod preprocessing;
mod ragged_labels;
mod streams;
mod text;
mod weights;
mod windows;

use kerata::{
    Batch, Const, Cpu, Dense, Embedding, Error, Ids, Inputs, Length, Lstm, MaskZero, Masked,
    Masking, Sequences, Sigmoid, Softmax, Tensor, TimeDistributed,
    data::{InMemory, Ragged, Sample, Samples, Vocabulary},
    loss::{
        BinaryCrossentropy, CategoricalCrossentropy, Loss, MeanSquaredError, Prediction,
        SparseCategoricalCrossentropy,
    },
    metric::{BinaryAccuracy, SparseCategoricalAccuracy},
    model,
    optim::{Adam, Sgd},
    prelude::*,
    train::{Feeds, Fit, Trainer},
};

#[model(input = (Batch, 2), output = (Batch, 3))]
struct Classes {
    head: Dense<_, 3, Softmax>,
}

#[model(input = (Batch, 2), output = (Batch, 1))]
struct YesOrNo {
    head: Dense<_, 1, Sigmoid>,
}

#[model(input = Masked<(Batch, Length, 2)>, output = Masked<(Batch, Length, 3)>)]
struct Tagger {
    lstm: Lstm<_, 4, Sequences>,
    head: TimeDistributed<Dense<_, 3, Softmax>>,
}

#[model(input = (Batch, Length, 2), output = (Batch, 3))]
struct Reader {
    masking: Masking,
    lstm: Lstm<_, 4>,
    head: Dense<_, 3>,
}

fn built<M: Build<f32, Cpu>>() -> M {
    M::build(&Cpu::seed_from_u64(0)).unwrap()
}

/// The loss of one epoch on the data, of a model with the same start.
fn fitted<M, L, Data>(loss: L, data: &Data) -> Result<f64, Error>
where
    M: Model<f32, Cpu, Output: Prediction> + Build<f32, Cpu>,
    L: Loss<M::Output, Data::Target>,
    Data:
        kerata::data::Dataset<Input: Feeds<M::Input>, Weights: kerata::reduce::Weights<M::Output>>,
{
    let mut trainer = Trainer::new(built::<M>(), loss, Sgd::new(0.1))?;
    Ok(trainer.fit(data, &Fit::default())?.last("loss").unwrap())
}

const X: [[f32; 2]; 4] = [[0.5, 1.0], [1.0, -1.0], [0.0, 2.0], [-1.0, 0.5]];

#[test]
fn labels_are_whole_numbers_of_any_type() {
    fn loss<Y: Samples>(labels: Y) -> Result<f64, Error>
    where
        SparseCategoricalCrossentropy: Loss<(Batch, Const<3>), Y::Signal>,
    {
        let data = InMemory::new(X, labels)?;
        fitted::<Classes, _, _>(SparseCategoricalCrossentropy::default(), &data)
    }
    let expected = loss(vec![0_usize, 1, 1, 0]).unwrap();
    assert_eq!(loss(vec![0_u8, 1, 1, 0]), Ok(expected));
    assert_eq!(loss(vec![0_u16, 1, 1, 0]), Ok(expected));
    assert_eq!(loss(vec![0_u32, 1, 1, 0]), Ok(expected));
    assert_eq!(loss(vec![0_u64, 1, 1, 0]), Ok(expected));
    assert_eq!(loss(vec![0_i8, 1, 1, 0]), Ok(expected));
    assert_eq!(loss(vec![0_i16, 1, 1, 0]), Ok(expected));
    assert_eq!(loss(vec![0, 1, 1, 0]), Ok(expected));
    assert_eq!(loss(vec![0_i64, 1, 1, 0]), Ok(expected));
    assert_eq!(loss(vec![0_isize, 1, 1, 0]), Ok(expected));
    assert_eq!(loss([false, true, true, false]), Ok(expected));
    assert_eq!(loss(&[0_u8, 1, 1, 0][..]), Ok(expected));

    let error = loss(vec![0_i64, 1, -7, 0]).unwrap_err();
    assert_eq!(error, Error::NotAnId { row: 2, value: "-7".into() });
    assert_eq!(error.to_string(), "row 2 holds -7, which is no id: ids and labels count from 0");
    let error = loss(vec![0_u8, 3, 1, 0]).unwrap_err();
    assert!(matches!(error, Error::LabelOutOfRange { label: 3, classes: 3, .. }), "{error}");
}

#[test]
fn ids_too_large_are_an_error() {
    let dev = Cpu::default();
    let table: Embedding<10, 2, MaskZero> = Build::<f32, Cpu>::build(&dev).unwrap();
    let ids = vec![[1_u32, 2], [3, u32::MAX]];
    let error = table.forward(ids.batch::<f32, _>(&[0, 1], &dev).unwrap()).unwrap_err();
    assert!(
        matches!(error, Error::IdOutsideVocabulary { id, row: 1, step: 1, .. } if id == u32::MAX as usize),
        "{error}"
    );
}

#[test]
fn yes_and_no_train_a_binary_model() {
    let loss = BinaryCrossentropy::default;
    let expected = InMemory::new(X, vec![1.0_f32, 0.0, 1.0, 1.0]).unwrap();
    let expected = fitted::<YesOrNo, _, _>(loss(), &expected).unwrap();
    let data = InMemory::new(X, vec![true, false, true, true]).unwrap();
    assert_eq!(fitted::<YesOrNo, _, _>(loss(), &data), Ok(expected));
    let data = InMemory::new(X, vec![[1_u8], [0], [1], [1]]).unwrap();
    assert_eq!(fitted::<YesOrNo, _, _>(loss(), &data), Ok(expected));

    let mut trainer = Trainer::new(built::<YesOrNo>(), loss(), Sgd::new(0.1)).unwrap();
    trainer = trainer.metric(BinaryAccuracy::default());
    let history = trainer.fit(&InMemory::new(X, vec![1, 0, 1, 1]).unwrap(), &Fit::default());
    assert!(history.unwrap().last("binary_accuracy").is_some());
    let data = InMemory::new(X, vec![1, 0, 2, 1]).unwrap();
    let error = trainer.fit(&data, &Fit::default()).unwrap_err().to_string();
    assert!(error.starts_with("a target of `BinaryCrossentropy` is 2"), "{error}");
}

#[test]
fn one_hot_rows_are_bytes_or_vecs() {
    let loss = CategoricalCrossentropy::default;
    let rows = [[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]];
    let data = InMemory::new(X, rows.map(|row| row.map(|x| x as f32))).unwrap();
    let expected = fitted::<Classes, _, _>(loss(), &data).unwrap();
    let data = InMemory::new(X, rows.map(|row| row.map(|x| x as u8))).unwrap();
    assert_eq!(fitted::<Classes, _, _>(loss(), &data), Ok(expected));
    let vecs = rows.map(|row| row.map(|x| x as f32).to_vec());
    let data = InMemory::new(X.map(Vec::from).to_vec(), vecs.to_vec()).unwrap();
    assert_eq!(fitted::<Classes, _, _>(loss(), &data), Ok(expected));
}

#[test]
fn a_row_of_another_size_is_named() {
    let rows = vec![vec![1.0_f32, 2.0], vec![3.0, 4.0], vec![5.0]];
    let error = InMemory::new(rows.clone(), vec![0, 1, 2]).unwrap_err();
    let sizes = |row, expected: &[usize], found: &[usize]| Error::SampleSizes {
        row,
        expected: expected.to_vec(),
        found: found.to_vec(),
    };
    assert_eq!(error, sizes(2, &[2], &[1]));
    assert_eq!(built::<Classes>().predict(&rows, 2).unwrap_err(), sizes(2, &[2], &[1]));
    let error = rows.batch::<f32, _>(&[0, 2], &Cpu::default()).unwrap_err();
    assert_eq!(error, sizes(2, &[2], &[1]));
    let rows = vec![vec![1.0_f32, 2.0, 3.0]; 4];
    assert_eq!(built::<Classes>().predict(&rows, 2).unwrap_err(), sizes(0, &[2], &[3]));
    let deep = vec![vec![vec![1.0_f32, 2.0]; 3], vec![vec![1.0, 2.0], vec![1.0], vec![1.0, 2.0]]];
    assert!(matches!(deep.check(), Err(Error::SampleSizes { row: 1, .. })));
    // Two inputs as a `Vec` of pairs.
    let pairs = vec![([1_u8], vec![1.0_f32]), ([2], vec![1.0, 2.0])];
    assert!(matches!(pairs.check(), Err(Error::SampleSizes { row: 1, .. })));
}

#[test]
fn rows_slices_arrays_and_vecs_are_the_same_data() {
    let net = built::<Classes>();
    let expected = net.predict(&X.to_vec(), 2).unwrap().to_rows().unwrap();
    let is = |rows: Result<Tensor<(Batch, Const<3>), f32, Cpu>, Error>| {
        assert_eq!(rows.unwrap().to_rows().unwrap(), expected);
    };
    is(net.predict(&X, 3));
    is(net.predict(&X[..], 4));
    is(net.predict(X.as_slice(), 1));
    is(net.predict(&X.map(Vec::from), 2));
    is(net.predict(&X.map(|row| row.map(f64::from)), 2));
    let vecs: Vec<Vec<f64>> = X.map(|row| row.map(f64::from).to_vec()).to_vec();
    is(net.predict(&vecs, 2));
    let views: Vec<&[f32]> = vec![&X[0], &X[1], &X[2], &X[3]];
    is(net.predict(&views, 2));
    for (row, expected) in X.iter().zip(&expected) {
        assert_eq!(net.predict_one(row).unwrap(), *expected);
        assert_eq!(net.predict_one(&row[..]).unwrap(), *expected);
        assert_eq!(net.predict_one(&row.to_vec()).unwrap(), *expected);
    }
}

#[test]
fn an_image_in_vecs_is_the_image_in_arrays() {
    let arrays = [[[[1.0_f32, 2.0], [3.0, 4.0], [5.0, 6.0]]; 2]; 3];
    let vecs = arrays.map(|image| image.map(|row| row.map(Vec::from).to_vec()).to_vec()).to_vec();
    let dev = Cpu::default();
    let a = arrays.batch::<f32, _>(&[2, 0], &dev).unwrap();
    let b = vecs.batch::<f32, _>(&[2, 0], &dev).unwrap();
    let a = <(Batch, Const<2>, Const<3>, Const<2>) as Feeds<(Batch, usize, usize, usize)>>::feed::<
        f32,
        Cpu,
    >(a);
    assert_eq!(a.unwrap().to_vec(), b.to_vec());
}

#[test]
fn sequences_of_vectors_of_any_length() {
    let rows =
        vec![vec![[1.0, 0.5]; 3], vec![[0.5, -1.0]], vec![[0.25, 1.0]; 5], vec![[1.0, 1.0]; 2]];
    let net = built::<Tagger>();
    let answers = net.predict(&Ragged(rows.clone()), 2).unwrap().to_rows().unwrap();
    assert_eq!(answers.iter().map(Vec::len).collect::<Vec<_>>(), [3, 1, 5, 2]);
    for (row, answer) in rows.iter().zip(&answers) {
        let alone = net.predict_one(row).unwrap();
        for (a, b) in alone.as_flattened().iter().zip(answer.as_flattened()) {
            assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
    }
    assert_eq!(net.predict(&Ragged(rows.clone()), 3).unwrap().argmax().unwrap()[2].len(), 5);

    // A label for each step, padded like the steps: the padding counts nothing.
    let labels = Ragged(vec![vec![0_u8, 1, 2], vec![1], vec![2; 5], vec![0, 0]]);
    let data = InMemory::new(Ragged(rows.clone()), labels).unwrap();
    let mut trainer = Trainer::new(net, SparseCategoricalCrossentropy::default(), Adam::default());
    trainer = trainer.map(|trainer| trainer.metric(SparseCategoricalAccuracy));
    let fit = Fit { batch_size: 2, ..Fit::epochs(40) };
    let history = trainer.as_mut().unwrap().fit(&data, &fit).unwrap();
    assert!(history.get("loss").unwrap()[39] < history.get("loss").unwrap()[0]);

    // Numbers alone are vectors of one; other sizes are named.
    let batch =
        Ragged(vec![vec![1.0_f32, 2.0], vec![3.0]]).batch::<f32, _>(&[1, 0], &Cpu::default());
    let batch: Masked<Tensor<(Batch, Length, Const<1>), f32, Cpu>> = batch.unwrap();
    assert_eq!(batch.values().to_vec().unwrap(), [3.0, 0.0, 1.0, 2.0]);
    let odd = Ragged(vec![vec![vec![1.0_f32, 2.0]; 2], vec![vec![1.0, 2.0], vec![1.0]]]);
    let error = InMemory::new(odd, vec![0, 1]).unwrap_err();
    assert_eq!(error, Error::SampleSizes { row: 1, expected: vec![2], found: vec![1] });
}

#[test]
fn a_model_of_any_length_takes_sequences_of_one_length() {
    let net = built::<Reader>();
    let arrays = [[[1.0_f32, 0.5], [0.5, 2.0], [0.0, 0.0]]; 4];
    let vecs: Vec<Vec<[f32; 2]>> = arrays.map(Vec::from).to_vec();
    let expected = net.predict(&arrays, 2).unwrap().to_vec();
    assert_eq!(net.predict(&vecs, 2).unwrap().to_vec(), expected);
    let data = InMemory::new(arrays, [0, 1, 2, 0]).unwrap();
    let loss = SparseCategoricalCrossentropy::from_logits();
    assert!(fitted::<Reader, _, _>(loss, &data).is_ok());
    // Of unequal length they need a mask.
    let mut odd = vecs;
    odd[1].pop();
    let error = net.predict(&odd, 2).unwrap_err().to_string();
    assert!(error.contains("row 1") && error.contains("`Ragged`"), "{error}");
}

#[test]
fn ids_of_vecs_go_where_ids_of_arrays_go() {
    type Text = Ids<(Batch, Const<3>)>;
    let dev = Cpu::default();
    let vecs = vec![vec![1_i32, 2, 0], vec![3, 0, 0]];
    let feed = <Ids<(Batch, Length)> as Feeds<Text>>::feed::<f32, Cpu>;
    let ids = feed(vecs.batch::<f32, _>(&[0, 1], &dev).unwrap()).unwrap();
    assert_eq!(ids.as_vec(), [1, 2, 0, 3, 0, 0]);
    let error = feed(vec![vec![1_i32]].batch::<f32, _>(&[0], &dev).unwrap()).unwrap_err();
    assert_eq!(error, Error::SampleSizes { row: 0, expected: vec![3], found: vec![1] });
}

#[test]
fn two_inputs_are_a_pair_or_pairs() {
    type Both = Inputs<(Ids<(Batch, Const<2>)>, (Batch, Const<1>))>;
    fn is<S: Samples<Signal = Both>>(samples: S) -> (Vec<usize>, Vec<f32>) {
        let (ids, values) = samples.batch::<f32, _>(&[1], &Cpu::default()).unwrap();
        (ids.as_vec(), values.as_vec())
    }
    let expected = (vec![3, 4], vec![1.5]);
    assert_eq!(is((vec![[1_u8, 2], [3, 4]], vec![0.5_f32, 1.5])), expected);
    assert_eq!(is(vec![([1_u8, 2], 0.5_f32), ([3, 4], 1.5)]), expected);
}

#[test]
fn nothing_is_no_panic() {
    let dev = Cpu::default();
    let none = Vec::<[f32; 2]>::new();
    let batch = none.batch::<f32, _>(&[], &dev).unwrap();
    assert!(batch.to_vec().unwrap().is_empty());
    assert_eq!(batch.to_rows().unwrap(), [[0.0; 2]; 0]);
    assert!(batch.argmax().unwrap().is_empty());
    assert!(batch.top_k(1).unwrap().is_empty());
    assert_eq!(
        built::<Classes>().predict(&none, 2).unwrap_err(),
        Error::Empty("the list of samples")
    );
    assert_eq!(Ragged::<[f32; 2]>(vec![]).batch::<f32, _>(&[], &dev).unwrap().mask().batch(), 0);
    // Rows of nothing are rows.
    let empty = Ragged(vec![Vec::<[f32; 2]>::new(); 2]).batch::<f32, _>(&[0, 1], &dev).unwrap();
    assert_eq!(empty.to_rows().unwrap(), [Vec::<[f32; 2]>::new(), vec![]]);
    assert_eq!(<[f32; 2]>::check_all([].iter()), Ok(()));
}

#[test]
fn answers_that_are_no_numbers_are_named() {
    let answers = Cpu::default().tensor([[0.0, 1.0], [f32::NAN, 0.0]]);
    assert!(matches!(answers.argmax(), Err(Error::NonFinite { index: 1, .. })));
    assert!(matches!(answers.top_k(1), Err(Error::NonFinite { index: 1, .. })));
    assert!(matches!(answers.top_k(3), Err(Error::Invalid { name: "k", .. })));
    let steps = Cpu::default().tensor([[[1.0, 2.0], [2.0, 1.0]]]);
    assert_eq!(steps.argmax().unwrap(), [[1, 0]]);
    assert_eq!(steps.to_rows().unwrap(), [[[1.0, 2.0], [2.0, 1.0]]]);
}

#[test]
fn a_split_is_shuffled_or_has_the_share_of_each_class() {
    let labels: Vec<u8> = [vec![0; 60], vec![1; 30], vec![2; 11]].concat();
    let inputs: Vec<[f32; 1]> = (0..101).map(|i| [i as f32]).collect();
    let data = InMemory::new(inputs, labels).unwrap().with_weights(vec![1.0_f32; 101]).unwrap();
    let (train, held_out) = data.split_stratified(0.2, 3).unwrap();
    let count =
        |labels: &[u8]| [0, 1, 2].map(|class| labels.iter().filter(|&&y| y == class).count());
    assert_eq!((train.len(), held_out.len()), (80, 21));
    assert_eq!(count(held_out.targets()), [13, 6, 2]);
    let mut all: Vec<f32> =
        [train.inputs().clone(), held_out.inputs().clone()].concat().into_flattened();
    assert!(!all.is_sorted());
    all.sort_by(f32::total_cmp);
    assert_eq!(all, (0..101).map(|i| i as f32).collect::<Vec<_>>());
    // One-hot rows are classes too; the same seed gives the same parts.
    assert_eq!(data.split_stratified(0.2, 3).unwrap(), (train, held_out));
    assert_ne!(data.split_shuffled(0.2, 3).unwrap(), data.split_shuffled(0.2, 4).unwrap());
    let alone = InMemory::new(vec![0.0; 3], vec![[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]).unwrap();
    let error = alone.split_stratified(0.5, 0).unwrap_err().to_string();
    assert!(error.starts_with("a class is one sample, row 1"), "{error}");
    assert!(alone.split_stratified(1.5, 0).is_err() && alone.split_shuffled(f64::NAN, 0).is_err());
}

#[test]
fn weights_are_a_vec_of_numbers() {
    let data = InMemory::new(X, vec![1.0_f32, 0.0, 1.0, 1.0]).unwrap();
    let loss = |weights: Vec<f64>| {
        let data = data.clone().with_weights(weights)?;
        fitted::<YesOrNo, _, _>(MeanSquaredError, &data)
    };
    assert_eq!(loss(vec![1.0; 4]), fitted::<YesOrNo, _, _>(MeanSquaredError, &data));
    assert!(loss(vec![2.0; 4]).unwrap() > loss(vec![1.0; 4]).unwrap());
    assert!(matches!(loss(vec![1.0; 3]), Err(Error::Mismatch { .. })));
    assert!(matches!(loss(vec![1.0, f64::NAN, 1.0, 1.0]), Err(Error::NonFinite { index: _, .. })));
}

#[test]
fn a_vocabulary_is_bytes_and_a_part_of_other_data() {
    let vocabulary = Vocabulary::words().unknown("[UNK]").learn(["the cat sat"]).unwrap();
    let json = serde_json::to_string(&(&vocabulary, 3)).unwrap();
    let (read, _): (Vocabulary, u8) = serde_json::from_str(&json).unwrap();
    assert_eq!(read, vocabulary);
    let bytes = serde_json::to_vec(&vocabulary).unwrap();
    assert_eq!(Vocabulary::from_bytes(&bytes), Ok(vocabulary));
    for (wrong, says) in [
        ("{}", "not a vocabulary in JSON"),
        (
            r#"{"kerata_vocabulary":9,"splitter":{"split":"words","lower":true,"strip_punctuation":true},"unknown":null,"words":[]}"#,
            "form 9",
        ),
        (
            r#"{"kerata_vocabulary":1,"splitter":{"split":"words","lower":true,"strip_punctuation":true},"unknown":null,"words":["a","a"]}"#,
            "`a`",
        ),
        (
            r#"{"kerata_vocabulary":1,"splitter":{"split":"words","lower":true,"strip_punctuation":true},"unknown":null,"words":["A"]}"#,
            "word 1",
        ),
    ] {
        let error = Vocabulary::from_bytes(wrong.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        assert!(serde_json::from_str::<Vocabulary>(wrong).is_err());
    }
}

#[test]
fn a_trainer_goes_to_another_thread() {
    let data = InMemory::new(X, vec![0, 1, 1, 0]).unwrap();
    let trainer =
        Trainer::new(built::<Classes>(), SparseCategoricalCrossentropy::default(), Adam::default());
    let mut trainer = trainer.unwrap().metric(SparseCategoricalAccuracy);
    let here = trainer.fit(&data, &Fit::default()).unwrap().epochs();
    let there = std::thread::spawn(move || trainer.fit(&data, &Fit::epochs(2)).unwrap().epochs());
    assert_eq!((here, there.join().unwrap()), (1, 2));
    fn send<T: Send>() {}
    send::<Trainer<Reader, MeanSquaredError, Adam, (Batch, Const<3>)>>();
}
