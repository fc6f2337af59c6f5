#![deny(warnings, missing_docs)]
//! A chain, sizes as literals, constants and expressions, a model in a model, generics, `f64`.

use kerata::{
    Batch, Cpu, Dense, Dropout, Embedding, Error, Ids, Length, Linear, Lstm, MaskZero, Masked,
    Relu, Sequences, Softmax, TimeDistributed, model, prelude::*,
};

const WORDS: usize = 100;
/// Units.
pub const UNITS: usize = 32;

/// A sentiment model.
#[model(input = Ids<(Batch, WORDS)>, output = (Batch, 2))]
pub struct Sentiment {
    /// The embedding.
    pub embed: Embedding<1_000, { UNITS / 2 }, MaskZero>,
    /// The first.
    pub first: Lstm<_, UNITS, Sequences>,
    drop: Dropout<50>,
    pub(crate) second: Lstm<_, { UNITS * 2 }>,
    head: Dense<_, 2, Softmax>,
}

#[model(input = (Batch, Length, UNITS / 4))]
#[derive(Clone)]
struct AnyLength {
    steps: TimeDistributed<Dense<_, 4, Relu>>,
    last: Lstm<_, 3>,
}

#[model(input = Masked<(Batch, 10, 8)>, output = (Batch, 3))]
struct Nested {
    steps: TimeDistributed<Dense<_, 8>>,
    rest: Inner,
}

#[model(input = Masked<(Batch, 10, 8)>)]
struct Inner {
    last: Lstm<_, 3>,
}

#[model(input = (Batch, 4))]
struct Generic<const H: usize> {
    hidden: Dense<4, H>,
    head: Dense<H, 2>,
}

#[model(input = (Batch, 4), element = f64)]
struct Double {
    head: Dense<_, 2, Linear, f64>,
}

fn main() -> Result<(), Error> {
    let dev = Cpu::seed_from_u64(1);
    let sentiment = Sentiment::build(&dev)?;
    assert_eq!(sentiment.predict(&vec![[1_usize; 100]; 2], 2)?.as_vec().len(), 4);
    println!("{}", Sentiment::summary());
    let any = AnyLength::build(&dev)?;
    let x = dev.tensor_from_vec(vec![0.5_f32; 2 * 7 * 8], (2, 7, kerata::Const::<8>));
    assert_eq!(any.clone().forward(x)?.as_vec().len(), 6);
    let nested = Nested::build(&dev)?;
    println!("{nested:?}");
    Generic::<7>::build(&dev)?.predict(&vec![[0.0_f32; 4]], 1)?;
    Double::build(&dev)?.predict(&vec![[0.0_f64; 4]], 1)?;
    let _ = (&sentiment.embed, &sentiment.first);
    Ok(())
}
