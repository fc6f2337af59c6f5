//! The kernels of recurrent cells against the reference in `f64`: outputs, states and gradients, in training and
//! inference, of any mask, order and initial state.

#![allow(missing_docs)]

use dfdx::{
    prelude::{Backward, SumTo, TryAdd, TryMul},
    tensor::{Gradients, OwnedTape, PutTape, SplitTape, TensorFromVec},
};
use kerata::{
    BatchNorm, Bidirectional, Cpu, Dense, Embedding, Error, Gru, LayerNorm, Lstm, Mask, Masked,
    Sequences, Tensor, TimeDistributed,
    backend::{
        Backend, CellKind, Element, GateDropout, HiddenStates, RecurrentBias, RecurrentInputs,
        RecurrentWeights, StepFunctions, StepOrder, WeightCache,
    },
    config::{Configured, DynamicLayer, DynamicValue},
    parameters::Parameters,
    prelude::*,
    shape::{Const, HasShape, Shape},
};
use proptest::prelude::*;

fn tensor<S: Shape, E: Element>(shape: S, seed: usize) -> Tensor<S, E, Cpu>
where
    Cpu: Backend<E>,
{
    let value = |i: usize| ((i * 7919 + seed * 104_729 + 13) % 2003) as f64 / 1001.0 - 1.0;
    let values = (0..shape.num_elements()).map(|i| E::of(0.6 * value(i))).collect();
    Cpu::default().tensor_from_vec(values, shape)
}

#[derive(Debug, Clone, Copy)]
struct Case<'a> {
    cell: CellKind,
    sizes: [usize; 4],
    mask: Option<&'a Mask>,
    order: StepOrder,
    initial: bool,
    bias: bool,
}

fn values<S: Shape, E: Element, T>(x: &Tensor<S, E, Cpu, T>) -> Vec<f64>
where
    Cpu: Backend<E>,
{
    if x.shape().num_elements() == 0 {
        return Vec::new();
    }
    x.as_vec().into_iter().map(Element::as_f64).collect()
}

/// Outputs, last outputs, states and all gradients.
fn run<E: Element>(case: Case<'_>) -> Result<Vec<Vec<f64>>, Error>
where
    Cpu: Backend<E>,
{
    let Case { cell, sizes: [rows, length, inputs, units], mask, order, .. } = case;
    let (width, cache) = (cell.gates() * units, WeightCache::default());
    // Of many units the sums stay small, else rounding grows from step to step.
    let scale = E::of(3.0 / (units.max(9) as f64).sqrt());
    let (kernel, recurrent_kernel) =
        (tensor((inputs, width), 2) * scale, tensor((units, width), 3) * scale);
    let (one, two) = (tensor((width,), 4), tensor((2, width), 4));
    let bias = match cell {
        _ if !case.bias => RecurrentBias::None,
        CellKind::GruCell { reset_after: true } => RecurrentBias::Two(two.clone()),
        _ => RecurrentBias::One(one.clone()),
    };
    let weights = || RecurrentWeights {
        cell,
        kernel: kernel.clone(),
        recurrent_kernel: recurrent_kernel.clone(),
        bias: bias.clone(),
        functions: StepFunctions::default(),
        cache: &cache,
    };
    let (h, c) = (tensor((rows, units), 5), tensor((rows, units), 6));
    let initial =
        || case.initial.then(|| HiddenStates::new(h.clone(), cell.has_c().then(|| c.clone())));
    let x: Tensor<_, E, Cpu> = tensor((rows, length, inputs), 1);

    let given = RecurrentInputs {
        x: x.clone(),
        mask,
        initial: initial(),
        order,
        dropout: GateDropout::default(),
    };
    let (y, states) = Cpu::recurrent(given, weights())?;
    let given = RecurrentInputs {
        x: x.clone(),
        mask,
        initial: initial(),
        order,
        dropout: GateDropout::default(),
    };
    let last = Cpu::recurrent_last(given, weights())?;
    let mut found = vec![values(&y), values(&last), values(&states.h)];
    found.extend(states.c.as_ref().map(values));

    let taped = x.clone().put_tape(OwnedTape::default());
    let given = RecurrentInputs {
        x: taped,
        mask,
        initial: initial(),
        order,
        dropout: GateDropout::default(),
    };
    let (y, states) = Cpu::recurrent(given, weights())?;
    found.push(values(&y));
    let (y, tape) = y.split_tape();
    let sum = |x: Tensor<(usize, usize), E, Cpu>, seed| {
        x.retaped::<OwnedTape<E, Cpu>>().try_mul(tensor((rows, units), seed)).unwrap().sum()
    };
    let y = y.put_tape(tape).try_mul(tensor((rows, length, units), 7)).unwrap();
    let mut loss: Tensor<(), E, Cpu, _> = y.sum();
    loss = loss.try_add(sum(states.h, 8)).unwrap();
    if let Some(c) = states.c {
        loss = loss.try_add(sum(c, 9)).unwrap();
    }
    let gradients = loss.backward();
    fn of<S: Shape, E: Element>(gradients: &Gradients<E, Cpu>, x: &Tensor<S, E, Cpu>) -> Vec<f64>
    where
        Cpu: Backend<E>,
    {
        values(&gradients.get(x))
    }
    found.extend([of(&gradients, &x), of(&gradients, &kernel), of(&gradients, &recurrent_kernel)]);
    match &bias {
        RecurrentBias::None => {}
        RecurrentBias::One(bias) => found.push(of(&gradients, bias)),
        RecurrentBias::Two(bias) => found.push(of(&gradients, bias)),
    }
    if case.initial {
        found.push(of(&gradients, &h));
        found.extend(cell.has_c().then(|| of(&gradients, &c)));
    }
    Ok(found)
}

fn check(case: Case<'_>) {
    let (found, expected) = (run::<f32>(case).unwrap(), run::<f64>(case).unwrap());
    assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert_eq!(found.len(), expected.len(), "{case:?}: value {i}");
        let largest = expected.iter().fold(1.0, |most: f64, x| most.max(x.abs()));
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() < 2e-5 * largest, "{case:?}: value {i}: {a} {b}");
        }
    }
}

