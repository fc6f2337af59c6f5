#![deny(warnings)]
//! Residual, two inputs, one output used twice, masks combined.

use kerata::{
    Add, Average, Batch, Concatenate, Cpu, Dense, Embedding, Error, Ids, Inputs, Lstm, MaskZero,
    Masked, Relu, Sequences, TimeDistributed, model, prelude::*,
};

#[model(input = (Batch, 8), output = (Batch, 1))]
struct Residual {
    inner: Dense<_, 8, Relu>,
    #[from(inner, input)]
    sum: Add,
    head: Dense<_, 1>,
}

#[model(input = Ids<(Batch, 10)>, output = (Batch, 2))]
struct Diamond {
    embed: Embedding<50, 8, MaskZero>,
    left: Lstm<_, 4, Sequences>,
    #[from(embed)]
    right: TimeDistributed<Dense<_, 6>>,
    #[from(left, right)]
    both: Concatenate<_>,
    last: Lstm<_, 3>,
    head: Dense<_, 2>,
}

#[model(input = Inputs<((Batch, 4), (Batch, 4))>, output = (Batch, 4))]
struct TwoInputs {
    mean: Average,
}

#[model(input = Masked<(Batch, 5, 4)>, output = Masked<(Batch, 5, 4)>)]
struct MaskedResidual {
    inner: Lstm<_, 4, Sequences>,
    #[from(inner, input)]
    sum: Add,
}

fn main() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(1);
    Residual::build(&dev)?.predict(&vec![[1.0_f32; 8]; 3], 2)?;
    Diamond::build(&dev)?.predict(&vec![[1_usize; 10]; 3], 2)?;
    let two = TwoInputs::build(&dev)?;
    let x = |v: f32| dev.tensor_from_vec(vec![v; 8], (2, kerata::Const::<4>));
    assert_eq!(two.forward((x(1.0), x(3.0)))?.as_vec(), [2.0; 8]);
    MaskedResidual::build(&dev)?;
    Ok(())
}
