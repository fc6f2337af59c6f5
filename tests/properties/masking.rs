//! Padding changes nothing, and masked steps repeat.

use dfdx::tensor::{OwnedTape, PutTape, TensorFromVec};
use kerata::{
    Cpu, Dense, Embedding, EmbeddingBag, Error, GlobalAveragePooling1d, Lstm, Mask, MaskZero,
    Masked, Sequences, Softmax, Tensor, TimeDistributed,
    loss::{Loss, MeanSquaredError, SparseCategoricalCrossentropy},
    metric::{self, MeanLoss, SparseCategoricalAccuracy},
    parameters::{Parameter, Parameters, Visitor},
    prelude::*,
    reduce::{Mean, Unweighted},
    shape::Const,
};
use proptest::prelude::*;

type Tagger =
    (Embedding<9, 4, MaskZero>, Lstm<4, 5, Sequences>, TimeDistributed<Dense<5, 3, Softmax>>);
type Prediction = Masked<(usize, usize, Const<3>)>;
type Labels = kerata::Ids<(usize, usize)>;

fn tagger() -> Tagger {
    Tagger::build(&Cpu::seed_from_u64(11)).unwrap()
}

fn ids(rows: &[Vec<usize>], length: usize) -> Tensor<(usize, usize), usize, Cpu> {
    let padded = rows
        .iter()
        .flat_map(|row| row.iter().copied().chain(std::iter::repeat_n(0, length - row.len())));
    Cpu::default().tensor_from_vec(padded.collect(), (rows.len(), length))
}

struct AllGradients<'a>(&'a mut dfdx::tensor::Gradients<f32, Cpu>, Vec<f32>);

impl Visitor<f32, Cpu> for AllGradients<'_> {
    fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
        self.1.extend(parameter.tensor.gradient(self.0)?);
        Ok(())
    }
}

/// Loss, gradients and metrics of the tagger, with rows padded to a length.
fn learn(rows: &[Vec<usize>], length: usize) -> (f32, Vec<f32>, f64, f64) {
    let mut model = tagger();
    let labels: Vec<Vec<usize>> =
        rows.iter().map(|row| row.iter().map(|id| id % 3).collect()).collect();
    let labels = ids(&labels, length);
    let output = model.forward(ids(rows, length)).unwrap();
    let mean = |metric: &dyn metric::Metric<Prediction, Labels, State = Mean>| {
        let mut mean = Mean::default();
        let output = output.clone();
        metric::update::<Prediction, Labels, f32, Cpu, _>(
            &mut mean,
            metric,
            output,
            &labels,
            &Unweighted,
        )
        .unwrap();
        mean.get()
    };
    let loss = SparseCategoricalCrossentropy::default();
    let metrics = (mean(&SparseCategoricalAccuracy), mean(&MeanLoss(loss)));
    let traced = model.forward(ids(rows, length).put_tape(OwnedTape::default())).unwrap();
    let loss = Loss::<Prediction, Labels>::mean(&loss, traced, &labels, &Unweighted).unwrap();
    let value = loss.array();
    let mut gradients = loss.backward();
    let mut all = AllGradients(&mut gradients, Vec::new());
    model.visit(&mut all).unwrap();
    (value, all.1, metrics.0, metrics.1)
}