const CELLS: [CellKind; 4] = [
    CellKind::LstmCell,
    CellKind::GruCell { reset_after: true },
    CellKind::GruCell { reset_after: false },
    CellKind::SimpleCell,
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() })]

    #[test]
    fn cells_are_their_reference(
        cell in prop::sample::select(CELLS.as_slice()),
        (rows, length, inputs, units) in (1_usize..7, 1_usize..7, 1_usize..6, 1_usize..20),
        flags in prop::collection::vec(any::<bool>(), 64),
        (masked, initial, bias) in (any::<bool>(), any::<bool>(), any::<bool>()),
        (backwards, as_made, zero_masked) in (any::<bool>(), any::<bool>(), any::<bool>()),
    ) {
        let mask = Mask::from_bools(flags[..rows * length].to_vec(), rows, length).unwrap();
        let order = StepOrder { backwards, as_made, zero_masked };
        let (sizes, mask) = ([rows, length, inputs, units], masked.then_some(&mask));
        check(Case { cell, sizes, mask, order, initial, bias });
    }
}

/// Large enough for several threads, in training, and in inference of many rows and of one.
#[test]
fn on_threads() {
    for cell in CELLS {
        for rows in [40, 1] {
            let lengths: Vec<usize> = (0..rows).map(|i| 1 + i * 5 % 6).collect();
            let mask = Mask::from_lengths(&lengths, 6).unwrap();
            for mask in [None, Some(&mask)] {
                let order = StepOrder { backwards: rows == 1, ..StepOrder::default() };
                let (initial, bias) = (mask.is_some(), true);
                check(Case { cell, sizes: [rows, 6, 40, 130], mask, order, initial, bias });
            }
        }
    }
}

/// The reversed sequence, step by step, is the sequence backwards; its outputs stand where they belong.
#[test]
fn backwards_is_the_reversed_sequence() {
    for cell in CELLS {
        let sizes = [2, 5, 3, 4];
        let case = Case {
            cell,
            sizes,
            mask: None,
            order: StepOrder { backwards: true, as_made: true, zero_masked: false },
            initial: false,
            bias: true,
        };
        let as_made = run::<f32>(case).unwrap();
        let at_steps =
            run::<f32>(Case { order: StepOrder { as_made: false, ..case.order }, ..case }).unwrap();
        for row in 0..2 {
            for step in 0..5 {
                let at = |step: usize| (row * 5 + step) * 4..(row * 5 + step + 1) * 4;
                assert_eq!(as_made[0][at(step)], at_steps[0][at(4 - step)]);
            }
        }
    }
}

/// Layers whose config does not say what reaches them become dynamic ones all the same, which give the same.
#[test]
fn every_layer_becomes_a_dynamic_one() -> Result<(), Error> {
    fn is_the_same<L: Configured<Element = f32, Device = Cpu> + Parameters>(
        layer: &L,
        x: impl Into<DynamicValue>,
        expected: &[f32],
    ) -> Result<(), Error> {
        let found = DynamicLayer::from_layer(layer)?.run(x)?;
        assert_eq!(found.values().len(), expected.len(), "{}", L::CLASS);
        for (a, b) in found.values().iter().zip(expected) {
            assert!((a - b).abs() < 1e-6, "{}: {a} {b}", L::CLASS);
        }
        Ok(())
    }

    let dev = Cpu::seed_from_u64(1);
    let x: Tensor<(usize, Const<4>, Const<3>), f32, Cpu> = tensor((2, Const, Const), 1);
    macro_rules! check {
        ($($layer:ty),* $(,)?) => {
            $(
                let layer = <$layer>::build(&dev)?;
                is_the_same(&layer, x.clone(), &layer.forward(x.clone())?.as_vec())?;
            )*
        };
    }
    check!(
        Bidirectional<Gru<3, 2>>,
        Bidirectional<Lstm<3, 2, Sequences>, kerata::Sum>,
        TimeDistributed<Dense<3, 2>>,
        TimeDistributed<BatchNorm<3>>,
        BatchNorm<3>,
        LayerNorm<3>,
        Gru<3, 2>,
    );
    let (table, ids) = (Embedding::<5, 2>::build(&dev)?, dev.tensor([[1_usize, 4, 0]]));
    is_the_same(&table, ids.clone(), &table.forward(ids)?.as_vec())?;

    // The last output of a masked step is 0 where masked steps give 0, as in Keras.
    for backwards in [false, true] {
        let mut gru = Gru::<3, 2>::build(&dev)?;
        (gru.zero_output_for_mask, gru.go_backwards) = (true, backwards);
        let mask = Mask::from_bools(vec![false, true, true, true, true, true, true, false], 2, 4)?;
        let x = Masked::new(x.clone(), mask)?;
        let y = gru.forward(x.clone())?.as_vec();
        let row = usize::from(!backwards);
        assert_eq!(y[2 * row..][..2], [0.0; 2]);
        assert!(y.iter().any(|&y| y != 0.0));
        is_the_same(&gru, x, &y)?;
    }
    Ok(())
}
