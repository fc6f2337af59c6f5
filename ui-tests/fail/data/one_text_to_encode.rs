//~ a list of texts is needed here, and `&str` is none
//~lines 12
use kerata::{Batch, Cpu, Dense, Embedding, Error, Ids, Lstm, MaskZero, Softmax, model, prelude::*};
use kerata::data::Vocabulary;
#[model(input = Ids<(Batch, 4)>, output = (Batch, 2))]
struct Net {
    embed: Embedding<20, 8, MaskZero>,
    lstm: Lstm<_, 8>,
    head: Dense<_, 2, Softmax>,
}

fn main() -> Result<(), Error> {
    let net = Net::build(&Cpu::seed_from_u64(0))?;
    let vocabulary = Vocabulary::words().unknown("[UNK]").learn(["a good film"])?;
    println!("{:?}", net.predict(&vocabulary.encode_padded::<4>("a film")?, 1)?.as_vec());
    Ok(())
}
