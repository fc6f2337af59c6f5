//! Gradients through states that are signals.

use kerata::{
    Batch, Cpu, Dense, Gru, Inputs, LastState, Layer, Length, Lstm, Mask, Masked, ResetAfter,
    ResetBefore, ReturnState, Sequences, SimpleRnn, Tensor, ToState, loss::MeanSquaredError, model,
    prelude::*, shape::Const,
};

use crate::numeric::{Loss, Tape, check, tensor};

macro_rules! pairs {
    ($($test:ident $name:ident: $encoder:ty, $decoder:ty;)*) => {$(
        #[model(
            input = Inputs<(Masked<(Batch, Length, 2)>, (Batch, Length, 2))>,
            output = (Batch, Length, 3),
            element = f64
        )]
        struct $name {
            #[from(input.0)]
            encoder: ReturnState<$encoder>,
            #[from(input.1, encoder.state)]
            decoder: $decoder,
        }

        /// The gradient reaches the encoder, and its input, by the state alone.
        #[test]
        fn $test() {
            check($name::build(&Cpu::seed_from_u64(3)).unwrap(), tensor((2, 4, Const), 1), loss);
        }
    )*};
}
pairs! {
    lstms Lstms: Lstm<2, 3, LastState, f64>, Lstm<2, 3, Sequences, f64>;
    grus Grus: Gru<2, 3, Sequences, ResetAfter, f64>, Gru<2, 3, Sequences, ResetBefore, f64>;
    simple Simple: SimpleRnn<2, 3, LastState, f64>, SimpleRnn<2, 3, Sequences, f64>;
}

type Pair = Inputs<(Masked<(usize, usize, Const<2>)>, (usize, usize, Const<2>))>;
type Sequence = Tensor<(usize, usize, Const<2>), f64, Cpu, Tape>;

fn loss<M: Layer<Pair, f64, Out = (usize, usize, Const<3>)>>(model: &M, x: Sequence) -> Loss {
    let mask = Mask::from_bools([true, true, false, true, false, true, true, false], 2, 4).unwrap();
    let other = tensor((2, 3, Const), 4).retaped();
    let y = model.call((Masked::new(x, mask).unwrap(), other)).unwrap();
    MeanSquaredError.compute(y, tensor((2, 3, Const::<3>), 9)).unwrap()
}

/// A state that is used more than once, and one that is made of vectors.
#[model(input = (Batch, Length, 2), output = (Batch, 3), element = f64)]
struct Parts {
    lstm: ReturnState<Lstm<_, 3, Sequences, f64>>,
    #[from(lstm.output, lstm.state)]
    again: ReturnState<Lstm<_, 3, LastState, f64>>,
    #[from(again.state.1)]
    vector: Dense<_, 3, kerata::Linear, f64>,
    start: ToState,
    #[from(lstm.output, start)]
    gru: Gru<_, 3, LastState, ResetAfter, f64>,
    #[from(gru, again.output)]
    sum: kerata::Add,
    #[from(sum, lstm.state.0)]
    all: kerata::Multiply,
}

#[test]
fn parts() {
    check(Parts::build(&Cpu::seed_from_u64(3)).unwrap(), tensor((2, 4, Const), 1), |model, x| {
        let y = model.forward(x).unwrap();
        MeanSquaredError.compute(y, tensor((2, Const::<3>), 9)).unwrap()
    });
}