fn close(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// More padding changes no loss, no gradient and no metric.
    #[test]
    fn more_padding_changes_nothing(
        rows in prop::collection::vec(prop::collection::vec(1_usize..9, 1..6), 1..5),
        more in 1_usize..5,
    ) {
        let (loss, gradients, accuracy, mean) = learn(&rows, 6);
        let (padded_loss, padded_gradients, padded_accuracy, padded_mean) = learn(&rows, 6 + more);
        prop_assert!((loss - padded_loss).abs() < 1e-6);
        prop_assert!(close(&gradients, &padded_gradients));
        prop_assert!((accuracy - padded_accuracy).abs() < 1e-9);
        prop_assert!((mean - padded_mean).abs() < 1e-6);
    }

    /// A masked LSTM on a padded batch is the unmasked LSTM on each row without its padding.
    #[test]
    fn masked_lstm_is_lstm_of_each_row(
        rows in prop::collection::vec(prop::collection::vec(-1.0_f32..1.0, 1..7), 1..5),
    ) {
        let dev = Cpu::seed_from_u64(2);
        let lstm = Lstm::<1, 4>::build(&dev).unwrap();
        let lengths: Vec<usize> = rows.iter().map(Vec::len).collect();
        // What stands in the padding does not matter, be it NaN.
        let padded = rows.iter().flat_map(|row| {
            row.iter().copied().chain(std::iter::repeat_n(f32::NAN, 7 - row.len()))
        });
        let x = dev.tensor_from_vec(padded.collect(), (rows.len(), 7, Const::<1>));
        let x = Masked::new(x, Mask::from_lengths(&lengths, 7).unwrap()).unwrap();
        let last = lstm.forward(x).unwrap().as_vec();
        for (row, last) in rows.iter().zip(last.chunks(4)) {
            let x = dev.tensor_from_vec(row.clone(), (1, row.len(), Const::<1>));
            prop_assert!(close(last, &lstm.forward(x).unwrap().as_vec()));
        }
    }

    /// A bag is the mean of its rows, wherever the padding stands and whatever its row holds.
    #[test]
    fn bag_is_the_mean_of_its_rows(
        rows in prop::collection::vec(prop::collection::vec(0_usize..9, 5), 1..5),
    ) {
        let dev = Cpu::seed_from_u64(2);
        let mut bag = EmbeddingBag::<9, 4, MaskZero>::build(&dev).unwrap();
        (0..4).for_each(|column| bag.embeddings[[0, column]] = f32::NAN);
        let table = bag.embeddings.array();
        let means = bag.forward(ids(&rows, 5)).unwrap().as_vec();
        for (row, mean) in rows.iter().zip(means.chunks(4)) {
            let real: Vec<usize> = row.iter().copied().filter(|&id| id != 0).collect();
            let sum = |column: usize| real.iter().map(|&id| table[id][column]).sum::<f32>();
            let expected: Vec<f32> =
                (0..4).map(|column| sum(column) / real.len().max(1) as f32).collect();
            prop_assert!(close(mean, &expected));
        }
    }

    /// A masked step repeats the output of the step before; before the first real step it is 0.
    #[test]
    fn masked_steps_repeat(
        keep in prop::collection::vec(any::<bool>(), 3 * 6),
        numbers in prop::collection::vec(-1.0_f32..1.0, 3 * 6 * 2),
    ) {
        let dev = Cpu::seed_from_u64(2);
        let lstm = Lstm::<2, 3, Sequences>::build(&dev).unwrap();
        let x = dev.tensor_from_vec(numbers, (3, 6, Const::<2>));
        let mask = Mask::from_bools(keep.clone(), 3, 6).unwrap();
        let y = lstm.forward(Masked::new(x, mask).unwrap()).unwrap().into_parts().0.as_vec();
        for (row, keep) in y.chunks(6 * 3).zip(keep.chunks(6)) {
            let mut before = [0.0; 3];
            for (step, &keep) in row.chunks(3).zip(keep) {
                if !keep {
                    prop_assert_eq!(step, before);
                }
                before.copy_from_slice(step);
            }
        }
    }
}

/// A batch without a real step: loss 0, gradients 0, nothing is NaN.
#[test]
fn nothing_real() {
    let (loss, gradients, accuracy, mean) = learn(&[vec![], vec![]], 3);
    assert_eq!((loss, accuracy, mean), (0.0, 0.0, 0.0));
    assert!(gradients.iter().all(|&g| g == 0.0));
    let pool = GlobalAveragePooling1d;
    let x = Cpu::default().tensor_from_vec(vec![f32::NAN; 6], (1, 3, Const::<2>));
    let x = Masked::new(x, Mask::from_lengths(&[0], 3).unwrap()).unwrap();
    assert_eq!(pool.forward(x).unwrap().as_vec(), [0.0, 0.0]);
}

/// NaN in the padding of a prediction does not reach the loss.
#[test]
fn nan_in_the_padding() {
    let dev = Cpu::default();
    let x = dev.tensor_from_vec(vec![1.0, f32::NAN], (1, 2, Const::<1>));
    let x = Masked::new(x, Mask::from_lengths(&[1], 2).unwrap()).unwrap();
    let target = dev.tensor_from_vec(vec![0.0, 0.0], (1, 2, Const));
    assert_eq!(MeanSquaredError.compute(x, target).unwrap().array(), 1.0);
}
