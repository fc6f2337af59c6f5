//~ a sequence is needed here, `(Batch, Length, Features)`, but `(usize, Size<32>)` arrives
//~ lstm2: Lstm<_, 32>,
use kerata::{Batch, Cpu, Dense, Embedding, Error, Ids, Lstm, MaskZero, Softmax, model, prelude::*};
use kerata::{data::InMemory, loss::SparseCategoricalCrossentropy, optim::Adam};
use kerata::train::{Fit, Trainer};

#[model(input = Ids<(Batch, 6)>, output = (Batch, 2))]
struct Sentiment {
    embed: Embedding<100, 16, MaskZero>,
    lstm1: Lstm<_, 32>,
    lstm2: Lstm<_, 32>,
    lstm3: Lstm<_, 32>,
    head: Dense<_, 2, Softmax>,
}

fn main() -> Result<(), Error> {
    let data = InMemory::new(vec![[3, 14, 15, 0, 0, 0]], vec![0])?;
    let model = Sentiment::build(&Cpu::seed_from_u64(0))?;
    println!("{} {}", Sentiment::summary(), Sentiment::PARAMS);
    println!("{:?}", model.predict(&vec![[1_usize; 6]], 1)?.as_vec());
    let mut trainer = Trainer::new(model, SparseCategoricalCrossentropy::default(), Adam::new(0.01))?;
    trainer.fit(&data, &Fit::epochs(30))?;
    Ok(())
}
