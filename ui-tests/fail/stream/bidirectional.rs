//~ `Bidirectional<Lstm<8, 16, Sequences>>` needs the end of the sequence
use kerata::{
    Batch, Bidirectional, Cpu, Dense, Embedding, Ids, Length, Lstm, Sequences, TimeDistributed, model, prelude::*,
};

#[model(input = Ids<(Batch, Length)>, output = (Batch, Length, 3))]
struct Tagger {
    embed: Embedding<50, 8>,
    both: Bidirectional<Lstm<_, 16, Sequences>>,
    head: TimeDistributed<Dense<_, 3>>,
}

fn main() {
    let tagger = Tagger::build(&Cpu::default()).unwrap();
    let _ = tagger.stream(1);
}
