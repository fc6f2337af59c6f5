//! Recurrent layers: on threads, and of few rows.

use super::*;

use kerata::{Gru, ResetAfter, ResetBefore, SimpleRnn};

/// A large LSTM, so that several threads share it.
#[test]
fn lstm_on_threads() {
    let lengths: Vec<usize> = (0..24).map(|i| 1 + i * 5 % 30).collect();
    let mask = Mask::from_lengths(&lengths, 30).unwrap();
    same!(tensor((24_usize, 30_usize, Const::<40>), 1),
        Lstm<40, 33, Sequences>, Lstm<40, 33, Sequences, f64>,
        |l, x| l.forward(Masked::new(x, mask.clone()).unwrap()).unwrap().into_parts().0);
}

/// A few rows of a large LSTM: in inference its units are on threads. Any mask, with and without an initial state, and
/// from threads that all wait for one another.
#[test]
fn lstm_of_few_rows() {
    use rayon::prelude::*;
    if rayon::current_num_threads() < 2 {
        // Not `eprintln!`: the test runner captures that.
        let skipped = "SKIPPED lstm_of_few_rows: there is one thread only";
        return writeln!(std::io::stderr(), "{skipped}").unwrap();
    }
    let mut lstm = Lstm::<40, 100, Sequences>::build(&Cpu::default()).unwrap();
    lstm.visit(&mut Access::Set(20)).unwrap();
    let masks = [
        (1, "11111111111111111111"),
        (1, "00110011100000001000"),
        (1, "00000000000000000000"),
        (2, "1111111111111111111101111111111111111100"),
        (2, "0000000000000000000011111111111111110000"),
    ];
    let cases: Vec<_> = masks.into_iter().flat_map(|mask| [(mask, false), (mask, true)]).collect();
    let check = |((rows, mask), initial): ((usize, &str), bool)| {
        let flags: Vec<bool> = mask.bytes().map(|flag| flag == b'1').collect();
        let mask = Mask::from_bools(flags, rows, 20).unwrap();
        let x: Tensor<_, f32, Cpu> = tensor((rows, 20_usize, Const::<40>), 1);
        let initial =
            initial.then(|| LstmState { h: tensor((rows, Const), 3), c: tensor((rows, Const), 4) });
        let (y, state) = lstm.forward_with_state(x.clone(), Some(&mask), initial.clone()).unwrap();
        let x = x.put_tape(OwnedTape::default());
        let (expected, last) = lstm.forward_with_state(x, Some(&mask), initial).unwrap();
        let expected = [expected.as_vec(), last.h.as_vec(), last.c.as_vec()];
        for (found, expected) in
            [y.as_vec(), state.h.as_vec(), state.c.as_vec()].iter().zip(expected)
        {
            for (a, b) in found.iter().zip(expected) {
                assert!((a - b).abs() < 1e-6, "{a} {b}");
            }
        }
    };
    cases.iter().copied().for_each(check);
    (0..20 * cases.len()).into_par_iter().for_each(|i| check(cases[i % cases.len()]));
}

/// Functions that the kernels do not have in their loops, under a mask.
#[test]
fn other_functions() {
    use kerata::config::ActivationFunction as Function;
    let mask = Mask::from_lengths(&[6, 3, 0, 1, 5], 6).unwrap();
    for (activation, gate) in [
        (Function::RELU, Function::SIGMOID),
        (Function::TANH, Function::HARD_SIGMOID),
        (Function::SOFTSIGN, Function::SILU),
        (Function::LINEAR, Function::KERAS_2_HARD_SIGMOID),
        (Function::ELU, Function::SOFTMAX),
    ] {
        macro_rules! both {
            ($layer:ident $(, $gate:ty)?; |$l:ident| $options:expr) => {
                same!(tensor((5_usize, 6_usize, Const::<4>), 1),
                    $layer<4, 9, Sequences $(, $gate)?>, $layer<4, 9, Sequences $(, $gate)?, f64>,
                    |$l| $options,
                    |l, x| l.forward(Masked::new(x, mask.clone()).unwrap()).unwrap().into_parts().0);
                same!(tensor((5_usize, 6_usize, Const::<4>), 1),
                    $layer<4, 9, LastState $(, $gate)?>, $layer<4, 9, LastState $(, $gate)?, f64>,
                    |$l| $options, |l, x| l.forward(x).unwrap());
            };
        }
        both!(Lstm; |l| (l.activation, l.recurrent_activation) = (activation, gate));
        both!(Gru, ResetAfter; |l| (l.activation, l.recurrent_activation) = (activation, gate));
        both!(Gru, ResetBefore; |l| (l.activation, l.recurrent_activation) = (activation, gate));
        both!(SimpleRnn; |l| l.activation = activation);
    }
}

