//~ `Masked<(usize, Size<4>, Size<5>)>` is declared as its output: `Masked` is one of them only
//~ a sequence with its mask is declared as `Masked<(Batch, ..)>`
use kerata::{Batch, Embedding, Ids, Lstm, Masked, Sequences, model};

#[model(input = Ids<(Batch, 4)>, output = Masked<(Batch, 4, 5)>)]
struct Net {
    embed: Embedding<100, 16>,
    lstm: Lstm<_, 5, Sequences>,
}

fn main() {}
