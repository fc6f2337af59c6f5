//! What stands in the padding, how much of it there is and where, changes nothing at real steps and no gradient.

use dfdx::{
    prelude::{Backward, SumTo},
    shapes::Rank0,
    tensor::{OwnedTape, PutTape, TensorFromVec},
};
use kerata::{
    Cpu, Error, Mask, Masked, MultiHeadAttention, Tensor,
    parameters::{Parameter, Parameters, Visitor},
    prelude::*,
    shape::Const,
    tensor::{Gradients, fill_padding},
};
use proptest::prelude::*;

type Tape = OwnedTape<f32, Cpu>;
type Steps = Tensor<(usize, usize, Const<3>), f32, Cpu>;

/// A batch of which each row has some real steps, each behind so much padding of some content.
fn padded(rows: &[Vec<usize>], length: usize, seed: usize, content: f32) -> (Steps, Mask) {
    let (mut values, mut keep) = (Vec::new(), Vec::new());
    for (row, gaps) in rows.iter().enumerate() {
        let start = keep.len();
        for (step, &gap) in gaps.iter().enumerate() {
            values.extend(std::iter::repeat_n(content, 3 * gap));
            keep.extend(std::iter::repeat_n(false, gap));
            values.extend(
                (0..3).map(|i| ((row * 31 + step * 7 + i * 3 + seed) % 11) as f32 * 0.2 - 0.9),
            );
            keep.push(true);
        }
        let rest = length - (keep.len() - start);
        values.extend(std::iter::repeat_n(content, 3 * rest));
        keep.extend(std::iter::repeat_n(false, rest));
    }
    let x = Cpu::default().tensor_from_vec(values, (rows.len(), length, Const));
    (x, Mask::from_bools(keep, rows.len(), length).unwrap())
}

struct Read<'a>(&'a mut Gradients<f32, Cpu>, Vec<f32>);

impl Visitor<f32, Cpu> for Read<'_> {
    fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
        self.1.extend(parameter.tensor.gradient(self.0)?);
        Ok(())
    }
}

fn real(values: &[f32], mask: &Mask) -> Vec<f32> {
    let width = values.len() / mask.as_slice().len().max(1);
    let steps = values.chunks(width.max(1)).zip(mask.as_slice());
    steps.filter(|(_, real)| **real).flat_map(|(step, _)| step.to_vec()).collect()
}

/// What leaves at real steps, the loss, and the gradients of both inputs at real steps and of the weights.
fn all(
    queries: &[Vec<usize>],
    keys: &[Vec<usize>],
    lengths: [usize; 2],
    content: f32,
    pair: bool,
) -> Vec<f32> {
    let mut layer = MultiHeadAttention::<3, 2, 4>::build(&Cpu::seed_from_u64(3)).unwrap();
    let (x, of_x) = padded(queries, lengths[0], 1, content);
    let (y, of_y) = padded(keys, lengths[1], 5, content);
    let taped = |x: &Steps, mask: &Mask| {
        Masked::new(x.clone().put_tape(Tape::default()), mask.clone()).unwrap()
    };
    let z = match pair {
        true => layer.forward_mut((taped(&x, &of_x), taped(&y, &of_y))).unwrap(),
        false => layer.forward_mut(taped(&x, &of_x)).unwrap(),
    };
    let mut found = real(&z.values().as_vec(), &of_x);
    let loss = fill_padding(z.into_parts().0, Some(&of_x), 0.0).unwrap().square().sum::<Rank0, _>();
    found.extend(loss.as_vec());
    let mut gradients = loss.backward();
    found.extend(real(gradients.get_or_alloc_mut(&x).unwrap(), &of_x));
    if pair {
        found.extend(real(gradients.get_or_alloc_mut(&y).unwrap(), &of_y));
    }
    let mut read = Read(&mut gradients, Vec::new());
    layer.visit(&mut read).unwrap();
    found.extend(read.1);
    assert!(found.iter().all(|x| x.is_finite()), "{content}");
    found
}

/// For each of two rows, the padding in front of each real step; the second may have none.
fn rows() -> impl Strategy<Value = Vec<Vec<usize>>> {
    let row = |least| prop::collection::vec(0..3_usize, least..5);
    (row(1), row(0)).prop_map(|(first, second)| vec![first, second])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn padding_never_matters(
        queries in rows(),
        keys in rows(),
        more in [0..4_usize, 0..4_usize],
        content in prop::sample::select(vec![
            0.0, 7.5, -1e3, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e38, -3e38,
        ]),
        pair in any::<bool>(),
    ) {
        let long = |rows: &[Vec<usize>]| {
            rows.iter().map(|row| row.iter().sum::<usize>() + row.len()).max().unwrap_or(0)
        };
        let none = |rows: &[Vec<usize>]| rows.iter().map(|row| vec![0; row.len()]).collect::<Vec<_>>();
        let lengths = [long(&queries) + more[0], long(&keys) + more[1]];
        let (packed, of_keys) = (none(&queries), none(&keys));
        let right = all(&packed, &of_keys, [long(&packed), long(&of_keys)], 0.0, pair);
        let found = all(&queries, &keys, lengths, content, pair);
        prop_assert_eq!(found.len(), right.len());
        for (i, (a, b)) in found.iter().zip(&right).enumerate() {
            prop_assert!((a - b).abs() <= 1e-5 * (1.0 + b.abs()), "{} is {}, not {}", i, a, b);
        }
    }
}