/// In inference nothing is saved for a way back, and the units may be on threads.
#[test]
fn other_functions_in_inference() {
    use kerata::config::ActivationFunction as Function;
    for rows in [1_usize, 40] {
        macro_rules! both {
            ($layer:ty) => {{
                let mut layer = <$layer>::build(&Cpu::default()).unwrap();
                layer.activation = Function::SOFTSIGN;
                layer.visit(&mut Access::Set(20)).unwrap();
                let x: Tensor<_, f32, Cpu> = tensor((rows, 20_usize, Const::<40>), 1);
                let found = layer.forward(x.clone()).unwrap().as_vec();
                let expected = layer.forward(x.put_tape(OwnedTape::default())).unwrap().as_vec();
                for (a, b) in found.iter().zip(expected) {
                    assert!((a - b).abs() < 1e-5, "{a} {b}");
                }
            }};
        }
        both!(Lstm<40, 100, Sequences>);
        both!(Gru<40, 100, Sequences>);
        both!(Gru<40, 100, Sequences, ResetBefore>);
        both!(SimpleRnn<40, 100, Sequences>);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Any padding: right, left, gaps, rows of nothing.
    #[test]
    fn embedding_bag_of_any_ids(
        (batch, length) in (1_usize..9, 1_usize..8),
        ids in prop::collection::vec(prop_oneof![Just(0_usize), 0_usize..12], 64),
    ) {
        let dev = Cpu::default();
        bags!(dev.tensor_from_vec(ids[..batch * length].to_vec(), (batch, length)), 12, 17);
    }

    /// Any mask: right, left, gaps, rows of nothing; with and without an initial state.
    #[test]
    fn lstm(
        (batch, length) in (1_usize..9, 1_usize..8),
        flags in prop::collection::vec(any::<bool>(), 64),
        initial in any::<bool>(),
    ) {
        let mask = Mask::from_bools(flags[..batch * length].to_vec(), batch, length).unwrap();
        same!(tensor((batch, length, Const::<5>), 1),
            Lstm<5, 9, Sequences>, Lstm<5, 9, Sequences, f64>,
            |l, x| l.forward(Masked::new(x, mask.clone()).unwrap()).unwrap().into_parts().0);
        same!(tensor((batch, length, Const::<5>), 1),
            Lstm<5, 9>, Lstm<5, 9, LastState, f64>,
            |l, x| l.forward(Masked::new(x, mask.clone()).unwrap()).unwrap());
        same!(tensor((batch, length, Const::<5>), 1),
            Lstm<5, 9>, Lstm<5, 9, LastState, f64>,
            |l, x| l.forward(x).unwrap());
        same!(tensor((batch, length, Const::<5>), 1),
            Lstm<5, 9, Sequences>, Lstm<5, 9, Sequences, f64>,
            |l, x| {
                let initial = initial.then(|| LstmState {
                    h: tensor((batch, Const), 3),
                    c: tensor((batch, Const), 4),
                });
                l.forward_with_state(x, Some(&mask), initial).unwrap().0
            });
        // The gradients that come through the final state.
        same!(tensor((batch, length, Const::<5>), 1),
            Lstm<5, 9, Sequences>, Lstm<5, 9, Sequences, f64>,
            |l, x| {
                let initial = initial.then(|| LstmState {
                    h: tensor((batch, Const), 3),
                    c: tensor((batch, Const), 4),
                });
                let (y, state) = l.forward_with_state(x, Some(&mask), initial).unwrap();
                state.h.put_tape(y.split_tape().1) + state.c
            });
    }

    #[test]
    fn batch_norm_under_a_mask(
        (batch, length) in (1_usize..9, 1_usize..8),
        flags in prop::collection::vec(any::<bool>(), 64),
    ) {
        let mask = Mask::from_bools(flags[..batch * length].to_vec(), batch, length).unwrap();
        same!(tensor((batch, length, Const::<5>), 1),
            BatchNorm<5>, BatchNorm<5, f64>, |l, x| {
                let x = Masked::new(x, mask.clone()).unwrap();
                l.clone().forward_mut(x).unwrap().into_parts().0
            });
    }

    #[test]
    fn mean_over_steps(
        (batch, length) in (1_usize..9, 1_usize..8),
        flags in prop::collection::vec(any::<bool>(), 64),
    ) {
        let mask = Mask::from_bools(flags[..batch * length].to_vec(), batch, length).unwrap();
        same!(tensor((batch, length, Const::<5>), 1),
            GlobalAveragePooling1d, GlobalAveragePooling1d,
            |l, x| l.forward(Masked::new(x, mask.clone()).unwrap()).unwrap());
    }
}
